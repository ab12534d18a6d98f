//! The shape of the answer to "how does it do", as JSON. Instants are strings of nanoseconds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bus::BusState;
use crate::collect::SourceState;
use crate::ingest::QueueDepth;
use crate::metrics::Counts;
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::UnixNanos;
use crate::stats::alerts::Alert;
use crate::store::StoreInfo;

/// How a process does.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The clock of the process.
    pub now: UnixNanos,
    /// Its version.
    pub version: &'static str,
    /// Whose frames are meant by default.
    pub tenant: Tenant,
    /// Which family is meant by default.
    pub prefix: Prefix,
    /// Whether frames can be stored and announced.
    pub ready: bool,
    /// Why not; empty for whoever may not see the process.
    pub reasons: Vec<String>,
    /// What to know while it is ready; empty for whoever may not see the process.
    pub warnings: Vec<String>,
    /// The store; `None` for whoever may not see the process.
    pub store: Option<StoreStatus>,
    /// The bus.
    pub bus: BusStatus,
    /// Frames of the cameras below that are stored and not yet announced.
    pub announcements_waiting: u64,
    /// For how many seconds at least the oldest of these waits.
    pub oldest_waiting_seconds: f64,
    /// Sums over the cameras below.
    pub totals: CountsShown,
    /// Configured cameras in their order, then those pushed to.
    pub cameras: Vec<CameraStatus>,
    /// What is wrong, the worst first.
    pub alerts: Vec<Alert>,
}

/// What the store says of itself; all `None` while it does not answer.
#[derive(Debug, Clone, Serialize)]
pub struct StoreStatus {
    /// Where it is.
    pub place: String,
    /// Whether it answered just now.
    pub up: bool,
    /// "embedded" or "redis".
    pub backend: Option<String>,
    /// Version of the server.
    pub version: Option<String>,
    /// Bytes in use.
    pub used_bytes: Option<u64>,
    /// Its limit; `None` when it has none.
    pub max_bytes: Option<u64>,
    /// Keys, or frames when embedded.
    pub keys: Option<u64>,
    /// Lookups of keys that found something, by whomever; `None` when embedded.
    pub hits: Option<u64>,
    /// Lookups of keys that found nothing.
    pub misses: Option<u64>,
    /// Connected clients.
    pub clients: Option<u64>,
    /// Commands a second.
    pub ops_per_second: Option<u64>,
    /// Keys or frames that went before their time.
    pub evicted: Option<u64>,
    /// Keys or frames that went at their time.
    pub expired: Option<u64>,
}

impl StoreStatus {
    /// Of an answer, if there was one.
    pub(super) fn of(place: String, info: Option<StoreInfo>) -> Self {
        let number = |name: &str| info.as_ref()?.fact(name)?.parse().ok();
        Self {
            place,
            up: info.is_some(),
            hits: number("keyspace_hits"),
            misses: number("keyspace_misses"),
            clients: number("connected_clients"),
            ops_per_second: number("instantaneous_ops_per_sec"),
            used_bytes: info.as_ref().map(|info| info.used_bytes),
            max_bytes: info.as_ref().and_then(|info| info.max_bytes),
            keys: info.as_ref().map(|info| info.keys),
            evicted: info.as_ref().map(|info| info.evicted),
            expired: info.as_ref().map(|info| info.expired),
            version: info.as_ref().map(|info| info.version.clone()),
            backend: info.map(|info| info.backend),
        }
    }
}

/// Where the bus stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BusStatus {
    /// Where it is; `None` for whoever may not see the process.
    pub place: Option<String>,
    /// `ready`, `away` or `refused`.
    pub state: &'static str,
    /// Why it is not ready; `None` for whoever may not see the process.
    pub why: Option<String>,
}

impl BusStatus {
    /// As `whole` viewers see it, or others.
    pub(super) fn of(place: &str, state: BusState, whole: bool) -> Self {
        let (state, why) = match state {
            BusState::Ready => ("ready", None),
            BusState::Away(why) => ("away", Some(why)),
            BusState::Refused(why) => ("refused", Some(why)),
        };
        let place = whole.then(|| place.to_owned());
        Self { place, state, why: why.filter(|_| whole) }
    }
}

/// One camera.
#[derive(Debug, Clone, Serialize)]
pub struct CameraStatus {
    /// Whose.
    pub tenant: Tenant,
    /// Which family.
    pub prefix: Prefix,
    /// Which camera.
    pub camera: CameraId,
    /// Its name for people, may be empty.
    pub name: String,
    /// Its URL without secrets; empty when others push it.
    pub source: String,
    /// Where it stands.
    pub state: SourceState,
    /// Since when; `None` before the first change.
    pub since: Option<UnixNanos>,
    /// Why the last attempt failed, without secrets; empty while it delivers.
    pub last_error: String,
    /// Failed attempts in a row.
    pub consecutive_failures: u64,
    /// When its newest stored frame was taken; before the first, its newest captured one.
    pub last_frame: Option<UnixNanos>,
    /// Frames stored a second, over the last 10 s.
    pub rate_fps: f64,
    /// Whether somebody paused it.
    pub paused: bool,
    /// What became of its frames since the process started.
    pub counts: CountsShown,
    /// What waits for the store.
    pub queue: QueueDepth,
}

/// Counts since the process started: `captured = stored + dropped + pending`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CountsShown {
    captured: u64,
    stored: u64,
    stored_bytes: u64,
    /// By reason, those that occurred.
    dropped: BTreeMap<&'static str, u64>,
    rejected: u64,
    pending: u64,
    announced: u64,
    unroutable: u64,
    announcements_expired: u64,
}

impl From<Counts> for CountsShown {
    fn from(counts: Counts) -> Self {
        Self {
            captured: counts.captured,
            stored: counts.stored,
            stored_bytes: counts.stored_bytes,
            dropped: counts.drops().map(|(reason, count)| (reason.as_str(), count)).collect(),
            rejected: counts.rejected,
            pending: counts.pending(),
            announced: counts.announced,
            unroutable: counts.unroutable,
            announcements_expired: counts.announcements_expired,
        }
    }
}
