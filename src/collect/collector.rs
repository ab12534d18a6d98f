//! Owns the tasks of all cameras, each with its own stop, from their start to their end.
//!
//! One camera can be added, replaced, paused and removed while the others run: nothing of theirs is
//! touched. A task that was told to stop is awaited before anything follows, so two tasks never
//! read one camera.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::camera::CameraTask;
use super::health::HealthBoard;
use super::source::{self, Source};
use super::spec::CameraSpec;
use super::status;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::ingest::Lane;
use crate::model::name::CameraId;

/// A camera and the way in for its frames.
#[derive(Debug)]
pub struct CollectedCamera {
    /// What to read.
    pub spec: CameraSpec,
    /// Where its frames go.
    pub lane: Lane,
}

/// The running tasks; dropping it aborts them.
#[derive(Debug)]
pub struct Collector {
    tasks: JoinSet<()>,
    /// Whose each task is; `None` for the one that tells of changes.
    names: HashMap<Id, Option<CameraId>>,
    /// What ends each camera's task.
    stops: HashMap<CameraId, CancellationToken>,
    board: HealthBoard,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
}

impl Collector {
    /// Starts a task for each camera and one that tells `bus` of changes. All end with `stop`.
    ///
    /// Must be called inside a tokio runtime. Connects to nothing before it returns: a camera that is
    /// away is no error.
    ///
    /// # Errors
    /// One sentence when an option in a camera's URL does not fit; nothing is started then.
    pub fn start(
        cameras: Vec<CollectedCamera>,
        bus: Arc<dyn Bus>,
        clock: &Arc<dyn Clock>,
        stop: &CancellationToken,
    ) -> Result<Self> {
        let opened = cameras.into_iter().map(opened).collect::<Result<Vec<_>>>()?;
        let mut collector = Self {
            tasks: JoinSet::new(),
            names: HashMap::new(),
            stops: HashMap::new(),
            board: HealthBoard::default(),
            clock: Arc::clone(clock),
            stop: stop.clone(),
        };
        for (camera, source) in opened {
            collector.begin(camera, source);
        }
        let board = collector.board.clone();
        let telling = status::publish(board, bus, Arc::clone(clock), stop.clone());
        collector.spawn(None, telling);
        Ok(collector)
    }

    /// How each camera does, now and later: the board stays readable after the end.
    #[must_use]
    pub fn health(&self) -> HealthBoard {
        self.board.clone()
    }

    /// Starts the task of a camera, whose row on the board is then as fresh. An earlier task of the
    /// same camera must have ended: see [`Collector::halt`].
    ///
    /// # Errors
    /// One sentence when an option in its URL does not fit; nothing is started then.
    pub fn run(&mut self, camera: CollectedCamera) -> Result<()> {
        let (camera, source) = opened(camera)?;
        self.begin(camera, source);
        Ok(())
    }

    fn begin(&mut self, camera: CollectedCamera, source: Box<dyn Source>) {
        let spec = &camera.spec;
        let (id, name, url) = (spec.id.clone(), spec.name.clone(), spec.url.to_string());
        let reporter = self.board.add(id.clone(), name, url);
        let task = CameraTask::new(camera, source, Arc::clone(&self.clock), reporter);
        let stop = self.stop.child_token();
        self.stops.insert(id.clone(), stop.clone());
        self.spawn(Some(id), task.run(stop));
    }

    /// Puts a camera on the board that is not collected for now.
    pub fn put_aside(&mut self, spec: &CameraSpec) {
        let source = spec.url.to_string();
        let reporter = self.board.add(spec.id.clone(), spec.name.clone(), source);
        reporter.paused(self.clock.now());
    }

    /// Gives a camera another name; its task goes on.
    pub fn rename(&self, camera: &CameraId, name: &str) {
        self.board.rename(camera, name);
    }

    /// Ends the tasks of these cameras and returns when all have ended. Their rows stay as they are.
    /// A camera without a task is none too many.
    pub async fn halt(&mut self, cameras: &[CameraId]) {
        for camera in cameras {
            if let Some(stop) = self.stops.remove(camera) {
                stop.cancel();
            }
        }
        let waits = |names: &HashMap<Id, Option<CameraId>>| {
            names.values().flatten().any(|camera| cameras.contains(camera))
        };
        while waits(&self.names) && self.next_ended().await {}
    }

    /// Takes a camera off the board; its task must have ended: see [`Collector::halt`].
    pub fn forget(&mut self, camera: &CameraId) {
        self.board.remove(camera);
    }

    /// Waits until every task has ended after the stop token was cancelled.
    pub async fn join(mut self) {
        while self.next_ended().await {}
    }

    /// Waits for any task to end; false when there is none.
    async fn next_ended(&mut self) -> bool {
        let Some(ended) = self.tasks.join_next_with_id().await else { return false };
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(failure) => failure.id(),
        };
        let name = self.names.remove(&id).flatten();
        if let Err(failure) = ended {
            let name = name.map_or_else(|| "camera status".to_owned(), |id| format!("camera {id}"));
            error!("the task {name:?} ended in a defect: {failure}");
        }
        true
    }

    fn spawn(&mut self, camera: Option<CameraId>, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.names.insert(handle.id(), camera);
    }
}

/// Opens the source of a camera; connects to nothing.
fn opened(camera: CollectedCamera) -> Result<(CollectedCamera, Box<dyn Source>)> {
    let source = source::open(&camera.spec);
    let source = source.with_context(|| format!("camera {}", camera.spec.id))?;
    Ok((camera, source))
}
