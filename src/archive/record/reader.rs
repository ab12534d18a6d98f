//! What the recorder reads from the store: cameras, index, late arrivals, and the frames themselves.
//!
//! Requests go out side by side, but bounded: sixteen cameras, two batches of frames. Where the index
//! cannot vouch for a span, the family is scanned, at most once in ten seconds. What to do with what comes
//! back is decided elsewhere.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::time::Instant;

use super::choice::Choice;
use crate::model::bucket::{FoundRecord, IndexRecord};
use crate::model::frame::{Frame, StoredFrame};
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::{TimeRange, Ttl, UnixNanos};
use crate::store::{
    CameraSeen, FETCH_MAX, FrameStat, FrameStore, IndexAnswer, ScanAnswer, Selector, StoreError,
};

/// Cameras that are asked about side by side.
const CAMERAS_IN_FLIGHT: usize = 16;

/// Batches of frames in flight: one being written while the next one is on its way.
const BATCHES_IN_FLIGHT: usize = 2;

/// Bytes of one batch of frames, as far as the index tells them; a single frame may be larger.
const BATCH_BYTES: u64 = 16 << 20;

/// How often the keyspace is walked at most.
const SCAN_EVERY: Duration = Duration::from_secs(10);

/// A frame that is to be recorded, by what the index or a scan tells of it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Its key.
    pub(super) key: FrameKey,
    /// Its record.
    pub(super) record: IndexRecord,
    /// The life that it was given, where known.
    pub(super) ttl: Option<Ttl>,
    /// When it expires; `None` when only the store knows.
    pub(super) expires_at: Option<UnixNanos>,
}

/// What became of a wanted frame.
#[derive(Debug)]
pub(super) enum Copied {
    /// It lived.
    Frame(StoredFrame),
    /// It died before it was read.
    Gone,
}

/// Reads the chosen cameras of one family.
#[derive(Debug)]
pub(super) struct Reader {
    store: Arc<dyn FrameStore>,
    tenant: Tenant,
    prefix: Prefix,
    choice: Choice,
    scanned: Option<Instant>,
}

impl Reader {
    /// A reader of the cameras of this family that `choice` takes.
    pub(super) fn new(
        store: Arc<dyn FrameStore>,
        (tenant, prefix): (Tenant, Prefix),
        choice: Choice,
    ) -> Self {
        Self { store, tenant, prefix, choice, scanned: None }
    }

    fn stream(&self, camera: &CameraId) -> StreamId {
        let (tenant, prefix) = (self.tenant.clone(), self.prefix.clone());
        StreamId { tenant, prefix, camera: camera.clone() }
    }

    /// The store's clock.
    pub(super) async fn now(&self) -> Result<UnixNanos, StoreError> {
        self.store.now().await
    }

    /// The chosen cameras that the store knows.
    pub(super) async fn cameras(&self) -> Result<Vec<CameraSeen>, StoreError> {
        let mut cameras = self.store.cameras(&self.tenant, &self.prefix).await?;
        cameras.retain(|seen| self.choice.takes(&seen.camera));
        Ok(cameras)
    }

    /// The longest life among frames of these cameras.
    pub(super) async fn longest_life(
        &self,
        cameras: &[CameraSeen],
    ) -> Result<Option<Ttl>, StoreError> {
        let lives =
            self.each(cameras, |stream| async move { self.store.longest_life(&stream).await });
        Ok(lives.await?.into_iter().filter_map(|(_, life)| life).max())
    }

    /// What the index has of a window of these cameras.
    pub(super) async fn index(
        &self,
        cameras: &[CameraSeen],
        window: TimeRange,
    ) -> Result<Vec<(CameraId, IndexAnswer)>, StoreError> {
        self.each(cameras, |stream| async move { self.store.index(&stream, window).await }).await
    }

    /// Late frames of these cameras by when they came.
    pub(super) async fn arrived(
        &self,
        cameras: &[CameraSeen],
        window: TimeRange,
    ) -> Result<Vec<(CameraId, Vec<FoundRecord>)>, StoreError> {
        self.each(cameras, |stream| async move { self.store.arrived(&stream, window).await }).await
    }

