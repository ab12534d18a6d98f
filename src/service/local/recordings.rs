//! Recordings of this process, by its recorder.

use std::sync::Arc;

use async_trait::async_trait;

use super::LocalService;
use crate::archive::record::{Order, RecordError, Recorder, Status};
use crate::archive::{ArchiveError, Blob};
use crate::model::name::Tenant;
use crate::model::recording::{RecordingFile, RecordingName};
use crate::service::recordings::Recordings;
use crate::service::{ErrorKind, ServiceError};

impl LocalService {
    /// Who records here.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] in a process that only passes by.
    pub fn recorder(&self) -> Result<&Arc<Recorder>, ServiceError> {
        self.0.recorder.as_ref().ok_or_else(|| {
            let said = "this process records nothing: name the running `up` with --url";
            ServiceError::new(ErrorKind::BadInput, said)
        })
    }

    /// As [`Recordings::record`] for somebody who may see only the tenant `bound`, where one is given.
    ///
    /// # Errors
    /// What the recorder refuses, and the disk.
    pub async fn record_for(
        &self,
        order: &Order,
        bound: Option<&Tenant>,
    ) -> Result<Vec<Status>, ServiceError> {
        Ok(self.recorder()?.obey(order.clone(), bound).await?)
    }

    /// The bytes of a finished file; `None` where there is none that `bound` may see.
    ///
    /// # Errors
    /// What the storage fails with.
    pub async fn recorded(
        &self,
        file: &RecordingFile,
        bound: Option<&Tenant>,
    ) -> Result<Option<Arc<dyn Blob>>, ServiceError> {
        Ok(self.recorder()?.open(file, bound).await?)
    }

    /// How a recording stands; `None` where there is none that `bound` may see.
    ///
    /// # Errors
    /// What the storage fails with.
    pub async fn recording(
        &self,
        name: &RecordingName,
        bound: Option<&Tenant>,
    ) -> Result<Option<Status>, ServiceError> {
        let order = Order::Status(name.clone().into());
        Ok(self.record_for(&order, bound).await?.pop())
    }
}

#[async_trait]
impl Recordings for LocalService {
    async fn record(&self, order: &Order) -> Result<Vec<Status>, ServiceError> {
        self.record_for(order, None).await
    }
}

impl From<RecordError> for ServiceError {
    fn from(error: RecordError) -> Self {
        let kind = match &error {
            RecordError::Misfit(_) => ErrorKind::BadInput,
            RecordError::Archive(ArchiveError::Query(_)) | RecordError::Stopping => {
                ErrorKind::Unavailable
            }
            RecordError::Archive(_) | RecordError::InUse(_) => ErrorKind::Refused,
        };
        Self::new(kind, error)
    }
}
