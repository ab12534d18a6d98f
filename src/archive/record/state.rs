//! What is remembered of a recording beside its files: `NAME.json` in the folder of recordings.
//!
//! It says what was asked for and up to where everything is on disk, so that a process that starts again
//! goes on where the last one was. It is written to a temporary name, synced and renamed: a crash leaves
//! the old one or the new one. The frames themselves are counted from the files, never from here alone.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RecordError;
use super::choice::Choice;
use super::order::Start;
use super::part::Written;
use super::rotation::Rotation;
use super::spans::Spans;
use super::status::{Gap, Phase, Why};
use crate::model::name::{Prefix, Tenant};
use crate::model::recording::RecordingName;
use crate::model::time::{UnixNanos, parse_instant};

/// The version of these files.
const VERSION: u32 = 1;

/// What the state of a recording ends with.
const ENDING: &str = ".json";

/// What the file that is being written ends with.
const PART_ENDING: &str = ".mcap.part";

/// Spans that could not be recorded, at most; further ones are only counted as one.
const GAPS_MAX: usize = 1000;

/// How far a start may lie ahead: who orders it may have another clock.
const AHEAD_MAX: Duration = Duration::from_secs(10);

/// The largest state that is read.
const STATE_MAX_BYTES: u64 = 16 << 20;

/// What is in the finished files of a recording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) frames: u64,
    pub(super) image_bytes: u64,
    pub(super) bytes: u64,
    pub(super) first: Option<UnixNanos>,
    pub(super) last: Option<UnixNanos>,
}

impl Totals {
    /// With one more file.
    pub(super) fn and(self, written: Written) -> Self {
        let either = |a: Option<UnixNanos>, b: Option<UnixNanos>, pick: fn(_, _) -> _| match (a, b)
        {
            (Some(a), Some(b)) => Some(pick(a, b)),
            (one, None) | (None, one) => one,
        };
        Self {
            files: self.files + 1,
            frames: self.frames + written.frames,
            image_bytes: self.image_bytes + written.image_bytes,
            bytes: self.bytes + written.bytes,
            first: either(self.first, written.first, UnixNanos::min),
            last: either(self.last, written.last, UnixNanos::max),
        }
    }
}

/// Why a recording has an end, and what there is to say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) why: Why,
    /// A sentence, where the word is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    pub(super) name: RecordingName,
    pub(super) tenant: Tenant,
    pub(super) prefix: Prefix,
    pub(super) cameras: Vec<String>,
    pub(super) except: Vec<String>,
    pub(super) rotation: Option<Rotation>,
    pub(super) max_bytes: Option<u64>,
    /// When it ends by itself.
    pub(super) until: Option<UnixNanos>,
    pub(super) idle_ms: Option<u64>,
    pub(super) started_at: UnixNanos,
    pub(super) spans: Spans,
    /// Set once it is to end.
    pub(super) ended: Option<Ended>,
    /// Whether it is over: nothing is written any more.
    pub(super) phase: Phase,
    /// Everything in time that was captured before is on disk.
    pub(super) verified: UnixNanos,
    /// Everything late that came before is on disk.
    pub(super) arrived: UnixNanos,
    /// Where the newest file of a rotated recording begins.
    pub(super) last_segment: Option<UnixNanos>,
    /// Whether it is over when the process that records it ends.
    pub(super) is_passing: bool,
    /// Whether a file was begun that is not in the totals.
    pub(super) is_open: bool,
    pub(super) totals: Totals,
    pub(super) lost: u64,
    pub(super) gaps: Vec<Gap>,
}

