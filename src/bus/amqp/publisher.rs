//! The task that owns the publishing connection: takes requests in order, keeps up to
//! [`WINDOW`] in flight, answers each with its confirm, and reconnects for ever.
//!
//! On any error the connection and its channels are dropped and every message in flight is answered
//! with an error; nothing is resent here. Each kind of message has a channel of its own, because the
//! AMQP library hands a returned message to whichever confirm of the channel comes next: on a channel
//! where all messages share one routing key that is as good as exact. So the order promised is the
//! order within one kind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, poll};
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::AmqpOptions;
use super::explain::state_after;
use super::link::Link;
use super::pace::{Routability, wait_after};
use crate::backoff::Backoff;
use crate::bus::{BusError, BusState, Delivery, Message, Topic, WINDOW};
use crate::model::event::CONTENT_TYPE;

/// For the confirms that are out when the bus closes.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// The kinds of message, one channel each: frames, cameras, system, whole frames.
const LANES: usize = 4;

/// A message to be published and who waits for its confirm.
pub(super) struct Request {
    pub(super) message: Message,
    pub(super) reply: oneshot::Sender<Result<Delivery, BusError>>,
}

impl Request {
    fn fail(self, why: BusError) {
        let _ = self.reply.send(Err(why));
    }
}

/// Where a message goes and how.
struct Target {
    lane: usize,
    exchange: String,
    routing_key: String,
    mandatory: bool,
    properties: BasicProperties,
}

struct Session {
    link: Link,
    channels: Vec<Channel>,
}

struct Settled {
    lane: usize,
    routing_key: String,
    reply: oneshot::Sender<Result<Delivery, BusError>>,
    result: lapin::Result<Confirmation>,
}

type InFlight = FuturesUnordered<BoxFuture<'static, Settled>>;

/// The state of the publishing task.
pub(super) struct Publisher {
    pub(super) options: Arc<AmqpOptions>,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) state: watch::Sender<BusState>,
    pub(super) closing: CancellationToken,
    pub(super) connects: Arc<AtomicU64>,
    pub(super) backoff: Backoff,
    pub(super) routability: [Routability; LANES],
    pub(super) started: Instant,
}

