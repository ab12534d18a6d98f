//! Recordings as files of other kinds: a video of each camera, zips as redis-record has them, pictures.
//!
//! Whatever is written lies beside its place under another name until it is whole, so that nobody ever
//! takes a part for the rest. Files are written by a thread of their own. Damaged parts of a recording are
//! passed over and told.

mod folder;
mod mp4;
mod zip;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{BoxStream, StreamExt as _};
use serde::Serialize;
use tokio::sync::mpsc;

use super::read::{Recording, Select};
use super::{ArchiveError, Naming, frames_of};
use crate::model::frame::StoredFrame;
use crate::model::key::StreamId;
use crate::model::time::UnixNanos;

/// Frames between the reader and the writer of files.
const AHEAD: usize = 16;

/// The most damaged parts that are told.
const DAMAGED_MAX: usize = 8;

/// What a recording becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// H.264 of each camera.
    Mp4,
    /// A folder of zips as redis-record has them.
    Zip,
    /// A folder of pictures.
    Jpeg,
}

/// What is converted.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// From where.
    pub recording: Recording,
    /// Which frames.
    pub select: Select,
    /// What cameras are called in the result.
    pub naming: Naming,
    /// The ffmpeg program, for videos.
    pub ffmpeg: PathBuf,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Converted {
    /// The files, or the one folder.
    pub files: Vec<PathBuf>,
    /// Frames in them.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that are no JPEG: left out of videos, `.bin` in a folder of pictures.
    pub not_jpeg: u64,
    /// Parts of the recording that are damaged and left out.
    pub damaged: Vec<String>,
}

/// Told of each frame that was read.
pub type Seen = Arc<dyn Fn(UnixNanos) + Send + Sync>;

/// Converts to `target`, which must not be there yet.
///
/// # Errors
/// [`ArchiveError`]: `target` is there, cannot be written, ffmpeg failed, the recording cannot be read or
/// its cameras cannot be named; [`ArchiveError::Format`] where no frame is selected.
pub async fn convert(
    from: &Conversion,
    kind: Kind,
    target: &Path,
    seen: Seen,
) -> Result<Converted, ArchiveError> {
    let watch = Arc::new(Watch { seen, ..Watch::default() });
    let names = from.naming.settle(&from.recording.channels_of(&from.select))?;
    let labels = Labels::of(names.streams());
    let files = match kind {
        Kind::Mp4 => mp4::write(from, target, &labels, &watch).await?,
        Kind::Zip | Kind::Jpeg => {
            refuse_taken(target)?;
            let target = target.to_owned();
            let opened = tokio::task::spawn_blocking(move || -> io::Result<Box<dyn Sink>> {
                Ok(match kind {
                    Kind::Zip => Box::new(zip::Zips::create(&target, labels)?),
                    _ => Box::new(folder::Pictures::create(&target, labels)?),
                })
            });
            let sink = opened.await.map_err(io::Error::other).flatten();
            let frames = watch.frames(from, &from.select)?;
            write_all(sink.map_err(not_written)?, frames).await?
        }
    };
    let converted = watch.told(files);
    if converted.files.is_empty() {
        let name = from.recording.name();
        return Err(ArchiveError::Format(format!("{name} has no such frames: nothing is written")));
    }
    Ok(converted)
}

/// Where frames become files; blocks.
trait Sink: Send {
    fn put(&mut self, stored: &StoredFrame) -> io::Result<()>;

    /// Puts all in its place.
    fn finish(self: Box<Self>) -> io::Result<Vec<PathBuf>>;
}

