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
use tracing::info;

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

    /// As `wait`, for a source that may rightly pause for as long as it likes.
    pub(super) async fn wait_for_ever<F: Future>(&self, reading: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            read = reading => Some(read),
        }
    }

    /// Waits until `due`; false when the source shall stop.
    pub(super) async fn sleep_until(&self, due: Instant) -> bool {
        self.wait_for_ever(tokio::time::sleep_until(due)).await.is_some()
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
        if self.reporter.frame(at) {
            info!(camera = %self.lane.stream().camera, "delivers frames");
        }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::bus::memory::MemoryBus;
    use crate::clock::SystemClock;
    use crate::collect::health::HealthBoard;
    use crate::ingest::announce::{Announcer, AnnouncerParts};
    use crate::ingest::{Ingest, IngestOptions};
    use crate::metrics::Metrics;
    use crate::model::event::RoutingKeys;
    use crate::model::key::FrameKey;
    use crate::model::retention::Retention;
    use crate::model::time::Ttl;
    use crate::store::memory::MemoryStore;

    fn lane() -> Lane {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock), 1 << 20));
        let metrics = Arc::new(Metrics::default());
        let announcer = Announcer::start(AnnouncerParts {
            store: Arc::<MemoryStore>::clone(&store),
            outbox: Arc::<MemoryStore>::clone(&store),
            bus: Arc::new(MemoryBus::new(RoutingKeys::default())),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            take_up: true,
            whole_frames: None,
        });
        let ingest = Ingest::new(store, announcer, clock, metrics, IngestOptions::default());
        let key: FrameKey = "test:frames:cam1:1731024000123456789:00001".parse().unwrap();
        ingest.lane(key.stream(), &Retention::single(Ttl::from_secs(60).unwrap()), None)
    }

    fn sink(stop: &CancellationToken) -> Sink {
        let (lane, clock) = (lane(), Arc::new(SystemClock));
        let camera = lane.stream().camera.clone();
        let reporter = HealthBoard::default().add(camera, String::new(), String::new());
        Sink::new(lane, clock, stop.clone(), reporter, Duration::from_secs(10))
    }

    #[test]
    fn a_stall_is_three_intervals_but_never_below_the_timeout() {
        let secs = Duration::from_secs;
        for (interval, limit) in [(0, 10), (1, 10), (4, 12), (60, 180)] {
            assert_eq!(stall_limit(secs(10), secs(interval)), secs(limit), "{interval}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_picture_ends_the_wait_for_one() {
        let sink = sink(&CancellationToken::new());
        let picture = Bytes::from_static(&[0xFF, 0xD8, 0xFF]);
        let began = Instant::now();
        let mut stalls = Vec::new();
        for (first, second) in [(None, None), (Some(picture), Some("no picture".into()))] {
            first.into_iter().for_each(|bytes| sink.frame(sink.now(), bytes));
            assert_eq!(sink.wait(ready(7)).await.unwrap(), Some(7));
            second.into_iter().for_each(|bytes| sink.frame(sink.now(), bytes));
            let error = sink.wait(pending::<()>()).await.unwrap_err();
            stalls.push((began.elapsed().as_secs(), error.to_string()));
        }
        let said = ["no frame came for 20 s".to_owned(), "no frame came for 10 s".to_owned()];
        assert_eq!(stalls, Vec::from_iter([20, 30].into_iter().zip(said)));
    }

    #[tokio::test]
    async fn a_stop_ends_every_wait() {
        let stop = CancellationToken::new();
        let sink = sink(&stop);
        stop.cancel();
        assert_eq!(sink.wait(ready(7)).await.unwrap(), None);
        assert_eq!(sink.wait_for_ever(ready(7)).await, None);
        assert!(!sink.sleep_until(Instant::now()).await);
    }
}
