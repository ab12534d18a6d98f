//! Connections: one multiplexed connection a role, made when first needed and again when it broke.
//!
//! A call while Redis is away fails at once: nothing is retried here, the caller knows what a frame
//! is worth. Calls that wait for the same attempt share its outcome. After a timeout the connection
//! is given up too, since a half-open one would swallow every later call. Each new connection is
//! greeted first: format, mode, clock (`server.rs`), and again each minute.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError};
use tokio::sync::Mutex;

use super::error;
use super::options::Endpoint;
use super::server::{self, Server};
use crate::store::StoreError;

/// What the roles of one store share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Where the server is, without secrets.
    pub(super) address: String,
    /// What it said of itself last.
    pub(super) server: Server,
    client: Client,
    connect_timeout: Duration,
    response_timeout: Duration,
    generations: AtomicU64,
    /// How often a role's connection was opened again.
    pub(super) reopened: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        endpoint: Endpoint,
        connect_timeout: Duration,
        response_timeout: Duration,
    ) -> Result<Arc<Self>, StoreError> {
        let tcp = TcpSettings::default().set_nodelay(true);
        let client = Client::open(endpoint.info.set_tcp_settings(tcp))
            .map_err(|error| error::explain(&error, &endpoint.address))?;
        Ok(Arc::new(Self {
            address: endpoint.address,
            server: Server::default(),
            client,
            connect_timeout,
            response_timeout,
            generations: AtomicU64::new(1),
            reopened: AtomicU64::new(0),
        }))
    }

    async fn connect(&self) -> Result<MultiplexedConnection, StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(Some(self.response_timeout));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| error::explain(&error, &self.address))
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Writes, and makes the format key where it is missing.
    Write,
    /// Reads only: works on a replica and with a user that may only read.
    Read,
}

/// One role's connection.
pub(super) struct Lane {
    shared: Arc<Shared>,
    role: Role,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    open: Option<Open>,
    /// Whether it was ever open.
    opened: bool,
    failed: Option<(Instant, StoreError)>,
}

#[derive(Clone)]
struct Open {
    connection: MultiplexedConnection,
    generation: u64,
    greeted: Instant,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("role", &self.role).finish_non_exhaustive()
    }
}

impl Lane {
    pub(super) fn new(shared: &Arc<Shared>, role: Role) -> Self {
        Self { shared: Arc::clone(shared), role, slot: Mutex::default() }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The connection, made or greeted anew where that is due. Waits at most the connect timeout.
    pub(super) async fn link(&self) -> Result<Link<'_>, StoreError> {
        let began = Instant::now();
        let mut slot = self.slot.lock().await;
        if let Some((at, error)) = &slot.failed
            && *at >= began
        {
            return Err(error.clone());
        }
        let open = slot.open.clone().filter(|open| open.greeted.elapsed() < server::FRESH);
        if let Some(open) = open {
            return Ok(Link { lane: self, open });
        }
        let limit = self.shared.connect_timeout;
        let was_open = slot.open.is_some();
        let outcome = tokio::time::timeout(limit, self.establish(slot.open.take())).await;
        let outcome = outcome.unwrap_or_else(|_| {
            let Shared { address, .. } = &*self.shared;
            Err(StoreError::Unavailable(format!("Redis at {address} did not answer in {limit:?}")))
        });
        match outcome {
            Ok(open) => {
                if slot.opened && !was_open {
                    self.shared.reopened.fetch_add(1, Ordering::Relaxed);
                }
                slot.opened = true;
                slot.open = Some(open.clone());
                Ok(Link { lane: self, open })
            }
            Err(error) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn establish(&self, known: Option<Open>) -> Result<Open, StoreError> {
        let (mut connection, generation) = match known {
            Some(open) => (open.connection, open.generation),
            None => {
                let generation = self.shared.generations.fetch_add(1, Ordering::Relaxed);
                (self.shared.connect().await?, generation)
            }
        };
        server::greet(&self.shared, &mut connection, self.role).await?;
        Ok(Open { connection, generation, greeted: Instant::now() })
    }
}

/// A connection in use.
pub(super) struct Link<'a> {
    lane: &'a Lane,
    open: Open,
}

impl Link<'_> {
    /// Another number for another connection: what was remembered of the last one is void.
    pub(super) fn generation(&self) -> u64 {
        self.open.generation
    }

    pub(super) async fn run<T: FromRedisValue>(&mut self, cmd: &Cmd) -> Result<T, StoreError> {
        let outcome = cmd.query_async(&mut self.open.connection).await;
        if self.was_stale(&outcome) {
            self.renew(&outcome).await?;
            let outcome = cmd.query_async(&mut self.open.connection).await;
            return self.judge(outcome).await;
        }
        self.judge(outcome).await
    }

    /// Runs commands in one round trip, as a transaction where they were made one.
    pub(super) async fn pipe<T: FromRedisValue>(
        &mut self,
        pipe: &Pipeline,
    ) -> Result<T, StoreError> {
        let outcome = pipe.query_async(&mut self.open.connection).await;
        if self.was_stale(&outcome) {
            self.renew(&outcome).await?;
            let outcome = pipe.query_async(&mut self.open.connection).await;
            return self.judge(outcome).await;
        }
        self.judge(outcome).await
    }

    /// Whether a read only found out that the server had closed an idle connection: reads can be
    /// asked again, so a restart of Redis costs no reader an error. Writes are the caller's to judge.
    fn was_stale<T>(&self, outcome: &Result<T, RedisError>) -> bool {
        let broken = |error: &RedisError| error.is_unrecoverable_error() && !error.is_timeout();
        self.lane.role == Role::Read && outcome.as_ref().is_err_and(broken)
    }

    async fn renew<T>(&mut self, outcome: &Result<T, RedisError>) -> Result<(), StoreError> {
        if let Err(error) = outcome {
            self.forget(error, &error::explain(error, &self.lane.shared.address)).await;
        }
        self.open = self.lane.link().await?.open;
        Ok(())
    }

    async fn judge<T>(&self, outcome: Result<T, RedisError>) -> Result<T, StoreError> {
        let error = match outcome {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let said = error::explain(&error, &self.lane.shared.address);
        self.forget(&error, &said).await;
        Err(said)
    }

    /// Gives the connection up where the error means that it is of no use any more.
    async fn forget(&self, error: &RedisError, said: &StoreError) {
        // A server that turned read-only may no longer be the one that the address leads to.
        if error.is_unrecoverable_error() || matches!(said, StoreError::Unavailable(_)) {
            let mut slot = self.lane.slot.lock().await;
            slot.open = slot.open.take().filter(|open| open.generation != self.open.generation);
        }
    }
}
