//! The subscribing side: one connection and one queue, shared by all subscribers of a bus.
//!
//! The queue is the broker's own choice of name, exclusive and deleted with the connection: while that
//! is broken, messages are lost and subscribers are told so ([`Event::Missed`]). The task takes what
//! arrives at once and hands it to a ring of [`CAPACITY`] messages: a slow subscriber loses the oldest
//! and holds up nobody. It starts with the first subscriber and ends after the last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use lapin::Consumer;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::link::Link;
use super::{AmqpOptions, pace};
use crate::bus::memory::CAPACITY;
use crate::bus::{BusError, Event};

/// The running feed of a bus, if there is one.
#[derive(Debug, Default)]
pub(super) struct Feeds(Arc<Mutex<Option<Feed>>>);

/// `None` before the first attempt has ended, then whether the queue is bound.
type Bound = Option<Result<(), BusError>>;

#[derive(Debug)]
struct Feed {
    events: broadcast::Sender<Event>,
    bound: watch::Receiver<Bound>,
    hurry: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Feeds {
    fn lock(&self) -> MutexGuard<'_, Option<Feed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the feed, or starts it, and waits until its queue is bound.
    pub(super) async fn join(
        &self,
        options: &Arc<AmqpOptions>,
        closing: &CancellationToken,
    ) -> Result<broadcast::Receiver<Event>, BusError> {
        let (receiver, mut bound, hurry) = {
            let mut slot = self.lock();
            let feed = slot.get_or_insert_with(|| self.start(options, closing));
            (feed.events.subscribe(), feed.bound.clone(), Arc::clone(&feed.hurry))
        };
        let before = bound.borrow_and_update().clone();
        if !matches!(before, Some(Ok(()))) {
            hurry.notify_one();
            bound.changed().await.map_err(|_| super::closed())?;
        }
        let outcome = bound.borrow().clone();
        outcome.unwrap_or_else(|| Err(super::closed())).map(|()| receiver)
    }

    fn start(&self, options: &Arc<AmqpOptions>, closing: &CancellationToken) -> Feed {
        let events = broadcast::Sender::new(CAPACITY);
        let (outcome, bound) = watch::channel(None);
        let hurry = Arc::new(Notify::new());
        let task = Task {
            options: Arc::clone(options),
            closing: closing.clone(),
            slot: Self(Arc::clone(&self.0)),
            events: events.clone(),
            bound: outcome,
            hurry: Arc::clone(&hurry),
        };
        Feed { events, bound, hurry, task: tokio::spawn(task.run()) }
    }

    /// Waits for the end of the feed's task, after `closing` was cancelled. All streams end.
    pub(super) async fn close(&self) {
        let feed = self.lock().take();
        if let Some(Feed { task, events, .. }) = feed {
            drop(events);
            let _ = task.await;
        }
    }
}

struct Task {
    options: Arc<AmqpOptions>,
    closing: CancellationToken,
    slot: Feeds,
    events: broadcast::Sender<Event>,
    bound: watch::Sender<Bound>,
    /// A new subscriber waits for the outcome of an attempt.
    hurry: Arc<Notify>,
}

impl Task {
    async fn run(self) {
        let closing = self.closing.clone();
        tokio::select! {
            () = closing.cancelled() => {}
            () = self.follow() => {}
        }
    }

    /// Consumes and reconnects until nobody listens.
    async fn follow(&self) {
        let (mut backoff, mut gap) = (pace::backoff(), false);
        while !self.is_unused() {
            let reason = match open(&self.options).await {
                Ok((link, consumer)) => {
                    backoff.reset();
                    if gap {
                        let _ = self.events.send(Event::Missed { count: None });
                    }
                    gap = true;
                    self.bound.send_replace(Some(Ok(())));
                    let Err(reason) = self.consume(&link, consumer).await else {
                        link.close().await;
                        return;
                    };
                    reason
                }
                Err(reason) => reason,
            };
            self.tell(&reason);
            let wait = pace::wait_after(&reason, &mut backoff);
            self.bound.send_replace(Some(Err(reason)));
            let _ = timeout(wait, self.hurry.notified()).await;
        }
    }

    /// Warns, unless the attempt before failed for the same reason.
    fn tell(&self, reason: &BusError) {
        let before = match &*self.bound.borrow() {
            Some(Err(before)) => Some(before.to_string()),
            _ => None,
        };
        if before != Some(reason.to_string()) {
            warn!(%reason, "cannot follow the announcements; trying again");
        }
    }

    /// Hands on what arrives; ends well when nobody listens any more.
    async fn consume(&self, link: &Link, mut consumer: Consumer) -> Result<(), BusError> {
        info!(queue = %consumer.queue(), "follow the announcements");
        while let Some(delivery) = consumer.next().await {
            let delivery = delivery.map_err(|error| link.explain(&error))?;
            let event = Event::Message {
                routing_key: delivery.routing_key.to_string(),
                body: delivery.data.into(),
            };
            if self.events.send(event).is_err() && self.is_unused() {
                return Ok(());
            }
        }
        Err(BusError::Unavailable("the broker deleted the queue".to_owned()))
    }

    /// Whether nobody listens; if so, the next subscriber starts a feed of its own.
    fn is_unused(&self) -> bool {
        let mut slot = self.slot.lock();
        let unused = self.events.receiver_count() == 0;
        if unused {
            slot.take();
        }
        unused
    }
}

/// Connects, binds a new queue to the three routing keys and consumes from it.
async fn open(options: &AmqpOptions) -> Result<(Link, Consumer), BusError> {
    let name = format!("{} (subscriber)", options.connection_name);
    Link::open(&options.url, &name, async |link| {
        link.ensure_exchange(&options.exchange, options.exchange_durable).await?;
        let consumer = bind(&link, options).await?;
        Ok((link, consumer))
    })
    .await
}

async fn bind(link: &Link, options: &AmqpOptions) -> Result<Consumer, BusError> {
    let failed = |error: lapin::Error| link.explain(&error);
    let channel = link.channel().await?;
    let own = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    let none = FieldTable::default;
    let queue = channel.queue_declare("".into(), own, none()).await.map_err(failed)?;
    let keys = &options.routing_keys;
    for key in [&keys.frame, &keys.status, &keys.system] {
        let (exchange, key) = (options.exchange.as_str().into(), key.as_str().into());
        let bound = channel.queue_bind(
            queue.name().clone(),
            exchange,
            key,
            QueueBindOptions::default(),
            none(),
        );
        bound.await.map_err(failed)?;
    }
    let unacknowledged =
        BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
    let consumer = channel.basic_consume(queue.name().clone(), "".into(), unacknowledged, none());
    consumer.await.map_err(failed)
}
