//! The files of one recording: where the next frame goes, and when a file is finished.
//!
//! A recording is written to `NAME.mcap.part`. That becomes `NAME.mcap`, or a segment `NAME/START.mcap`, only
//! when it is complete: by the storage, which shows whole files and nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::part::{Part, Written};
use super::rotation;
use super::running::{Live, Running};
use super::shelf::Shelf;
use super::state::State;
use crate::archive::ArchiveError;
use crate::archive::format::{About, Ending};
use crate::model::frame::StoredFrame;
use crate::model::recording::RecordingFile;
use crate::model::time::{TimeRange, UnixNanos};

/// What a frame takes in a file beside its picture, at most.
const FRAME_OVERHEAD: u64 = 512;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) folder: PathBuf,
    pub(super) shelf: Shelf,
    pub(super) running: Arc<Running>,
    pub(super) part: Option<Part>,
}

impl Files {
    /// The files of a recording; nothing is open.
    pub(super) fn new((folder, shelf): (PathBuf, Shelf), running: Arc<Running>) -> Self {
        Self { folder, shelf, running, part: None }
    }

    /// How far the open file is.
    pub(super) fn live(&self, behind_ms: u64) -> Live {
        let written = self.part.as_ref().map(Part::written);
        Live { written: written.unwrap_or_default(), is_open: written.is_some(), behind_ms }
    }

    /// Writes a frame that was copied at `now`, into a new file where one begins. False where it does
    /// not fit into the recording any more; nothing is written then.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(super) async fn write(
        &mut self,
        stored: &StoredFrame,
        now: UnixNanos,
    ) -> Result<bool, ArchiveError> {
        let at = stored.frame.key.at();
        let (rotation, max_bytes, held) = {
            let state = self.running.state();
            (state.rotation, state.max_bytes, state.totals.bytes)
        };
        let written = self.part.as_ref().map(Part::written).unwrap_or_default();
        let size = u64::try_from(stored.frame.bytes.len()).unwrap_or(u64::MAX);
        let wanted = held + written.image_bytes.max(written.bytes) + size + FRAME_OVERHEAD;
        if max_bytes.is_some_and(|most| wanted > most) {
            return Ok(false);
        }
        if let (Some(rotation), Some(newest)) = (rotation, written.last)
            && rotation.begins(at, newest, written.bytes)
        {
            self.finish(true).await?;
        }
        if self.part.is_none() {
            self.begin(at, now).await?;
        }
        if let Some(part) = &mut self.part {
            part.add(stored, now).await?;
        }
        Ok(true)
    }

    /// Begins a file whose first frame is of `at`.
    async fn begin(&mut self, at: UnixNanos, now: UnixNanos) -> Result<(), ArchiveError> {
        let (path, about) = {
            let mut state = self.running.state();
            if state.rotation.is_some() {
                state.last_segment = Some(rotation::start(at, state.last_segment));
            }
            state.is_open = true;
            (State::part_path(&self.folder, &state.name), about(&state, now))
        };
        // which file it is has to be known before there is one: a crash in between leaves a name without
        // a file, never a file that is taken for the one before
        self.running.save().await?;
        self.part = Some(Part::create(&path, &about).await?);
        Ok(())
    }

    /// Finishes the open file and gives it its name. A recording in one file has one even without a
    /// frame, where `is_over`.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(super) async fn finish(&mut self, is_over: bool) -> Result<(), ArchiveError> {
        let (is_empty, started_at) = {
            let state = self.running.state();
            (state.rotation.is_none() && state.totals.files == 0, state.started_at)
        };
        if self.part.is_none() && is_over && is_empty {
            self.begin(started_at, started_at).await?;
        }
        let Some(mut part) = self.part.take() else { return Ok(()) };
        let (file, ending) = {
            let state = self.running.state();
            (file_of(&state), ending(&state))
        };
        let written = part.finish(&ending).await?;
        self.shelf.take(part.path(), &file).await?;
        self.note(written);
        self.running.save().await
    }

    pub(super) fn note(&self, written: Written) {
        let mut state = self.running.state();
        state.totals = state.totals.and(written);
        state.is_open = false;
        *self.running.live() = Live::default();
    }

    /// Lets go of the open file after an error of the disk; it stays to be recovered.
    pub(super) async fn give_up(&mut self) {
        if let Some(mut part) = self.part.take() {
            part.cut().await;
        }
    }

    /// Puts on disk what has waited long enough.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(super) async fn sync_in_time(&mut self) -> Result<(), ArchiveError> {
        match &mut self.part {
            Some(part) => part.sync_in_time().await,
            None => Ok(()),
        }
    }

    /// Puts everything on disk.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(super) async fn sync(&mut self) -> Result<(), ArchiveError> {
        match &mut self.part {
            Some(part) => part.sync().await,
            None => Ok(()),
        }
    }

    /// Whether everything is on disk.
    pub(super) fn is_synced(&self) -> bool {
        self.part.as_ref().is_none_or(Part::is_synced)
    }
}

/// The file that is being written, or would be next.
pub(super) fn file_of(state: &State) -> RecordingFile {
    let segment = state.rotation.and(state.last_segment).map(rotation::segment);
    RecordingFile { recording: state.name.clone(), segment }
}

/// What a file says of itself at its begin.
pub(super) fn about(state: &State, now: UnixNanos) -> About {
    let facts = [
        ("recording", state.name.to_string()),
        ("tenant", state.tenant.to_string()),
        ("prefix", state.prefix.to_string()),
        (
            "cameras",
            if state.cameras.is_empty() { "*".to_owned() } else { state.cameras.join(",") },
        ),
        ("except", state.except.join(",")),
    ];
    let facts: BTreeMap<String, String> =
        facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let window = state.spans.hull().unwrap_or(TimeRange::ALL);
    About { window, captured_at: now, facts }
}

/// What a file says of itself at its end: of the whole recording up to there.
pub(super) fn ending(state: &State) -> Ending {
    let mut facts = BTreeMap::new();
    let why = state.ended.as_ref().map_or("continues", |ended| ended.why.as_str());
    facts.insert("reason".to_owned(), why.to_owned());
    if !state.gaps.is_empty() {
        let gap = |gap: &super::Gap| format!("{}/{}", gap.from.to_rfc3339(), gap.to.to_rfc3339());
        let gaps: Vec<String> = state.gaps.iter().map(gap).collect();
        facts.insert("gaps".to_owned(), gaps.join(" "));
    }
    Ending { lost: state.lost, facts }
}