async fn write_all(
    mut sink: Box<dyn Sink>,
    mut frames: BoxStream<'static, Result<StoredFrame, ArchiveError>>,
) -> Result<Vec<PathBuf>, ArchiveError> {
    let (sender, mut receiver) = mpsc::channel::<StoredFrame>(AHEAD);
    let (go, goes) = tokio::sync::oneshot::channel::<()>();
    let writing = tokio::task::spawn_blocking(move || {
        let mut any = false;
        while let Some(stored) = receiver.blocking_recv() {
            sink.put(&stored)?;
            any = true;
        }
        // Without the word nothing is put in its place: the reader failed.
        if any && goes.blocking_recv().is_ok() { sink.finish() } else { Ok(Vec::new()) }
    });
    let mut failed = None;
    while let Some(next) = frames.next().await {
        match next {
            Ok(stored) => {
                if sender.send(stored).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    match failed {
        None => drop(go.send(())),
        Some(_) => drop(go),
    }
    drop(sender);
    let written = writing.await.map_err(io::Error::other).flatten().map_err(not_written)?;
    failed.map_or(Ok(written), Err)
}

/// Counts what passes by.
struct Watch {
    seen: Seen,
    frames: AtomicU64,
    bytes: AtomicU64,
    not_jpeg: AtomicU64,
    damaged: Mutex<Vec<String>>,
}

impl Default for Watch {
    fn default() -> Self {
        let none = || AtomicU64::new(0);
        let (frames, bytes, not_jpeg) = (none(), none(), none());
        Self { seen: Arc::new(|_| {}), frames, bytes, not_jpeg, damaged: Mutex::default() }
    }
}

impl Watch {
    /// The frames that are selected; damage is written down and passed over.
    fn frames(
        self: &Arc<Self>,
        from: &Conversion,
        select: &Select,
    ) -> Result<BoxStream<'static, Result<StoredFrame, ArchiveError>>, ArchiveError> {
        let watch = Arc::clone(self);
        let frames = frames_of(&from.recording, select, &from.naming)?;
        Ok(frames.filter_map(move |frame| std::future::ready(watch.judge(frame))).boxed())
    }

    fn judge(
        &self,
        frame: Result<StoredFrame, ArchiveError>,
    ) -> Option<Result<StoredFrame, ArchiveError>> {
        match &frame {
            Ok(stored) => {
                (self.seen)(stored.frame.key.at());
                let bytes = &stored.frame.bytes;
                let no_jpeg = !bytes.starts_with(&[0xFF, 0xD8]);
                self.not_jpeg.fetch_add(no_jpeg.into(), Ordering::Relaxed);
                self.count(u64::try_from(bytes.len()).unwrap_or(0));
            }
            Err(ArchiveError::Format(why)) => {
                let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
                if damaged.len() < DAMAGED_MAX {
                    damaged.push(why.clone());
                }
                return None;
            }
            Err(_) => {}
        }
        Some(frame)
    }

    fn count(&self, bytes: u64) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn told(&self, files: Vec<PathBuf>) -> Converted {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (frames, bytes) = (read(&self.frames), read(&self.bytes));
        Converted { files, frames, bytes, not_jpeg: read(&self.not_jpeg), damaged }
    }
}

/// What cameras are called in file names: by their ids, and by all of the key where two are the same.
#[derive(Debug, Clone)]
struct Labels {
    twice: HashSet<String>,
    streams: Vec<StreamId>,
}

impl Labels {
    fn of<'a>(streams: impl Iterator<Item = &'a StreamId>) -> Self {
        let mut streams: Vec<StreamId> = streams.cloned().collect();
        streams.sort();
        let (mut once, mut twice) = (HashSet::new(), HashSet::new());
        for stream in &streams {
            let camera = stream.camera.to_string();
            if !once.insert(camera.clone()) {
                twice.insert(camera);
            }
        }
        Self { twice, streams }
    }

    fn label(&self, stream: &StreamId) -> String {
        let StreamId { tenant, prefix, camera } = stream;
        match self.twice.contains(camera.as_str()) {
            true => format!("{tenant}_{prefix}_{camera}"),
            false => camera.to_string(),
        }
    }
}

fn refuse_taken(target: &Path) -> Result<(), ArchiveError> {
    let empty = || target.read_dir().is_ok_and(|mut found| found.next().is_none());
    if target.exists() && !empty() {
        let target = target.display();
        return Err(ArchiveError::Naming(format!(
            "{target} is there already: give another name, or remove it"
        )));
    }
    Ok(())
}

fn not_written(source: io::Error) -> ArchiveError {
    ArchiveError::Io { what: "cannot write the result".to_owned(), source }
}

/// A folder beside the target, which it becomes when it is whole.
#[derive(Debug)]
struct Staged {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Staged {
    fn beside(target: &Path) -> io::Result<Self> {
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = tempfile::Builder::new()
            .prefix(".framecache-")
            .tempdir_in(parent.unwrap_or(Path::new(".")))
            // Errors of a temporary folder name it, and the user never heard of it.
            .map_err(|error| io::Error::from(error.kind()))?;
        Ok(Self { folder, target: target.to_owned() })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts it in its place.
    fn publish(self) -> io::Result<Vec<PathBuf>> {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.folder.path(), permissions)?;
        std::fs::rename(self.folder.path(), &self.target)?;
        // What it was called is gone; there is nothing to remove.
        let _ = self.folder.keep();
        Ok(vec![self.target])
    }
}
