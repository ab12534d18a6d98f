//! Floor 2, the way IN: a JPEG gets a key and a lifetime, is stored with its index record, and only
//! then announced.
//!
//! [`Ingest`] opens one [`Lane`] a camera: a bounded queue and one task that writes it in order, a
//! few frames a batch. Sources hand frames in without ever waiting; pushes wait until their frame is
//! stored. A store that is away is tried again under the same keys until the fate of every frame is
//! known, while the queue behind drops its oldest and counts them. What the bus still owes stands in
//! the index, not in memory: see [`announce`].

pub mod announce;
mod health;
mod limit;
mod queue;
mod resume;
mod writer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::announce::Announcer;
use self::health::ClockHealth;
pub use self::health::StoreHealth;
pub use self::limit::{FpsError, FpsLimit};
use self::queue::{Item, NotQueued, Queue};
use crate::clock::Clock;
pub use crate::metrics::DropReason;
use crate::metrics::{Account, Metrics};
use crate::model::bucket::FRAME_MAX_BYTES;
use crate::model::jpeg::{self, JpegError};
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
    /// The camera's queue is full.
    #[error("camera {0} has too many frames waiting for the store: come again")]
    Busy(String),
    /// The store did not take it in time; it may still do so.
    #[error("the frame is not stored yet: {0}; push it again with the same time to be sure")]
    Store(#[from] StoreError),
    /// The process is ending.
    #[error("this process is shutting down: come again")]
    Stopping,
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
            shared: Arc::clone(&self.shared),
        };
        let task = writer::run(lane.clone(), retention.clone());
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
        lanes.insert(stream.clone(), lane.clone());
        lane
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

/// The way in for one camera. Cheap to clone; taking a frame never waits.
#[derive(Debug, Clone)]
pub struct Lane {
    stream: StreamId,
    queue: Arc<Queue>,
    account: Arc<Account>,
    shared: Arc<Shared>,
}

impl Lane {
    /// Whose lane.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The camera's counts.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// A complete unit that a source took, its first byte at `at`. Checked to be one whole JPEG,
    /// held against the rate limit, queued (the oldest goes when the queue is full), and counted
    /// whatever happens to it. Costs microseconds.
    pub fn capture(&self, at: UnixNanos, bytes: Bytes) {
        self.account.captured();
        match self.admit(at, &bytes) {
            Ok(item) => self.queue_captured(item(bytes)),
            Err(reason) => self.account.dropped(reason),
        }
    }

    fn queue_captured(&self, item: Item) {
        match self.queue.push_dropping_oldest(item) {
            Ok(dropped) => {
                (0..dropped).for_each(|_| self.account.dropped(DropReason::QueueFull));
            }
            // The lane ended while the frame was being looked at.
            Err(_) => self.account.dropped(DropReason::Shutdown),
        }
    }

    /// Part of a frame that a source lost; counted as captured and dropped.
    pub fn fragment(&self, reason: DropReason) {
        self.account.captured_and_dropped(reason);
    }

    fn admit(
        &self,
        at: UnixNanos,
        bytes: &Bytes,
    ) -> Result<impl FnOnce(Bytes) -> Item + use<>, DropReason> {
        if self.shared.stop.is_cancelled() {
            return Err(DropReason::Shutdown);
        }
        if bytes.len() > self.shared.options.max_frame_bytes {
            return Err(DropReason::TooLarge);
        }
        let info = jpeg::inspect(bytes).map_err(|error| DropReason::from(error.reason()))?;
        if !self.queue.within_limit(at) {
            return Err(DropReason::FpsLimit);
        }
        let dimensions = info.dimensions;
        Ok(move |bytes| Item { time: PushTime::Live(at), bytes, dimensions, reply: None })
    }

    /// Stores a frame and waits for it: `Ok` means the store has acknowledged it.
    ///
    /// # Errors
    /// [`PushError`]; except for [`PushError::Store`] the frame is not and will not be stored.
    pub async fn push(&self, time: PushTime, bytes: Bytes) -> Result<Pushed, PushError> {
        let receiver = self.enqueue(time, bytes).inspect_err(|_| self.account.rejected())?;
        match tokio::time::timeout(self.shared.options.push_timeout, receiver).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(PushError::Stopping),
            Err(_) => {
                let waited = self.shared.options.push_timeout.as_secs();
                let said = format!("no answer within {waited} s");
                Err(PushError::Store(StoreError::Unavailable(said)))
            }
        }
    }

    fn enqueue(
        &self,
        time: PushTime,
        bytes: Bytes,
    ) -> Result<oneshot::Receiver<Result<Pushed, PushError>>, PushError> {
        if self.shared.stop.is_cancelled() {
            return Err(PushError::Stopping);
        }
        let max = self.shared.options.max_frame_bytes;
        if bytes.len() > max {
            return Err(PushError::TooLarge { bytes: bytes.len(), max });
        }
        let dimensions = jpeg::inspect(&bytes)?.dimensions;
        if time.at() > self.shared.clock.now().plus(PUSH_AHEAD_MAX) {
            return Err(PushError::Future(time.at().to_rfc3339()));
        }
        crate::model::key::check_time(time.at())?;
        let (sender, receiver) = oneshot::channel();
        let item = Item { time, bytes, dimensions, reply: Some(sender) };
        self.queue.push_if_room(item, || self.account.captured()).map_err(|why| match why {
            NotQueued::Full => PushError::Busy(self.stream.camera.to_string()),
            NotQueued::Closed => PushError::Stopping,
        })?;
        Ok(receiver)
    }

    /// Drops what waits and lets nothing in any more: the process is ending.
    fn abandon_queue(&self) {
        self.queue.close();
        loop {
            let items = self.queue.take(usize::MAX, usize::MAX);
            if items.is_empty() {
                return;
            }
            for item in items {
                self.drop_item(item, DropReason::Shutdown, PushError::Stopping);
            }
        }
    }

    fn drop_item(&self, item: Item, reason: DropReason, error: PushError) {
        self.account.dropped(reason);
        if let Some(reply) = item.reply {
            // A sender that went away does not need its answer.
            let _ = reply.send(Err(error));
        }
    }
}

#[cfg(test)]
mod tests;
