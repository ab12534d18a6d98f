//! Sums over frames without touching any: by step of time, and by family. Pure.

use std::time::Duration;

use super::answer::{FamilyStats, TimelineStep};
use super::pick::Candidate;
use super::plan::step_number;
use super::read::count;
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::{TimeRange, UnixNanos};

/// Over how long the rate of frames is measured, where there are frames that old.
const RATE_SECS: u64 = 60;

/// Counts the steps of a window; the last one may be shorter.
pub(super) fn steps_of(window: TimeRange, step: Duration) -> u64 {
    let last = window.to().minus(Duration::from_nanos(1));
    step_number(window.from(), last, step).saturating_add(1)
}

/// The sums of a window by step.
#[derive(Debug)]
pub(super) struct TimelineSum {
    start: UnixNanos,
    step: Duration,
    steps: Vec<TimelineStep>,
    /// The last frame of each camera, by its place.
    last: Vec<Option<UnixNanos>>,
}

impl TimelineSum {
    /// Empty sums; `cameras` is how many places there are.
    pub(super) fn new(window: TimeRange, step: Duration, cameras: usize) -> Self {
        let start = window.from();
        let mut from = start;
        let steps = (0..steps_of(window, step)).map(|_| {
            let empty = TimelineStep { from, frames: 0, bytes: 0, max_gap_nanos: None };
            from = from.plus(step);
            empty
        });
        Self { start, step, steps: steps.collect(), last: vec![None; cameras] }
    }

    /// Adds a frame of the window; those of one camera in the order of time.
    pub(super) fn add(&mut self, frame: &Candidate) {
        let number = step_number(self.start, frame.at, self.step);
        let Some(step) = usize::try_from(number).ok().and_then(|n| self.steps.get_mut(n)) else {
            return;
        };
        step.frames += 1;
        step.bytes += u64::from(frame.size.unwrap_or(0));
        if let Some(before) = self.last[frame.place()].replace(frame.at) {
            let gap = frame.at.get() - before.get().min(frame.at.get());
            step.max_gap_nanos = step.max_gap_nanos.max(Some(gap));
        }
    }

    /// Every step of the window, empty ones too.
    pub(super) fn finish(self) -> Vec<TimelineStep> {
        self.steps
    }
}

/// The sums of a family.
#[derive(Debug, Default)]
pub(super) struct FamilySum {
    cameras: Vec<CameraId>,
    frames: u64,
    bytes: u64,
    oldest: Option<UnixNanos>,
    newest: Option<UnixNanos>,
    last_minute: u64,
    expiring: u64,
    left_nanos: u128,
}

impl FamilySum {
    /// Adds a camera's live frames.
    pub(super) fn add(&mut self, camera: &CameraId, frames: &[Candidate], now: UnixNanos) {
        if !frames.is_empty() {
            self.cameras.push(camera.clone());
        }
        let minute_ago = now.minus(Duration::from_secs(RATE_SECS));
        for frame in frames {
            self.bytes += u64::from(frame.size.unwrap_or(0));
            self.oldest = Some(self.oldest.map_or(frame.at, |oldest| oldest.min(frame.at)));
            self.newest = self.newest.max(Some(frame.at));
            self.last_minute += u64::from(minute_ago < frame.at && frame.at <= now);
            if let Some(end) = frame.expires_at {
                self.expiring += 1;
                self.left_nanos += end.since(now).as_nanos();
            }
        }
        self.frames += count(frames.len());
    }

    /// The sums, or `None` without a live frame.
    pub(super) fn finish(
        mut self,
        tenant: Tenant,
        prefix: Prefix,
        complete: bool,
        now: UnixNanos,
    ) -> Option<FamilyStats> {
        if self.frames == 0 && complete {
            return None;
        }
        self.cameras.sort_unstable();
        let since = self.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        Some(FamilyStats {
            tenant,
            prefix,
            cameras: self.cameras,
            frames: self.frames,
            bytes: self.bytes,
            oldest: self.oldest,
            newest: self.newest,
            rate_fps: rate(self.last_minute, since),
            mean_ttl_left_seconds: mean_seconds(self.left_nanos, self.expiring),
            without_expiry: self.frames - self.expiring,
            complete,
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates are shown, not counted on")]
fn rate(frames: u64, since_oldest: Duration) -> f64 {
    frames as f64 / since_oldest.as_secs_f64().clamp(1.0, RATE_SECS as f64)
}

#[allow(clippy::cast_precision_loss, reason = "means are shown, not counted on")]
fn mean_seconds(sum_nanos: u128, of: u64) -> Option<f64> {
    (of > 0).then(|| sum_nanos as f64 / 1e9 / of as f64)
}

#[cfg(test)]
#[path = "sums_tests.rs"]
mod tests;
