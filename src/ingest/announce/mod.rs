//! Tells the bus of every stored frame at least once while it lives.
//!
//! Fresh announcements pass through a short queue. When the bus is away or the queue is full, the
//! camera is *behind*: nothing more of it is kept in memory, because the index has it all in order of
//! arrival. Once the bus is ready, [`catch_up`] reads the records beyond what is known to be
//! announced, and the camera is live again when none is left. How far each bucket is announced is
//! saved as outbox marks once a second, so a killed process goes on from there: at most one second's
//! worth is announced twice. An announcement whose frame expires first is not sent and is counted.

mod catch_up;
mod progress;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, FuturesOrdered};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::progress::Progress;
pub use self::progress::Waiting;
use crate::bus::{Bus, BusError, Delivery, Message, Topic, WINDOW};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::event::Announcement;
use crate::model::frame::Frame;
use crate::model::key::StreamId;
use crate::store::{FrameStore, Outbox, Place};

/// Fresh announcements that may wait; beyond it a camera falls behind and is read from the index.
const QUEUE: usize = 2048;

/// Whole frames that may wait for the optional second path; beyond it they are skipped and counted.
const WHOLE_FRAMES: usize = 64;

/// How long the broker may take to confirm a whole frame.
const WHOLE_WITHIN: Duration = Duration::from_secs(5);

/// The shortest lifetime: what waited this long may have expired.
const STALE: Duration = Duration::from_secs(1);

/// How often outbox marks are saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// What the announcer works with.
#[derive(Debug, Clone)]
pub struct AnnouncerParts {
    /// Where frames lie.
    pub store: Arc<dyn FrameStore>,
    /// The same store, read in order of arrival.
    pub outbox: Arc<dyn Outbox>,
    /// Who is told.
    pub bus: Arc<dyn Bus>,
    /// Tells which buckets are over.
    pub clock: Arc<dyn Clock>,
    /// Where announcements are counted.
    pub metrics: Arc<Metrics>,
    /// Whether what an earlier process of the same collector left unannounced is taken up. A
    /// passing command must not: the marks may be those of a collector that is still running.
    pub take_up: bool,
    /// Where whole frames go as well, if anywhere.
    pub whole_frames: Option<Arc<dyn Bus>>,
}

/// Handle to the announcing tasks; cheap to clone.
#[derive(Debug, Clone)]
pub struct Announcer {
    inner: Arc<Inner>,
    fresh: mpsc::Sender<Fresh>,
    whole: Option<mpsc::Sender<Frame>>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

#[derive(Debug)]
struct Inner {
    parts: AnnouncerParts,
    progress: Mutex<Progress>,
    behind: Notify,
    /// Whether the marks of an earlier process were read; until then none may be overwritten.
    taken_up: AtomicBool,
    stop: CancellationToken,
}

/// An announcement on its way, and where its record stands.
#[derive(Debug)]
struct Fresh {
    announcement: Announcement,
    place: Place,
    stored_at: Instant,
}

impl Announcer {
    /// Starts the announcing tasks, which first take up what an earlier process of the same
    /// collector left unannounced. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(parts: AnnouncerParts) -> Self {
        let (fresh, receiver) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        let stop = CancellationToken::new();
        let whole = parts.whole_frames.clone().map(|bus| {
            let (sender, receiver) = mpsc::channel(WHOLE_FRAMES);
            let metrics = Arc::clone(&parts.metrics);
            tasks.spawn(send_whole_frames(bus, metrics, receiver, stop.clone()));
            sender
        });
        let taken_up = AtomicBool::new(!parts.take_up);
        let inner = Arc::new(Inner {
            parts,
            progress: Mutex::default(),
            behind: Notify::new(),
            taken_up,
            stop,
        });
        tasks.spawn(Arc::clone(&inner).announce(receiver));
        tasks.spawn(catch_up::run(Arc::clone(&inner)));
        tasks.spawn(Arc::clone(&inner).save_marks());
        Self { inner, fresh, whole, tasks: Arc::new(Mutex::new(tasks)) }
    }

    /// A frame was stored: announce it. Never waits.
    pub fn stored(&self, announcement: Announcement, place: Place, bytes: &Bytes) {
        if let Some(whole) = &self.whole {
            let frame = Frame { key: announcement.key.clone(), bytes: bytes.clone() };
            if let Err(full) = whole.try_send(frame) {
                let key = full.into_inner().key;
                self.inner.parts.metrics.account(key.stream()).whole_frame(false);
            }
        }
        let stream = announcement.key.stream().clone();
        let fresh = Fresh { announcement, place, stored_at: Instant::now() };
        let mut progress = self.inner.progress();
        if progress.stored(&stream, place) && self.fresh.try_send(fresh).is_err() {
            progress.fall_behind(&stream);
            self.inner.behind.notify_one();
        }
    }

