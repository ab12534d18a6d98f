//! Floor 1: where frames lie. Three small traits, [`FrameStore`], [`Outbox`] and [`HoldStore`], and
//! their backends.
//!
//! A store keeps bytes under keys for a lifetime, and beside them the index records of
//! [`crate::model::bucket`]. It decides nothing about queries: `query` plans windows and picks from
//! what an index or a scan answers. One contract suite runs against every backend. Stores never
//! retry on their own: the caller knows what a frame is worth.

mod hold;
pub mod memory;
pub mod redis;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::hold::{HOLD_MAX, HeldFrame, HeldPage, HoldStore, Lengthened};
use crate::model::bucket::{Bucket, Expiry, FoundRecord, IndexRecord, expiry, whole_millis};
use crate::model::frame::Dimensions;
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::{TimeRange, Ttl, UnixNanos};

/// The most keys that one [`FrameStore::fetch`] or [`FrameStore::stat`] takes; the size at which
/// throughput peaks and the server's reply stays small.
pub const FETCH_MAX: usize = 16;

/// The most keys that one [`FrameStore::delete`] takes: one transaction, over in milliseconds.
pub const DELETE_MAX: usize = 256;

/// A frame to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutFrame {
    /// Where; must be new, or hold equal bytes.
    pub key: FrameKey,
    /// The JPEG, 1..=[`crate::model::bucket::FRAME_MAX_BYTES`] bytes.
    pub bytes: Bytes,
    /// How long it lives; with `expires_at` only which bucket its record goes to.
    pub ttl: Ttl,
    /// Its exact end (whole milliseconds), for a frame that is stored again; otherwise `ttl` tells,
    /// counted from its capture, or from the write where that is late. An end that is past is kept as
    /// promptly as it is given: nothing is left of the frame.
    pub expires_at: Option<UnixNanos>,
    /// Given when the camera's dimensions differ from those last recorded.
    pub new_dimensions: Option<Dimensions>,
}

impl PutFrame {
    /// How its end is set when it is written at the store's `now`.
    #[must_use]
    pub fn expiry(&self, now: UnixNanos) -> Expiry {
        let given = self.expires_at.map(|end| Expiry::Exact(whole_millis(end)));
        given.unwrap_or_else(|| expiry(self.key.at(), self.ttl, now))
    }
}

/// Where a stored frame's record stands in arrival order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The bucket that holds its record.
    pub bucket: Bucket,
    /// Records in that bucket up to and with this one.
    pub end: u32,
}

/// What became of one frame of a batch that reached the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is stored and indexed, now or by an earlier attempt with equal bytes.
    Stored {
        /// Where its record stands.
        place: Place,
        /// Whether equal bytes lay there already: an earlier attempt whose reply was lost.
        again: bool,
    },
    /// The key holds other bytes; nothing was changed.
    Taken,
}

/// Why a store did not do what was asked.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// Not reachable, or the reply was lost: the outcome is unknown, try again under the same key.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// The store answered that it will not: out of memory, read only, no permission.
    #[error("the store refuses: {0}")]
    Refused(String),
    /// The index is of another format or not understood.
    #[error("{0}")]
    Format(String),
}

/// The answer of the index for one camera and window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexAnswer {
    /// Live records: cut to the window, sorted by (time, suffix), one a key.
    pub records: Vec<FoundRecord>,
    /// Records met whose frames have expired.
    pub dead: u64,
    /// Spans of the window that the index cannot vouch for; the caller scans them.
    pub unsure: Vec<TimeRange>,
}

/// What [`FrameStore::stat`] tells of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameStat {
    /// Payload bytes.
    pub size: u32,
    /// When it expires; `None` when it never does (a frame of another program).
    pub expires_at: Option<UnixNanos>,
}

/// Which keys a scan looks for. `None` means any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Whose frames.
    pub tenant: Option<Tenant>,
    /// Which family.
    pub prefix: Option<Prefix>,
    /// Which camera.
    pub camera: Option<CameraId>,
    /// Which times.
    pub window: TimeRange,
}

