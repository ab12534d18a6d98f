//! The embedded store: frames in this process's memory, with nothing installed.
//!
//! It keeps the same buckets as Redis, so that both answer alike: a map of buckets a camera, records
//! in order of arrival in each. Frames expire by the given clock; past `max_bytes` the earliest
//! expiry goes first, as Redis does under `volatile-ttl`, and is counted. Every operation first
//! sweeps what is due, so no timer exists. It does not persist: what it holds ends with the process.

mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use self::state::State;
use super::{
    CameraSeen, FamilySeen, FrameStat, FrameStore, HeldPage, HoldStore, IndexAnswer, Lengthened,
    Outbox, OutboxMark, Put, PutFrame, ScanAnswer, Selector, StoreError, StoreInfo,
};
use crate::clock::Clock;
use crate::model::bucket::{Bucket, FoundRecord, IndexRecord, select_live};
use crate::model::frame::Dimensions;
use crate::model::hold::Hold;
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::{Prefix, Tenant};
use crate::model::time::{TimeRange, Ttl, UnixNanos};

/// Frames in memory, bounded in bytes.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl MemoryStore {
    /// An empty store of at most `max_bytes` accounted bytes: payload plus
    /// [`MemoryStore::OVERHEAD_BYTES`] a frame.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, max_bytes: u64) -> Self {
        Self { clock, state: Mutex::new(State::new(max_bytes)) }
    }

    /// What a frame is accounted for beside its payload.
    pub const OVERHEAD_BYTES: u64 = state::OVERHEAD_BYTES;

    /// The state at the clock's now, with everything due already gone.
    fn swept(&self) -> (MutexGuard<'_, State>, UnixNanos) {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sweep(now);
        (state, now)
    }
}

#[async_trait]
impl FrameStore for MemoryStore {
    async fn put(&self, batch: &[PutFrame]) -> Vec<Result<Put, StoreError>> {
        let (mut state, now) = self.swept();
        batch.iter().map(|frame| state.put(frame, now)).collect()
    }

    async fn fetch(&self, keys: &[FrameKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let (state, _) = self.swept();
        Ok(keys.iter().map(|key| state.find(key).and_then(|entry| entry.bytes.clone())).collect())
    }

    async fn stat(&self, keys: &[FrameKey]) -> Result<Vec<Option<FrameStat>>, StoreError> {
        let (state, _) = self.swept();
        let stat = |key| {
            let entry = state.find(key)?;
            Some(FrameStat { size: entry.size(), expires_at: Some(entry.expires_at) })
        };
        Ok(keys.iter().map(stat).collect())
    }

    async fn index(&self, stream: &StreamId, window: TimeRange) -> Result<IndexAnswer, StoreError> {
        let (state, now) = self.swept();
        let (found, gone) = state.records(stream, window);
        let (records, dead) = select_live(found, window, now);
        Ok(IndexAnswer { records, dead: dead + gone, unsure: Vec::new() })
    }

    async fn arrived(
        &self,
        stream: &StreamId,
        window: TimeRange,
    ) -> Result<Vec<FoundRecord>, StoreError> {
        Ok(self.swept().0.arrived(stream, window))
    }

    async fn scan(&self, selector: &Selector) -> Result<ScanAnswer, StoreError> {
        let (state, _) = self.swept();
        let mut keys: Vec<FrameKey> = state.keys().filter(|key| selector.matches(key)).collect();
        keys.sort_unstable();
        Ok(ScanAnswer { keys, foreign: 0 })
    }

    async fn families(&self) -> Result<Vec<FamilySeen>, StoreError> {
        Ok(self.swept().0.families())
    }

    async fn cameras(
        &self,
        tenant: &Tenant,
        prefix: &Prefix,
    ) -> Result<Vec<CameraSeen>, StoreError> {
        Ok(self.swept().0.cameras(tenant, prefix))
    }

    async fn last_seen(&self, stream: &StreamId) -> Result<Option<UnixNanos>, StoreError> {
        Ok(self.swept().0.camera(stream).map(|camera| camera.newest))
    }

    async fn longest_life(&self, stream: &StreamId) -> Result<Option<Ttl>, StoreError> {
        Ok(self.swept().0.camera(stream).and_then(state::Camera::longest_life))
    }

    async fn dimensions(
        &self,
        stream: &StreamId,
    ) -> Result<Vec<(UnixNanos, Dimensions)>, StoreError> {
        let (state, _) = self.swept();
        Ok(state.camera(stream).map(|camera| camera.dimensions.clone()).unwrap_or_default())
    }

    async fn reindex(&self, keys: &[FrameKey]) -> Result<u64, StoreError> {
        let (state, _) = self.swept();
        Ok(keys.iter().filter(|key| state.find(key).is_some()).map(|_| 1).sum())
    }

    async fn delete(&self, keys: &[FrameKey]) -> Result<Vec<Option<u32>>, StoreError> {
        let (mut state, _) = self.swept();
        Ok(keys.iter().map(|key| state.delete(key)).collect())
    }

    async fn now(&self) -> Result<UnixNanos, StoreError> {
        Ok(self.clock.now())
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        Ok(self.swept().0.info())
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn tail(
        &self,
        stream: &StreamId,
        bucket: Bucket,
        skip: u32,
    ) -> Result<Vec<Option<IndexRecord>>, StoreError> {
        Ok(self.swept().0.tail(stream, bucket, skip))
    }

    async fn marks(&self) -> Result<Vec<OutboxMark>, StoreError> {
        Ok(self.swept().0.marks())
    }

    async fn save(&self, marks: &[OutboxMark]) -> Result<(), StoreError> {
        self.swept().0.save(marks);
        Ok(())
    }

    async fn remove(&self, marks: &[OutboxMark]) -> Result<(), StoreError> {
        self.swept().0.remove(marks);
        Ok(())
    }
}

#[async_trait]
impl HoldStore for MemoryStore {
    async fn holds(&self, tenant: &Tenant, prefix: &Prefix) -> Result<Vec<Hold>, StoreError> {
        Ok(self.swept().0.holds(tenant, prefix))
    }

    async fn add_hold(&self, hold: &Hold) -> Result<bool, StoreError> {
        Ok(self.swept().0.add_hold(hold))
    }

    async fn remove_hold(&self, hold: &Hold) -> Result<bool, StoreError> {
        Ok(self.swept().0.remove_hold(hold.id()))
    }

    async fn lengthen(
        &self,
        keys: &[FrameKey],
        until: UnixNanos,
    ) -> Result<Vec<Option<Lengthened>>, StoreError> {
        let (mut state, _) = self.swept();
        Ok(keys.iter().map(|key| state.lengthen(key, until)).collect())
    }

    async fn held(&self, stream: &StreamId, cursor: u64) -> Result<HeldPage, StoreError> {
        Ok(self.swept().0.held(stream, cursor))
    }

    async fn shorten(&self, ends: &[(FrameKey, Option<UnixNanos>)]) -> Result<u64, StoreError> {
        let (mut state, now) = self.swept();
        let freed = ends.iter().filter(|(key, keep)| state.shorten(key, *keep)).count();
        state.sweep(now);
        Ok(u64::try_from(freed).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
