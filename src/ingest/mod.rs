//! Floor 2, the way IN: a JPEG gets a key and a lifetime, is stored with its index record, and only
//! then announced.
//!
//! [`Ingest`] opens one [`Lane`] a camera: a bounded queue and one task that writes it in order, a
//! few frames a batch. Sources hand frames in without ever waiting; pushes wait until their frame is
//! stored. A store that is away is tried again under the same keys until the fate of every frame is
//! known, while the queue behind drops its oldest and counts them. What the bus still owes stands in
//! the index, not in memory: see [`announce`].

pub mod announce;
mod depth;
mod health;
mod lane;
mod limit;
mod queue;
mod resume;
mod writer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::announce::{Announcer, Waiting};
pub use self::depth::QueueDepth;
use self::health::ClockHealth;
pub use self::health::StoreHealth;
pub use self::lane::Lane;
pub use self::limit::{FpsError, FpsLimit};
use self::queue::Queue;
use crate::clock::Clock;
pub use crate::metrics::DropReason;
use crate::metrics::Metrics;
use crate::model::bucket::FRAME_MAX_BYTES;
use crate::model::jpeg::JpegError;
use crate::model::key::{FrameKey, KeyError, StreamId};
use crate::model::retention::Retention;
use crate::model::time::UnixNanos;
use crate::store::{FrameStore, StoreError};

/// How far ahead of the clock a push may be.
pub const PUSH_AHEAD_MAX: Duration = Duration::from_secs(10);

/// The bounds of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestOptions {
    /// Frames that may wait in a camera's queue.
    pub queue_frames: usize,
    /// Bytes that may wait in a camera's queue.
    pub queue_bytes: usize,
    /// Largest frame, at most [`FRAME_MAX_BYTES`].
    pub max_frame_bytes: usize,
    /// How long a push waits for the store before it is told to come again.
    pub push_timeout: Duration,
    /// How long an ending process goes on writing what it has taken.
    pub drain_timeout: Duration,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            queue_frames: 256,
            queue_bytes: 32 << 20,
            max_frame_bytes: FRAME_MAX_BYTES,
            push_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// When a pushed frame was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushTime {
    /// About now: the key's time may move on by nanoseconds to stay strictly increasing.
    Live(UnixNanos),
    /// Exactly then, however late. The same time and bytes again give the same key.
    Exact(UnixNanos),
}

impl PushTime {
    fn at(self) -> UnixNanos {
        match self {
            Self::Live(at) | Self::Exact(at) => at,
        }
    }
}

/// A stored push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Where it lies.
    pub key: FrameKey,
    /// Whether the same bytes already lay there.
    pub again: bool,
}

