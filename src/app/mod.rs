//! Floor 4: from a checked configuration to a running engine; the only place that picks a backend.
//!
//! An [`Engine`] is everything of `up` but its faces: store, bus, ingest, query and the cameras. It
//! starts whether or not Redis and RabbitMQ are there, because cameras do not wait; it ends in the
//! order of the frame's way, so that nothing that was taken is left behind uncounted.

mod backends;
mod control;
mod holds;
mod records;
mod replays;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::backends::{Backends, open_backends};
use self::records::Records;
use crate::archive::replay::Replays;
use crate::bus::Bus;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::fleet::Fleet;
pub use crate::fleet::{FleetChanges, FleetError, check as check_cameras, stream};
use crate::ingest::announce::AnnouncerParts;
use crate::ingest::{Announcer, Ingest, IngestOptions};
use crate::metrics::{Counts, Metrics};
use crate::query::Query;
use crate::service::local::{LocalParts, LocalService};
use crate::store::{CollectorId, FrameStore};

/// The store that the configuration selects and where it is, without anything around it.
///
/// # Errors
/// One sentence for an address or option that cannot be right. Nothing is connected yet.
pub fn open_store(config: &Config) -> Result<(Arc<dyn FrameStore>, String)> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let opened = backends::open_store(config, &clock, &config.collector_id)?;
    Ok((opened.store, opened.place))
}

/// The bus that the configuration selects for announcements and where it is. Must be called inside
/// a tokio runtime; starts to connect.
///
/// # Errors
/// One sentence for a URL or option that cannot be right. A broker that is away is none.
pub fn open_bus(config: &Config) -> Result<(Arc<dyn Bus>, String)> {
    backends::open_bus(config)
}

/// How long the broker may take to let go of its connections.
const CLOSE_WITHIN: Duration = Duration::from_secs(8);

/// A running collector and cache, without faces.
#[derive(Debug)]
pub struct Engine {
    backends: Backends,
    metrics: Arc<Metrics>,
    ingest: Arc<Ingest>,
    fleet: Option<Arc<Fleet>>,
    records: Option<Records>,
    replays: Option<Arc<Replays>>,
    service: Arc<LocalService>,
    observing: Observing,
    stop: CancellationToken,
}

/// The tasks that look at the store on their own.
#[derive(Debug)]
struct Observing {
    observer: JoinHandle<()>,
    /// Only where cameras are collected.
    holds: Option<JoinHandle<()>>,
}

impl Observing {
    /// Waits for them; they have been told to stop.
    async fn ended(self) {
        let named = [("observer", Some(self.observer)), ("holds", self.holds)];
        for (name, task) in named.into_iter().filter_map(|(name, task)| Some((name, task?))) {
            if let Err(failure) = task.await {
                tracing::error!("the task {name:?} ended in a defect: {failure}");
            }
        }
    }
}

/// Which cameras an engine collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cameras {
    /// Those of the configuration.
    Configured,
    /// None, but what others collect is recorded.
    Recorded,
    /// None: a command that only asks or pushes.
    None,
}

