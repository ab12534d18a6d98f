//! Frames and bytes by step of time, without touching a frame.

use std::time::Duration;

use super::answer::{How, RangeRequest, TimelineStep};
use super::counts::Kind;
use super::pick::Need;
use super::sums::{TimelineSum, steps_of};
use super::walk::Walk;
use super::{Query, QueryError};
use crate::model::key::StreamId;
use crate::model::time::TimeRange;

/// The most steps that one timeline has: a day of seconds and some.
pub const TIMELINE_MAX_STEPS: u64 = 100_000;

impl Query {
    /// What lives in each step of the window, of all `streams` together; steps without frames are
    /// answered as well. The store is asked only for sizes
    /// that records do not hold.
    ///
    /// # Errors
    /// [`QueryError::Store`]; [`QueryError::EmptyStep`] for a step of no length;
    /// [`QueryError::TooManySteps`] past [`TIMELINE_MAX_STEPS`].
    pub async fn timeline(
        &self,
        streams: Vec<StreamId>,
        window: TimeRange,
        step: Duration,
        how: impl Into<How>,
    ) -> Result<Vec<TimelineStep>, QueryError> {
        let how = how.into();
        self.counts.begin(Kind::Timeline, how.via);
        if step.is_zero() {
            return Err(QueryError::EmptyStep);
        }
        let asked = steps_of(window, step);
        if asked > TIMELINE_MAX_STEPS {
            return Err(QueryError::TooManySteps { asked });
        }
        let request = RangeRequest { how, ..RangeRequest::new(streams, window) };
        let mut walk = Walk::open(self, request, Need::Size).await?;
        let mut sum = TimelineSum::new(window, step, walk.streams.len());
        let mut any = false;
        while let Some(page) = walk.next().await? {
            page.iter().for_each(|frame| sum.add(frame));
            any = true;
        }
        if !any {
            self.counts.missed(Kind::Timeline);
        }
        Ok(sum.finish())
    }
}
