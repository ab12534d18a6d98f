//! Frames in Redis, with the time-bucketed index beside them. The only place that names the client.
//!
//! A frame is a plain string under its key, with its end, as every other program expects it. Beside
//! it lie keys under `@framecache/` that no pattern for frames matches:
//!
//! | file | does |
//! | --- | --- |
//! | `options`, `connect`, `error`, `server` | reach the server, know it, name its errors |
//! | `keys` | what everything is called |
//! | `plan`, `write` | a batch in one transaction |
//! | `window`, `read` | the records of a window in one round trip, frames by key |
//! | `delete` | frames and their records, gone in one transaction |
//! | `arrived` | late frames by when they came |
//! | `control`, `orders` | orders for recordings by streams |
//! | `hold` | longer lives, and the register of holds |
//! | `scan`, `registry`, `reindex`, `outbox` | the rest of the contract |
//!
//! Needs Redis 7 (PEXPIRETIME, SET .. NX GET); a cluster is refused. Nothing is retried here.

mod acl;
mod arrived;
mod connect;
mod control;
mod delete;
mod error;
mod hold;
mod keys;
mod options;
mod orders;
mod outbox;
mod plan;
mod read;
mod registry;
mod reindex;
mod scan;
mod server;
mod window;
mod write;

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use redis::cmd;

pub use acl::{TenantRole, tenant_rules};
pub use control::{ControlStreams, RedisControl};
pub use options::RedisOptions;

use super::{
    CameraSeen, ExpirySample, FamilySeen, FrameStat, FrameStore, HeldPage, HoldStore, IndexAnswer,
    Lengthened, Outbox, OutboxMark, Put, PutFrame, ScanAnswer, Selector, StoreError, StoreInfo,
};
use crate::model::bucket::{Bucket, FoundRecord, IndexRecord};
use crate::model::frame::Dimensions;
use crate::model::hold::Hold;
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::{Prefix, Tenant};
use crate::model::time::{TimeRange, Ttl, UnixNanos};
use connect::{Lane, Role, Shared};
use options::Endpoint;
use read::Reader;
use write::Writer;

/// A Redis server as store and outbox.
#[derive(Debug)]
pub struct RedisStore {
    writer: Writer,
    reader: Reader,
    scanner: Lane,
    db: i64,
    home: Option<(Tenant, Prefix)>,
}

impl RedisStore {
    /// A store on the server that `options` name. Connects to nothing yet: each role connects at its
    /// first call, so a program starts while Redis is away.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the address or the login cannot be meant.
    pub fn open(options: &RedisOptions) -> Result<Self, StoreError> {
        let endpoint = Endpoint::of(options)?;
        if endpoint.is_tls() {
            // TLS needs one provider of cryptography a process; the first to come chooses it.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let db = endpoint.db();
        let shared = Shared::new(endpoint, options.connect_timeout, options.response_timeout)?;
        Ok(Self {
            writer: Writer::new(Lane::new(&shared, Role::Write), options.collector.clone()),
            reader: Reader::new(Lane::new(&shared, Role::Read)),
            scanner: Lane::new(&shared, Role::Read),
            db,
            home: options.home.clone(),
        })
    }

    /// Where the server is, without user and password.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.scanner.shared().address
    }
}

#[async_trait]
impl FrameStore for RedisStore {
    async fn put(&self, batch: &[PutFrame]) -> Vec<Result<Put, StoreError>> {
        if batch.is_empty() {
            return Vec::new();
        }
        match self.writer.put(batch).await {
            Ok(outcomes) => outcomes,
            Err(error) => vec![Err(error); batch.len()],
        }
    }

