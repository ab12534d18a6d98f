//! Where a recording is in time: what it looks at next, and which frames it has met already. Pure.
//!
//! Frames that come in time are found by their capture: each look reaches five seconds back, because a
//! write may take that long to arrive, and what was met before is passed over. Late frames are found by
//! their arrival. A recording that is behind, after a restart or a slow disk, looks at one slice of time
//! after another until it has caught up, so memory follows a slice and never the backlog.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::model::bucket::{FoundRecord, IndexRecord};
use crate::model::key::Suffix;
use crate::model::name::CameraId;
use crate::model::time::{TimeRange, UnixNanos};

/// How far each look reaches back: a frame in time may take 2 s to arrive, its write some more.
pub(super) const OVERLAP: Duration = Duration::from_secs(5);

/// How long after its end a recording takes what was captured before it.
pub(super) const SETTLE: Duration = Duration::from_secs(2);

/// The most time that one look covers anew.
const SLICE: Duration = Duration::from_secs(20);

/// As [`SLICE`], where frames in time are long gone and nothing was found lately.
const WIDEST_SLICE: Duration = Duration::from_secs(30 * 86_400);

/// Late frames that are remembered, at most; beyond it one may be recorded twice.
const LATE_MAX: usize = 1 << 18;

type Met = (UnixNanos, Suffix);

/// One look into the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Which times of capture.
    pub(super) window: TimeRange,
    /// Up to when everything has been met after it.
    pub(super) until: UnixNanos,
    /// Whether it reaches now, or the end of the recording.
    pub(super) is_last: bool,
    /// Whether nothing of its time is on its way to the store any more.
    pub(super) is_closing: bool,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Track {
    /// Everything captured before was met, as far as it came in time.
    verified: UnixNanos,
    /// Everything late that came before was met, by the store's clock.
    arrived: UnixNanos,
    /// Up to when it was counted what died before it was met.
    judged: UnixNanos,
    met: HashMap<CameraId, BTreeSet<Met>>,
    late: HashMap<(CameraId, Met), UnixNanos>,
    /// Before this instant only late or held frames can live.
    sparse_until: UnixNanos,
    /// What a look there covers.
    sparse_slice: Duration,
}

impl Track {
    /// Nothing captured from `verified` on was met, and nothing late that came from `arrived` on.
    pub(super) fn new(verified: UnixNanos, arrived: UnixNanos) -> Self {
        let (met, late) = (HashMap::new(), HashMap::new());
        let (sparse_until, sparse_slice) = (UnixNanos::MIN, SLICE);
        Self { verified, arrived, judged: verified, met, late, sparse_until, sparse_slice }
    }

    /// Everything captured before this instant was met.
    pub(super) fn verified(&self) -> UnixNanos {
        self.verified
    }

    /// Everything late that came before this instant was met.
    pub(super) fn arrived(&self) -> UnixNanos {
        self.arrived
    }

    /// What to look at next of `hull`, of which nothing after `now` has been captured; `None` when all
    /// of it was met long ago.
    pub(super) fn next(&self, hull: TimeRange, now: UnixNanos) -> Option<Look> {
        let from = self.verified.minus(OVERLAP).max(hull.from());
        let end = hull.to().min(now.next());
        let after = self.verified.max(from);
        let sparse = after.plus(self.sparse_slice).min(self.sparse_until);
        let to = end.min(after.plus(SLICE).max(sparse));
        let window = TimeRange::new(from, to).ok()?;
        let is_closing = now >= hull.to().plus(SETTLE);
        Some(Look { window, until: to.min(now), is_last: to == end, is_closing })
    }

    /// Frames in time that were captured before this instant are gone: looks may be wide there.
    pub(super) fn sparse_until(&mut self, at: UnixNanos) {
        self.sparse_until = at;
    }

    /// Whether the last look found anything: while none does, they become wider where they may.
    pub(super) fn found(&mut self, anything: bool) {
        let wider = self.sparse_slice.saturating_mul(2).min(WIDEST_SLICE);
        self.sparse_slice = if anything { SLICE } else { wider };
    }

    /// When late frames must have come to be looked at now.
    pub(super) fn arrivals(&self, store_now: UnixNanos) -> Option<TimeRange> {
        TimeRange::new(self.arrived.minus(OVERLAP), store_now.next()).ok()
    }

    /// Whether a frame was met before.
    pub(super) fn knows(&self, camera: &CameraId, record: &IndexRecord) -> bool {
        let met = (record.at, record.suffix);
        self.met.get(camera).is_some_and(|all| all.contains(&met))
            || record.ask && self.late.contains_key(&(camera.clone(), met))
    }

    /// A frame is met: it was recorded, or found dead, at `store_now`.
    pub(super) fn meet(&mut self, camera: &CameraId, record: &IndexRecord, store_now: UnixNanos) {
        let met = (record.at, record.suffix);
        if record.ask {
            if self.late.len() >= LATE_MAX {
                self.late.clear();
            }
            self.late.insert((camera.clone(), met), store_now);
        }
        if met.0 >= self.verified.minus(OVERLAP) {
            self.met.entry(camera.clone()).or_default().insert(met);
        }
    }

    /// Of which times it is to be counted what died unmet, now that this look is done: those that no
    /// further look will cover, and all of a slice of the past.
    pub(super) fn to_judge(&self, look: &Look) -> Option<TimeRange> {
        let comes_again = look.is_last && !look.is_closing;
        let until = if comes_again { look.until.minus(OVERLAP) } else { look.until };
        TimeRange::new(self.judged.max(look.window.from()), until).ok()
    }

    /// How many of `dead` frames of a camera and span, as the index tells of them beside the living,
    /// were never met.
    pub(super) fn lost(
        &self,
        camera: &CameraId,
        span: TimeRange,
        living: &[FoundRecord],
        dead: u64,
    ) -> u64 {
        let living: HashSet<Met> =
            living.iter().map(|one| (one.record.at, one.record.suffix)).collect();
        let met = self.met.get(camera).map_or(0, |met| {
            let met = met.iter().filter(|met| span.contains(met.0) && !living.contains(met));
            u64::try_from(met.count()).unwrap_or(u64::MAX)
        });
        dead.saturating_sub(met)
    }

    /// The look is done: what it found was met and is in the file.
    pub(super) fn done(&mut self, look: &Look) {
        if let Some(judged) = self.to_judge(look) {
            self.judged = judged.to();
        }
        self.verified = self.verified.max(look.until);
        let oldest = (self.verified.minus(OVERLAP), Suffix::None);
        self.met.retain(|_, met| {
            *met = met.split_off(&oldest);
            !met.is_empty()
        });
    }

    /// Late frames that came up to `store_now` were met and are in the file.
    pub(super) fn arrivals_done(&mut self, store_now: UnixNanos) {
        self.arrived = self.arrived.max(store_now);
        let oldest = self.arrived.minus(OVERLAP * 2);
        self.late.retain(|_, met| *met >= oldest);
    }

    /// Nothing is looked for before `at`: what was captured until then is not wanted.
    pub(super) fn skip_to(&mut self, at: UnixNanos) {
        self.verified = self.verified.max(at);
        self.judged = self.judged.max(at);
    }
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
