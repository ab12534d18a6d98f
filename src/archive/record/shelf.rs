//! Finished files, wherever they lie, and how a recording stands by them.
//!
//! Where the storage is a bucket, finished files lie in the hidden folder `.outgoing` until they are there: so
//! a bucket that is away ends no recording. They are listed and read from either place as one. What is sent is
//! a second name (link) of the file: so one that is replaced or deleted meanwhile is noticed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::part::{blocking, failed};
use super::state::{Ended, State};
use super::status::{Phase, Status, Why};
use crate::archive::storage::{Folder, Storage, Stored};
use crate::archive::{ArchiveError, Blob};
use crate::model::name::Tenant;
use crate::model::recording::{RecordingFile, RecordingName};

/// Where finished files wait for the bucket, in the folder of recordings.
const OUTGOING: &str = ".outgoing";

/// What is being sent, beside those; no recording's name starts with a dot.
const SENDING: &str = ".sending.mcap";

/// Finished files of all recordings.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    storage: Arc<dyn Storage>,
    /// Where files wait that are to go into a bucket.
    outgoing: Option<(PathBuf, Folder)>,
}

impl Shelf {
    /// The files of `storage`; `is_remote` says that it is none of this machine's folders.
    pub(super) fn new(storage: Arc<dyn Storage>, folder: &Path, is_remote: bool) -> Self {
        let path = folder.join(OUTGOING);
        let outgoing = is_remote.then(|| (path.clone(), Folder::new(&path)));
        Self { storage, outgoing }
    }

    /// All files, sorted; one that is in both places once, as it waits.
    pub(super) async fn list(&self) -> Result<Vec<Stored>, ArchiveError> {
        let mut files: BTreeMap<RecordingFile, Stored> = BTreeMap::new();
        for stored in self.storage.list().await? {
            files.insert(stored.file.clone(), stored);
        }
        for stored in self.waiting().await? {
            files.insert(stored.file.clone(), stored);
        }
        Ok(files.into_values().collect())
    }

    /// The files that wait for the bucket.
    pub(super) async fn waiting(&self) -> Result<Vec<Stored>, ArchiveError> {
        match &self.outgoing {
            Some((_, folder)) => folder.list().await,
            None => Ok(Vec::new()),
        }
    }

    /// The bytes of a file; `None` where there is none.
    pub(super) async fn open(
        &self,
        file: &RecordingFile,
    ) -> Result<Option<Arc<dyn Blob>>, ArchiveError> {
        if let Some((_, folder)) = &self.outgoing
            && let Some(blob) = found(folder.open(file).await)?
        {
            return Ok(Some(blob));
        }
        found(self.storage.open(file).await)
    }

    /// Takes a finished local file, which is gone from its place then.
    pub(super) async fn take(
        &self,
        local: &Path,
        file: &RecordingFile,
    ) -> Result<(), ArchiveError> {
        match &self.outgoing {
            Some((_, folder)) => folder.publish(local, file).await,
            None => self.storage.publish(local, file).await,
        }
    }

    /// Sends what waits to the bucket, but for the files of recordings that run, which may be replaced; the
    /// first error ends it, and it is done again later. One at a time.
    pub(super) async fn send(&self, running: &[RecordingName]) -> Result<(), ArchiveError> {
        let Some((folder, _)) = &self.outgoing else { return Ok(()) };
        for stored in self.waiting().await? {
            if !running.contains(&stored.file.recording) {
                self.send_one(folder, &stored.file).await?;
            }
        }
        Ok(())
    }

    async fn send_one(&self, folder: &Path, file: &RecordingFile) -> Result<(), ArchiveError> {
        let (path, sending) = (folder.join(file.to_string()), folder.join(SENDING));
        let (from, to) = (path.clone(), sending.clone());
        let linked = blocking(move || link(&from, &to)).await;
        let linked = linked.map_err(|source| failed("cannot send", &path, source))?;
        let Some(inode) = linked else { return Ok(()) };
        self.storage.publish(&sending, file).await?;
        let sent = path.clone();
        let left = blocking(move || drop_sent(&sent, inode)).await;
        if left.map_err(|source| failed("cannot delete", &path, source))? == Left::Nothing {
            // it was deleted while it was sent
            self.storage.delete(file).await?;
        }
        Ok(())
    }