impl Engine {
    /// Starts tasks for store, bus and cameras. Must be called inside a tokio runtime; waits for
    /// nothing outside the process.
    ///
    /// # Errors
    /// One sentence for a URL, address or option that cannot be right. A server that is away is none.
    pub fn start(config: &Config, cameras: Cameras) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let backends = open_backends(config, &clock, &collector_id(config, cameras))?;
        let metrics = Arc::new(Metrics::default());
        let announcer = Announcer::start(AnnouncerParts {
            store: Arc::clone(&backends.store),
            outbox: Arc::clone(&backends.outbox),
            bus: Arc::clone(&backends.bus),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            take_up: cameras == Cameras::Configured,
            whole_frames: backends.whole_frames.clone(),
        });
        let ingest = Arc::new(Ingest::new(
            Arc::clone(&backends.store),
            announcer,
            Arc::clone(&clock),
            Arc::clone(&metrics),
            ingest_options(config),
        ));
        let stop = CancellationToken::new();
        let (fleet, replays) = match cameras {
            Cameras::Configured => (
                Some(Fleet::start(config, &ingest, Arc::clone(&backends.bus), &clock, &stop)?),
                Some(replays::open(config, &ingest, &clock, &stop)?),
            ),
            Cameras::Recorded | Cameras::None => (None, None),
        };
        let records = Records::start(config, cameras, &backends.store, &clock)?;
        let query = Query::new(Arc::clone(&backends.store), Arc::clone(&clock));
        let holds = holds::open(config, &backends, &query);
        let following = (cameras == Cameras::Configured).then(|| holds::follow(&holds, &stop));
        let service = Arc::new(LocalService::new(LocalParts {
            place: backends.store_place.clone(),
            bus_place: backends.bus_place.clone(),
            ingest: Arc::clone(&ingest),
            query,
            store: Arc::clone(&backends.store),
            bus: Arc::clone(&backends.bus),
            clock,
            metrics: Arc::clone(&metrics),
            health: fleet.as_ref().map(|fleet| fleet.health()).unwrap_or_default(),
            fleet: fleet.clone(),
            holds,
            recorder: records.as_ref().map(|records| Arc::clone(&records.recorder)),
            replays: replays.clone(),
            tenant: config.tenant.clone(),
            retention: config.retention.clone(),
            max_cameras: config.http.max_cameras,
        }));
        let observer = Arc::clone(service.observer());
        let observing = tokio::spawn({
            let stop = stop.clone();
            async move { observer.run(stop).await }
        });
        let observing = Observing { observer: observing, holds: following };
        Ok(Self { backends, metrics, ingest, fleet, records, replays, service, observing, stop })
    }

    /// What faces call.
    #[must_use]
    pub fn service(&self) -> Arc<LocalService> {
        Arc::clone(&self.service)
    }

    /// Where frames lie, e.g. `redis at 127.0.0.1:6379`.
    #[must_use]
    pub fn store_place(&self) -> &str {
        &self.backends.store_place
    }

    /// Where announcements go, e.g. `amqp at 127.0.0.1:5672/client-a`.
    #[must_use]
    pub fn bus_place(&self) -> &str {
        &self.backends.bus_place
    }

    /// The account of every frame of this process so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Follows a configuration that was read again, in its cameras and `target_fps`; all else needs
    /// a new engine.
    ///
    /// # Errors
    /// [`FleetError`]: a camera that does not fit, and nothing has changed.
    pub async fn reread(&self, config: Config) -> Result<FleetChanges, FleetError> {
        match &self.fleet {
            Some(fleet) => fleet.reread(config).await,
            None => Ok(FleetChanges::default()),
        }
    }

    /// Ends the cameras, stores and announces what was taken, closes the connections, and returns
    /// the final account, in which nothing is pending. Takes about `[shutdown] drain_timeout` twice
    /// at most, when store and bus are both away.
    pub async fn stop(self) -> Counts {
        self.stop.cancel();
        if let Some(fleet) = &self.fleet {
            fleet.close().await;
        }
        if let Some(replays) = &self.replays {
            replays.close().await;
        }
        self.service.close().await;
        self.observing.ended().await;
        self.ingest.close().await;
        if let Some(records) = self.records {
            records.close().await;
        }
        if tokio::time::timeout(CLOSE_WITHIN, self.backends.close()).await.is_err() {
            tracing::warn!("the broker did not answer while its connection was being closed");
        }
        self.metrics.total()
    }
}

/// Whose outbox marks are written. A passing command leaves its own, so that it neither announces
/// what a running collector is about to announce nor takes marks away from it.
fn collector_id(config: &Config, cameras: Cameras) -> CollectorId {
    let passing = || format!("pass-{}-{:08x}", std::process::id(), fastrand::u32(..)).parse();
    match cameras {
        Cameras::Configured => config.collector_id.clone(),
        Cameras::Recorded | Cameras::None => {
            passing().unwrap_or_else(|_| config.collector_id.clone())
        }
    }
}

fn ingest_options(config: &Config) -> IngestOptions {
    IngestOptions {
        queue_frames: config.ingest.queue_frames,
        queue_bytes: config.ingest.queue_bytes,
        max_frame_bytes: config.max_frame_bytes,
        push_timeout: config.ingest.push_timeout,
        drain_timeout: config.shutdown.drain_timeout,
    }
}