impl Selector {
    /// Selects one camera.
    #[must_use]
    pub fn stream(stream: &StreamId, window: TimeRange) -> Self {
        Self {
            tenant: Some(stream.tenant.clone()),
            prefix: Some(stream.prefix.clone()),
            camera: Some(stream.camera.clone()),
            window,
        }
    }

    /// Whether a key is selected.
    #[must_use]
    pub fn matches(&self, key: &FrameKey) -> bool {
        let stream = key.stream();
        let same = self.tenant.as_ref().is_none_or(|t| *t == stream.tenant)
            && self.prefix.as_ref().is_none_or(|p| *p == stream.prefix)
            && self.camera.as_ref().is_none_or(|c| *c == stream.camera);
        same && self.window.contains(key.at())
    }
}

/// The keys that a scan found: sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanAnswer {
    /// Frame keys that match.
    pub keys: Vec<FrameKey>,
    /// Keys under the pattern that are no frame keys of any known format.
    pub foreign: u64,
}

/// A family of frames that was written to, and when last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilySeen {
    /// Whose.
    pub tenant: Tenant,
    /// Which.
    pub prefix: Prefix,
    /// Newest key, rounded down to a microsecond, at most a second behind.
    pub newest: UnixNanos,
}

/// A camera that was written to, and when last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraSeen {
    /// Which camera.
    pub camera: CameraId,
    /// Newest key, rounded down to a microsecond, at most a second behind.
    pub newest: UnixNanos,
}

/// What the server itself says, for statistics and `check`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// "embedded" or "redis".
    pub backend: String,
    /// Server version, empty when embedded.
    pub version: String,
    /// Bytes in use by the store as a whole.
    pub used_bytes: u64,
    /// Its limit; `None` when unlimited.
    pub max_bytes: Option<u64>,
    /// Keys or frames in it.
    pub keys: u64,
    /// Frames that it evicted to stay below its limit.
    pub evicted: u64,
    /// Keys or frames whose lifetime ended.
    pub expired: u64,
    /// Further facts by their own names, e.g. `maxmemory_policy`.
    pub facts: Vec<(String, String)>,
}

impl StoreInfo {
    /// A further fact by its name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// What a look at some keys of a store tells about frames without an end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpirySample {
    /// Frame keys looked at.
    pub looked_at: u64,
    /// Of these, how many never expire: other programs wrote them without a lifetime.
    pub without_expiry: u64,
}

/// Keeps frames for their lifetime and answers what it has of a camera and window.
///
/// Every method may wait for the network; none blocks a thread. Errors leave nothing half-done that
/// a retry with equal arguments would not mend.
#[async_trait]
pub trait FrameStore: Send + Sync + fmt::Debug {
    /// Stores frames, each with its index record in the same transaction where the backend has one.
    ///
    /// The outcomes stand in the order of `batch`. A frame already there with equal bytes counts as
    /// stored. A batch should be at most a few megabytes.
    async fn put(&self, batch: &[PutFrame]) -> Vec<Result<Put, StoreError>>;

