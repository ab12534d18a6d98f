//! Floor 4: what every face calls, whether the frames lie here or in a running `up` elsewhere.
//!
//! [`Service`] has two implementations: [`local::LocalService`] (ingest, query and bus of this
//! process) and [`remote::RemoteService`] (the HTTP API of a running `up`). A verb of the command
//! line works on either without knowing which. Decides nothing: it passes on and translates errors
//! into the few kinds that a face can act on.

mod exposition;
mod holds;
pub mod local;
pub mod recordings;
pub mod remote;
pub mod replays;
pub mod status;
pub mod transfer;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::holds::Holds;
use crate::fleet::{CameraOrder, CameraView, Ordered};
pub use crate::watch::Followed;

use crate::ingest::Pushed;
use crate::model::frame::{Frame, FrameInfo};
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::CameraId;
use crate::model::time::{TimeRange, UnixNanos};
use crate::query::{
    CameraSummary, DeleteReport, DeleteRequest, How, Nearest, RangeAnswer, RangeRequest,
    ReindexReport, Scope, StatsAnswer, TimelineStep, Via,
};

/// What a face can act on: a status, an exit code, whether to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The request itself is wrong; sending it again changes nothing.
    BadInput,
    /// The frame is over the size limit.
    TooLarge,
    /// Somebody else must not do this, or the credentials are wrong.
    Denied,
    /// Full, away or shutting down: come again.
    Unavailable,
    /// The store or broker answered that it will not.
    Refused,
    /// A bug.
    Internal,
}

/// An error with one sentence for people and one kind for programs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ServiceError {
    /// What a face does with it.
    pub kind: ErrorKind,
    /// What was wrong and what would be right; holds no secrets.
    pub message: String,
}

impl ServiceError {
    /// An error of this kind with the text of `cause`.
    pub fn new(kind: ErrorKind, cause: impl fmt::Display) -> Self {
        Self { kind, message: cause.to_string() }
    }
}

/// Whether frames can be taken, stored and announced right now, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether both store and bus are usable.
    pub ready: bool,
    /// Which store; this and what follows is told only to who may see every tenant. E.g. `redis at 127.0.0.1:6379`.
    #[serde(default)]
    pub store: String,
    /// Which bus, e.g. `amqp at 127.0.0.1:5672/client-a`.
    #[serde(default)]
    pub bus: String,
    /// What is wrong, a sentence each; empty when ready.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// What is odd but stops nothing, a sentence each: a clock that stepped back.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Stored frames that are not announced yet.
    #[serde(default)]
    pub announcements_waiting: u64,
    /// Configured cameras that deliver no frames. They are no reason not to be ready.
    #[serde(default)]
    pub cameras_down: Vec<CameraDown>,
}

/// A camera that delivers no frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraDown {
    /// Which.
    pub camera: CameraId,
    /// Why, without secrets.
    pub error: String,
}

/// A window of some cameras cut into steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineRequest {
    /// Of these cameras, added up.
    pub streams: Vec<StreamId>,
    /// Which window.
    pub window: TimeRange,
    /// Length of a step, at least a millisecond.
    pub step: Duration,
    /// By which way, and how sure.
    pub how: How,
}

/// Everything that can be asked of a frame cache.
#[async_trait]
pub trait Service:
    recordings::Recordings + transfer::Transfer + Holds + replays::Replays + Send + Sync + fmt::Debug
{
    /// Where the frames lie, for messages: `embedded`, `redis at HOST:PORT`, a URL. No secrets.
    fn place(&self) -> String;

    /// Stores a frame and returns once the store has it; `at` is its exact time, now when `None`.
    async fn push(
        &self,
        stream: &StreamId,
        at: Option<UnixNanos>,
        bytes: Bytes,
    ) -> Result<Pushed, ServiceError>;

    /// The frame under a key; `None` when nothing lives there.
    async fn get(&self, key: &FrameKey) -> Result<Option<Frame>, ServiceError>;

    /// The newest `count` frames of a camera, newest first.
    async fn latest(
        &self,
        stream: &StreamId,
        count: usize,
        how: How,
    ) -> Result<Vec<FrameInfo>, ServiceError>;

    /// The newest frame of a camera with its bytes.
    async fn latest_frame(
        &self,
        stream: &StreamId,
        via: Via,
    ) -> Result<Option<Frame>, ServiceError>;

    /// The frames of a window, without bytes.
    async fn range(&self, request: &RangeRequest) -> Result<RangeAnswer, ServiceError>;

    /// The frame nearest to an instant, at most `within` away.
    async fn at(
        &self,
        stream: &StreamId,
        at: UnixNanos,
        within: Option<Duration>,
        via: Via,
    ) -> Result<Option<Nearest>, ServiceError>;

    /// Frames and bytes of each step of a window, without touching frames.
    async fn timeline(&self, request: &TimelineRequest) -> Result<Vec<TimelineStep>, ServiceError>;

    /// Cameras with live frames, and their newest.
    async fn cameras(&self, scope: &Scope, via: Via) -> Result<Vec<CameraSummary>, ServiceError>;

    /// What lives, by tenant and prefix.
    async fn stats(&self, scope: &Scope) -> Result<StatsAnswer, ServiceError>;

    /// Adds what a scan finds to the index; with `dry_run` only says what it would add.
    async fn reindex(&self, scope: &Scope, dry_run: bool) -> Result<ReindexReport, ServiceError>;

    /// Deletes frames and their index records; with `dry_run` only says what it would delete.
    async fn delete(
        &self,
        request: &DeleteRequest,
        dry_run: bool,
    ) -> Result<DeleteReport, ServiceError>;

    /// Whether store and bus are usable now. Asks the store, for at most a second.
    async fn readiness(&self) -> Result<Readiness, ServiceError>;

    /// Every camera that the process collects: its settings without secrets, and how it does.
    async fn fleet(&self) -> Result<Vec<CameraView>, ServiceError>;

    /// Shows, adds, changes, pauses, resumes or removes one camera that the process collects, and
    /// returns when it is done; `None` when it collects no such camera.
    async fn order(
        &self,
        stream: &StreamId,
        order: CameraOrder,
    ) -> Result<Option<Ordered>, ServiceError>;

    /// Announcements and status messages from now on.
    async fn follow(&self) -> Result<BoxStream<'static, Followed>, ServiceError>;
}