    async fn fetch(&self, keys: &[FrameKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.reader.fetch(keys).await
    }

    async fn stat(&self, keys: &[FrameKey]) -> Result<Vec<Option<FrameStat>>, StoreError> {
        self.reader.stat(keys).await
    }

    async fn index(&self, stream: &StreamId, window: TimeRange) -> Result<IndexAnswer, StoreError> {
        self.reader.index(stream, window).await
    }

    async fn arrived(
        &self,
        stream: &StreamId,
        window: TimeRange,
    ) -> Result<Vec<FoundRecord>, StoreError> {
        self.reader.arrived(stream, window).await
    }

    async fn scan(&self, selector: &Selector) -> Result<ScanAnswer, StoreError> {
        scan::scan(&mut self.scanner.link().await?, selector).await
    }

    async fn families(&self) -> Result<Vec<FamilySeen>, StoreError> {
        registry::families(&mut self.reader.link().await?, self.home.as_ref()).await
    }

    async fn cameras(
        &self,
        tenant: &Tenant,
        prefix: &Prefix,
    ) -> Result<Vec<CameraSeen>, StoreError> {
        registry::cameras(&mut self.reader.link().await?, tenant, prefix).await
    }

    async fn last_seen(&self, stream: &StreamId) -> Result<Option<UnixNanos>, StoreError> {
        registry::last_seen(&mut self.reader.link().await?, stream).await
    }

    async fn longest_life(&self, stream: &StreamId) -> Result<Option<Ttl>, StoreError> {
        registry::longest_life(&mut self.reader.link().await?, stream).await
    }

    async fn dimensions(
        &self,
        stream: &StreamId,
    ) -> Result<Vec<(UnixNanos, Dimensions)>, StoreError> {
        registry::dimensions(&mut self.reader.link().await?, stream).await
    }

    async fn reindex(&self, keys: &[FrameKey]) -> Result<u64, StoreError> {
        let mut link = self.writer.link().await?;
        let now = self.writer.lane().shared().server.known(&link).now();
        reindex::reindex(&mut link, keys, now).await
    }

    async fn delete(&self, keys: &[FrameKey]) -> Result<Vec<Option<u32>>, StoreError> {
        delete::delete(&self.reader, &self.writer, keys).await
    }

    async fn now(&self) -> Result<UnixNanos, StoreError> {
        let time = self.reader.link().await?.run(&cmd("TIME")).await?;
        Ok(server::time_of(time))
    }

    async fn sample_expiry(&self, most: usize) -> Result<ExpirySample, StoreError> {
        scan::sample_expiry(&mut self.scanner.link().await?, most).await
    }

    fn reconnects(&self) -> u64 {
        self.scanner.shared().reopened.load(Ordering::Relaxed)
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        server::info(&mut self.scanner.link().await?, self.db).await
    }
}

#[async_trait]
impl Outbox for RedisStore {
    async fn tail(
        &self,
        stream: &StreamId,
        bucket: Bucket,
        skip: u32,
    ) -> Result<Vec<Option<IndexRecord>>, StoreError> {
        outbox::tail(&mut self.reader.link().await?, stream, bucket, skip).await
    }

    async fn marks(&self) -> Result<Vec<OutboxMark>, StoreError> {
        let families = self.families().await?;
        outbox::marks(&mut self.reader.link().await?, self.writer.collector(), families).await
    }

    async fn save(&self, marks: &[OutboxMark]) -> Result<(), StoreError> {
        let mut link = self.writer.link().await?;
        let now = self.writer.lane().shared().server.known(&link).now();
        outbox::save(&mut link, self.writer.collector(), marks, now).await
    }

    async fn remove(&self, marks: &[OutboxMark]) -> Result<(), StoreError> {
        self.writer.remove_marks(marks).await
    }
}

#[async_trait]
impl HoldStore for RedisStore {
    async fn holds(&self, tenant: &Tenant, prefix: &Prefix) -> Result<Vec<Hold>, StoreError> {
        hold::holds(&mut self.reader.link().await?, tenant, prefix).await
    }

    async fn add_hold(&self, hold: &Hold) -> Result<bool, StoreError> {
        hold::add(&mut self.writer.link().await?, hold).await
    }

    async fn remove_hold(&self, hold: &Hold) -> Result<bool, StoreError> {
        hold::remove(&mut self.writer.link().await?, hold).await
    }

    async fn lengthen(
        &self,
        keys: &[FrameKey],
        until: UnixNanos,
    ) -> Result<Vec<Option<Lengthened>>, StoreError> {
        hold::lengthen(&self.reader, &mut self.writer.link().await?, keys, until).await
    }

    async fn held(&self, stream: &StreamId, cursor: u64) -> Result<HeldPage, StoreError> {
        hold::held(&mut self.reader.link().await?, stream, cursor).await
    }

    async fn shorten(&self, ends: &[(FrameKey, Option<UnixNanos>)]) -> Result<u64, StoreError> {
        hold::shorten(&mut self.writer.link().await?, ends).await
    }
}
