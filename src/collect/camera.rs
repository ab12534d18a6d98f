//! The task of one camera: run its source, and when it fails run it again, for ever.
//!
//! The waits between attempts grow while a camera stays away, and start anew once it has delivered
//! for a while; one that delivers a frame and dies again, over and over, is not tried in a hurry.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::collector::CollectedCamera;
use super::health::Reporter;
use super::sink::Sink;
use super::source::{End, Source};
use super::spec::CameraSpec;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::ingest::Lane;

/// Waits between attempts are drawn from half of this on.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// An attempt that delivered and lasted so long ends a row of failures.
const STEADY: Duration = Duration::from_secs(10);

/// One camera and all that its task works with.
#[derive(Debug)]
pub(super) struct CameraTask {
    spec: CameraSpec,
    lane: Lane,
    clock: Arc<dyn Clock>,
    reporter: Reporter,
    source: Box<dyn Source>,
}

impl CameraTask {
    /// A task that is still to be run, on a source that was opened for the same camera.
    pub(super) fn new(
        camera: CollectedCamera,
        source: Box<dyn Source>,
        clock: Arc<dyn Clock>,
        reporter: Reporter,
    ) -> Self {
        let CollectedCamera { spec, lane } = camera;
        Self { spec, lane, clock, reporter, source }
    }

    /// Collects until `stop`, or until a source that is not to be repeated has come to its end.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(WAIT_MIN, self.spec.reconnect_max);
        loop {
            let began = Instant::now();
            let sink = self.sink(&stop);
            let ended = self.source.run(&sink).await;
            if stop.is_cancelled() || matches!(ended, Ok(End::Stopped)) {
                return;
            }
            let Err(error) = ended else {
                info!(camera = %self.spec.id, "its source has ended");
                self.reporter.finished(self.clock.now());
                return;
            };
            if sink.frames() > 0 && began.elapsed() >= STEADY {
                backoff.reset();
            }
            let wait = backoff.next_wait();
            self.report(&error, wait);
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    fn sink(&self, stop: &CancellationToken) -> Sink {
        let (lane, clock) = (self.lane.clone(), Arc::clone(&self.clock));
        Sink::new(lane, clock, stop.clone(), self.reporter.clone(), self.spec.stall_timeout)
    }

    /// Notes a failure; only the first in a row is worth a warning.
    fn report(&self, error: &anyhow::Error, wait: Duration) {
        let why = self.spec.url.mask(&format!("{error:#}"));
        if self.reporter.failed(self.clock.now(), why.clone()) {
            warn!(camera = %self.spec.id, "no frames: {why}; it is tried again and again");
        } else {
            debug!(camera = %self.spec.id, "still no frames: {why}; again in {wait:?}");
        }
    }
}
