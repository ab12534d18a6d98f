//! Orders by a queue: one JSON object a message, answered to its `reply_to`.
//!
//! The queue is durable, so orders wait while nobody serves it; at most [`MAX_WAITING`] do, then the
//! broker refuses more. An existing queue is used as it is. Messages are taken one at a time and are
//! acknowledged after their answer: what a broken connection interrupted comes again, which is why orders
//! must be repeatable. Answers go to the default exchange with the `correlation_id` of the question, as
//! RabbitMQ's clients expect of remote calls, direct reply-to included.

use async_trait::async_trait;
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};
use serde_json::Value;
use tracing::{info, warn};

use super::explain::reply;
use super::link::Link;
use super::pace;
use super::url::{AmqpConfigError, AmqpUrl, within_limit};
use crate::backoff::Backoff;
use crate::bus::BusError;
use crate::control::{ControlLine, Orders, parse};

/// Most orders that wait in a queue that is declared here.
pub const MAX_WAITING: i32 = 1000;

/// A queue of orders.
pub struct AmqpControl {
    url: AmqpUrl,
    connection_name: String,
    queue: String,
    place: String,
    open: Option<Open>,
    /// The message that is being carried out.
    asked: Option<Delivery>,
    backoff: Backoff,
    /// The last reason for which it was away, so that each is told once.
    told: Option<String>,
}

struct Open {
    link: Link,
    channel: Channel,
    consumer: Consumer,
}

impl std::fmt::Debug for AmqpControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AmqpControl").field("place", &self.place).finish_non_exhaustive()
    }
}

impl AmqpControl {
    /// Names a queue; connects when the first message is waited for.
    ///
    /// # Errors
    /// [`AmqpConfigError`] when the queue's name is empty or longer than AMQP allows.
    pub fn new(url: AmqpUrl, connection_name: &str, queue: &str) -> Result<Self, AmqpConfigError> {
        within_limit("the queue of orders", queue)?;
        Ok(Self {
            place: format!("queue {queue} at {url}"),
            connection_name: format!("{connection_name} (control)"),
            queue: queue.to_owned(),
            url,
            open: None,
            asked: None,
            backoff: pace::backoff(),
            told: None,
        })
    }

    /// The next message of an open queue, which is opened where it is not.
    async fn take(&mut self) -> Result<Delivery, BusError> {
        let open = match &mut self.open {
            Some(open) => open,
            closed => {
                let open = open(&self.url, &self.connection_name, &self.queue).await?;
                info!(place = self.place, "listen for orders");
                self.told = None;
                self.backoff.reset();
                closed.insert(open)
            }
        };
        match open.consumer.next().await {
            Some(delivery) => delivery.map_err(|error| open.link.explain(&error)),
            None => Err(BusError::Unavailable("the broker deleted the queue".to_owned())),
        }
    }

    fn tell(&mut self, reason: &BusError) {
        let reason = reason.to_string();
        if self.told.as_ref() != Some(&reason) {
            warn!(place = self.place, %reason, "cannot listen for orders; trying again");
            self.told = Some(reason);
        }
    }
}

#[async_trait]
impl ControlLine for AmqpControl {
    fn place(&self) -> &str {
        &self.place
    }

    async fn next(&mut self) -> Orders {
        loop {
            match self.take().await {
                Ok(delivery) => {
                    let orders = parse(&delivery.data).map(|order| vec![order]);
                    self.asked = Some(delivery);
                    return orders;
                }
                Err(reason) => {
                    self.open = None;
                    self.tell(&reason);
                    tokio::time::sleep(pace::wait_after(&reason, &mut self.backoff)).await;
                }
            }
        }
    }

    async fn answer(&mut self, answers: &[Value]) {
        let (Some(open), Some(asked)) = (&self.open, self.asked.take()) else { return };
        let body = answers.first().map(Value::to_string).unwrap_or_default();
        if let Err(error) = settle(&open.channel, &asked, body.as_bytes()).await {
            let reason = open.link.explain(&error);
            warn!(place = self.place, %reason, "an order was carried out and its answer is lost");
            self.open = None;
        }
    }
}

/// Sends the answer where one is wanted, and takes the order off the queue.
async fn settle(channel: &Channel, asked: &Delivery, body: &[u8]) -> lapin::Result<()> {
    if let Some(to) = asked.properties.reply_to() {
        let mut properties =
            BasicProperties::default().with_content_type("application/json".into());
        if let Some(id) = asked.properties.correlation_id() {
            properties = properties.with_correlation_id(id.clone());
        }
        let options = BasicPublishOptions::default();
        // an answer that nobody waits for any more is dropped by the broker
        let _confirm =
            channel.basic_publish("".into(), to.clone(), options, body, properties).await?;
    }
    asked.acker.ack(BasicAckOptions::default()).await.map(|_| ())
}

async fn open(url: &AmqpUrl, name: &str, queue: &str) -> Result<Open, BusError> {
    Link::open(url, name, async |link| {
        let queue = ShortString::from(queue);
        if !exists(&link, &queue).await? {
            declare(&link, &queue).await?;
        }
        let channel = link.channel().await?;
        let failed = |error: lapin::Error| link.explain(&error);
        channel.basic_qos(1, BasicQosOptions::default()).await.map_err(failed)?;
        let options = BasicConsumeOptions::default();
        let none = FieldTable::default();
        let consumer = channel.basic_consume(queue, "".into(), options, none).await;
        let consumer = consumer.map_err(failed)?;
        Ok(Open { link, channel, consumer })
    })
    .await
}

/// On a channel of its own, which the broker closes where there is no such queue.
async fn exists(link: &Link, queue: &ShortString) -> Result<bool, BusError> {
    let channel = link.channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    match channel.queue_declare(queue.clone(), options, FieldTable::default()).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(reply(&error), Some((404, _))) => Ok(false),
        Err(error) => Err(link.explain(&error)),
    }
}

async fn declare(link: &Link, queue: &ShortString) -> Result<(), BusError> {
    let channel = link.channel().await?;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(MAX_WAITING));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let declared = channel.queue_declare(queue.clone(), options, arguments).await;
    declared.map(|_| ()).map_err(|error| link.explain(&error))
}
