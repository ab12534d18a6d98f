//! The recorder of an engine, the task that keeps it going, and those that bring it orders.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::task::JoinHandle;

use super::Cameras;
use super::control::Controls;
use crate::archive::record::{Recorder, RecorderParts};
use crate::archive::storage;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::FrameStore;

/// A recorder that runs.
#[derive(Debug)]
pub(super) struct Records {
    /// Who takes orders.
    pub(super) recorder: Arc<Recorder>,
    task: JoinHandle<()>,
    /// Only where cameras are collected.
    controls: Option<Controls>,
}

impl Records {
    /// Starts the recorder of this configuration, in a process that records. Touches no file and asks
    /// no bucket before it returns.
    ///
    /// # Errors
    /// One sentence for a storage that cannot be right.
    pub(super) fn start(
        config: &Config,
        cameras: Cameras,
        store: &Arc<dyn FrameStore>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Self>> {
        if cameras == Cameras::None {
            return Ok(None);
        }
        let recorder = Arc::new(Recorder::new(RecorderParts {
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            storage: storage::open(&config.recordings).context("[recordings] cannot be used")?,
            folder: config.recordings.folder.clone(),
            tenant: config.tenant.clone(),
            prefix: config.prefix.clone(),
            is_passing: cameras != Cameras::Configured,
            is_remote: config.recordings.storage.is_some(),
            max_bytes: config.recordings.max_bytes,
        }));
        let kept = Arc::clone(&recorder);
        let task = tokio::spawn(async move { kept.run().await });
        let controls = match cameras {
            Cameras::Configured => Some(Controls::start(config, &recorder)?),
            _ => None,
        };
        Ok(Some(Self { recorder, task, controls }))
    }

    /// Puts what is stored by now into files and ends the tasks.
    pub(super) async fn close(self) {
        if let Some(controls) = self.controls {
            controls.close().await;
        }
        self.recorder.close().await;
        if let Err(failure) = self.task.await {
            tracing::error!("the task \"recordings\" ended in a defect: {failure}");
        }
    }
}