    /// Asks of each camera, some at a time.
    async fn each<'a, T, F: Future<Output = Result<T, StoreError>> + 'a>(
        &'a self,
        cameras: &'a [CameraSeen],
        ask: impl Fn(StreamId) -> F + 'a,
    ) -> Result<Vec<(CameraId, T)>, StoreError> {
        let asked = cameras.iter().map(|seen| {
            let answer = ask(self.stream(&seen.camera));
            async move { Ok((seen.camera.clone(), answer.await?)) }
        });
        stream::iter(asked.collect::<Vec<_>>()).buffered(CAMERAS_IN_FLIGHT).try_collect().await
    }

    /// The keys of chosen cameras in a window that the index cannot vouch for, by a walk of the
    /// keyspace; none when it was walked lately, unless `must`.
    pub(super) async fn scan(
        &mut self,
        window: TimeRange,
        must: bool,
    ) -> Result<Vec<FrameKey>, StoreError> {
        if !must && self.scanned.is_some_and(|last| last.elapsed() < SCAN_EVERY) {
            return Ok(Vec::new());
        }
        let (tenant, prefix) = (Some(self.tenant.clone()), Some(self.prefix.clone()));
        let selector = Selector { tenant, prefix, camera: None, window };
        let ScanAnswer { mut keys, .. } = self.store.scan(&selector).await?;
        self.scanned = Some(Instant::now());
        keys.retain(|key| self.choice.takes(&key.stream().camera));
        Ok(keys)
    }

    /// What is recorded of an index record; `None` for a time that no key can have.
    pub(super) fn wanted(&self, camera: &CameraId, found: FoundRecord) -> Option<Wanted> {
        let key = found.record.key(&self.stream(camera)).ok()?;
        let (record, ttl) = (found.record, Some(found.ttl));
        Some(Wanted { key, record, ttl, expires_at: found.expires_at() })
    }

    /// These frames with bytes and lives, in their order.
    pub(super) fn frames(
        &self,
        wanted: Vec<Wanted>,
    ) -> BoxStream<'static, Result<Copied, StoreError>> {
        let store = Arc::clone(&self.store);
        let copied = stream::iter(batches(wanted)).map(move |batch| {
            let store = Arc::clone(&store);
            async move { fetch(store.as_ref(), batch).await }
        });
        let copied = copied.buffered(BATCHES_IN_FLIGHT);
        copied.map_ok(|frames| stream::iter(frames).map(Ok)).try_flatten().boxed()
    }
}

impl Wanted {
    /// A frame that a scan found: of its life only the store knows.
    pub(super) fn of_key(key: FrameKey) -> Self {
        let record = IndexRecord { at: key.at(), suffix: key.suffix(), ask: true, size: None };
        Self { key, record, ttl: None, expires_at: None }
    }

    /// Its camera.
    pub(super) fn camera(&self) -> &CameraId {
        &self.key.stream().camera
    }
}

/// Cuts frames into batches that fit one request and a bounded memory.
fn batches(wanted: Vec<Wanted>) -> impl Iterator<Item = Vec<Wanted>> {
    let mut wanted = wanted.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < FETCH_MAX {
            let size = u64::from(wanted.peek()?.record.size.unwrap_or(0));
            if !batch.is_empty() && bytes + size > BATCH_BYTES {
                break;
            }
            bytes += size;
            batch.extend(wanted.next());
            if wanted.peek().is_none() {
                break;
            }
        }
        Some(batch)
    })
}

async fn fetch(store: &dyn FrameStore, batch: Vec<Wanted>) -> Result<Vec<Copied>, StoreError> {
    let keys: Vec<FrameKey> = batch.iter().map(|one| one.key.clone()).collect();
    let frames = store.fetch(&keys).await?;
    let asked: Vec<FrameKey> = batch
        .iter()
        .zip(&frames)
        .filter(|(one, bytes)| one.expires_at.is_none() && bytes.is_some())
        .map(|(one, _)| one.key.clone())
        .collect();
    let stats = if asked.is_empty() { Vec::new() } else { store.stat(&asked).await? };
    let mut stats = stats.into_iter();
    let copied = batch.into_iter().zip(frames).map(|(one, bytes)| {
        let Some(bytes) = bytes else { return Copied::Gone };
        let expires_at = match one.expires_at {
            Some(end) => Some(end),
            // it may have died since, and is recorded all the same
            None => stats.next().flatten().and_then(|stat: FrameStat| stat.expires_at),
        };
        let frame = Frame { key: one.key, bytes };
        Copied::Frame(StoredFrame { frame, ttl: one.ttl, expires_at })
    });
    Ok(copied.collect())
}
