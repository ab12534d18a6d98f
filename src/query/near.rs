//! The frame nearest to an instant: ring by ring around it, nearest first, until one lives.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::answer::{Nearest, Via};
use super::counts::Kind;
use super::pick::{Candidate, Need, distance, merge, sort_by_distance};
use super::{Query, QueryError, plan};
use crate::model::frame::Frame;
use crate::model::key::StreamId;
use crate::model::time::{TimeRange, UnixNanos};

impl Query {
    /// The live frame of a camera that is nearest to `at`, and how far off; of two equally far ones
    /// the earlier. Only frames at most `within` away are considered. Two round trips when one
    /// lies within 2 s.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn at(
        &self,
        stream: &StreamId,
        at: UnixNanos,
        within: Option<Duration>,
        via: Via,
    ) -> Result<Option<Nearest>, QueryError> {
        self.counts.begin(Kind::At, via);
        let streams = [stream.clone()];
        let (indexed, others) = self.split(&streams, via).await?;
        let rings = plan::rings(at, within);
        let mut found = None;
        if indexed.is_empty() {
            let whole = hull(&rings);
            let candidates = self.by_scan(&streams, &others, whole, Need::Key).await?.candidates;
            found = self.nearest_live(&streams, candidates, at).await?;
        } else {
            for ring in rings {
                let sides =
                    ring.iter().map(|side| self.by_index(&streams, &indexed, *side, Need::Key));
                let sides = try_join_all(sides).await?;
                let candidates = sides.into_iter().flat_map(|side| side.candidates).collect();
                found = self.nearest_live(&streams, candidates, at).await?;
                if found.is_some() {
                    break;
                }
            }
        }
        if found.is_none() {
            self.counts.missed(Kind::At);
        }
        Ok(found.map(|frame| {
            let distance_nanos = distance(at, frame.key.at());
            Nearest { frame, distance_nanos }
        }))
    }

    async fn nearest_live(
        &self,
        streams: &[StreamId],
        mut candidates: Vec<Candidate>,
        at: UnixNanos,
    ) -> Result<Option<Frame>, QueryError> {
        merge(&mut candidates);
        sort_by_distance(&mut candidates, at);
        self.first_live(streams, &candidates).await
    }
}

/// The smallest window around all of these.
fn hull(rings: &[Vec<TimeRange>]) -> TimeRange {
    let from = rings.iter().flatten().map(|side| side.from()).min();
    let to = rings.iter().flatten().map(|side| side.to()).max();
    let whole = from.zip(to).and_then(|(from, to)| TimeRange::new(from, to).ok());
    whole.unwrap_or(TimeRange::ALL)
}
