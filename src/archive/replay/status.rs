//! What is told of a replay.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Fate, Speed, Times};
use crate::model::name::ReplayId;
use crate::model::time::UnixNanos;

/// What a replay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplayState {
    /// It plays.
    #[default]
    Playing,
    /// It stands still.
    Paused,
    /// It came to its end.
    Ended,
    /// It was stopped.
    Stopped,
    /// It could not go on.
    Failed,
}

impl ReplayState {
    /// Whether nothing more comes of it.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Stopped | Self::Failed)
    }
}

/// How far a replay is, and what became of its frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it does.
    pub state: ReplayState,
    /// How fast.
    pub speed: Speed,
    /// Which instant of the recording is played.
    pub position: UnixNanos,
    /// How often it was played to its end.
    pub rounds: u64,
    /// Frames that were stored.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that lay there already.
    pub again: u64,
    /// Frames that were not stored.
    pub refused: u64,
    /// Frames that were handed on over 100 ms after they were due.
    pub late: u64,
    /// Why the last frame was not stored, or why it could not go on; empty where nothing was wrong.
    pub error: String,
}

/// A replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayStatus {
    /// What it is called.
    pub id: ReplayId,
    /// What is played.
    pub recording: String,
    /// The first instant that is played.
    pub from: UnixNanos,
    /// The first instant that is not.
    pub to: UnixNanos,
    /// Whether it begins again at its end.
    pub looped: bool,
    /// Which times its frames bear.
    pub times: Times,
    /// When it was started.
    pub started_at: UnixNanos,
    /// How far it is.
    #[serde(flatten)]
    pub progress: Progress,
}

impl Progress {
    /// Counts what became of a frame of `size` bytes.
    pub(super) fn count(&mut self, fate: Fate, size: usize) {
        match fate {
            Fate::Stored => {
                self.frames += 1;
                self.bytes += u64::try_from(size).unwrap_or(u64::MAX);
            }
            Fate::Again => self.again += 1,
            Fate::Refused(why) => {
                self.refused += 1;
                self.error = why;
            }
        }
    }
}

pub(super) fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}
