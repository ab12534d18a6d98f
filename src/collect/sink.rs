//! What a source is given: where its frames go, what time it is, and when to stop.
//!
//! Every wait of a source goes through here, so that a stop and a stall are noticed alike by all of
//! them. A stall is a time without a frame, not without bytes: a camera that drips one byte a second
//! is as dead as one that sends nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::ingest::{DropReason, Lane};
use crate::model::jpeg::Fragment;
use crate::model::time::UnixNanos;

use super::health::Reporter;

/// The first frame of an attempt has so long: a decoder waits for a key frame.
const START_MAX: Duration = Duration::from_secs(20);

/// So many intervals without a frame are a stall.
const STALL_INTERVALS: u32 = 3;

/// How long no frame may come: `timeout`, or longer where the frames come more slowly than that.
fn stall_limit(timeout: Duration, interval: Duration) -> Duration {
    interval.saturating_mul(STALL_INTERVALS).max(timeout)
}

/// The way of one camera's frames, for one attempt to read it.
#[derive(Debug)]
pub(super) struct Sink {
    lane: Lane,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    reporter: Reporter,
    stall_timeout: Duration,
    flow: Mutex<Flow>,
}

/// How the frames of this attempt come.
#[derive(Debug)]
struct Flow {
    /// When a frame last came, at first when the attempt began.
    last: Instant,
    /// Between the last two frames.
    interval: Duration,
    frames: u64,
}

impl Sink {
    /// A sink for an attempt that begins now.
    pub(super) fn new(
        lane: Lane,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
        reporter: Reporter,
        stall_timeout: Duration,
    ) -> Self {
        let flow = Flow { last: Instant::now(), interval: Duration::ZERO, frames: 0 };
        Self { lane, clock, stop, reporter, stall_timeout, flow: Mutex::new(flow) }
    }

    /// The time of day.
    pub(super) fn now(&self) -> UnixNanos {
        self.clock.now()
    }

    /// The time of day at an instant of the monotonic clock, in the past.
    pub(super) fn time_at(&self, instant: std::time::Instant) -> UnixNanos {
        self.now().minus(instant.elapsed())
    }

    /// Hands over what the source took for a whole frame, its first byte captured at `at`.
    pub(super) fn frame(&self, at: UnixNanos, bytes: Bytes) {
        let picture = bytes.starts_with(&[0xFF, 0xD8]);
        self.lane.capture(at, bytes);
        if picture {
            self.delivered(at);
        }
    }

    /// Counts a frame of which only a part came.
    pub(super) fn fragment(&self, fragment: Fragment) {
        self.lost(fragment.reason.into());
    }

    /// Counts a frame that was lost for this reason.
    pub(super) fn lost(&self, reason: DropReason) {
        self.lane.fragment(reason);
    }

    /// The source answers, though it has no new frame: no stall.
    pub(super) fn alive(&self) {
        self.flow().last = Instant::now();
    }

    /// There is nothing to read: others push the frames of this camera.
    pub(super) fn pushed_by_others(&self) {
        self.reporter.pushed_by_others(self.now());
    }

    /// Frames of this attempt.
    pub(super) fn frames(&self) -> u64 {
        self.flow().frames
    }

    /// Waits for what the source reads; `None` when it shall stop.
    ///
    /// # Errors
    /// When no frame came for too long.
    pub(super) async fn wait<F: Future>(&self, reading: F) -> Result<Option<F::Output>> {
        let (last, limit) = {
            let flow = self.flow();
            let limit = stall_limit(self.stall_timeout, flow.interval);
            (flow.last, if flow.frames == 0 { limit.max(START_MAX) } else { limit })
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ok(None),
            read = reading => Ok(Some(read)),
            () = tokio::time::sleep_until(last + limit) => {
                bail!("no frame came for {} s", limit.as_secs())
            }
        }
    }

    /// Waits until `due`; false when the source shall stop.
    pub(super) async fn sleep_until(&self, due: Instant) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep_until(due) => true,
        }
    }

    /// Waits until the source shall stop.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    fn delivered(&self, at: UnixNanos) {
        let now = Instant::now();
        let mut flow = self.flow();
        if flow.frames > 0 {
            flow.interval = now.duration_since(flow.last);
        }
        flow.last = now;
        flow.frames += 1;
        drop(flow);
        self.reporter.frame(at);
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_three_intervals_but_never_below_the_timeout() {
        let secs = Duration::from_secs;
        for (interval, limit) in [(0, 10), (1, 10), (4, 12), (60, 180)] {
            assert_eq!(stall_limit(secs(10), secs(interval)), secs(limit), "{interval}");
        }
    }
}
