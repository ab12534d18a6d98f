//! How a recording stands, as it is told to whoever asks.

use serde::{Deserialize, Serialize};

use crate::model::name::{Prefix, Tenant};
use crate::model::recording::RecordingName;
use crate::model::time::UnixNanos;

/// What a recording does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It takes what is captured.
    Recording,
    /// It takes nothing until it is resumed.
    Paused,
    /// It takes what was captured before its end, and finishes.
    Stopping,
    /// Its files are complete.
    Finished,
    /// It ended with an error; what was written can be recovered.
    Failed,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was asked to.
    Stopped,
    /// It was as long as it may be.
    MaxLength,
    /// Its files were as large as they may be.
    MaxBytes,
    /// No frame came for so long as it waits.
    Idle,
    /// All recordings together are over the quota, and nothing that is finished is left to delete.
    Quota,
    /// The disk or the storage failed.
    Failed,
    /// It was closed after a crash or an error.
    Recovered,
}

impl Why {
    /// The word, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::MaxLength => "max_length",
            Self::MaxBytes => "max_bytes",
            Self::Idle => "idle",
            Self::Quota => "quota",
            Self::Failed => "failed",
            Self::Recovered => "recovered",
        }
    }
}

/// A span that was wanted and of which the store had nothing any more: how many frames it held, nobody
/// knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Its first instant.
    pub from: UnixNanos,
    /// The first instant after it.
    pub to: UnixNanos,
}

/// How a recording stands. What is not known, as of a file that was put here by others, is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What it is called.
    pub name: RecordingName,
    /// What it does.
    pub state: Phase,
    /// Why it ended or ends.
    pub reason: Option<Why>,
    /// A sentence about that, where the word is not enough.
    pub detail: Option<String>,
    /// Whose cameras.
    pub tenant: Option<Tenant>,
    /// Which family.
    pub prefix: Option<Prefix>,
    /// Cameras by id or pattern; empty = all.
    pub cameras: Vec<String>,
    /// Cameras that are left out.
    pub except: Vec<String>,
    /// When it was begun.
    pub started_at: Option<UnixNanos>,
    /// From which time of capture on it records.
    pub from: Option<UnixNanos>,
    /// Up to which, once that is known; not included.
    pub to: Option<UnixNanos>,
    /// The time of its oldest frame.
    pub first: Option<UnixNanos>,
    /// The time of its newest frame.
    pub last: Option<UnixNanos>,
    /// Frames in it.
    pub frames: Option<u64>,
    /// Bytes of its pictures.
    pub image_bytes: Option<u64>,
    /// Bytes of its files that are there.
    pub bytes: u64,
    /// Its finished files that are there: `NAME.mcap`, or `NAME/SEGMENT.mcap` of a rotated one.
    pub files: Vec<String>,
    /// Frames that expired before they could be recorded.
    pub lost: u64,
    /// Spans of which nothing was left.
    pub gaps: Vec<Gap>,
    /// How far behind the newest capture it is while it runs, in milliseconds.
    pub behind_ms: Option<u64>,
}
