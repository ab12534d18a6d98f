//! The carrying: candidates out of index and scan, facts and bytes out of the store.
//!
//! Requests go out side by side, but no more than fit a reply buffer: 16 cameras' slices, 8 times
//! 16 facts, 2 times 16 frames. What to do with what comes back is decided in `pick`.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::answer::Fetched;
use super::pick::{Candidate, Need, Rules, choose, merge};
use super::sweep::selector_of;
use super::{Query, QueryError};
use crate::model::frame::{Dimensions, Frame, FrameInfo, dimensions_at};
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::{TimeRange, UnixNanos};
use crate::store::{FETCH_MAX, FrameStat, IndexAnswer, ScanAnswer, Selector};

/// Cameras that are asked about side by side.
pub(super) const CAMERAS_IN_FLIGHT: usize = 16;

/// Batches of facts that are asked for side by side.
const STATS_IN_FLIGHT: usize = 8;

/// After so many rounds of asking about chosen frames only, all of a slice are asked about.
const PATIENT_ROUNDS: usize = 3;

/// What reading a window found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Merged: sorted, one of each frame.
    pub(super) candidates: Vec<Candidate>,
    /// Records met whose frames are gone.
    pub(super) dead: u64,
    /// Keys met by scans that are no frame keys.
    pub(super) foreign: u64,
    /// Whether anything was scanned.
    pub(super) scanned: bool,
}

impl Query {
    /// What the index has of `which` of the `streams` in a slice; what it cannot vouch for is
    /// scanned. Counts the dead.
    pub(super) async fn by_index(
        &self,
        streams: &[StreamId],
        which: &[u32],
        slice: TimeRange,
        need: Need,
    ) -> Result<Found, QueryError> {
        let mut found = Found::default();
        let ask = |place: &u32| self.ask_index(streams, *place, slice);
        let asked: Vec<_> = which.iter().map(ask).collect();
        let mut answers = stream::iter(asked).buffer_unordered(CAMERAS_IN_FLIGHT);
        let mut unsure = Vec::new();
        while let Some((place, answer)) = answers.try_next().await? {
            let read = |record| Candidate::of_record(place, record, need);
            found.candidates.extend(answer.records.into_iter().filter_map(read));
            found.dead += answer.dead;
            unsure.extend(answer.unsure.into_iter().map(|span| (place, span)));
        }
        for (place, span) in unsure {
            let stream = stream_at(streams, place);
            let answer = self.sweep_family(stream).await?;
            let span = Selector::stream(stream, span);
            let keys =
                answer.keys.iter().filter(|key| span.matches(key) && slice.contains(key.at()));
            found.candidates.extend(keys.map(|key| Candidate::of_key(place, key, need)));
            found.foreign = found.foreign.max(answer.foreign);
            found.scanned = true;
        }
        merge(&mut found.candidates);
        self.counts.met_dead(found.dead);
        Ok(found)
    }

    async fn ask_index(
        &self,
        streams: &[StreamId],
        place: u32,
        slice: TimeRange,
    ) -> Result<(u32, IndexAnswer), QueryError> {
        Ok((place, self.store.index(stream_at(streams, place), slice).await?))
    }

    /// Every key of a camera's family. Much more than the span that is unsure, so that the next
    /// lookups, which will be unsure of other spans and cameras, are answered from the same sweep.
    async fn sweep_family(&self, stream: &StreamId) -> Result<Arc<ScanAnswer>, QueryError> {
        let wide = Selector { camera: None, ..Selector::stream(stream, TimeRange::ALL) };
        Ok(self.sweeper.scan(self.store.as_ref(), wide, &self.counts).await?)
    }

    /// What one scan has of `which` of the `streams` (sorted) in a window.
    pub(super) async fn by_scan(
        &self,
        streams: &[StreamId],
        which: &[u32],
        window: TimeRange,
        need: Need,
    ) -> Result<Found, QueryError> {
        let wanted = which.iter().map(|place| stream_at(streams, *place).clone());
        let Some(selector) = selector_of(wanted, window) else { return Ok(Found::default()) };
        let answer = self.sweeper.scan(self.store.as_ref(), selector, &self.counts).await?;
        let place_of = |key: &FrameKey| {
            let place = streams.binary_search(key.stream()).ok()?;
            u32::try_from(place).ok().filter(|place| which.contains(place))
        };
        let mut candidates: Vec<Candidate> = answer
            .keys
            .iter()
            .filter_map(|key| place_of(key).map(|place| Candidate::of_key(place, key, need)))
            .collect();
        merge(&mut candidates);
        Ok(Found { candidates, dead: 0, foreign: answer.foreign, scanned: true })
    }

