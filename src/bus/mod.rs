//! Floor 1: how messages reach consumers. One small trait, [`Bus`], and its backends.
//!
//! A bus carries finished messages; what they say and when they are sent is decided in `ingest`.
//! Publishing resolves when the broker has confirmed; a window of them in flight is kept by polling
//! many at once. The bus reconnects on its own but never resends: an unconfirmed message is an
//! error, and the caller's outbox still has it.

pub mod amqp;
pub mod memory;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use thiserror::Error;

use crate::model::name::CameraId;

/// The most messages that should be in flight at once.
pub const WINDOW: usize = 200;

/// What a message is about; decides exchange and routing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// A frame was stored.
    Frame,
    /// A camera changed its state.
    CameraStatus,
    /// The number of delivering cameras changed.
    SystemStatus,
    /// A whole frame, for the optional second path.
    WholeFrame(CameraId),
}

/// A message to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is about.
    pub topic: Topic,
    /// JSON, or a JPEG for [`Topic::WholeFrame`].
    pub body: Bytes,
}

/// How a confirmed message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// At least one queue has it.
    Routed,
    /// The broker took it, but no queue is bound for it.
    Unroutable,
}

/// Why a message is not known to be delivered.
#[derive(Debug, Clone, Error)]
pub enum BusError {
    /// No connection, or it broke before the confirm: send again once [`Bus::ready`] resolves.
    #[error("the broker does not answer: {0}")]
    Unavailable(String),
    /// The broker will not take it, and will not next time: wrong password, vhost or exchange.
    #[error("the broker refuses: {0}")]
    Refused(String),
}

/// What a subscriber sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message, whatever its topic.
    Message {
        /// Its AMQP routing key.
        routing_key: String,
        /// Its body as published.
        body: Bytes,
    },
    /// The subscriber was too slow or the connection broke: messages were lost in between.
    Missed {
        /// How many, where that is known.
        count: Option<u64>,
    },
}

/// Where the connection stands, for readiness and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusState {
    /// Messages can be published.
    Ready,
    /// Not now, and why; being tried again.
    Away(String),
    /// Not before somebody mends the configuration or the broker, and why; tried again slowly.
    Refused(String),
}

/// Publishes messages and lets others follow them.
#[async_trait]
pub trait Bus: Send + Sync + fmt::Debug {
    /// Sends a message and waits for the broker's confirm. Messages of one kind (frame, camera,
    /// system) reach the broker in the order in which the futures are first polled. A dropped
    /// future does not take the message back.
    async fn publish(&self, message: Message) -> Result<Delivery, BusError>;

    /// Waits until messages can be published. Not to be awaited once the bus is closed.
    async fn ready(&self);

    /// Where the connection stands now.
    fn state(&self) -> BusState;

    /// How often the connection for publishing was opened again; 0 where there is none.
    fn reconnects(&self) -> u64 {
        0
    }

    /// Follows frame, camera and system messages from now on. Fails when the broker cannot be
    /// reached now; after that the stream outlives outages and ends when the bus closes.
    async fn subscribe(&self) -> Result<BoxStream<'static, Event>, BusError>;

    /// Sends what is queued, waits for its confirms, and closes the connection.
    async fn close(&self);
}
