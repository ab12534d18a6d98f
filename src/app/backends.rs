//! The one place that turns configuration into a store and a bus.

use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::bus::Bus;
use crate::bus::amqp::{AmqpBus, AmqpOptions, WholeFrames};
use crate::bus::memory::MemoryBus;
use crate::clock::Clock;
use crate::config::{AmqpConfig, BusBackend, Config, RedisConfig, RedisServer, StoreBackend};
use crate::store::memory::MemoryStore;
use crate::store::redis::{RedisOptions, RedisStore};
use crate::store::{CollectorId, FrameStore, HoldStore, Outbox};

/// A store and a bus, and where they are, for messages.
#[derive(Debug)]
pub(super) struct Backends {
    pub(super) store: Arc<dyn FrameStore>,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) holds: Arc<dyn HoldStore>,
    pub(super) store_place: String,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) bus_place: String,
    /// The broker, when whole frames go there as well.
    pub(super) whole_frames: Option<Arc<dyn Bus>>,
}

impl Backends {
    /// Closes the connections to the broker; messages in flight are waited for.
    pub(super) async fn close(&self) {
        self.bus.close().await;
        if let Some(bus) = &self.whole_frames {
            bus.close().await;
        }
    }
}

/// Opens what [`Config::store_backend`] and [`Config::bus_backend`] select.
pub(super) fn open_backends(
    config: &Config,
    clock: &Arc<dyn Clock>,
    collector: &CollectorId,
) -> Result<Backends> {
    let Store { store, outbox, holds, place: store_place } = open_store(config, clock, collector)?;
    let (bus, bus_place) = open_bus(config)?;
    let framed = config.amqp.as_ref().filter(|amqp| amqp.frames);
    let whole_frames = match framed {
        Some(amqp) => Some(open_amqp(frames_options(config, amqp)?)?.0),
        None => None,
    };
    Ok(Backends { store, outbox, holds, store_place, bus, bus_place, whole_frames })
}

/// One backend by each of its traits, and where it is.
pub(super) struct Store {
    pub(super) store: Arc<dyn FrameStore>,
    outbox: Arc<dyn Outbox>,
    holds: Arc<dyn HoldStore>,
    pub(super) place: String,
}

impl Store {
    fn of<S: FrameStore + Outbox + HoldStore + 'static>(store: S, place: String) -> Self {
        let store = Arc::new(store);
        let (outbox, holds) = (Arc::<S>::clone(&store), Arc::<S>::clone(&store));
        Self { store, outbox, holds, place }
    }
}

pub(super) fn open_store(
    config: &Config,
    clock: &Arc<dyn Clock>,
    collector: &CollectorId,
) -> Result<Store> {
    match config.store_backend() {
        StoreBackend::Redis(redis) => {
            let store = RedisStore::open(&redis_options(config, redis, collector))
                .context("[redis] cannot be used")?;
            let place = format!("redis at {}", store.address());
            Ok(Store::of(store, place))
        }
        StoreBackend::Embedded(embedded) => {
            let max_bytes = u64::try_from(embedded.max_bytes)?;
            let store = MemoryStore::new(Arc::clone(clock), max_bytes);
            Ok(Store::of(store, "embedded, in memory".to_owned()))
        }
    }
}

pub(super) fn redis_options(
    config: &Config,
    redis: &RedisConfig,
    collector: &CollectorId,
) -> RedisOptions {
    let target = &redis.target;
    let address = match &target.server {
        RedisServer::Tcp { host, port, tls } => {
            let scheme = if *tls { "rediss" } else { "redis" };
            let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
            format!("{scheme}://{host}:{port}")
        }
        RedisServer::Unix(path) => format!("unix://{}", path.display()),
    };
    RedisOptions {
        username: target.username.clone(),
        password: target.password.as_ref().map(|password| password.expose().to_owned()),
        db: Some(u32::from(target.db)),
        home: Some((config.tenant.clone(), config.prefix.clone())),
        connect_timeout: redis.connect_timeout,
        response_timeout: redis.response_timeout,
        ..RedisOptions::new(&address, collector.clone())
    }
}

/// The bus for announcements.
pub(super) fn open_bus(config: &Config) -> Result<(Arc<dyn Bus>, String)> {
    match config.bus_backend() {
        BusBackend::Amqp(amqp, _) => open_amqp(metadata_options(config, amqp)?),
        BusBackend::Local => Ok(in_process(config)),
    }
}

fn in_process(config: &Config) -> (Arc<dyn Bus>, String) {
    let bus = MemoryBus::new(config.metadata.routing_keys.clone());
    (Arc::new(bus), "in process".to_owned())
}

fn open_amqp(options: AmqpOptions) -> Result<(Arc<dyn Bus>, String)> {
    let place = format!("amqp at {}", options.url);
    let bus = AmqpBus::open(options).context("[amqp] cannot be used")?;
    Ok((Arc::new(bus), place))
}

fn metadata_options(config: &Config, amqp: &AmqpConfig) -> Result<AmqpOptions> {
    let url = amqp.url.expose().parse().context("[amqp] amqp_url cannot be used")?;
    Ok(AmqpOptions {
        exchange: config.metadata.exchange.clone(),
        exchange_durable: config.metadata.exchange_durable,
        persistent: config.metadata.persistent,
        routing_keys: config.metadata.routing_keys.clone(),
        connection_name: format!("framecache {}", config.collector_id),
        ..AmqpOptions::new(url)
    })
}

/// Whole frames get a connection of their own, so that large bodies hold no announcement up.
fn frames_options(config: &Config, amqp: &AmqpConfig) -> Result<AmqpOptions> {
    let frames = WholeFrames {
        exchange: amqp.exchange.clone(),
        routing_key_prefix: amqp.routing_key_prefix.clone(),
    };
    Ok(AmqpOptions {
        exchange: amqp.exchange.clone(),
        connection_name: format!("framecache {} whole frames", config.collector_id),
        frames: Some(frames),
        ..metadata_options(config, amqp)?
    })
}
