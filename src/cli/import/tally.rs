//! What an import read and what became of it, counted as it goes and told at its end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::archive::read::Entry;
use crate::cli::times::{shown_bytes, shown_count};
use crate::model::jpeg;
use crate::model::key::FrameKey;
use crate::model::time::UnixNanos;

/// So many single frames are complained of; all are counted.
const COMPLAINTS: u64 = 10;

/// Counts so far; frames unless the name says otherwise.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Read, and given a key.
    pub(super) frames: u64,
    /// Of these.
    pub(super) bytes: u64,
    pub(super) stored: u64,
    pub(super) again: u64,
    pub(super) taken: u64,
    pub(super) expired: u64,
    pub(super) refused: u64,
    pub(super) damaged: u64,
    not_jpeg: u64,
    complaints: u64,
    cameras: BTreeMap<String, CameraTally>,
}

/// What came of one camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct CameraTally {
    frames: u64,
    bytes: u64,
    /// Times of the first and last, as they are stored.
    first: UnixNanos,
    last: UnixNanos,
}

/// What is told at the end.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    file: PathBuf,
    dry_run: bool,
    /// Read from the recording.
    pub(super) frames: u64,
    bytes: u64,
    stored: u64,
    /// There already, with the same bytes.
    again: u64,
    /// Not imported, because other bytes lie under their keys.
    pub(super) taken: u64,
    /// Not imported, because their end is past.
    pub(super) expired: u64,
    /// Not imported for another reason of their own.
    pub(super) refused: u64,
    /// Not readable in the recording.
    pub(super) damaged: u64,
    /// Imported as they are, though no JPEG.
    pub(super) not_jpeg: u64,
    /// By `tenant/prefix/camera`.
    cameras: BTreeMap<String, CameraTally>,
}

impl Tally {
    /// Counts an entry that was read and will be stored as `key`.
    pub(super) fn read(&mut self, key: &FrameKey, entry: &Entry) {
        let bytes = u64::try_from(entry.bytes.len()).unwrap_or(u64::MAX);
        self.frames += 1;
        self.bytes += bytes;
        self.not_jpeg += u64::from(jpeg::inspect(&entry.bytes).is_err());
        let at = key.at();
        let none = CameraTally { frames: 0, bytes: 0, first: at, last: at };
        let camera = self.cameras.entry(key.stream().to_string()).or_insert(none);
        camera.frames += 1;
        camera.bytes += bytes;
        camera.first = camera.first.min(at);
        camera.last = camera.last.max(at);
    }

    /// Whether one more frame may be complained of; counts it.
    pub(super) fn may_complain(&mut self) -> bool {
        self.complaints += 1;
        self.complaints <= COMPLAINTS
    }

    pub(super) fn report(self, file: PathBuf, dry_run: bool) -> Report {
        let Self { frames, bytes, stored, again, taken, expired, refused, damaged, .. } = self;
        let (not_jpeg, cameras) = (self.not_jpeg, self.cameras);
        Report {
            file,
            dry_run,
            frames,
            bytes,
            stored,
            again,
            taken,
            expired,
            refused,
            damaged,
            not_jpeg,
            cameras,
        }
    }
}

impl Report {
    /// For people.
    pub(super) fn sentence(&self) -> String {
        let cameras = shown_count(self.cameras.len(), "camera");
        let (count, bytes) = (shown_count(self.frames, "frame"), shown_bytes(self.bytes));
        if self.dry_run {
            return format!("{count} ({bytes}) of {cameras} would be imported");
        }
        let mut said = format!("{} imported", shown_count(self.stored, "frame"));
        if self.again > 0 {
            said.push_str(&format!(", {} there already", self.again));
        }
        format!("{said}; {count} ({bytes}) of {cameras} read")
    }
}
