//! Where finished recordings lie: a folder of this machine, or a bucket of an object store.
//!
//! A recording is written as a local file and only then published, so that whoever lists the storage sees
//! whole recordings and nothing else, wherever a process or a machine stops: in a folder by a rename, in a
//! bucket by one request that makes the parts of an upload an object. What is running is not here; the
//! recorder keeps it. The backends are `folder` and `object`; `object` alone names the object_store crate.

mod folder;
mod object;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::config::RecordingsConfig;
use crate::model::recording::RecordingFile;
use crate::model::time::UnixNanos;

use super::{ArchiveError, Blob};

pub use folder::Folder;
pub use object::ObjectStorage;

/// Most files that a storage lists.
pub const MAX_FILES: usize = 100_000;

/// A finished file of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What it is called.
    pub file: RecordingFile,
    /// Its size.
    pub bytes: u64,
    /// When it was published; whole seconds in a bucket.
    pub modified: UnixNanos,
}

/// Finished recordings. No call blocks a worker thread.
#[async_trait]
pub trait Storage: Send + Sync + std::fmt::Debug {
    /// Where that is, for people: a path or `s3://bucket/prefix`, without secrets.
    fn place(&self) -> &str;

    /// All files, sorted by recording and segment. Other files that lie there are passed over.
    ///
    /// # Errors
    /// [`ArchiveError::Io`], also for more than [`MAX_FILES`].
    async fn list(&self) -> Result<Vec<Stored>, ArchiveError>;

    /// The bytes of one file.
    ///
    /// # Errors
    /// [`ArchiveError::Io`], with [`std::io::ErrorKind::NotFound`] when there is none.
    async fn open(&self, file: &RecordingFile) -> Result<Arc<dyn Blob>, ArchiveError>;

    /// Moves a finished local file here under this name; one of that name is replaced. Until it is
    /// here as a whole nobody sees it. The local file is gone after a success and stays after an error,
    /// so that publishing it once more is always right.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    async fn publish(&self, local: &Path, file: &RecordingFile) -> Result<(), ArchiveError>;

    /// Deletes one file; answers whether there was one.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    async fn delete(&self, file: &RecordingFile) -> Result<bool, ArchiveError>;
}

/// The storage that the configuration names. Nothing is connected or created yet.
///
/// # Errors
/// [`ArchiveError::Io`] when the bucket's client cannot be made.
pub fn open(config: &RecordingsConfig) -> Result<Arc<dyn Storage>, ArchiveError> {
    Ok(match &config.storage {
        Some(bucket) => Arc::new(ObjectStorage::new(bucket)?),
        None => Arc::new(Folder::new(&config.folder)),
    })
}

/// What a place with too many files is told.
fn too_many(place: &str) -> ArchiveError {
    let said =
        format!("there are more than {MAX_FILES} files: give recordings a place of their own");
    failed(format!("cannot list {place}"), std::io::Error::other(said))
}

fn failed(what: String, source: std::io::Error) -> ArchiveError {
    ArchiveError::Io { what, source }
}
