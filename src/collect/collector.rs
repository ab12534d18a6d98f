//! Owns the tasks of all cameras, from their start to their end.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::camera::CameraTask;
use super::health::HealthBoard;
use super::spec::CameraSpec;
use super::status;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::ingest::Lane;

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
    /// What each task is called.
    names: HashMap<Id, String>,
    board: HealthBoard,
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
        let mut board = HealthBoard::default();
        let mut ready = Vec::new();
        for CollectedCamera { spec, lane } in cameras {
            let id = spec.id.clone();
            let reporter = board.add(id.clone(), spec.name.clone(), spec.url.to_string());
            let task = CameraTask::new(spec, lane, Arc::clone(clock), reporter);
            ready.push((id.to_string(), task.with_context(|| format!("camera {id}"))?));
        }
        let mut collector = Self { tasks: JoinSet::new(), names: HashMap::new(), board };
        for (id, task) in ready {
            collector.spawn(format!("camera {id}"), task.run(stop.clone()));
        }
        let board = collector.board.clone();
        let telling = status::publish(board, bus, Arc::clone(clock), stop.clone());
        collector.spawn("camera status".to_owned(), telling);
        Ok(collector)
    }

    /// How each camera does, now and later: the board stays readable after the end.
    #[must_use]
    pub fn health(&self) -> HealthBoard {
        self.board.clone()
    }

    /// Waits until every task has ended after the stop token was cancelled.
    pub async fn join(mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            if let Err(failure) = ended {
                let name = self.names.get(&failure.id()).map_or("?", String::as_str);
                error!("the task {name:?} ended in a defect: {failure}");
            }
        }
    }

    fn spawn(&mut self, name: String, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.names.insert(handle.id(), name);
    }
}
