//! What is asked and what is answered: the types that faces and services pass on.
//!
//! Answers serialise as they are, for `--json` and HTTP. Instants are strings of nanoseconds,
//! because JSON numbers in JavaScript end at 2^53.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::frame::{Frame, FrameInfo, StoredFrame};
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::{TimeRange, UnixNanos};
use crate::store::StoreInfo;

/// By which way frames are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// By the index; spans that the index cannot vouch for are scanned.
    #[default]
    Index,
    /// By walking the whole keyspace; the answer may be up to 10 s old.
    Scan,
    /// By the index, and by a scan for cameras that the index does not know.
    Auto,
}

impl Via {
    /// Every way, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Index, Self::Scan, Self::Auto];

    /// The word for it in metrics, answers and arguments.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Scan => "scan",
            Self::Auto => "auto",
        }
    }
}

/// How a lookup finds frames, and whether it asks the store about each one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct How {
    /// By which way.
    pub via: Via,
    /// Whether the store is asked for each frame of the answer, so that none is listed which
    /// somebody deleted or evicted.
    pub verify: bool,
}

impl From<Via> for How {
    fn from(via: Via) -> Self {
        Self { via, verify: false }
    }
}

/// Which frames of which cameras.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeRequest {
    /// Of these cameras; repeats count once.
    pub streams: Vec<StreamId>,
    /// Taken in this window.
    pub window: TimeRange,
    /// Of each camera only the first live frame of each step of this length, counted from the
    /// window's start.
    pub every: Option<Duration>,
    /// At most so many, after `every`; with `reverse` the newest ones.
    pub limit: Option<usize>,
    /// Newest first.
    pub reverse: bool,
    /// By which way, and how sure.
    pub how: How,
}

impl RangeRequest {
    /// Every frame of `streams` in `window`, oldest first, by the index.
    #[must_use]
    pub fn new(streams: Vec<StreamId>, window: TimeRange) -> Self {
        let how = How::default();
        Self { streams, window, every: None, limit: None, reverse: false, how }
    }
}

/// What a range lookup found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RangeAnswer {
    /// By time, then camera, then sequence number; the other way round if so asked.
    pub frames: Vec<FrameInfo>,
    /// Records met whose frames are gone.
    pub dead: u64,
    /// Keys met by a scan that are no frame keys.
    pub foreign: u64,
    /// Whether a scan was needed.
    pub scanned: bool,
}

/// A frame that was listed, and its bytes unless it died before they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its key.
    pub key: FrameKey,
    /// The JPEG; `None` when the frame expired, was deleted or evicted since it was listed.
    pub bytes: Option<Bytes>,
}

impl Fetched {
    /// The frame, if it lives.
    #[must_use]
    pub fn frame(self) -> Option<Frame> {
        let Self { key, bytes } = self;
        bytes.map(|bytes| Frame { key, bytes })
    }
}

/// A frame of a window that is copied, or the key of one that died before it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copied {
    /// With its bytes and its life.
    Frame(StoredFrame),
    /// It expired, was deleted or evicted since it was listed.
    Lost(FrameKey),
}

/// The frame nearest to an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// The frame.
    pub frame: Frame,
    /// How far it lies from the instant, in nanoseconds; negative when it is earlier.
    pub distance_nanos: i64,
    /// When it expires; `None` when it never does.
    pub expires_at: Option<UnixNanos>,
}

/// What was stored in one step of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineStep {
    /// The step's first instant.
    pub from: UnixNanos,
    /// Live frames in it.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The longest time, in nanoseconds, from a frame of a camera to the camera's next one, where
    /// the next one lies in this step and both lie in the window.
    pub max_gap_nanos: Option<u64>,
}

/// Which families and cameras. `None` means any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Whose.
    pub tenant: Option<Tenant>,
    /// Which family.
    pub prefix: Option<Prefix>,
    /// Which camera.
    pub camera: Option<CameraId>,
}

impl Scope {
    /// Whether a camera is meant.
    #[must_use]
    pub fn contains(&self, stream: &StreamId) -> bool {
        self.holds_family(&stream.tenant, &stream.prefix)
            && self.camera.as_ref().is_none_or(|camera| *camera == stream.camera)
    }

    pub(super) fn holds_family(&self, tenant: &Tenant, prefix: &Prefix) -> bool {
        self.tenant.as_ref().is_none_or(|one| one == tenant)
            && self.prefix.as_ref().is_none_or(|one| one == prefix)
    }
}

/// A camera and its newest frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraSummary {
    /// Which camera.
    pub stream: StreamId,
    /// Its newest live frame.
    pub newest: Option<FrameInfo>,
    /// The newest key ever written, to a microsecond; `None` when the index does not know it.
    pub last_seen: Option<UnixNanos>,
}

/// What lives in one family, from index records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FamilyStats {
    /// Whose.
    pub tenant: Tenant,
    /// Which family.
    pub prefix: Prefix,
    /// Cameras that have live frames, sorted.
    pub cameras: Vec<CameraId>,
    /// Live frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Time of the oldest.
    pub oldest: Option<UnixNanos>,
    /// Time of the newest.
    pub newest: Option<UnixNanos>,
    /// Frames a second over the last minute, or since the oldest frame where that is younger; of all
    /// cameras together.
    pub rate_fps: f64,
    /// Mean lifetime left, in seconds, of the frames that expire.
    pub mean_ttl_left_seconds: Option<f64>,
    /// Frames that never expire: written without a lifetime by another program.
    pub without_expiry: u64,
    /// Whether all of it was vouched for by the index; if not, `reindex` or wait one lifetime.
    pub complete: bool,
}

/// What lives in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatsAnswer {
    /// By tenant, then prefix; only families with live frames.
    pub families: Vec<FamilyStats>,
    /// What the server says of itself; `None` for who may see one tenant only, because it counts all.
    pub store: Option<StoreInfo>,
}

/// What a reindex found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReindexReport {
    /// Frames found by the scan.
    pub found: u64,
    /// Of these, already in the index.
    pub known: u64,
    /// Added to the index; with a dry run, those that would be.
    pub indexed: u64,
    /// Keys that are no frame keys and were left alone.
    pub foreign: u64,
}

/// Which frames are to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRequest {
    /// Of these cameras; repeats count once.
    pub streams: Vec<StreamId>,
    /// Taken in this window.
    pub window: TimeRange,
    /// At most so many, the oldest ones.
    pub limit: Option<usize>,
    /// By which way they are found; by scan those too that the index does not know.
    pub via: Via,
}

/// What was deleted; with a dry run, what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteReport {
    /// Frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that were listed and gone already; what told of them was removed.
    pub dead: u64,
    /// Whether nothing was changed.
    pub dry_run: bool,
}
