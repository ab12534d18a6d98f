//! The cameras that a process collects, changed while it runs.
//!
//! A [`Fleet`] knows which cameras are wanted and who named each (the file or the API), and makes the
//! collector follow: [`order`] decides what is wanted, [`plan`] which steps lead there, and only those
//! are done. Changes come one after another and are done to their end even when whoever asked has
//! gone; looking never waits for them. Nothing is written down: changes by the API live as long as
//! the process.

mod order;
mod plan;
mod view;

use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub use self::order::{CameraOrder, FleetError};
pub use self::plan::FleetChanges;
use self::plan::{Step, find};
pub use self::view::CameraView;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::collect::{CameraSpec, CollectedCamera, Collector, HealthBoard, SourceUrl};
use crate::config::{CameraConfig, CameraMode, Config};
use crate::ingest::{FpsLimit, Ingest, Lane};
use crate::model::key::StreamId;
use crate::model::name::CameraId;

/// From one snapshot to the next unless the camera's `interval` says otherwise.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(1);

/// Who named a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraOrigin {
    /// The configuration, when it was last read.
    File,
    /// The API, for the life of this process.
    Api,
}

/// A camera that is wanted.
#[derive(Debug, Clone, PartialEq)]
struct FleetCamera {
    config: CameraConfig,
    origin: CameraOrigin,
    paused: bool,
}

impl FleetCamera {
    fn id(&self) -> &CameraId {
        &self.config.id
    }
}

/// How a camera stands after an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ordered {
    /// The camera; as it was, where it was removed.
    #[serde(flatten)]
    pub camera: CameraView,
    /// Whether it was not there before.
    #[serde(default)]
    pub created: bool,
}

/// What is wanted.
#[derive(Debug)]
struct Desired {
    cameras: Vec<FleetCamera>,
    target_fps: Option<f64>,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Fleet {
    /// As the process was started.
    config: Config,
    ingest: Arc<Ingest>,
    board: HealthBoard,
    desired: SyncMutex<Desired>,
    /// Held by whoever changes something; `None` once the fleet has ended.
    collector: Mutex<Option<Collector>>,
}

impl Fleet {
    /// Starts the configured cameras. Must be called inside a tokio runtime; connects to nothing
    /// before it returns.
    ///
    /// # Errors
    /// One sentence when a camera's URL or one of its options does not fit; nothing is started then.
    pub fn start(
        config: &Config,
        ingest: &Arc<Ingest>,
        bus: Arc<dyn Bus>,
        clock: &Arc<dyn Clock>,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>> {
        check(config)?;
        let open = |camera: &CameraConfig| {
            let spec = spec(config, camera)?;
            Ok(CollectedCamera { spec, lane: lane(config, ingest, camera)? })
        };
        let cameras = config.cameras.iter().map(open).collect::<Result<_>>()?;
        let collector = Collector::start(cameras, bus, clock, stop)?;
        Ok(Arc::new(Self {
            ingest: Arc::clone(ingest),
            board: collector.health(),
            desired: SyncMutex::new(Desired {
                cameras: order::reread(&[], &config.cameras),
                target_fps: config.target_fps,
            }),
            config: config.clone(),
            collector: Mutex::new(Some(collector)),
        }))
    }

    /// How each camera does, now and later.
    #[must_use]
    pub fn health(&self) -> HealthBoard {
        self.board.clone()
    }

    /// The stream of a camera of this fleet.
    #[must_use]
    pub fn stream(&self, camera: &CameraId) -> StreamId {
        stream(&self.config, camera)
    }

    /// Every camera, those of the file first.
    #[must_use]
    pub fn cameras(&self) -> Vec<CameraView> {
        let cameras = self.desired().cameras.clone();
        cameras.iter().map(|camera| self.view(camera)).collect()
    }

    /// Does what is asked of one camera, and returns when it is done; `None` where there is no such
    /// camera. A source that starts is not waited for; a camera that goes is, until its lane has
    /// written what it had (`[shutdown] drain_timeout` at most).
    ///
    /// # Errors
    /// [`FleetError`]; nothing has changed then.
    pub async fn order(
        self: &Arc<Self>,
        id: &CameraId,
        order: CameraOrder,
    ) -> Result<Option<Ordered>, FleetError> {
        if order == CameraOrder::Show {
            let camera = find(&self.desired().cameras, id).cloned();
            let shown = camera.map(|camera| Ordered { camera: self.view(&camera), created: false });
            return Ok(shown);
        }
        let (fleet, id) = (Arc::clone(self), id.clone());
        let doing = tokio::spawn(async move { fleet.obey(&id, order).await });
        doing.await.map_err(|error| FleetError::Interrupted(error.to_string()))?
    }

    async fn obey(&self, id: &CameraId, order: CameraOrder) -> Result<Option<Ordered>, FleetError> {
        let mut held = self.collector.lock().await;
        let collector = held.as_mut().ok_or(FleetError::Stopping)?;
        let (old, target_fps) = {
            let desired = self.desired();
            (desired.cameras.clone(), desired.target_fps)
        };
        let Some(new) = order::wanted(&old, id, order, target_fps)? else { return Ok(None) };
        let before = find(&old, id).map(|camera| self.view(camera));
        let created = before.is_none();
        if created {
            self.has_room(id)?;
        }
        self.follow(collector, &old, new).await?;
        let after = find(&self.desired().cameras, id).cloned();
        let camera = after.map(|camera| self.view(&camera)).or(before);
        Ok(camera.map(|camera| Ordered { camera, created }))
    }

    /// Follows a configuration that was read again: its cameras and its `target_fps`. Cameras of the
    /// API stay, unless the file names them too: then they are the file's.
    ///
    /// # Errors
    /// [`FleetError`]; nothing has changed then.
    pub async fn reread(self: &Arc<Self>, config: Config) -> Result<FleetChanges, FleetError> {
        let fleet = Arc::clone(self);
        let doing = tokio::spawn(async move {
            let mut held = fleet.collector.lock().await;
            let collector = held.as_mut().ok_or(FleetError::Stopping)?;
            let old = fleet.desired().cameras.clone();
            let new = order::reread(&old, &config.cameras);
            let changes = plan::changes(&old, &new);
            fleet.follow(collector, &old, new).await?;
            fleet.desired().target_fps = config.target_fps;
            Ok(changes)
        });
        doing.await.map_err(|error| FleetError::Interrupted(error.to_string()))?
    }

    /// Ends all cameras, after a change that is being made; the token given to [`Fleet::start`] is
    /// to be cancelled before.
    pub async fn close(&self) {
        if let Some(collector) = self.collector.lock().await.take() {
            collector.join().await;
        }
    }

    fn has_room(&self, id: &CameraId) -> Result<(), FleetError> {
        let (lanes, max) = (self.ingest.lanes(), self.config.http.max_cameras);
        if self.ingest.has_lane(&self.stream(id)) || lanes < max {
            return Ok(());
        }
        Err(FleetError::Full { camera: id.clone(), number: lanes + 1, max })
    }

    /// Checks everything, then takes the steps from `old` to `new`.
    async fn follow(
        &self,
        collector: &mut Collector,
        old: &[FleetCamera],
        new: Vec<FleetCamera>,
    ) -> Result<(), FleetError> {
        for camera in new.iter().filter(|camera| find(old, camera.id()) != Some(camera)) {
            let checked = spec(&self.config, &camera.config).and_then(|spec| spec.check());
            checked.map_err(|error| FleetError::Source {
                camera: camera.id().clone(),
                why: mask(&camera.config, &format!("{error:#}")),
            })?;
        }
        let steps = plan::plan(old, &new);
        self.end(collector, &steps).await;
        for step in &steps {
            if let Err(error) = self.take(collector, step, &new) {
                tracing::error!("{step:?} failed: {error:#}");
            }
        }
        self.desired().cameras = new;
        Ok(())
    }

    /// Ends what is to end, all at once.
    async fn end(&self, collector: &mut Collector, steps: &[Step]) {
        let (mut halted, mut closed) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Halt(id) => halted.push(id.clone()),
                Step::Close(id) => closed.push(id.clone()),
                _ => {}
            }
        }
        collector.halt(&halted).await;
        let streams: Vec<StreamId> = closed.iter().map(|id| self.stream(id)).collect();
        join_all(streams.iter().map(|stream| self.ingest.close_lane(stream))).await;
        closed.iter().for_each(|id| collector.forget(id));
    }