/// Why a push was not stored.
#[derive(Debug, Clone, Error)]
pub enum PushError {
    /// Not one whole JPEG.
    #[error("the pushed bytes are refused: {0}")]
    Jpeg(#[from] JpegError),
    /// Over the size limit.
    #[error("the pushed frame has {bytes} bytes, more than the {max} allowed (max_frame_bytes)")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// Over ten seconds ahead of the clock.
    #[error("the pushed time {0} is over 10 s in the future: check the sender's clock")]
    Future(String),
    /// Before September 2001.
    #[error(transparent)]
    Time(#[from] KeyError),
    /// A restored frame without bytes: a store knows no such frames.
    #[error("{0} has no bytes: a frame has at least one")]
    Empty(FrameKey),
    /// A restored frame's end is past.
    #[error("{0} has expired: give it another lifetime")]
    Expired(FrameKey),
    /// Something else lies under a restored frame's key.
    #[error("{0} holds other bytes: delete it first, or restore under another camera or prefix")]
    Taken(FrameKey),
    /// A restored frame came to the lane of another camera.
    #[error("{key} is no frame of {lane}")]
    OtherCamera {
        /// What was given.
        key: FrameKey,
        /// Whose lane it is.
        lane: String,
    },
    /// The camera's queue is full.
    #[error("camera {0} has too many frames waiting for the store: come again")]
    Busy(String),
    /// The store did not take it in time; it may still do so.
    #[error("the frame is not stored yet: {0}; push it again with the same time to be sure")]
    Store(#[from] StoreError),
    /// The process is ending.
    #[error("this process is shutting down: come again")]
    Stopping,
    /// The camera is just being removed; it may be pushed to anew once it is gone.
    #[error("camera {0} is being removed: come again")]
    Removed(String),
}

/// Opens lanes and owns their tasks.
#[derive(Debug)]
pub struct Ingest {
    shared: Arc<Shared>,
    lanes: Mutex<HashMap<StreamId, Lane>>,
    tasks: Mutex<JoinSet<()>>,
}

/// What every lane uses.
#[derive(Debug)]
struct Shared {
    store: Arc<dyn FrameStore>,
    announcer: Announcer,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    options: IngestOptions,
    health: StoreHealth,
    clock_health: ClockHealth,
    stop: CancellationToken,
}

impl Ingest {
    /// An ingest without lanes.
    #[must_use]
    pub fn new(
        store: Arc<dyn FrameStore>,
        announcer: Announcer,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        options: IngestOptions,
    ) -> Self {
        let shared = Shared {
            store,
            announcer,
            clock,
            metrics,
            options,
            health: StoreHealth::default(),
            clock_health: ClockHealth::default(),
            stop: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared), lanes: Mutex::default(), tasks: Mutex::default() }
    }

    /// The lane of a camera, opened on first use with these tiers and this rate limit; a lane that
    /// is already open keeps its own.
    ///
    /// Must be called inside a tokio runtime: the lane's task starts here.
    pub fn lane(&self, stream: &StreamId, retention: &Retention, limit: Option<FpsLimit>) -> Lane {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(stream) {
            return lane.clone();
        }
        let lane = Lane {
            stream: stream.clone(),
            queue: Arc::new(Queue::new(self.shared.options, limit)),
            account: self.shared.metrics.account(stream),
            retention: Arc::new(Mutex::new(retention.clone())),
            stop: self.shared.stop.child_token(),
            ended: CancellationToken::new(),
            shared: Arc::clone(&self.shared),
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // What lanes that were closed have left.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(writer::run(lane.clone()));
        lanes.insert(stream.clone(), lane.clone());
        lane
    }

    /// Closes the lane of a camera that is no longer wanted: takes no more frames, writes what was
    /// taken within `drain_timeout`, and counts what could not be written as dropped (`shutdown`, or
    /// `unknown` where the store never answered). The camera's account stays. Returns when all is
    /// done; a later [`Ingest::lane`] opens a new one. No lane is no error.
    pub async fn close_lane(&self, stream: &StreamId) {
        let open = self.lanes.lock().unwrap_or_else(PoisonError::into_inner).get(stream).cloned();
        let Some(lane) = open else { return };
        lane.stop.cancel();
        lane.ended.cancelled().await;
        lane.abandon_queue();
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.get(stream).is_some_and(|now| Arc::ptr_eq(&now.queue, &lane.queue)) {
            lanes.remove(stream);
        }
    }

    /// Lanes that are open.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether a camera has a lane.
    #[must_use]
    pub fn has_lane(&self, stream: &StreamId) -> bool {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).contains_key(stream)
    }

    /// Why frames wait for the store; `None` while it answers.
    #[must_use]
    pub fn store_trouble(&self) -> Option<String> {
        self.shared.health.trouble()
    }

    /// That the clock stepped back behind the newest keys; `None` while it did not.
    #[must_use]
    pub fn clock_trouble(&self) -> Option<String> {
        self.shared.clock_health.trouble()
    }

    /// Frames that are stored and not yet announced.
    #[must_use]
    pub fn announcements_waiting(&self) -> u64 {
        self.shared.announcer.backlog()
    }

    /// Takes no more frames, writes what was taken within `drain_timeout`, and ends every lane; then
    /// the announcer does the same. Afterwards nothing is pending in any account.
    pub async fn close(&self) {
        self.shared.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.join_all().await;
        for lane in self.lanes.lock().unwrap_or_else(PoisonError::into_inner).values() {
            lane.abandon_queue();
        }
        self.shared.announcer.close(self.shared.options.drain_timeout).await;
    }
}

#[cfg(test)]
mod tests;
