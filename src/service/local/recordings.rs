//! Recordings of this process, by its recorder.

use std::sync::Arc;

use async_trait::async_trait;

use super::LocalService;
use crate::archive::read::{Info, Recording};
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

    /// As [`Recordings::contents`] for somebody who may see only the tenant `bound`, where one is given.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] where no file is finished yet; what the storage fails with.
    pub async fn contents_for(
        &self,
        name: &RecordingName,
        bound: Option<&Tenant>,
    ) -> Result<Option<Info>, ServiceError> {
        let Some(status) = self.recording(name, bound).await? else { return Ok(None) };
        let mut blobs = Vec::new();
        for file in &status.files {
            let Ok(file) = file.parse::<RecordingFile>() else { continue };
            blobs.extend(self.recorded(&file, bound).await?);
        }
        if blobs.is_empty() {
            let said = format!("recording {name} has no finished file yet: stop it first");
            return Err(ServiceError::new(ErrorKind::BadInput, said));
        }
        let recording = Recording::open_all(blobs).await.map_err(RecordError::Archive)?;
        let info = recording.info().await.map_err(RecordError::Archive)?;
        // Where its files lie here is nobody's business elsewhere.
        Ok(Some(Info { name: name.to_string(), ..info }))
    }
}

#[async_trait]
impl Recordings for LocalService {
    async fn record(&self, order: &Order) -> Result<Vec<Status>, ServiceError> {
        self.record_for(order, None).await
    }

    async fn contents(&self, name: &RecordingName) -> Result<Option<Info>, ServiceError> {
        self.contents_for(name, None).await
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