    /// Frames that are stored and not yet announced, over all cameras.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.inner.progress().backlog()
    }

    /// What waits of each camera that anything was stored of.
    #[must_use]
    pub fn waiting(&self) -> Vec<(StreamId, Waiting)> {
        self.inner.progress().waiting()
    }

    /// Announces what is waiting for at most `timeout`, saves the marks and ends the tasks. What is
    /// left stands in the outbox.
    pub async fn close(&self, timeout: Duration) {
        let drained = async {
            while self.backlog() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(timeout, drained).await.is_err() {
            tracing::warn!("stored and not announced yet: {}", self.backlog());
        }
        self.inner.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.join_all().await;
    }
}

impl Inner {
    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes fresh announcements, a window of them in flight.
    async fn announce(self: Arc<Self>, mut receiver: mpsc::Receiver<Fresh>) {
        let mut in_flight = FuturesOrdered::new();
        loop {
            tokio::select! {
                Some(fresh) = receiver.recv(), if in_flight.len() < WINDOW => {
                    if self.is_due(&fresh) {
                        in_flight.push_back(self.publish(fresh));
                    }
                }
                Some((fresh, outcome)) = in_flight.next(), if !in_flight.is_empty() => {
                    self.settle(&fresh, &outcome);
                }
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Whether it goes out as it is. One that has waited so long that its frame may have expired is
    /// left to the catch-up, which asks the store.
    fn is_due(&self, fresh: &Fresh) -> bool {
        let stream = fresh.announcement.key.stream();
        if self.progress().is_behind(stream) {
            return false;
        }
        if fresh.stored_at.elapsed() >= STALE {
            self.progress().fall_behind(stream);
            self.behind.notify_one();
            return false;
        }
        true
    }

    async fn publish(&self, fresh: Fresh) -> (Fresh, Result<Delivery, BusError>) {
        let body = Bytes::from(fresh.announcement.to_json());
        let began = Instant::now();
        let outcome = self.parts.bus.publish(Message { topic: Topic::Frame, body }).await;
        if outcome.is_ok() {
            self.parts.metrics.timing.bus_confirm(began.elapsed());
        }
        (fresh, outcome)
    }

    fn settle(&self, fresh: &Fresh, outcome: &Result<Delivery, BusError>) {
        let stream = fresh.announcement.key.stream();
        match outcome {
            Ok(delivery) => {
                let account = self.parts.metrics.account(stream);
                account.announced(*delivery == Delivery::Unroutable, false);
                self.progress().announced(stream, fresh.place);
            }
            Err(_) => {
                self.progress().fall_behind(stream);
                self.behind.notify_one();
            }
        }
    }

    /// Saves the marks each second and at the end. A store that is away keeps the old marks: then
    /// more is announced twice, nothing is lost.
    async fn save_marks(self: Arc<Self>) {
        loop {
            let last = tokio::select! {
                () = tokio::time::sleep(SAVE_EVERY) => false,
                () = self.stop.cancelled() => true,
            };
            if !self.taken_up.load(Ordering::Acquire) {
                match last {
                    true => return,
                    false => continue,
                }
            }
            let leaving = last && !self.parts.take_up;
            let due = self.progress().due_marks(self.parts.clock.now(), leaving);
            let saved = async {
                self.parts.outbox.save(&due.save).await?;
                self.parts.outbox.remove(&due.remove).await
            };
            match tokio::time::timeout(Duration::from_secs(5), saved).await {
                Ok(Ok(())) => self.progress().saved(&due),
                Ok(Err(error)) => tracing::debug!("outbox marks were not saved: {error}"),
                Err(_) => tracing::debug!("outbox marks were not saved in time"),
            }
            if last {
                return;
            }
        }
    }
}

/// Sends whole frames with a window in flight. What fails is skipped and counted: the frame itself
/// is in the store, and a late picture is worth little.
async fn send_whole_frames(
    bus: Arc<dyn Bus>,
    metrics: Arc<Metrics>,
    receiver: mpsc::Receiver<Frame>,
    stop: CancellationToken,
) {
    let frames = stream::unfold((receiver, stop), |(mut receiver, stop)| async move {
        tokio::select! {
            biased;
            frame = receiver.recv() => frame.map(|frame| (frame, (receiver, stop))),
            () = stop.cancelled() => None,
        }
    });
    let sent = frames.map(|Frame { key, bytes }| {
        let topic = Topic::WholeFrame(key.stream().camera.clone());
        let published = bus.publish(Message { topic, body: bytes });
        async move {
            let outcome = tokio::time::timeout(WHOLE_WITHIN, published).await;
            (key, matches!(outcome, Ok(Ok(_))))
        }
    });
    sent.buffered(WHOLE_FRAMES)
        .for_each(|(key, sent)| {
            metrics.account(key.stream()).whole_frame(sent);
            std::future::ready(())
        })
        .await;
}

#[cfg(test)]
mod tests;
