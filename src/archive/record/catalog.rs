//! What there is of recordings, those that run and those that lie there: listed, opened, deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::RecordError;
use super::manager::Recorder;
use super::part::{blocking, failed};
use super::shelf;
use super::state::State;
use super::status::Status;
use crate::archive::{ArchiveError, Blob};
use crate::model::name::Tenant;
use crate::model::recording::{RecordingFile, RecordingName};

impl Recorder {
    /// How one recording stands, with its files.
    pub(super) async fn status(
        &self,
        name: &RecordingName,
        bound: Option<&Tenant>,
    ) -> Result<Option<Status>, RecordError> {
        // of one that runs nobody has to wait for a bucket
        let files = match self.running_of(name, None) {
            Some(_) if self.parts.is_remote => self.shelf.waiting().await?,
            _ => self.shelf.list().await?,
        };
        let files = files.into_iter().filter(|stored| stored.file.recording == *name).collect();
        let status = shelf::status(name, self.known(name).await?, files);
        Ok(status.filter(|status| shelf::is_seen(status, bound)))
    }

    /// What is known of a recording beside its files.
    pub(super) async fn known(&self, name: &RecordingName) -> Result<Option<Status>, ArchiveError> {
        if let Some(entry) = self.entries().get(name).map(|entry| Arc::clone(&entry.running)) {
            return Ok(Some(entry.status()));
        }
        let (folder, owned) = (self.parts.folder.clone(), name.clone());
        let known = blocking(move || shelf::known(&folder, &owned)).await;
        known
            .map_err(|source| failed("cannot read", &State::path(&self.parts.folder, name), source))
    }

    /// The bytes of a finished file; `None` where there is none that `bound` may see.
    ///
    /// # Errors
    /// What the storage fails with.
    pub async fn open(
        &self,
        file: &RecordingFile,
        bound: Option<&Tenant>,
    ) -> Result<Option<Arc<dyn Blob>>, RecordError> {
        let status = self.status(&file.recording, bound).await?;
        let shown = file.to_string();
        if !status.is_some_and(|status| status.files.contains(&shown)) {
            return Ok(None);
        }
        Ok(self.shelf.open(file).await?)
    }

    pub(super) async fn list(&self, bound: Option<&Tenant>) -> Result<Vec<Status>, RecordError> {
        let mut files: BTreeMap<RecordingName, Vec<_>> = BTreeMap::new();
        for stored in self.shelf.list().await? {
            files.entry(stored.file.recording.clone()).or_default().push(stored);
        }
        let mut names: BTreeSet<RecordingName> = self.names().await?.into_iter().collect();
        names.extend(files.keys().cloned());
        names.extend(self.entries().keys().cloned());
        let mut all = Vec::new();
        for name in names {
            let known = match self.known(&name).await {
                Ok(known) => known,
                Err(error) => Some(shelf::unreadable(&name, &error)),
            };
            all.extend(shelf::status(&name, known, files.remove(&name).unwrap_or_default()));
        }
        all.retain(|status| shelf::is_seen(status, bound));
        all.sort_by_key(|status| std::cmp::Reverse(status.started_at));
        Ok(all)
    }

    pub(super) async fn delete(
        &self,
        name: &RecordingName,
        bound: Option<&Tenant>,
    ) -> Result<Option<Status>, RecordError> {
        let mut turn = self.turn.lock().await;
        let Some(status) = self.status(name, bound).await? else { return Ok(None) };
        if self.running_of(name, bound).is_some() {
            return Err(RecordError::Misfit(format!("recording {name} runs: stop it first")));
        }
        self.take_folder(&mut turn).await?;
        for stored in self.shelf.list().await? {
            if stored.file.recording == *name {
                self.shelf.delete(&stored.file).await?;
            }
        }
        let (folder, owned) = (self.parts.folder.clone(), name.clone());
        let removed = blocking(move || State::remove(&folder, &owned)).await;
        removed.map_err(|source| failed("cannot delete from", &self.parts.folder, source))?;
        self.entries().remove(name);
        Ok(Some(status))
    }
}
