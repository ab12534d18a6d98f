//! One connection to the broker: opened within a limit, closed for certain.
//!
//! The AMQP library runs each connection on a thread that waits for ever for a broker that accepts and
//! never answers, and that cannot close a connection which the broker has blocked. So the socket is
//! kept here too, and is shut down when the link is dropped: the thread then ends. The library's own
//! recovery is not used: it leaves confirms pending for a whole outage.

use std::io::ErrorKind;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use lapin::options::{ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::tcp::{AsyncTcpStream, TLSConfig};
use lapin::types::{FieldTable, LongString};
use lapin::uri::AMQPScheme;
use lapin::{Channel, Connection, ConnectionProperties, Event, ExchangeKind};
use tokio::net::lookup_host;
use tokio::time::timeout;
use tracing::info;

use super::explain::{Difference, Stage, difference, explain, reply};
use super::url::AmqpUrl;
use crate::bus::BusError;

/// For connecting, logging in and declaring, together.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// For the closing handshake.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// An open connection; the drop cuts it.
pub(super) struct Link {
    url: AmqpUrl,
    connection: Connection,
    _socket: Socket,
}

impl Link {
    /// Connects, logs in and does `setup`, all within 10 s.
    pub(super) async fn open<T>(
        url: &AmqpUrl,
        name: &str,
        setup: impl AsyncFnOnce(Self) -> Result<T, BusError>,
    ) -> Result<T, BusError> {
        let work = async { setup(Self::connect(url, name).await?).await };
        timeout(OPEN_LIMIT, work).await.unwrap_or_else(|_| {
            let limit = OPEN_LIMIT.as_secs();
            Err(BusError::Unavailable(format!("{url} did not answer within {limit} s")))
        })
    }

    async fn connect(url: &AmqpUrl, name: &str) -> Result<Self, BusError> {
        let failed = |error: &lapin::Error| explain(error, url, Stage::Login);
        let runtime = lapin::runtime::default_runtime().map_err(|error| failed(&error))?;
        let (socket, slot) = Socket::new();
        let (target, reactor) = (url.clone(), runtime.clone());
        let connect = async move |_, _| {
            let dial = async {
                let mut outcome = Err(ErrorKind::NotFound.into());
                for address in lookup_host((target.host(), target.port())).await? {
                    outcome = AsyncTcpStream::connect(&reactor, address).await;
                    if outcome.is_ok() {
                        break;
                    }
                }
                outcome
            };
            let limited = timeout(OPEN_LIMIT, dial).await;
            let stream = limited.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))?;
            if let AsyncTcpStream::Plain(plain) = &stream {
                slot.keep(plain.get_ref().as_fd().try_clone_to_owned()?.into())?;
            }
            match target.uri().scheme {
                AMQPScheme::AMQP => Ok(stream),
                AMQPScheme::AMQPS => {
                    Ok(stream.into_tls(target.host(), TLSConfig::default()).await?)
                }
            }
        };
        let properties =
            ConnectionProperties::default().with_connection_name(LongString::from(name));
        let connection = Connection::connector(url.uri(), runtime, connect, properties)
            .await
            .map_err(|error| failed(&error))?;
        Ok(Self { url: url.clone(), connection, _socket: socket })
    }

    /// What happens to the connection: blocked, unblocked, broken.
    pub(super) fn events(&self) -> impl Stream<Item = Event> + Send + 'static {
        self.connection.events_listener()
    }

    pub(super) fn explain(&self, error: &lapin::Error) -> BusError {
        explain(error, &self.url, Stage::Use)
    }

    pub(super) async fn channel(&self) -> Result<Channel, BusError> {
        self.connection.create_channel().await.map_err(|error| self.explain(&error))
    }

    /// A channel on which the broker confirms what is published.
    pub(super) async fn confirming_channel(&self) -> Result<Channel, BusError> {
        let channel = self.channel().await?;
        let select = channel.confirm_select(ConfirmSelectOptions::default());
        select.await.map_err(|error| self.explain(&error))?;
        Ok(channel)
    }

    /// Adopts the topic exchange if it is there, however durable; else declares it.
    ///
    /// A passive declare tells whether it exists, but not of which type: the active one that follows
    /// does, and also serves where it is missing. A user who may not declare adopts what exists.
    pub(super) async fn ensure_exchange(&self, name: &str, durable: bool) -> Result<(), BusError> {
        let exists = match self.declare(name, durable, true).await {
            Ok(()) => true,
            Err(error) if matches!(reply(&error), Some((404, _))) => false,
            Err(error) => return Err(self.explain(&error)),
        };
        let Err(error) = self.declare(name, durable, false).await else {
            if !exists {
                info!(exchange = name, durable, "declared the topic exchange");
            }
            return Ok(());
        };
        match reply(&error) {
            Some((406, text)) => match difference(name, text) {
                Difference::Kind(why) => return Err(BusError::Refused(why)),
                Difference::Property(how) => {
                    info!(exchange = name, %how, "use the exchange as another program declared it");
                }
            },
            Some((403, _)) if exists => {}
            _ => return Err(self.explain(&error)),
        }
        Ok(())
    }

    /// On a channel of its own: the broker closes the channel of a declare that it refuses.
    async fn declare(&self, name: &str, durable: bool, passive: bool) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        let options =
            ExchangeDeclareOptions { passive, durable, ..ExchangeDeclareOptions::default() };
        let arguments = FieldTable::default();
        channel.exchange_declare(name.into(), ExchangeKind::Topic, options, arguments).await
    }

    /// Says goodbye to the broker, for at most 1 s.
    pub(super) async fn close(self) {
        let _ = timeout(CLOSE_LIMIT, self.connection.close(200, "OK".into())).await;
    }
}

/// A second handle of the connection's socket; the drop shuts the socket down.
struct Socket(Slot);

#[derive(Clone, Default)]
struct Slot(Arc<Mutex<SlotState>>);

#[derive(Default)]
enum SlotState {
    #[default]
    Empty,
    Open(TcpStream),
    Dropped,
}

impl Socket {
    fn new() -> (Self, Slot) {
        let slot = Slot::default();
        (Self(slot.clone()), slot)
    }
}

impl Slot {
    fn replace(&self, new: SlotState) -> SlotState {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), new)
    }

    /// Takes the handle, unless its owner has given up meanwhile.
    fn keep(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        if let SlotState::Dropped = self.replace(SlotState::Open(stream)) {
            self.replace(SlotState::Dropped);
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let SlotState::Open(stream) = self.0.replace(SlotState::Dropped) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