    fn take(&self, collector: &mut Collector, step: &Step, new: &[FleetCamera]) -> Result<()> {
        let wanted = |id: &CameraId| find(new, id).context("it is not wanted any more");
        match step {
            Step::Halt(_) | Step::Close(_) => Ok(()),
            Step::Terms(id) => lane(&self.config, &self.ingest, &wanted(id)?.config).map(drop),
            Step::Rename(id) => {
                collector.rename(id, &wanted(id)?.config.name);
                Ok(())
            }
            Step::PutAside(id) => {
                collector.put_aside(&spec(&self.config, &wanted(id)?.config)?);
                Ok(())
            }
            Step::Start(id) => {
                let camera = &wanted(id)?.config;
                let spec = spec(&self.config, camera)?;
                collector
                    .run(CollectedCamera { spec, lane: lane(&self.config, &self.ingest, camera)? })
            }
        }
    }

    fn view(&self, camera: &FleetCamera) -> CameraView {
        CameraView::of(camera, self.board.of(camera.id()))
    }

    fn desired(&self) -> MutexGuard<'_, Desired> {
        self.desired.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether each configured camera could be collected. Connects to nothing.
///
/// # Errors
/// One sentence for the first camera whose URL or options do not fit.
pub fn check(config: &Config) -> Result<()> {
    config.cameras.iter().try_for_each(|camera| {
        let checked = spec(config, camera).and_then(|spec| spec.check());
        checked.with_context(|| format!("camera {}", camera.id))
    })
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

/// The lane of a camera, opened or changed to what the camera asks for.
fn lane(config: &Config, ingest: &Ingest, camera: &CameraConfig) -> Result<Lane> {
    let limit = camera.fps.map(FpsLimit::new).transpose()?;
    let retention = config.retention_of(camera);
    let lane = ingest.lane(&stream(config, &camera.id), &retention, limit.clone());
    lane.change(&retention, limit);
    Ok(lane)
}

fn mask(camera: &CameraConfig, text: &str) -> String {
    match SourceUrl::parse(camera.url.expose()) {
        Ok(url) => url.mask(text),
        Err(_) => text.to_owned(),
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
        quality: camera.quality,
        // A camera that is known to pause is given the time for it.
        stall_timeout: config.ingest.stall_timeout.max(camera.interval.unwrap_or_default() * 2),
        max_frame_bytes: config.max_frame_bytes,
        reconnect_max: config.ingest.reconnect_max,
        ffmpeg: config.ingest.ffmpeg.clone(),
        ..usual
    })
}
