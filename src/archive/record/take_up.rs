//! Going on where an earlier process ended: what it wrote is read back, and met.
//!
//! A file that cannot be continued is copied: its whole chunks go into a new one beside it, which takes its
//! place in one step. Nothing that is on disk is lost by that, however often it is interrupted. Finished files
//! of a rotated recording are only read, as far back as looks reach again, so that nothing in them is
//! recorded twice.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::files::{Files, about, file_of};
use super::part::{Part, Written};
use super::state::{State, Totals};
use super::track::{OVERLAP, Track};
use crate::archive::read::{Entry, Recording, Select};
use crate::archive::{ArchiveError, Blob, FileBlob};
use crate::model::bucket::IndexRecord;
use crate::model::frame::{Frame, StoredFrame};
use crate::model::time::UnixNanos;

/// What was recorded so shortly before the last known instant may be met again.
const MAY_COME_AGAIN: Duration = Duration::from_secs(30);

impl Files {
    /// Takes up what an earlier process wrote of this recording; `track` meets it. False where `stop` came
    /// first: then all is as it was.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]; nothing that was on disk is lost.
    pub(super) async fn take_up(
        &mut self,
        track: &mut Track,
        stop: &CancellationToken,
    ) -> Result<bool, ArchiveError> {
        let state = self.running.state().clone();
        let path = State::part_path(&self.folder, &state.name);
        let cut = open(&path).await?;
        let was_cut = cut.is_some();
        if state.rotation.is_some() && !self.meet_finished(&state, was_cut, track, stop).await? {
            return Ok(false);
        }
        let blob = match (cut, state.rotation) {
            (Some(blob), _) => Some(blob),
            (None, None) => self.shelf.open(&file_of(&state)).await?,
            (None, Some(_)) => None,
        };
        let Some(blob) = blob else { return Ok(true) };
        let Some(recording) = understood(blob).await? else { return Ok(true) };
        let beside = PathBuf::from(format!("{}.new", path.display()));
        let mut part = Part::create(&beside, &about(&state, state.started_at)).await?;
        if meet(&recording, &state, track, Some(&mut part), stop).await?.is_none() {
            return Ok(false);
        }
        part.sync().await?;
        part.rename(&path).await?;
        self.part = Some(part);
        self.took_up(state.rotation.is_none()).await?;
        Ok(true)
    }

    /// Meets what is in finished files of a rotated recording, the newest first, as far back as looks
    /// reach again. The newest may not be in the totals yet. False where `stop` came first.
    async fn meet_finished(
        &mut self,
        state: &State,
        was_cut: bool,
        track: &mut Track,
        stop: &CancellationToken,
    ) -> Result<bool, ArchiveError> {
        let reached = state.verified.minus(OVERLAP);
        let listed = self.shelf.list().await.unwrap_or_else(|error| {
            let name = &state.name;
            tracing::warn!("recording {name} goes on unseen, and may repeat seconds: {error}");
            Vec::new()
        });
        let own: Vec<_> = listed.into_iter().map(|stored| stored.file).collect();
        for file in own.into_iter().rev().filter(|file| file.recording == state.name) {
            let Some(blob) = self.shelf.open(&file).await? else { continue };
            let bytes = blob.size();
            let Some(recording) = understood(blob).await? else { continue };
            let Some(read) = meet(&recording, state, track, None, stop).await? else {
                return Ok(false);
            };
            if state.is_open && !was_cut && file == file_of(state) {
                // it was finished, but that was not written down any more
                self.note(Written { bytes, ..read });
            }
            if read.last.is_some_and(|last| last < reached) {
                break;
            }
        }
        Ok(true)
    }

    /// The open file holds what was taken up, and of a recording in one file that is all.
    async fn took_up(&mut self, is_all: bool) -> Result<(), ArchiveError> {
        {
            let mut state = self.running.state();
            state.is_open = true;
            if is_all {
                state.totals = Totals::default();
            }
        }
        *self.running.live() = self.live(0);
        self.running.save().await
    }
}

/// A file of this machine; `None` where there is none.
async fn open(path: &std::path::Path) -> Result<Option<Arc<dyn Blob>>, ArchiveError> {
    match FileBlob::open(path).await {
        Ok(blob) => Ok(Some(Arc::new(blob))),
        Err(ArchiveError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is in a file; `None` where it ends before its first whole chunk.
async fn understood(blob: Arc<dyn Blob>) -> Result<Option<Recording>, ArchiveError> {
    let name = blob.name().to_owned();
    match Recording::open(blob).await {
        Ok(recording) => Ok(Some(recording)),
        Err(ArchiveError::Format(why)) => {
            tracing::warn!("nothing can be read of {name}: {why}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Reads every frame of a file, and copies it where asked; `None` where `stop` came first.
async fn meet(
    recording: &Recording,
    state: &State,
    track: &mut Track,
    mut copy: Option<&mut Part>,
    stop: &CancellationToken,
) -> Result<Option<Written>, ArchiveError> {
    let mut read = Written::default();
    let mut entries = recording.entries(&Select::ALL);
    while let Some(entry) = entries.next().await {
        if stop.is_cancelled() {
            return Ok(None);
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error @ ArchiveError::Io { .. }) => return Err(error),
            Err(damage) => {
                tracing::warn!("recording {}: {damage}", state.name);
                continue;
            }
        };
        let recorded_at = entry.recorded_at.unwrap_or(entry.at);
        let Some(stored) = stored(entry) else { continue };
        let key = &stored.frame.key;
        let is_recent = recorded_at >= state.arrived.minus(MAY_COME_AGAIN);
        let record = IndexRecord { at: key.at(), suffix: key.suffix(), ask: is_recent, size: None };
        track.meet(&key.stream().camera, &record, state.arrived);
        read.frames += 1;
        read.image_bytes += u64::try_from(stored.frame.bytes.len()).unwrap_or(0);
        read.first = Some(read.first.map_or(key.at(), |first| first.min(key.at())));
        read.last = Some(read.last.map_or(key.at(), |last: UnixNanos| last.max(key.at())));
        if let Some(part) = copy.as_deref_mut() {
            part.add(&stored, recorded_at).await?;
        }
    }
    Ok(Some(read))
}

fn stored(entry: Entry) -> Option<StoredFrame> {
    let frame = Frame { key: entry.key?, bytes: entry.bytes };
    Some(StoredFrame { frame, ttl: entry.ttl, expires_at: entry.expires_at })
}
