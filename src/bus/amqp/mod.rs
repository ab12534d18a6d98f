//! The bus over AMQP 0-9-1 (RabbitMQ): the only place that names the AMQP library.
//!
//! Publishing and following use a connection each, because a broker under memory alarm stops reading
//! from those that publish. Each connection is owned by one task that reconnects for ever: after 100 ms
//! to 5 s, or every 5 s where the broker refuses. Publishing waits for the broker's confirm; when the
//! connection breaks before it, the outcome is unknown and the caller sends again.

mod control;
mod explain;
mod feed;
mod link;
mod pace;
mod permissions;
mod publisher;
mod url;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::feed::Feeds;
use self::publisher::{Publisher, Request};
pub use self::url::{AmqpConfigError, AmqpUrl};
use super::{Bus, BusError, BusState, Delivery, Event, Message, WINDOW, memory};
use crate::model::event::RoutingKeys;
use crate::model::name::NAME_MAX_BYTES;
pub use control::{AmqpControl, MAX_WAITING};
pub use permissions::{Permissions, permissions};

/// Messages that may wait for a place in the window; more are refused.
const QUEUE: usize = 5 * WINDOW;

/// Where and how to publish and follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmqpOptions {
    /// The broker.
    pub url: AmqpUrl,
    /// The topic exchange of the announcements, 1..=255 bytes.
    pub exchange: String,
    /// How that exchange is declared where it is missing.
    pub exchange_durable: bool,
    /// Whether messages survive a restart of the broker in a durable queue (delivery mode 2).
    pub persistent: bool,
    /// The routing keys of the announcements, each 1..=255 bytes.
    pub routing_keys: RoutingKeys,
    /// Where whole frames go; `None` when they are not published.
    pub frames: Option<WholeFrames>,
    /// How the connections are named in the broker's listings.
    pub connection_name: String,
}

/// The second path: whole frames as messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeFrames {
    /// A topic exchange, declared durable where it is missing.
    pub exchange: String,
    /// Comes before the camera id in the routing key, with nothing in between; may be empty.
    pub routing_key_prefix: String,
}

impl AmqpOptions {
    /// The defaults of existing consumers: the durable exchange `camera.metadata`, persistent messages,
    /// `camera.metadata.event` and its derived keys, no whole frames.
    #[must_use]
    pub fn new(url: AmqpUrl) -> Self {
        Self {
            url,
            exchange: "camera.metadata".to_owned(),
            exchange_durable: true,
            persistent: true,
            routing_keys: RoutingKeys::default(),
            frames: None,
            connection_name: "framecache".to_owned(),
        }
    }

    fn check(&self) -> Result<(), AmqpConfigError> {
        let keys = &self.routing_keys;
        url::within_limit("the exchange", &self.exchange)?;
        url::within_limit("the routing key of frames", &keys.frame)?;
        url::within_limit("the routing key of camera status", &keys.status)?;
        url::within_limit("the routing key of system status", &keys.system)?;
        if let Some(frames) = &self.frames {
            let longest = format!("{}{}", frames.routing_key_prefix, "c".repeat(NAME_MAX_BYTES));
            url::within_limit("the exchange of whole frames", &frames.exchange)?;
            url::within_limit("the routing key prefix with the longest camera id", &longest)?;
        }
        Ok(())
    }
}

/// A bus on a RabbitMQ broker. Dropping it without [`Bus::close`] may lose what is in flight.
#[derive(Debug)]
pub struct AmqpBus {
    options: Arc<AmqpOptions>,
    requests: mpsc::Sender<Request>,
    state: watch::Receiver<BusState>,
    connects: Arc<AtomicU64>,
    feeds: Feeds,
    closing: CancellationToken,
    publisher: Mutex<Option<JoinHandle<()>>>,
    _ends_with_the_bus: DropGuard,
}

impl AmqpBus {
    /// Starts connecting and returns at once: the broker need not be up. Wants a tokio runtime.
    ///
    /// # Errors
    /// [`AmqpConfigError`] when an option is empty or longer than AMQP allows.
    pub fn open(options: AmqpOptions) -> Result<Self, AmqpConfigError> {
        options.check()?;
        let options = Arc::new(options);
        let (requests, queued) = mpsc::channel(QUEUE);
        let connecting = BusState::Away(format!("connecting to {}", options.url));
        let (told, state) = watch::channel(connecting);
        let closing = CancellationToken::new();
        let connects = Arc::new(AtomicU64::new(0));
        let publisher = Publisher {
            options: Arc::clone(&options),
            requests: queued,
            state: told,
            closing: closing.clone(),
            connects: Arc::clone(&connects),
            backoff: pace::backoff(),
            routability: Default::default(),
            started: Instant::now(),
        };
        Ok(Self {
            options,
            requests,
            state,
            connects,
            feeds: Feeds::default(),
            closing: closing.clone(),
            publisher: Mutex::new(Some(tokio::spawn(publisher.run()))),
            _ends_with_the_bus: closing.drop_guard(),
        })
    }

    /// What became of a message that was in flight when its connection broke.
    fn lost(&self) -> BusError {
        match &*self.state.borrow() {
            BusState::Ready => BusError::Unavailable("lost before the confirm".to_owned()),
            BusState::Away(why) | BusState::Refused(why) => {
                BusError::Unavailable(format!("lost before the confirm: {why}"))
            }
        }
    }
}

fn closed() -> BusError {
    BusError::Unavailable("the bus is closed".to_owned())
}

#[async_trait]
impl Bus for AmqpBus {
    async fn publish(&self, message: Message) -> Result<Delivery, BusError> {
        let (reply, answer) = oneshot::channel();
        match self.requests.try_send(Request { message, reply }) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.lost())),
            Err(TrySendError::Closed(_)) => Err(closed()),
            Err(TrySendError::Full(_)) => {
                let why = format!("{QUEUE} messages wait already; at most {WINDOW} should");
                Err(BusError::Unavailable(why))
            }
        }
    }

    /// Never resolves once the bus is closed.
    async fn ready(&self) {
        let mut state = self.state.clone();
        if state.wait_for(|state| *state == BusState::Ready).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn state(&self) -> BusState {
        self.state.borrow().clone()
    }

    fn reconnects(&self) -> u64 {
        self.connects.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Fails when the broker does not answer now; once it succeeded, the stream survives outages.
    async fn subscribe(&self) -> Result<BoxStream<'static, Event>, BusError> {
        if self.closing.is_cancelled() {
            return Err(closed());
        }
        let receiver = self.feeds.join(&self.options, &self.closing).await?;
        Ok(memory::follow(receiver))
    }

    /// Takes at most about 6 s; what is not confirmed by then fails.
    async fn close(&self) {
        self.closing.cancel();
        let publisher = self.publisher.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(publisher) = publisher {
            let _ = publisher.await;
        }
        self.feeds.close().await;
    }
}
