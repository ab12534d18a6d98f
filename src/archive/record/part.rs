//! The file that a recording is being written to: frames in, whole chunks out, on disk in time.
//!
//! What was given is in the file within half a second and synced, so that a power loss costs no more than
//! that. Writing blocks threads of the blocking pool only. After an error of the disk the file holds whole
//! chunks and can be recovered; it is not touched any more.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::archive::ArchiveError;
use crate::archive::format::{About, Ending, SnapshotWriter};
use crate::model::frame::StoredFrame;
use crate::model::time::UnixNanos;

/// How long frames wait at most until they are on disk.
const SYNC_EVERY: Duration = Duration::from_millis(400);

/// What has been written to a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Frames.
    pub(super) frames: u64,
    /// Bytes of their pictures.
    pub(super) image_bytes: u64,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// The time of the oldest frame.
    pub(super) first: Option<UnixNanos>,
    /// The time of the newest frame.
    pub(super) last: Option<UnixNanos>,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: Arc<File>,
    writer: SnapshotWriter,
    written: Written,
    /// When the oldest frame that is not on disk came.
    waiting: Option<Instant>,
}

impl Part {
    /// Begins a file; one that is there is replaced.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(super) async fn create(path: &Path, about: &About) -> Result<Self, ArchiveError> {
        let mut writer = SnapshotWriter::begin(about)?;
        let owned = path.to_owned();
        let opened = blocking(move || {
            OpenOptions::new().write(true).create(true).truncate(true).open(owned)
        });
        let file = opened.await.map_err(|source| failed("cannot make", path, source))?;
        let head = writer.written();
        let written = Written::default();
        let (path, file) = (path.to_owned(), Arc::new(file));
        let mut part = Self { path, file, writer, written, waiting: None };
        part.write(head).await?;
        Ok(part)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What has been written, what still waits in memory included.
    pub(super) fn written(&self) -> Written {
        self.written
    }

    /// Gives it another name.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(super) async fn rename(&mut self, to: &Path) -> Result<(), ArchiveError> {
        let (old, new) = (self.path.clone(), to.to_owned());
        let renamed = blocking(move || std::fs::rename(old, new));
        renamed.await.map_err(|source| failed("cannot rename", &self.path, source))?;
        self.path = to.to_owned();
        Ok(())
    }

    /// Adds a frame that was copied at `now`.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]: the disk is full, for example.
    pub(super) async fn add(
        &mut self,
        stored: &StoredFrame,
        now: UnixNanos,
    ) -> Result<(), ArchiveError> {
        self.writer.add(stored, now)?;
        let at = stored.frame.key.at();
        let written = &mut self.written;
        written.frames = self.writer.frames();
        written.image_bytes = self.writer.image_bytes();
        written.first = Some(written.first.map_or(at, |first| first.min(at)));
        written.last = Some(written.last.map_or(at, |last| last.max(at)));
        self.waiting.get_or_insert_with(Instant::now);
        let bytes = self.writer.written();
        if !bytes.is_empty() {
            self.write(bytes).await?;
        }
        self.sync_in_time().await
    }

    /// Puts on disk what has waited long enough.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(super) async fn sync_in_time(&mut self) -> Result<(), ArchiveError> {
        match self.waiting {
            Some(since) if since.elapsed() >= SYNC_EVERY => self.sync().await,
            _ => Ok(()),
        }
    }

    /// Puts everything on disk.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(super) async fn sync(&mut self) -> Result<(), ArchiveError> {
        if self.waiting.is_none() {
            return Ok(());
        }
        self.writer.flush()?;
        let bytes = self.writer.written();
        self.write(bytes).await?;
        let file = Arc::clone(&self.file);
        let synced = blocking(move || file.sync_data()).await;
        synced.map_err(|source| failed("cannot write", &self.path, source))?;
        self.waiting = None;
        Ok(())
    }

    /// Whether everything is on disk.
    pub(super) fn is_synced(&self) -> bool {
        self.waiting.is_none()
    }

    /// Ends the file; answers what is in it.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(super) async fn finish(&mut self, ending: &Ending) -> Result<Written, ArchiveError> {
        self.writer.finish(ending)?;
        let bytes = self.writer.written();
        self.write(bytes).await?;
        let file = Arc::clone(&self.file);
        let synced = blocking(move || file.sync_all()).await;
        synced.map_err(|source| failed("cannot write", &self.path, source))?;
        Ok(self.written)
    }

    /// After an error of the disk: cuts off what is no whole write, so that the file ends with a whole
    /// chunk and gives room back.
    pub(super) async fn cut(&mut self) {
        let (file, length) = (Arc::clone(&self.file), self.written.bytes);
        if let Err(error) = blocking(move || file.set_len(length)).await {
            tracing::warn!("{} is not cut: {error}", self.path.display());
        }
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), ArchiveError> {
        let (file, length) = (Arc::clone(&self.file), bytes.len());
        let wrote = blocking(move || (&*file).write_all(&bytes)).await;
        wrote.map_err(|source| failed("cannot write", &self.path, source))?;
        self.written.bytes += u64::try_from(length).unwrap_or(0);
        Ok(())
    }
}

/// Runs blocking work of the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten()
}

/// An error of the disk, with the path.
pub(super) fn failed(what: &str, path: &Path, source: io::Error) -> ArchiveError {
    ArchiveError::Io { what: format!("{what} {}", path.display()), source }
}