    /// Chooses by `rules`, asking the store about those chosen that are not settled, until all
    /// chosen are known to live. Answers them and how many turned out dead, which it counts.
    pub(super) async fn settle(
        &self,
        streams: &[StreamId],
        mut candidates: Vec<Candidate>,
        rules: &Rules,
    ) -> Result<(Vec<Candidate>, u64), QueryError> {
        let mut dead = 0;
        for round in 0.. {
            let chosen = choose(&candidates, rules);
            let mut open: Vec<usize> =
                chosen.iter().copied().filter(|place| !candidates[*place].settled).collect();
            if open.is_empty() {
                self.counts.met_dead(dead);
                return Ok((chosen.into_iter().map(|place| candidates[place]).collect(), dead));
            }
            if round >= PATIENT_ROUNDS {
                open = (0..candidates.len()).filter(|place| !candidates[*place].settled).collect();
            }
            let keys = open.iter().map(|place| candidates[*place].key(streams)).collect();
            let mut gone = vec![false; candidates.len()];
            for (place, stat) in open.into_iter().zip(self.stat_all(keys).await?) {
                match stat {
                    Some(stat) => candidates[place] = candidates[place].settle(stat),
                    None => gone[place] = true,
                }
            }
            let before = candidates.len();
            let mut gone = gone.into_iter();
            candidates.retain(|_| !gone.next().unwrap_or(false));
            dead += count(before - candidates.len());
        }
        Ok((Vec::new(), dead))
    }

    /// Size and end of any number of keys, in their order.
    async fn stat_all(&self, keys: Vec<FrameKey>) -> Result<Vec<Option<FrameStat>>, QueryError> {
        let batches: Vec<Vec<FrameKey>> = keys.chunks(FETCH_MAX).map(<[_]>::to_vec).collect();
        let asked = batches.into_iter().map(|batch| async move { self.store.stat(&batch).await });
        let stats = stream::iter(asked).buffered(STATS_IN_FLIGHT);
        Ok(stats.try_collect::<Vec<_>>().await?.concat())
    }

    /// The first of `candidates` that lives, with its bytes. One round trip if it is the very
    /// first; the dead met on the way are counted.
    pub(super) async fn first_live(
        &self,
        streams: &[StreamId],
        candidates: &[Candidate],
    ) -> Result<Option<Frame>, QueryError> {
        let Some((first, rest)) = candidates.split_first() else { return Ok(None) };
        if let Some(frame) = self.fetch_one(first.key(streams)).await? {
            return Ok(Some(frame));
        }
        for batch in rest.chunks(FETCH_MAX) {
            let keys: Vec<FrameKey> = batch.iter().map(|one| one.key(streams)).collect();
            let stats = self.store.stat(&keys).await?;
            for (key, stat) in keys.into_iter().zip(stats) {
                if stat.is_none() {
                    self.counts.met_dead(1);
                } else if let Some(frame) = self.fetch_one(key).await? {
                    return Ok(Some(frame));
                }
            }
        }
        Ok(None)
    }

    async fn fetch_one(&self, key: FrameKey) -> Result<Option<Frame>, QueryError> {
        let frame = self.fetch_batch(vec![key]).await?.pop();
        Ok(frame)
    }

    /// Those of at most [`FETCH_MAX`] keys that live, with their bytes; counts the others as dead.
    pub(super) async fn fetch_batch(&self, keys: Vec<FrameKey>) -> Result<Vec<Frame>, QueryError> {
        let fetched = self.fetch_listed(keys).await?;
        Ok(fetched.into_iter().filter_map(Fetched::frame).collect())
    }

    /// At most [`FETCH_MAX`] keys, with their bytes where they live; counts the others as dead.
    pub(super) async fn fetch_listed(
        &self,
        keys: Vec<FrameKey>,
    ) -> Result<Vec<Fetched>, QueryError> {
        let bytes = self.store.fetch(&keys).await?;
        self.counts.met_dead(count(bytes.iter().filter(|bytes| bytes.is_none()).count()));
        let found = keys.into_iter().zip(bytes);
        Ok(found.map(|(key, bytes)| Fetched { key, bytes }).collect())
    }

    /// What is told of each candidate, with the dimensions that its camera had then.
    pub(super) async fn infos(
        &self,
        streams: &[StreamId],
        candidates: &[Candidate],
    ) -> Result<Vec<FrameInfo>, QueryError> {
        let mut places: Vec<u32> = candidates.iter().map(|one| one.stream).collect();
        places.sort_unstable();
        places.dedup();
        let asked = places.into_iter().map(|place| async move {
            let history = self.store.dimensions(stream_at(streams, place)).await?;
            Ok::<_, QueryError>((place, history))
        });
        let histories: HashMap<u32, Vec<(UnixNanos, Dimensions)>> =
            stream::iter(asked).buffer_unordered(CAMERAS_IN_FLIGHT).try_collect().await?;
        let info = |one: &Candidate| FrameInfo {
            key: one.key(streams),
            size: one.size,
            expires_at: one.expires_at,
            dimensions: histories.get(&one.stream).and_then(|all| dimensions_at(all, one.at)),
        };
        Ok(candidates.iter().map(info).collect())
    }
}

/// The stream at a candidate's place.
pub(super) fn stream_at(streams: &[StreamId], place: u32) -> &StreamId {
    &streams[usize::try_from(place).unwrap_or(usize::MAX)]
}

pub(super) fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
