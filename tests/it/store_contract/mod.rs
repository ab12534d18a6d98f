//! One suite for every store: what `FrameStore` and `Outbox` promise, whoever keeps it.
//!
//! Each contract is an async function that is given a [`Subject`] and knows nothing of its backend;
//! `contracts!` runs it on the embedded store, whose clock the test sets, and on a private
//! redis-server, whose clock the test waits for.

#![allow(clippy::unwrap_used, reason = "a test may end at its first surprise")]

mod arrivals;
mod bytes;
mod delete;
mod hold;
mod lifetimes;
mod model;
mod outbox;
mod registries;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use ::bytes::Bytes;
use framecache::clock::SettableClock;
use framecache::model::bucket::FoundRecord;
use framecache::model::key::{FrameKey, Seq, StreamId, Suffix};
use framecache::model::name::{CameraId, Prefix, Tenant};
use framecache::model::time::{TimeRange, Ttl, UnixNanos};
use framecache::store::memory::MemoryStore;
use framecache::store::redis::{RedisOptions, RedisStore};
use framecache::store::{FrameStore, HoldStore, IndexAnswer, Outbox, Put, PutFrame, Selector};

use crate::support::redis::RedisServer;

/// Makes one test a contract and a backend.
macro_rules! contracts {
    ($($name:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::store_contract::Subject::memory()).await;
            })+
        }
        mod on_redis {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::store_contract::Subject::redis()).await;
            })+
        }
    };
}
pub(crate) use contracts;

pub(crate) const SEC: Duration = Duration::from_secs(1);

/// A store under test and its clock.
pub(crate) struct Subject {
    pub(crate) store: Arc<dyn FrameStore>,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) holds: Arc<dyn HoldStore>,
    clock: Option<Arc<SettableClock>>,
    _server: Option<RedisServer>,
}

impl Subject {
    pub(crate) fn memory() -> Self {
        let now = UnixNanos::new(1_773_144_000_123_456_789).unwrap();
        let clock = Arc::new(SettableClock::at(now));
        let store = Arc::new(MemoryStore::new(clock.clone(), 256 * 1024 * 1024));
        let (outbox, holds) = (store.clone(), store.clone());
        Self { store, outbox, holds, clock: Some(clock), _server: None }
    }

    pub(crate) fn redis() -> Self {
        let server = RedisServer::start();
        let store = Arc::new(open(&server));
        let (outbox, holds) = (store.clone(), store.clone());
        Self { store, outbox, holds, clock: None, _server: Some(server) }
    }

    pub(crate) async fn now(&self) -> UnixNanos {
        self.store.now().await.unwrap()
    }

    /// Returns once the store's clock shows `until`, or later.
    pub(crate) async fn wait_until(&self, until: UnixNanos) {
        match &self.clock {
            Some(clock) => clock.set(until),
            None => {
                while self.now().await < until {
                    let left = until.since(self.now().await);
                    tokio::time::sleep(left + Duration::from_millis(2)).await;
                }
            }
        }
    }

    /// Whether the clock is the test's, so that hours cost nothing.
    pub(crate) fn can_jump(&self) -> bool {
        self.clock.is_some()
    }

    /// Stores frames and asserts that each was stored for the first time.
    pub(crate) async fn put(&self, frames: &[PutFrame]) {
        for outcome in self.store.put(frames).await {
            assert!(matches!(outcome, Ok(Put::Stored { again: false, .. })), "{outcome:?}");
        }
    }

    pub(crate) async fn index(&self, stream: &StreamId, window: TimeRange) -> IndexAnswer {
        self.store.index(stream, window).await.unwrap()
    }

    /// What the index lists of all times, as keys.
    pub(crate) async fn indexed(&self, stream: &StreamId) -> Vec<FrameKey> {
        keys_of(stream, &self.index(stream, TimeRange::ALL).await.records)
    }

    pub(crate) async fn scanned(&self, stream: &StreamId) -> Vec<FrameKey> {
        self.store.scan(&Selector::stream(stream, TimeRange::ALL)).await.unwrap().keys
    }
}

/// A store on this server, in the name of collector `host-1`.
pub(crate) fn open(server: &RedisServer) -> RedisStore {
    let collector = CameraId::new("host-1").unwrap();
    RedisStore::open(&RedisOptions::new(&server.url(), collector)).unwrap()
}

pub(crate) fn stream(tenant: &str, prefix: &str, camera: &str) -> StreamId {
    StreamId {
        tenant: Tenant::new(tenant).unwrap(),
        prefix: Prefix::new(prefix).unwrap(),
        camera: CameraId::new(camera).unwrap(),
    }
}

pub(crate) fn cam1() -> StreamId {
    stream("client-a", "frames", "cam1")
}

pub(crate) fn ttl(secs: u64) -> Ttl {
    Ttl::from_secs(secs).unwrap()
}

pub(crate) fn key(stream: &StreamId, at: UnixNanos, seq: u32) -> FrameKey {
    FrameKey::new(stream.clone(), at, Suffix::Live(Seq::new(seq).unwrap())).unwrap()
}

pub(crate) fn frame(key: &FrameKey, bytes: &[u8], secs: u64) -> PutFrame {
    PutFrame {
        key: key.clone(),
        bytes: Bytes::copy_from_slice(bytes),
        ttl: ttl(secs),
        expires_at: None,
        new_dimensions: None,
    }
}

pub(crate) fn span(from: UnixNanos, to: UnixNanos) -> TimeRange {
    TimeRange::new(from, to).unwrap()
}

pub(crate) fn keys_of(stream: &StreamId, records: &[FoundRecord]) -> Vec<FrameKey> {
    records.iter().map(|one| one.record.key(stream).unwrap()).collect()
}