    /// Deletes a file wherever it is.
    pub(super) async fn delete(&self, file: &RecordingFile) -> Result<(), ArchiveError> {
        if let Some((_, folder)) = &self.outgoing {
            folder.delete(file).await?;
        }
        self.storage.delete(file).await.map(|_| ())
    }
}

/// What was found under the name of a file that was sent.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    /// It, and it is gone now; or another one, which stays.
    Something,
    /// Nothing.
    Nothing,
}

/// Gives a file a second name; its inode, `None` where there is none any more. Blocks.
fn link(from: &Path, to: &Path) -> io::Result<Option<u64>> {
    // what a crash left
    match fs::remove_file(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => other?,
    }
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.and_then(|()| Ok(Some(fs::metadata(to)?.ino()))),
    }
}

/// Removes a file that was sent, unless another one has its name by now. Blocks.
fn drop_sent(path: &Path, inode: u64) -> io::Result<Left> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Left::Nothing),
        other if other.as_ref().is_ok_and(|meta| meta.ino() != inode) => Ok(Left::Something),
        other => other.and_then(|_| fs::remove_file(path)).map(|()| Left::Something),
    }
}

/// What is not there is no error.
fn found(
    opened: Result<Arc<dyn Blob>, ArchiveError>,
) -> Result<Option<Arc<dyn Blob>>, ArchiveError> {
    match opened {
        Ok(blob) => Ok(Some(blob)),
        Err(ArchiveError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What is remembered of a recording that does not run; `None` where there is nothing but perhaps
/// finished files. Blocks.
///
/// # Errors
/// What the system says, and for a state that is not understood.
pub(super) fn known(folder: &Path, name: &RecordingName) -> io::Result<Option<Status>> {
    let is_cut = State::part_path(folder, name).exists();
    let Some(mut state) = State::load(folder, name)? else {
        return Ok(is_cut.then(|| cut(name)));
    };
    if state.runs() {
        let detail = "the process that recorded it has ended: `recordings recover` closes it";
        state.ended = Some(Ended { why: Why::Failed, detail: Some(detail.to_owned()) });
        state.phase = Phase::Failed;
    }
    let totals = state.totals;
    Ok(Some(state.status(totals)))
}

/// A recording of which there is only what was being written.
fn cut(name: &RecordingName) -> Status {
    let detail = "it was cut off: `recordings recover` closes it";
    Status {
        state: Phase::Failed,
        reason: Some(Why::Failed),
        detail: Some(detail.to_owned()),
        ..unknown(name)
    }
}

/// A recording whose state cannot be read.
pub(super) fn unreadable(name: &RecordingName, why: &ArchiveError) -> Status {
    Status {
        state: Phase::Failed,
        reason: Some(Why::Failed),
        detail: Some(why.to_string()),
        ..unknown(name)
    }
}

/// A recording of which nothing is remembered.
fn unknown(name: &RecordingName) -> Status {
    Status {
        name: name.clone(),
        state: Phase::Finished,
        reason: None,
        detail: None,
        tenant: None,
        prefix: None,
        cameras: Vec::new(),
        except: Vec::new(),
        started_at: None,
        from: None,
        to: None,
        first: None,
        last: None,
        frames: None,
        image_bytes: None,
        bytes: 0,
        files: Vec::new(),
        lost: 0,
        gaps: Vec::new(),
        behind_ms: None,
    }
}

/// How a recording stands by what is `known` of it and its finished files; `None` where there is neither.
pub(super) fn status(
    name: &RecordingName,
    known: Option<Status>,
    files: Vec<Stored>,
) -> Option<Status> {
    if known.is_none() && files.is_empty() {
        return None;
    }
    let mut status = known.unwrap_or_else(|| unknown(name));
    status.bytes += files.iter().map(|stored| stored.bytes).sum::<u64>();
    status.files = files.into_iter().map(|stored| stored.file.to_string()).collect();
    Some(status)
}

/// Whether somebody who is bound to one tenant may know of a recording: never of one whose tenant is not
/// known.
pub(super) fn is_seen(status: &Status, bound: Option<&Tenant>) -> bool {
    bound.is_none_or(|bound| status.tenant.as_ref() == Some(bound))
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
