//! `/metrics`: a snapshot of this process, written out as OpenMetrics families.
//!
//! One snapshot a scrape, taken from the accounts, the queues, the observer and what the store said
//! at most a second ago. Series are bounded: each label is a camera that exists, a closed list, or a
//! route. Who may see one tenant only gets that tenant's cameras and nothing else.
//! `docs/metrics.md` lists every family.

mod cameras;
mod process;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::local::LocalService;
use super::status::Viewer;
use crate::bus::BusState;
use crate::collect::SourceState;
use crate::ingest::QueueDepth;
use crate::metrics::{Counts, Exposed, Metrics, Page, text};
use crate::model::key::StreamId;
use crate::model::time::UnixNanos;
use crate::query::Query;
use crate::store::{ExpirySample, StoreInfo};

/// What is exposed of a camera.
#[derive(Debug)]
struct CameraRow {
    stream: StreamId,
    state: SourceState,
    counts: Counts,
    queue: QueueDepth,
    waiting: u64,
    waiting_for: Duration,
    newest: Option<UnixNanos>,
}

/// What is exposed of the process.
#[derive(Debug)]
struct ProcessRow {
    ready: bool,
    clock_back: bool,
    store: Option<StoreInfo>,
    store_reconnects: u64,
    bus_up: bool,
    bus_reconnects: u64,
    overdue: Duration,
    endless: ExpirySample,
    query: Query,
    /// Recordings that run; frames and bytes recorded, frames lost, recordings failed.
    recordings: (usize, [u64; 4]),
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Snapshot {
    cameras: Vec<CameraRow>,
    process: Option<ProcessRow>,
}

impl LocalService {
    /// Counts and histograms of this process.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.parts().metrics
    }

    /// Everything that `viewer` may see, as OpenMetrics text. Waits for a store that is away for
    /// about a second at most; its own figures are left out then.
    pub async fn exposition(&self, viewer: &Viewer) -> String {
        let process = match viewer.whole {
            true => Some(self.process_row().await),
            false => None,
        };
        // a text in memory cannot fail to be written
        text(Snapshot { cameras: self.camera_rows(viewer), process }).unwrap_or_default()
    }

    fn camera_rows(&self, viewer: &Viewer) -> Vec<CameraRow> {
        let (parts, observer) = (self.parts(), self.observer());
        let (queues, history) = (parts.ingest.queues(), observer.history());
        let row = |known: super::status::Known| CameraRow {
            state: known.state(),
            counts: known.counts(),
            queue: queues.get(&known.stream).copied().unwrap_or_default(),
            waiting: known.waiting.records,
            waiting_for: match known.waiting.records {
                0 => Duration::ZERO,
                _ => history.waiting_for(&known.stream, observer.elapsed()),
            },
            newest: known.newest(),
            stream: known.stream,
        };
        self.known_cameras(&viewer.prefix, &viewer.scope).into_iter().map(row).collect()
    }

    async fn process_row(&self) -> ProcessRow {
        let store = self.observer().store().await.ok();
        let parts = self.parts();
        let bus_up = parts.bus.state() == BusState::Ready;
        ProcessRow {
            ready: bus_up && store.is_some() && parts.ingest.store_trouble().is_none(),
            clock_back: parts.ingest.clock_trouble().is_some(),
            store,
            store_reconnects: parts.store.reconnects(),
            bus_up,
            bus_reconnects: parts.bus.reconnects(),
            overdue: parts.metrics.expiry.overdue().unwrap_or_default(),
            endless: self.observer().endless(),
            query: parts.query.clone(),
            recordings: parts.recorder.as_ref().map_or_else(Default::default, |recorder| {
                (recorder.running().len(), recorder.counts().snapshot())
            }),
            metrics: Arc::clone(&parts.metrics),
        }
    }
}

impl Exposed for Snapshot {
    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        cameras::write(&self.cameras, page)?;
        let Some(process) = &self.process else { return Ok(()) };
        cameras::states(&self.cameras, page)?;
        process::write(process, page)?;
        page.process(&process.metrics)
    }
}