impl Publisher {
    /// Runs until `closing` is cancelled and what is queued then is confirmed or given up.
    pub(super) async fn run(mut self) {
        loop {
            let options = Arc::clone(&self.options);
            let Some(opened) = self.while_away(open(&options)).await else { break };
            let reason = match opened {
                Ok(session) => match self.serve(session).await {
                    Some(reason) => reason,
                    None => break,
                },
                Err(reason) => reason,
            };
            self.set_state(state_after(&reason));
            let wait = wait_after(&reason, &mut self.backoff);
            if self.while_away(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
        }
        self.requests.close();
        self.state.send_replace(BusState::Away("the bus is closed".to_owned()));
        while let Some(request) = self.requests.recv().await {
            request.fail(super::closed());
        }
    }

    /// Does `work` and refuses requests meanwhile; `None` when the bus closes first.
    async fn while_away<F: Future>(&mut self, work: F) -> Option<F::Output> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return None,
                done = &mut work => return Some(done),
                Some(request) = self.requests.recv() => request.fail(self.refusal()),
            }
        }
    }

    /// Publishes until the connection breaks, and answers why; `None` when the bus closes.
    async fn serve(&mut self, session: Session) -> Option<BusError> {
        self.connects.fetch_add(1, Ordering::Relaxed);
        self.set_state(BusState::Ready);
        let mut events = session.link.events();
        let mut in_flight = InFlight::new();
        let reason = loop {
            let ready = *self.state.borrow() == BusState::Ready;
            let ended = tokio::select! {
                biased;
                () = self.closing.cancelled() => {
                    self.drain(session, in_flight).await;
                    return None;
                }
                Some(event) = events.next() => self.noted(&session, event),
                Some(settled) = in_flight.next() => self.settle(&session, settled),
                Some(request) = self.requests.recv(), if !ready || in_flight.len() < WINDOW => {
                    if ready {
                        self.start(&session, request, &mut in_flight).await
                    } else {
                        request.fail(self.refusal());
                        Ok(())
                    }
                }
            };
            if let Err(reason) = ended {
                break reason;
            }
        };
        // Before the messages in flight are dropped: those who wait for them read the reason here.
        self.set_state(state_after(&reason));
        Some(reason)
    }

    /// Puts a message on the wire, behind all that were started before it.
    async fn start(
        &mut self,
        session: &Session,
        request: Request,
        in_flight: &mut InFlight,
    ) -> Result<(), BusError> {
        let Request { message: Message { topic, body }, reply } = request;
        let Some(target) = self.target(&topic) else {
            let why = "whole frames have no exchange: set one, or turn them off";
            let _ = reply.send(Err(BusError::Refused(why.to_owned())));
            return Ok(());
        };
        let channel = session.channels[target.lane].clone();
        let (lane, routing_key) = (target.lane, target.routing_key.clone());
        let mut confirmed = async move {
            let result = publish(channel, target, body).await;
            Settled { lane, routing_key, reply, result }
        }
        .boxed();
        // The first poll queues the message inside the AMQP library: this is what keeps the order.
        match poll!(&mut confirmed) {
            std::task::Poll::Ready(settled) => self.settle(session, settled),
            std::task::Poll::Pending => {
                in_flight.push(confirmed);
                Ok(())
            }
        }
    }

    /// Answers who waits for a confirm. An error breaks the session.
    fn settle(&mut self, session: &Session, settled: Settled) -> Result<(), BusError> {
        let Settled { lane, routing_key, reply, result } = settled;
        let answer = match result {
            Ok(Confirmation::Ack(None)) => Ok(Delivery::Routed),
            Ok(Confirmation::Ack(Some(_))) => Ok(Delivery::Unroutable),
            Ok(Confirmation::Nack(_)) => Err(BusError::Unavailable(format!(
                "a queue bound to {routing_key:?} did not take the message (nack): it is full, or failing"
            ))),
            Ok(Confirmation::NotRequested) => {
                Err(BusError::Unavailable("the broker does not confirm".to_owned()))
            }
            Err(error) => {
                let reason = session.link.explain(&error);
                let _ = reply.send(Err(reason.clone()));
                return Err(reason);
            }
        };
        if let Ok(delivery) = &answer {
            self.backoff.reset();
            self.tell_routability(lane, &routing_key, *delivery);
        }
        let _ = reply.send(answer);
        Ok(())
    }

    fn tell_routability(&mut self, lane: usize, routing_key: &str, delivery: Delivery) {
        if !self.routability[lane].changed(delivery, self.started.elapsed()) {
            return;
        }
        match delivery {
            Delivery::Unroutable => {
                warn!(routing_key, "no queue is bound for these messages: nobody receives them");
            }
            Delivery::Routed => info!(routing_key, "a queue is bound for these messages again"),
        }
    }

    /// Takes note of an event of the connection. An error breaks the session.
    fn noted(&mut self, session: &Session, event: lapin::Event) -> Result<(), BusError> {
        match event {
            lapin::Event::ConnectionBlocked(why) => {
                self.set_state(BusState::Away(format!("blocked by the broker's alarm ({why})")));
            }
            lapin::Event::ConnectionUnblocked => self.set_state(BusState::Ready),
            lapin::Event::Error(error) => return Err(session.link.explain(&error)),
            _ => {}
        }
        Ok(())
    }

    /// Sends what is queued and waits for all confirms, for at most 5 s; then closes.
    async fn drain(&mut self, session: Session, mut in_flight: InFlight) {
        self.requests.close();
        let work = async {
            loop {
                while in_flight.len() < WINDOW
                    && let Some(request) = self.requests.recv().await
                {
                    self.start(&session, request, &mut in_flight).await?;
                }
                match in_flight.next().await {
                    Some(settled) => self.settle(&session, settled)?,
                    None => return Ok::<(), BusError>(()),
                }
            }
        };
        match timeout(DRAIN_LIMIT, work).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => warn!(%why, "closed the bus without all confirms"),
            Err(_) => warn!(missing = in_flight.len(), "closed the bus without all confirms"),
        }
        session.link.close().await;
    }

    fn target(&self, topic: &Topic) -> Option<Target> {
        let keys = &self.options.routing_keys;
        let properties = BasicProperties::default()
            .with_delivery_mode(if self.options.persistent { 2 } else { 1 });
        let (lane, routing_key) = match topic {
            Topic::Frame => (0, &keys.frame),
            Topic::CameraStatus => (1, &keys.status),
            Topic::SystemStatus => (2, &keys.system),
            Topic::WholeFrame(camera) => {
                let frames = self.options.frames.as_ref()?;
                let mut headers = FieldTable::default();
                headers
                    .insert("camera_id".into(), AMQPValue::LongString(camera.to_string().into()));
                return Some(Target {
                    lane: 3,
                    exchange: frames.exchange.clone(),
                    routing_key: format!("{}{camera}", frames.routing_key_prefix),
                    mandatory: false,
                    properties: properties
                        .with_content_type("application/octet-stream".into())
                        .with_headers(headers),
                });
            }
        };
        Some(Target {
            lane,
            exchange: self.options.exchange.clone(),
            routing_key: routing_key.clone(),
            mandatory: true,
            properties: properties.with_content_type(CONTENT_TYPE.into()),
        })
    }

    /// Tells of a change once, however often the attempts repeat.
    fn set_state(&self, new: BusState) {
        let url = &self.options.url;
        let changed = self.state.send_if_modified(|state| {
            let changed = *state != new;
            state.clone_from(&new);
            changed
        });
        match new {
            _ if !changed => {}
            BusState::Ready => info!(%url, "connected to the broker"),
            BusState::Away(why) => warn!(why, "cannot publish; trying again"),
            BusState::Refused(why) => error!(why, "cannot publish; trying again slowly"),
        }
    }

    /// What a request is told while nothing can be published.
    fn refusal(&self) -> BusError {
        match &*self.state.borrow() {
            BusState::Ready => BusError::Unavailable("the connection is being opened".to_owned()),
            BusState::Away(why) => BusError::Unavailable(why.clone()),
            BusState::Refused(why) => BusError::Refused(why.clone()),
        }
    }
}

async fn open(options: &AmqpOptions) -> Result<Session, BusError> {
    Link::open(&options.url, &options.connection_name, async |link| {
        link.ensure_exchange(&options.exchange, options.exchange_durable).await?;
        if let Some(frames) = &options.frames {
            link.ensure_exchange(&frames.exchange, true).await?;
        }
        let mut channels = Vec::with_capacity(LANES);
        for _ in 0..LANES {
            channels.push(link.confirming_channel().await?);
        }
        Ok(Session { link, channels })
    })
    .await
}

/// Writes a message and waits for its confirm.
async fn publish(channel: Channel, target: Target, body: Bytes) -> lapin::Result<Confirmation> {
    let Target { exchange, routing_key, mandatory, properties, .. } = target;
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    let written =
        channel.basic_publish(exchange.into(), routing_key.into(), options, &body, properties);
    written.await?.await
}
