//! Floor 4: from a checked configuration to a running engine; the only place that picks a backend.
//!
//! An [`Engine`] is everything of `up` but its faces: store, bus, ingest, query and the cameras. It
//! starts whether or not Redis and RabbitMQ are there, because cameras do not wait; it ends in the
//! order of the frame's way, so that nothing that was taken is left behind uncounted.

mod backends;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::backends::{Backends, open_backends};
use crate::bus::Bus;
use crate::clock::{Clock, SystemClock};
use crate::collect::{CameraSpec, CollectedCamera, Collector, SourceUrl};
use crate::config::{CameraConfig, CameraMode, Config};
use crate::ingest::announce::AnnouncerParts;
use crate::ingest::{Announcer, FpsLimit, Ingest, IngestOptions};
use crate::metrics::{Counts, Metrics};
use crate::model::key::StreamId;
use crate::model::name::CameraId;
use crate::query::Query;
use crate::service::local::{LocalParts, LocalService};
use crate::store::{CollectorId, FrameStore};

/// The store that the configuration selects and where it is, without anything around it.
///
/// # Errors
/// One sentence for an address or option that cannot be right. Nothing is connected yet.
pub fn open_store(config: &Config) -> Result<(Arc<dyn FrameStore>, String)> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (store, _, place) = backends::open_store(config, &clock, &config.collector_id)?;
    Ok((store, place))
}

/// The bus that the configuration selects for announcements and where it is. Must be called inside
/// a tokio runtime; starts to connect.
///
/// # Errors
/// One sentence for a URL or option that cannot be right. A broker that is away is none.
pub fn open_bus(config: &Config) -> Result<(Arc<dyn Bus>, String)> {
    backends::open_bus(config)
}

/// Whether each configured camera could be collected. Connects to nothing.
///
/// # Errors
/// One sentence for the first camera whose URL or options do not fit.
pub fn check_cameras(config: &Config) -> Result<()> {
    config.cameras.iter().try_for_each(|camera| {
        let checked = spec(config, camera).and_then(|spec| spec.check());
        checked.with_context(|| format!("camera {}", camera.id))
    })
}

/// From one snapshot to the next unless the camera's `interval` says otherwise.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(1);

/// How long the broker may take to let go of its connections.
const CLOSE_WITHIN: Duration = Duration::from_secs(8);

/// A running collector and cache, without faces.
#[derive(Debug)]
pub struct Engine {
    backends: Backends,
    metrics: Arc<Metrics>,
    ingest: Arc<Ingest>,
    collector: Collector,
    service: Arc<LocalService>,
    observing: JoinHandle<()>,
    stop: CancellationToken,
}

/// Which cameras an engine collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cameras {
    /// Those of the configuration.
    Configured,
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
        let wanted = match cameras {
            Cameras::Configured => collected(config, &ingest)?,
            Cameras::None => Vec::new(),
        };
        let collector = Collector::start(wanted, Arc::clone(&backends.bus), &clock, &stop)?;
        let service = Arc::new(LocalService::new(LocalParts {
            place: backends.store_place.clone(),
            bus_place: backends.bus_place.clone(),
            ingest: Arc::clone(&ingest),
            query: Query::new(Arc::clone(&backends.store), Arc::clone(&clock)),
            store: Arc::clone(&backends.store),
            bus: Arc::clone(&backends.bus),
            clock,
            metrics: Arc::clone(&metrics),
            health: collector.health(),
            tenant: config.tenant.clone(),
            retention: config.retention.clone(),
            max_cameras: config.http.max_cameras,
        }));
        let observer = Arc::clone(service.observer());
        let observing = tokio::spawn({
            let stop = stop.clone();
            async move { observer.run(stop).await }
        });
        Ok(Self { backends, metrics, ingest, collector, service, observing, stop })
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

    /// Ends the cameras, stores and announces what was taken, closes the connections, and returns
    /// the final account, in which nothing is pending. Takes about `[shutdown] drain_timeout` twice
    /// at most, when store and bus are both away.
    pub async fn stop(self) -> Counts {
        self.stop.cancel();
        self.collector.join().await;
        if let Err(failure) = self.observing.await {
            tracing::error!("the task \"observer\" ended in a defect: {failure}");
        }
        self.ingest.close().await;
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
        Cameras::None => passing().unwrap_or_else(|_| config.collector_id.clone()),
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

fn collected(config: &Config, ingest: &Ingest) -> Result<Vec<CollectedCamera>> {
    let open = |camera: &CameraConfig| {
        let spec = spec(config, camera).with_context(|| format!("camera {}", camera.id))?;
        let limit = camera.fps.map(FpsLimit::new).transpose()?;
        let retention = config.retention_of(camera);
        let lane = ingest.lane(&stream(config, &camera.id), &retention, limit);
        Ok(CollectedCamera { spec, lane })
    };
    config.cameras.iter().map(open).collect()
}

/// The stream of one of the configuration's cameras.
#[must_use]
pub fn stream(config: &Config, camera: &CameraId) -> StreamId {
    StreamId {
        tenant: config.tenant.clone(),
        prefix: config.prefix.clone(),
        camera: camera.clone(),
    }
}

fn spec(config: &Config, camera: &CameraConfig) -> Result<CameraSpec> {
    let url: SourceUrl = SourceUrl::parse(camera.url.expose())?;
    let usual = CameraSpec::new(camera.id.clone(), url);
    Ok(CameraSpec {
        name: camera.name.clone(),
        snapshot_interval: (camera.mode == CameraMode::Snapshot)
            .then(|| camera.interval.unwrap_or(SNAPSHOT_INTERVAL)),
        by_ffmpeg: camera.mode == CameraMode::Ffmpeg,
        // A camera that is known to pause is given the time for it.
        stall_timeout: config.ingest.stall_timeout.max(camera.interval.unwrap_or_default() * 2),
        max_frame_bytes: config.max_frame_bytes,
        reconnect_max: config.ingest.reconnect_max,
        ffmpeg: config.ingest.ffmpeg.clone(),
        ..usual
    })
}
