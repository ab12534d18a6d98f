//! Whole frames out of this process's store and back into it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::LocalService;
use crate::archive::ArchiveError;
use crate::archive::export;
use crate::ingest::PushError;
use crate::model::frame::StoredFrame;
use crate::query::RangeRequest;
use crate::service::transfer::{Exported, Restored, RestoredAs, Transfer};
use crate::service::{ErrorKind, ServiceError};

/// Frames that are on their way into the lanes at once: two batches of a lane.
const IN_FLIGHT: usize = 32;

#[async_trait]
impl Transfer for LocalService {
    async fn export(&self, request: &RangeRequest) -> Result<Option<Exported>, ServiceError> {
        let made = export::export(&self.0.query, request, BTreeMap::new()).await?;
        Ok(made.map(|bytes| bytes.map_err(ServiceError::from).boxed()))
    }

    async fn restore(&self, frames: Vec<StoredFrame>) -> Result<Vec<Restored>, ServiceError> {
        let streams = frames.iter().map(|stored| stored.frame.key.stream());
        streams.clone().try_for_each(|stream| self.must_own(stream))?;
        streams.clone().try_for_each(|stream| self.lane(stream).map(|_| ()))?;
        let restoring: Vec<_> = frames.into_iter().map(|stored| self.restore_one(stored)).collect();
        stream::iter(restoring).buffered(IN_FLIGHT).try_collect().await
    }
}

impl LocalService {
    async fn restore_one(&self, stored: StoredFrame) -> Result<Restored, ServiceError> {
        let key = stored.frame.key.clone();
        let outcome = match self.lane(key.stream())?.restore(stored).await {
            Ok(pushed) if pushed.again => Ok(RestoredAs::Again),
            Ok(_) => Ok(RestoredAs::Stored),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(outcome) => Ok(Restored { key, outcome, message: None }),
            Err(error) => {
                failed(error).map(|(outcome, said)| Restored { key, outcome, message: Some(said) })
            }
        }
    }
}

impl From<ArchiveError> for ServiceError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Query(error) => error.into(),
            ArchiveError::Io { .. } => Self::new(ErrorKind::Refused, error),
            error => Self::new(ErrorKind::BadInput, error),
        }
    }
}

/// What concerns one frame is its outcome, all else is the end of all of them.
fn failed(error: PushError) -> Result<(RestoredAs, String), ServiceError> {
    let said = error.to_string();
    let outcome = match error {
        PushError::Taken(_) => RestoredAs::Taken,
        PushError::Expired(_) => RestoredAs::Expired,
        PushError::Empty(_)
        | PushError::TooLarge { .. }
        | PushError::Future(_)
        | PushError::Time(_) => RestoredAs::Refused,
        PushError::OtherCamera { .. } => return Err(ServiceError::new(ErrorKind::Internal, said)),
        other => return Err(other.into()),
    };
    Ok((outcome, said))
}
