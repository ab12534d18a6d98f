//! The bus inside one process: every subscriber gets every message, nobody waits for a slow one.
//!
//! A subscriber more than [`CAPACITY`] messages behind loses the oldest and is told how many.
//! Publishing without subscribers is [`Delivery::Unroutable`], as on a broker.

use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Bus, BusError, BusState, Delivery, Event, Message, Topic};
use crate::model::event::RoutingKeys;

/// Messages that a subscriber may be behind.
pub const CAPACITY: usize = 4096;

/// The in-process bus.
#[derive(Debug)]
pub struct MemoryBus {
    keys: RoutingKeys,
    sender: Mutex<Option<broadcast::Sender<Event>>>,
}

impl MemoryBus {
    /// A bus whose messages carry these routing keys.
    #[must_use]
    pub fn new(keys: RoutingKeys) -> Self {
        Self { keys, sender: Mutex::new(Some(broadcast::channel(CAPACITY).0)) }
    }

    fn sender(&self) -> std::sync::MutexGuard<'_, Option<broadcast::Sender<Event>>> {
        self.sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn routing_key(&self, topic: &Topic) -> String {
        match topic {
            Topic::Frame => self.keys.frame.clone(),
            Topic::CameraStatus => self.keys.status.clone(),
            Topic::SystemStatus => self.keys.system.clone(),
            Topic::WholeFrame(camera) => camera.to_string(),
        }
    }
}

/// What a subscriber of the ring sees: the messages, and how many it was too slow for.
pub(super) fn follow(receiver: broadcast::Receiver<Event>) -> BoxStream<'static, Event> {
    let events = stream::unfold(receiver, |mut receiver| async move {
        let event = match receiver.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(count)) => Event::Missed { count: Some(count) },
            Err(RecvError::Closed) => return None,
        };
        Some((event, receiver))
    });
    events.boxed()
}

fn closed() -> BusError {
    BusError::Unavailable("the in-process bus is closed".to_owned())
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, message: Message) -> Result<Delivery, BusError> {
        let event =
            Event::Message { routing_key: self.routing_key(&message.topic), body: message.body };
        let sender = self.sender();
        let sender = sender.as_ref().ok_or_else(closed)?;
        Ok(sender.send(event).map_or(Delivery::Unroutable, |_| Delivery::Routed))
    }

    async fn ready(&self) {}

    fn state(&self) -> BusState {
        if self.sender().is_some() {
            BusState::Ready
        } else {
            BusState::Away("the in-process bus is closed".to_owned())
        }
    }

    async fn subscribe(&self) -> Result<BoxStream<'static, Event>, BusError> {
        let receiver = self.sender().as_ref().ok_or_else(closed)?.subscribe();
        Ok(follow(receiver))
    }

    async fn close(&self) {
        self.sender().take();
    }
}