impl State {
    /// What an order to start means at `now`, for a process of this family.
    ///
    /// # Errors
    /// [`RecordError::Misfit`] with what would be right.
    pub(super) fn new(
        start: &Start,
        (tenant, prefix): (&Tenant, &Prefix),
        now: UnixNanos,
    ) -> Result<Self, RecordError> {
        Choice::new(&start.cameras, &start.except)?;
        let from = start.from.as_deref().map(|text| parse_instant(text, now, &chrono::Utc));
        let from =
            from.transpose().map_err(|error| RecordError::Misfit(format!("from: {error}")))?;
        let from = from.unwrap_or(now);
        if from > now.plus(AHEAD_MAX) {
            let said = format!("from {} lies in the future: give now or before", from.to_rfc3339());
            return Err(RecordError::Misfit(said));
        }
        Ok(Self {
            version: VERSION,
            name: start.name.clone(),
            tenant: start.tenant.as_ref().unwrap_or(tenant).clone(),
            prefix: start.prefix.as_ref().unwrap_or(prefix).clone(),
            cameras: start.cameras.clone(),
            except: start.except.clone(),
            rotation: Rotation::new(start.segment, start.segment_bytes)?,
            max_bytes: start.max_bytes.map(|size| size.0),
            until: start.max_length.map(|length| from.plus(length.0)),
            idle_ms: start.idle.map(|idle| u64::try_from(idle.0.as_millis()).unwrap_or(u64::MAX)),
            started_at: now,
            spans: Spans::from(from),
            ended: None,
            phase: Phase::Recording,
            verified: from,
            arrived: now,
            last_segment: None,
            is_passing: false,
            is_open: false,
            totals: Totals::default(),
            lost: 0,
            gaps: Vec::new(),
        })
    }

    /// Whether something is still to be written.
    pub(super) fn runs(&self) -> bool {
        !matches!(self.phase, Phase::Finished | Phase::Failed)
    }

    /// Ends what is wanted at `at`, once: a second reason changes nothing.
    pub(super) fn end(&mut self, at: UnixNanos, ended: Ended) {
        if self.ended.is_none() {
            self.spans.close(at);
            self.ended = Some(ended);
            self.phase = Phase::Stopping;
        }
    }

    /// Notes a span of which nothing could be read any more.
    pub(super) fn note_gap(&mut self, gap: Gap) {
        let is_full = self.gaps.len() >= GAPS_MAX;
        match self.gaps.last_mut() {
            Some(last) if is_full || last.to >= gap.from => last.to = last.to.max(gap.to),
            _ => self.gaps.push(gap),
        }
    }

    /// Where the state of a recording lies.
    pub(super) fn path(folder: &Path, name: &RecordingName) -> PathBuf {
        folder.join(format!("{name}{ENDING}"))
    }

    /// Where a recording is written to while it runs.
    pub(super) fn part_path(folder: &Path, name: &RecordingName) -> PathBuf {
        folder.join(format!("{name}{PART_ENDING}"))
    }

    /// Writes it down. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn save(&self, folder: &Path) -> io::Result<()> {
        let path = Self::path(folder, &self.name);
        let beside = folder.join(format!(".{}{ENDING}.new", self.name));
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(folder)?.sync_all()
    }

    /// Reads one back; `None` where there is none. Blocks.
    ///
    /// # Errors
    /// What the system says, and [`ErrorKind::InvalidData`] for what this version did not write.
    pub(super) fn load(folder: &Path, name: &RecordingName) -> io::Result<Option<Self>> {
        let path = Self::path(folder, name);
        let size = match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?.len(),
        };
        let odd = |why: String| io::Error::new(ErrorKind::InvalidData, why);
        if size > STATE_MAX_BYTES {
            return Err(odd(format!("{size} bytes are no state of a recording")));
        }
        let state: Self =
            serde_json::from_slice(&fs::read(&path)?).map_err(|error| odd(error.to_string()))?;
        if state.version != VERSION || state.name != *name {
            return Err(odd(format!("it is of version {} and of {}", state.version, state.name)));
        }
        Ok(Some(state))
    }

    /// Removes what is remembered of a recording, and what was being written; answers whether there
    /// was something. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn remove(folder: &Path, name: &RecordingName) -> io::Result<bool> {
        let mut was_there = false;
        let part = Self::part_path(folder, name);
        let copy = PathBuf::from(format!("{}.new", part.display()));
        for path in [copy, part, Self::path(folder, name)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => {
                    other?;
                    was_there = true;
                }
            }
        }
        Ok(was_there)
    }

    /// The names of which a folder has a state or an unfinished file, sorted. Blocks.
    ///
    /// # Errors
    /// What the system says; a missing folder has none.
    pub(super) fn names(folder: &Path) -> io::Result<Vec<RecordingName>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let Ok(text) = entry?.file_name().into_string() else { continue };
            let stem = text.strip_suffix(ENDING).or_else(|| text.strip_suffix(PART_ENDING));
            names.extend(stem.and_then(|stem| RecordingName::new(stem).ok()));
        }
        names.sort();
        names.dedup();
        Ok(names)
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
