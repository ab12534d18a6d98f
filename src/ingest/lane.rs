//! The way in for one camera: checks, counts and queues what a source took or somebody pushed.
//!
//! Rate limit and lifetimes can be changed while frames come: the limit holds for the next frame that
//! is captured, the lifetimes for the next that is written. What is stored keeps its life, what waits
//! goes on waiting, and the account is exact at every instant.

mod restore;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::limit::FpsLimit;
use super::queue::{Item, NotQueued, Queue, Target};
use super::{DropReason, PUSH_AHEAD_MAX, PushError, PushTime, Pushed, Shared};
use crate::metrics::Account;
use crate::model::jpeg;
use crate::model::key::{StreamId, check_time};
use crate::model::retention::Retention;
use crate::model::time::UnixNanos;
use crate::store::StoreError;

/// What became of a push, once it is known.
type Reply = oneshot::Receiver<Result<Pushed, PushError>>;

/// The way in for one camera. Cheap to clone; taking a frame never waits.
#[derive(Debug, Clone)]
pub struct Lane {
    pub(super) stream: StreamId,
    pub(super) queue: Arc<Queue>,
    pub(super) account: Arc<Account>,
    /// Which lifetimes the next frames get.
    pub(super) retention: Arc<Mutex<Retention>>,
    /// Ends this lane; cancelled with the ingest's own.
    pub(super) stop: CancellationToken,
    /// Cancelled when nothing is written any more.
    pub(super) ended: CancellationToken,
    pub(super) shared: Arc<Shared>,
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

    /// Changes lifetimes and rate limit; see the head of this file. Waits for nothing.
    pub fn change(&self, retention: &Retention, limit: Option<FpsLimit>) {
        *self.retention.lock().unwrap_or_else(PoisonError::into_inner) = retention.clone();
        self.queue.change_limit(limit);
    }

    /// The lifetimes in force.
    pub(super) fn retention(&self) -> Retention {
        self.retention.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    pub(super) fn queue_captured(&self, item: Item) {
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

    pub(super) fn admit(
        &self,
        at: UnixNanos,
        bytes: &Bytes,
    ) -> Result<impl FnOnce(Bytes) -> Item + use<>, DropReason> {
        if self.stop.is_cancelled() {
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
        let target = Target::Minted(PushTime::Live(at));
        Ok(move |bytes| Item { target, bytes, dimensions: Some(dimensions), reply: None })
    }

    /// Stores a frame and waits for it: `Ok` means the store has acknowledged it.
    ///
    /// # Errors
    /// [`PushError`]; except for [`PushError::Store`] the frame is not and will not be stored.
    pub async fn push(&self, time: PushTime, bytes: Bytes) -> Result<Pushed, PushError> {
        let receiver = self.enqueue(time, bytes).inspect_err(|_| self.account.rejected())?;
        self.answer(receiver).await
    }

    async fn answer(&self, receiver: Reply) -> Result<Pushed, PushError> {
        match tokio::time::timeout(self.shared.options.push_timeout, receiver).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(self.no_longer()),
            Err(_) => {
                let waited = self.shared.options.push_timeout.as_secs();
                let said = format!("no answer within {waited} s");
                Err(PushError::Store(StoreError::Unavailable(said)))
            }
        }
    }

    fn enqueue(&self, time: PushTime, bytes: Bytes) -> Result<Reply, PushError> {
        if self.stop.is_cancelled() {
            return Err(self.no_longer());
        }
        let max = self.shared.options.max_frame_bytes;
        if bytes.len() > max {
            return Err(PushError::TooLarge { bytes: bytes.len(), max });
        }
        let dimensions = jpeg::inspect(&bytes)?.dimensions;
        if time.at() > self.shared.clock.now().plus(PUSH_AHEAD_MAX) {
            return Err(PushError::Future(time.at().to_rfc3339()));
        }
        check_time(time.at())?;
        let (sender, receiver) = oneshot::channel();
        let (target, dimensions) = (Target::Minted(time), Some(dimensions));
        let item = Item { target, bytes, dimensions, reply: Some(sender) };
        self.queue.push_if_room(item, || self.account.captured()).map_err(
            |(why, _)| match why {
                NotQueued::Full => PushError::Busy(self.stream.camera.to_string()),
                NotQueued::Closed => self.no_longer(),
            },
        )?;
        Ok(receiver)
    }

    /// Why a lane that has been told to stop takes nothing.
    pub(super) fn no_longer(&self) -> PushError {
        if self.shared.stop.is_cancelled() {
            return PushError::Stopping;
        }
        PushError::Removed(self.stream.camera.to_string())
    }

    /// Drops what waits and lets nothing in any more: the lane is ending.
    pub(super) fn abandon_queue(&self) {
        self.queue.close();
        loop {
            let items = self.queue.take(usize::MAX, usize::MAX);
            if items.is_empty() {
                return;
            }
            for item in items {
                self.drop_item(item, DropReason::Shutdown, self.no_longer());
            }
        }
    }

    pub(super) fn drop_item(&self, item: Item, reason: DropReason, error: PushError) {
        self.account.dropped(reason);
        if let Some(reply) = item.reply {
            // A sender that went away does not need its answer.
            let _ = reply.send(Err(error));
        }
    }
}
