//! Recordings in a folder: published by a rename, and on disk before anyone is told so.
//!
//! The data reaches the disk before the name does (fsync of the file, then `rename(2)`, then fsync of the
//! folder), so a power loss leaves the whole recording under its name or none. From another file system it
//! is copied beside its place first, under a name that no listing shows; copies that a crash left are
//! removed by the next one. The folder is made when the first recording comes.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;

use crate::model::recording::RecordingFile;
use crate::model::time::UnixNanos;

use super::super::{ArchiveError, Blob, FileBlob};
use super::{MAX_FILES, Storage, Stored, failed, too_many};

/// What a copy is called until it is whole; no name of a recording starts with a dot.
const COPY: (&str, &str) = (".", ".copy");

/// A folder of this machine.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    place: String,
}

impl Folder {
    /// Names a folder; it need not exist yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), place: root.display().to_string() }
    }

    fn path(&self, file: &RecordingFile) -> PathBuf {
        self.root.join(file.to_string())
    }
}

#[async_trait]
impl Storage for Folder {
    fn place(&self) -> &str {
        &self.place
    }

    async fn list(&self) -> Result<Vec<Stored>, ArchiveError> {
        let root = self.root.clone();
        let listed = blocking(move || list(&root)).await;
        let files =
            listed.map_err(|source| failed(format!("cannot list {}", self.place), source))?;
        files.ok_or_else(|| too_many(&self.place))
    }

    async fn open(&self, file: &RecordingFile) -> Result<Arc<dyn Blob>, ArchiveError> {
        Ok(Arc::new(FileBlob::open(&self.path(file)).await?))
    }

    async fn publish(&self, local: &Path, file: &RecordingFile) -> Result<(), ArchiveError> {
        let (root, from, to) = (self.root.clone(), local.to_owned(), self.path(file));
        let what = || format!("cannot move {} to {}", local.display(), self.path(file).display());
        let moved = blocking(move || publish(&root, &from, &to)).await;
        moved.map_err(|source| failed(what(), source))
    }

    async fn delete(&self, file: &RecordingFile) -> Result<bool, ArchiveError> {
        let (root, path) = (self.root.clone(), self.path(file));
        let deleted = blocking(move || delete(&root, &path)).await;
        deleted.map_err(|source| {
            failed(format!("cannot delete {}", self.path(file).display()), source)
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten()
}

/// All files of recordings; `None` when there are too many.
fn list(root: &Path) -> io::Result<Option<Vec<Stored>>> {
    let mut found = Vec::new();
    for name in names_in(root)? {
        match stored(root, &name)? {
            Listed::File(file) => found.push(file),
            Listed::Folder => {
                for inner in names_in(&root.join(&name))? {
                    if let Listed::File(file) = stored(root, &format!("{name}/{inner}"))? {
                        found.push(file);
                    }
                    if found.len() > MAX_FILES {
                        return Ok(None);
                    }
                }
            }
            Listed::Other => {}
        }
        if found.len() > MAX_FILES {
            return Ok(None);
        }
    }
    found.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(Some(found))
}

enum Listed {
    File(Stored),
    Folder,
    Other,
}

/// The names in a folder, none of a missing one; names that are no text are not ours.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
    names.filter_map(Result::transpose).collect()
}

fn stored(root: &Path, name: &str) -> io::Result<Listed> {
    let meta = match fs::metadata(root.join(name)) {
        // deleted since it was listed, or a link to nowhere
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Listed::Other),
        other => other?,
    };
    if meta.is_dir() {
        return Ok(Listed::Folder);
    }
    let Ok(file) = name.parse::<RecordingFile>() else { return Ok(Listed::Other) };
    let age = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let nanos = u64::try_from(age.as_nanos()).ok().and_then(UnixNanos::new);
    let modified = nanos.ok_or(ErrorKind::InvalidData)?;
    Ok(Listed::File(Stored { file, bytes: meta.len(), modified }))
}

fn publish(root: &Path, from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    let file = File::open(from)?;
    file.sync_all()?;
    let renamed = match fs::rename(from, to) {
        // the folder went with an older segment meanwhile
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            fs::rename(from, to)
        }
        other => other,
    };
    match renamed {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            copy(&file, folder, to)?;
            fs::remove_file(from)?;
        }
        other => other?,
    }
    sync_folders(root, folder)
}

/// Copies an open file beside its place and then gives it its name.
fn copy(from: &File, folder: &Path, to: &Path) -> io::Result<()> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!("{}{name}{}", COPY.0, COPY.1));
    let written = (|| {
        // truncates what a crash left
        let mut copy = File::create(&beside)?;
        io::copy(&mut &*from, &mut copy)?;
        copy.sync_all()?;
        fs::rename(&beside, to)
    })();
    if written.is_err() {
        // the error that counts is the first one
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Makes names durable: in the folder that changed, and where that one may be new.
fn sync_folders(root: &Path, folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()?;
    if folder == root { Ok(()) } else { File::open(root)?.sync_all() }
}

fn delete(root: &Path, path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        other => other?,
    }
    let folder = path.parent().unwrap_or(root);
    // the folder of a rotated recording goes with its last segment
    if folder != root && fs::remove_dir(folder).is_ok() {
        return File::open(root)?.sync_all().map(|()| true);
    }
    sync_folders(root, folder).map(|()| true)
}
