//! Recordings played into a store, as if their cameras were there.
//!
//! | file | does |
//! | --- | --- |
//! | `speed` `schedule` `stamp` | the decisions, pure: how fast, when, under which key |
//! | `play` | one replay: reads ahead, waits until a frame is due, hands it on |
//! | `manager` | all replays of a process |
//!
//! A replay hands its frames to a [`Sink`], which stores and announces them like those of a camera. It
//! reads a bounded number of frames ahead; a store that is slow makes it late and loses nothing.

mod control;
mod manager;
mod play;
mod schedule;
mod speed;
mod stamp;
mod status;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::control::{Control, Told};
pub use self::manager::{Replays, ReplaysParts, StartReplay};
pub use self::play::Player;
pub use self::schedule::Schedule;
pub use self::speed::{Speed, SpeedError};
pub use self::status::{Progress, ReplayState, ReplayStatus};
use super::ArchiveError;
use crate::model::frame::StoredFrame;
use crate::model::time::{TimeRange, Ttl};

/// Which times played frames bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Times {
    /// When they are played.
    #[default]
    Shifted,
    /// When they were recorded.
    Original,
}

/// How a recording is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// How fast.
    pub speed: Speed,
    /// Which part of it.
    pub window: TimeRange,
    /// Names or globs of cameras or channels; none: all.
    pub cameras: Vec<String>,
    /// Again and again.
    pub looped: bool,
    /// Which times the frames bear.
    pub times: Times,
    /// How long they live; as recorded without it.
    pub ttl: Option<Ttl>,
}

impl Default for Manner {
    /// All of it, once, at its pace.
    fn default() -> Self {
        Self {
            speed: Speed::RECORDED,
            window: TimeRange::ALL,
            cameras: Vec::new(),
            looped: false,
            times: Times::Shifted,
            ttl: None,
        }
    }
}

/// What became of a frame that was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is stored, and announced.
    Stored,
    /// The same frame lay there already.
    Again,
    /// It is not stored; the sentence says why.
    Refused(String),
}

/// Why no frame of a batch was taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SinkError {
    /// What was wrong.
    pub message: String,
    /// Whether the next batch would fare no better.
    pub fatal: bool,
}

/// Where frames are played to.
#[async_trait]
pub trait Sink: Send + Sync + std::fmt::Debug {
    /// Stores frames, in their order for each camera, and answers what became of each.
    async fn store(&self, frames: Vec<StoredFrame>) -> Result<Vec<Fate>, SinkError>;
}

/// Why a replay was not started or did not follow.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// What was asked does not fit; the sentence says what would.
    #[error("{0}")]
    Misfit(String),
    /// There is no such recording.
    #[error("there is no recording {0} here")]
    NoRecording(String),
    /// As many as may be run at once.
    #[error("{0} replays run already: stop one, or wait for its end")]
    Full(usize),
    /// The recording could not be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The process is ending.
    #[error("this process is shutting down: come again")]
    Stopping,
}
