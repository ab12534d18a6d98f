//! Replays of this process: into its own lanes, like a push.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;

use super::LocalService;
use crate::archive::ArchiveError;
use crate::archive::replay::{self, Fate, ReplayError, ReplayStatus, Sink, SinkError, StartReplay};
use crate::ingest::{Ingest, PushError};
use crate::model::frame::StoredFrame;
use crate::model::name::{ReplayId, Tenant};
use crate::model::retention::Retention;
use crate::service::replays::{ReplayList, ReplayOrder, Replays};
use crate::service::{ErrorKind, ServiceError};

/// Frames on their way into the lanes at once.
const IN_FLIGHT: usize = 32;

/// Plays into the lanes of this process.
#[derive(Debug, Clone)]
pub struct LaneSink {
    /// The way in.
    pub ingest: Arc<Ingest>,
    /// The tiers of frames that bring no life of their own.
    pub retention: Retention,
    /// The most cameras that may be written to.
    pub max_cameras: usize,
}

#[async_trait]
impl Sink for LaneSink {
    async fn store(&self, frames: Vec<StoredFrame>) -> Result<Vec<Fate>, SinkError> {
        let storing: Vec<_> = frames.into_iter().map(|frame| self.store_one(frame)).collect();
        Ok(stream::iter(storing).buffered(IN_FLIGHT).collect().await)
    }
}

impl LaneSink {
    async fn store_one(&self, frame: StoredFrame) -> Fate {
        let stream = frame.frame.key.stream().clone();
        if !self.ingest.has_lane(&stream) && self.ingest.lanes() >= self.max_cameras {
            let max = self.max_cameras;
            let camera = &stream.camera;
            return Fate::Refused(format!(
                "camera {camera} would be one too many: [http] max_cameras allows {max}"
            ));
        }
        match self.ingest.lane(&stream, &self.retention, None).restore(frame).await {
            Ok(pushed) if pushed.again => Fate::Again,
            Ok(_) => Fate::Stored,
            Err(error @ PushError::Taken(_)) => {
                Fate::Refused(format!("{error}: another source writes this camera"))
            }
            Err(error) => Fate::Refused(error.to_string()),
        }
    }
}

impl LocalService {
    fn replaying(&self) -> Result<&replay::Replays, ServiceError> {
        self.parts().replays.as_deref().ok_or_else(|| {
            let said = "this process plays no recordings: name the running `up` with --url";
            ServiceError::new(ErrorKind::BadInput, said)
        })
    }
}

#[async_trait]
impl Replays for LocalService {
    async fn start_replay(
        &self,
        start: &StartReplay,
        only: Option<&Tenant>,
    ) -> Result<ReplayStatus, ServiceError> {
        Ok(self.replaying()?.start(start.clone(), only).await?)
    }

    async fn replays(&self, only: Option<&Tenant>) -> Result<ReplayList, ServiceError> {
        Ok(ReplayList { replays: self.replaying()?.list(only) })
    }

    async fn replay(
        &self,
        id: &ReplayId,
        order: ReplayOrder,
        only: Option<&Tenant>,
    ) -> Result<Option<ReplayStatus>, ServiceError> {
        let replays = self.replaying()?;
        match order {
            ReplayOrder::Show => Ok(replays.get(id, only)),
            ReplayOrder::Control(control) => Ok(replays.control(id, control, only).await?),
            ReplayOrder::Stop => Ok(replays.stop(id, only).await),
        }
    }
}

impl From<ReplayError> for ServiceError {
    fn from(error: ReplayError) -> Self {
        let kind = match &error {
            ReplayError::Misfit(_)
            | ReplayError::NoRecording(_)
            | ReplayError::Archive(ArchiveError::Naming(_)) => ErrorKind::BadInput,
            ReplayError::Full(_) | ReplayError::Archive(_) => ErrorKind::Refused,
            ReplayError::Stopping => ErrorKind::Unavailable,
        };
        Self::new(kind, error)
    }
}