    /// The bytes of at most [`FETCH_MAX`] keys, in their order; `None` where nothing lives.
    async fn fetch(&self, keys: &[FrameKey]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Size and end of at most [`FETCH_MAX`] keys, in their order; `None` where nothing lives.
    async fn stat(&self, keys: &[FrameKey]) -> Result<Vec<Option<FrameStat>>, StoreError>;

    /// What the index has of one camera in `window`. Windows of hours are fine, of years too: only
    /// buckets that can hold live frames are read.
    async fn index(&self, stream: &StreamId, window: TimeRange) -> Result<IndexAnswer, StoreError>;

    /// Frames of one camera that came late (or early: flagged `ask`), by when they came: those that
    /// arrived in `window` of the store's clock, as their writers knew it. In order of arrival, with
    /// repeats; they may have died since. Windows of hours are fine, of years too.
    async fn arrived(
        &self,
        stream: &StreamId,
        window: TimeRange,
    ) -> Result<Vec<FoundRecord>, StoreError>;

    /// Walks the whole keyspace for matching keys, without the index.
    async fn scan(&self, selector: &Selector) -> Result<ScanAnswer, StoreError>;

    /// Every family that was written to.
    async fn families(&self) -> Result<Vec<FamilySeen>, StoreError>;

    /// Every camera of a family, sorted by id. May hold cameras whose frames have all expired.
    async fn cameras(
        &self,
        tenant: &Tenant,
        prefix: &Prefix,
    ) -> Result<Vec<CameraSeen>, StoreError>;

    /// When the camera was last written to, as in [`CameraSeen::newest`]; `None` if unknown.
    async fn last_seen(&self, stream: &StreamId) -> Result<Option<UnixNanos>, StoreError>;

    /// The longest life among frames of this camera that may still be there; `None` when it has none.
    async fn longest_life(&self, stream: &StreamId) -> Result<Option<Ttl>, StoreError>;

    /// The camera's dimensions in the order of time: each holds from its instant until the next.
    async fn dimensions(
        &self,
        stream: &StreamId,
    ) -> Result<Vec<(UnixNanos, Dimensions)>, StoreError>;

    /// Adds index records, flagged `ask`, for keys that other programs wrote; repeats are harmless.
    /// Returns how many of them exist and are now indexed.
    async fn reindex(&self, keys: &[FrameKey]) -> Result<u64, StoreError>;

    /// Deletes at most [`DELETE_MAX`] frames together with all their index records, at once. Answers
    /// the bytes of each, in their order; `None` where nothing lived. What is written under the same
    /// keys afterwards is a new frame.
    async fn delete(&self, keys: &[FrameKey]) -> Result<Vec<Option<u32>>, StoreError>;

    /// The store's own time, by which its frames expire.
    async fn now(&self) -> Result<UnixNanos, StoreError>;

    /// Looks at about `most` keys for frames that never expire. A store that only this program
    /// writes to has none.
    async fn sample_expiry(&self, _most: usize) -> Result<ExpirySample, StoreError> {
        Ok(ExpirySample::default())
    }

    /// How often a connection to the server was opened again; 0 where there is none.
    fn reconnects(&self) -> u64 {
        0
    }

    /// What the server says of itself.
    async fn info(&self) -> Result<StoreInfo, StoreError>;
}

/// Who writes outbox marks: `[A-Za-z0-9._-]{1,64}`, the host's name unless configured.
pub type CollectorId = CameraId;

/// What a collector has announced of one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMark {
    /// Whose bucket.
    pub stream: StreamId,
    /// Which bucket.
    pub bucket: Bucket,
    /// Records from its start that are known to be announced.
    pub announced: u32,
}

/// The index read as an outbox: records in order of arrival, and marks of how far they were
/// announced. [`FrameStore::put`] opens a mark (announced 0) before a bucket's first record.
#[async_trait]
pub trait Outbox: Send + Sync + fmt::Debug {
    /// The records of a bucket after the first `skip`, in order of arrival, repeats and all; `None`
    /// where the frame was deleted.
    async fn tail(
        &self,
        stream: &StreamId,
        bucket: Bucket,
        skip: u32,
    ) -> Result<Vec<Option<IndexRecord>>, StoreError>;

    /// Every mark that this collector left, of every camera.
    async fn marks(&self) -> Result<Vec<OutboxMark>, StoreError>;

    /// Sets marks: buckets that are still open.
    async fn save(&self, marks: &[OutboxMark]) -> Result<(), StoreError>;

    /// Removes marks: buckets that are closed and announced, or whose frames have expired.
    async fn remove(&self, marks: &[OutboxMark]) -> Result<(), StoreError>;
}
