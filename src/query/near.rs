//! The frame nearest to an instant: ring by ring around it, nearest first, until one lives.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::answer::{Nearest, Via};
use super::counts::Kind;
use super::pick::{Candidate, Need, distance, merge, sort_by_distance};
use super::{Query, QueryError, plan};
use crate::model::frame::Frame;
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::{TimeRange, UnixNanos};

/// On which side of an instant a frame may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// On either.
    #[default]
    Nearest,
    /// At the instant or before it.
    Before,
    /// At the instant or after it.
    After,
}

impl Side {
    /// Every instant on this side of `at`.
    fn window(self, at: UnixNanos) -> TimeRange {
        let window = match self {
            Self::Nearest => Ok(TimeRange::ALL),
            Self::Before => TimeRange::new(UnixNanos::MIN, at.next()),
            Self::After => TimeRange::new(at, UnixNanos::MAX),
        };
        window.unwrap_or(TimeRange::ALL)
    }
}

/// Which frame near an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtRequest {
    /// The instant.
    pub at: UnixNanos,
    /// How far away it may lie; `None` for any distance.
    pub within: Option<Duration>,
    /// On which side.
    pub side: Side,
    /// By which way.
    pub via: Via,
}

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
        let side = Side::Nearest;
        self.nearest(stream, &AtRequest { at, within, side, via }).await
    }

    /// As [`Query::at`], on one side of the instant if so asked.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn nearest(
        &self,
        stream: &StreamId,
        asked: &AtRequest,
    ) -> Result<Option<Nearest>, QueryError> {
        let AtRequest { at, within, side, via } = *asked;
        self.counts.begin(Kind::At, via);
        let streams = [stream.clone()];
        let (indexed, others) = self.split(&streams, via).await?;
        let rings = on_side(plan::rings(at, within), side.window(at));
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
        Ok(found.map(|(frame, expires_at)| {
            let distance_nanos = distance(at, frame.key.at());
            Nearest { frame, distance_nanos, expires_at }
        }))
    }

    async fn nearest_live(
        &self,
        streams: &[StreamId],
        mut candidates: Vec<Candidate>,
        at: UnixNanos,
    ) -> Result<Option<(Frame, Option<UnixNanos>)>, QueryError> {
        merge(&mut candidates);
        sort_by_distance(&mut candidates, at);
        let Some(frame) = self.first_live(streams, &candidates).await? else { return Ok(None) };
        let order = (frame.key.at(), frame.key.suffix());
        let known = candidates.iter().find(|one| (one.at, one.suffix) == order);
        let end = match known.and_then(|one| one.expires_at) {
            Some(end) => Some(end),
            None => self.end_of(&frame.key).await?,
        };
        Ok(Some((frame, end)))
    }

    async fn end_of(&self, key: &FrameKey) -> Result<Option<UnixNanos>, QueryError> {
        let stat = self.store.stat(std::slice::from_ref(key)).await?.pop().flatten();
        Ok(stat.and_then(|stat| stat.expires_at))
    }

    /// Whether the frame under this key, which does not live, is known to have lived or would have
    /// expired by now. If not, there may never have been one.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn is_gone(&self, key: &FrameKey) -> Result<bool, QueryError> {
        let Some(seen) = self.store.last_seen(key.stream()).await? else { return Ok(false) };
        let at = key.at();
        if let Ok(instant) = TimeRange::new(at, at.next())
            && self.store.index(key.stream(), instant).await?.dead > 0
        {
            return Ok(true);
        }
        let longest = self.store.longest_life(key.stream()).await?;
        let now = self.store.now().await?;
        Ok(at <= seen && longest.is_none_or(|life| at.plus(life.as_duration()) <= now))
    }
}

/// The parts of the rings that lie in a window.
fn on_side(rings: Vec<Vec<TimeRange>>, window: TimeRange) -> Vec<Vec<TimeRange>> {
    let inside = |ring: Vec<TimeRange>| -> Vec<TimeRange> {
        ring.into_iter().filter_map(|side| side.intersect(window)).collect()
    };
    rings.into_iter().map(inside).filter(|ring| !ring.is_empty()).collect()
}

/// The smallest window around all of these.
fn hull(rings: &[Vec<TimeRange>]) -> TimeRange {
    let from = rings.iter().flatten().map(|side| side.from()).min();
    let to = rings.iter().flatten().map(|side| side.to()).max();
    let whole = from.zip(to).and_then(|(from, to)| TimeRange::new(from, to).ok());
    whole.unwrap_or(TimeRange::ALL)
}
