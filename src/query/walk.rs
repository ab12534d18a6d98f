//! A walk over a window, slice by slice: what `range`, `latest`, `timeline` and exports share.
//!
//! A [`Walk`] reads a slice of all cameras, picks, and hands the picked on before it reads the next
//! one; it stops as soon as the limit is met. Cameras found by scan are scanned once, at its start.

use std::collections::VecDeque;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::answer::{RangeRequest, Via};
use super::page::{After, Cursor};
use super::pick::{Candidate, Need, Rules, merge};
use super::plan;
use super::read::{CAMERAS_IN_FLIGHT, stream_at};
use super::{Query, QueryError};
use crate::model::key::StreamId;
use crate::model::time::TimeRange;

/// A lookup under way.
#[derive(Debug)]
pub(super) struct Walk {
    /// What it reads by.
    pub(super) query: Query,
    /// Sorted, each once; candidates refer to them by place.
    pub(super) streams: Vec<StreamId>,
    indexed: Vec<u32>,
    scanned: Vec<Candidate>,
    /// The windows still to be read, in this order.
    pub(super) slices: VecDeque<TimeRange>,
    rules: Rules,
    need: Need,
    /// Records met so far whose frames are gone.
    pub(super) dead: u64,
    /// Keys met so far that are no frame keys.
    pub(super) foreign: u64,
    /// Whether anything was scanned so far.
    pub(super) any_scan: bool,
}

impl Walk {
    /// Begins a lookup; scans now what has to be scanned. A request to verify overrides `need`.
    pub(super) async fn open(
        query: &Query,
        request: RangeRequest,
        need: Need,
    ) -> Result<Self, QueryError> {
        if request.every.is_some_and(|every| every.is_zero()) {
            return Err(QueryError::EmptyStep);
        }
        let need = if request.how.verify { Need::Proof } else { need };
        let RangeRequest { mut streams, window, every, limit, reverse, how } = request;
        streams.sort_unstable();
        streams.dedup();
        let (indexed, others) = query.split(&streams, how.via).await?;
        let found = query.by_scan(&streams, &others, window, need).await?;
        let mut slices = VecDeque::from([window]);
        if !indexed.is_empty() {
            slices = plan::slices(window, query.clock.now(), indexed.len(), every).into();
        }
        if reverse {
            slices.make_contiguous().reverse();
        }
        Ok(Self {
            query: query.clone(),
            streams,
            indexed,
            scanned: found.candidates,
            slices,
            rules: Rules { start: window.from(), every, reverse, room: limit, after: None },
            need,
            dead: 0,
            foreign: found.foreign,
            any_scan: found.scanned,
        })
    }

    /// Goes on where a cursor says, before anything was read.
    pub(super) fn resume(&mut self, cursor: &Cursor) {
        let rest = cursor.rest();
        let left = self.slices.iter().filter_map(|slice| slice.intersect(rest?));
        self.slices = left.collect();
        if let After::Frame(stream, at, suffix) = &cursor.after {
            let place = self.streams.binary_search(stream).unwrap_or_else(|place| place);
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            self.rules.after = Some((*at, place, *suffix));
        }
    }

    /// The frames picked from the next slice that has any; `None` at the end of the window or once
    /// the limit is met.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Candidate>>, QueryError> {
        while !self.is_full()
            && let Some(slice) = self.slices.pop_front()
        {
            let picked = self.pick_from(slice).await?;
            if !picked.is_empty() {
                self.rules.room = self.rules.room.map(|room| room.saturating_sub(picked.len()));
                return Ok(Some(picked));
            }
        }
        Ok(None)
    }

    /// Whether the limit is met.
    pub(super) fn is_full(&self) -> bool {
        self.rules.room == Some(0)
    }

    /// Goes on with a scan of all of time instead of the index.
    pub(super) async fn scan_all(&mut self) -> Result<(), QueryError> {
        self.indexed.clear();
        let places: Vec<u32> = (0..).take(self.streams.len()).collect();
        let found = self.query.by_scan(&self.streams, &places, TimeRange::ALL, self.need).await?;
        self.scanned = found.candidates;
        self.foreign += found.foreign;
        self.any_scan = true;
        self.slices = [TimeRange::ALL].into();
        Ok(())
    }

    async fn pick_from(&mut self, slice: TimeRange) -> Result<Vec<Candidate>, QueryError> {
        let (query, streams) = (&self.query, &self.streams);
        let mut found = query.by_index(streams, &self.indexed, slice, self.need).await?;
        let from = self.scanned.partition_point(|one| one.at < slice.from());
        let to = self.scanned.partition_point(|one| one.at < slice.to());
        found.candidates.extend_from_slice(&self.scanned[from..to]);
        merge(&mut found.candidates);
        self.dead += found.dead;
        self.foreign += found.foreign;
        self.any_scan |= found.scanned;
        let (picked, dead) = query.settle(streams, found.candidates, &self.rules).await?;
        self.dead += dead;
        Ok(picked)
    }
}

impl Query {
    /// Which of the streams are read by index, and which are scanned.
    pub(super) async fn split(
        &self,
        streams: &[StreamId],
        via: Via,
    ) -> Result<(Vec<u32>, Vec<u32>), QueryError> {
        let all = 0..u32::try_from(streams.len()).unwrap_or(u32::MAX);
        match via {
            Via::Index => Ok((all.collect(), Vec::new())),
            Via::Scan => Ok((Vec::new(), all.collect())),
            Via::Auto => {
                let asked = all.map(|place| async move {
                    let seen = self.store.last_seen(stream_at(streams, place)).await?;
                    Ok::<_, QueryError>((place, seen.is_some()))
                });
                let known: Vec<(u32, bool)> =
                    stream::iter(asked).buffered(CAMERAS_IN_FLIGHT).try_collect().await?;
                let places = |wanted| {
                    let these = known.iter().filter(move |(_, known)| *known == wanted);
                    these.map(|(place, _)| *place).collect()
                };
                Ok((places(true), places(false)))
            }
        }
    }
}
