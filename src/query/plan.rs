//! Which windows of time a lookup reads, and in which order: pure arithmetic on instants.
//!
//! A window is cut into slices so that no answer is ever held whole: narrow ones near now, where
//! every frame still lives, wider ones further back, where only long-lived frames are left. Even
//! all of time takes some fifty slices. The newest frame is looked for from now backwards, the
//! nearest to an instant in rings around it. Nothing here reads a store.

use std::time::Duration;

use crate::model::time::{TimeRange, UnixNanos};

/// How far before now, or before the camera's last write, the first looks for the newest reach.
const NEWEST_REACH: Duration = Duration::from_secs(20);

/// The first ring around an instant; each next one reaches eight times as far.
const FIRST_RING: Duration = Duration::from_secs(2);

/// Cuts `window` into slices, first to last, that together are exactly the window.
///
/// A slice near `now` spans 10 minutes of ten cameras or fewer, less for more cameras, 10 s at
/// least; further back it spans half its distance from `now`. With `every` all inner edges lie a
/// whole number of steps after the window's start, so that no step is cut in two.
pub(super) fn slices(
    window: TimeRange,
    now: UnixNanos,
    cameras: usize,
    every: Option<Duration>,
) -> Vec<TimeRange> {
    let tens = u32::try_from(cameras.div_ceil(10)).unwrap_or(u32::MAX).max(1);
    let base = (Duration::from_secs(600) / tens).max(Duration::from_secs(10));
    let mut edges = vec![now.plus(base)];
    let mut edge = now;
    while edge > window.from() {
        edges.push(edge);
        edge = edge.minus(base.max(now.since(edge) / 2));
    }
    if let Some(every) = every {
        edges.iter_mut().for_each(|edge| *edge = step_start(window.from(), *edge, every));
    }
    edges.retain(|edge| window.from() < *edge && *edge < window.to());
    edges.extend([window.from(), window.to()]);
    edges.sort_unstable();
    edges.dedup();
    let ends = edges.iter().skip(1);
    edges.iter().zip(ends).filter_map(|(from, to)| TimeRange::new(*from, *to).ok()).collect()
}

/// Which step of length `every` after `start` the instant lies in; 0 for instants before `start`.
pub(super) fn step_number(start: UnixNanos, at: UnixNanos, every: Duration) -> u64 {
    let number = at.since(start).as_nanos() / every.as_nanos().max(1);
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Where the step that `at` lies in begins; `start` for instants before it.
fn step_start(start: UnixNanos, at: UnixNanos, every: Duration) -> UnixNanos {
    let into = at.since(start).as_nanos() % every.as_nanos().max(1);
    at.max(start).minus(Duration::from_nanos(u64::try_from(into).unwrap_or(u64::MAX)))
}

/// The first place to look for a camera's newest frame: from 20 s ago on, without an end, for a key
/// may lie in the future.
pub(super) fn newest_first(now: UnixNanos) -> TimeRange {
    TimeRange::new(now.minus(NEWEST_REACH), UnixNanos::MAX).unwrap_or(TimeRange::ALL)
}

/// Where to look next, in this order, when nothing lives in [`newest_first`]: around the camera's
/// last write, then slice by slice back to the beginning.
pub(super) fn walk_back(now: UnixNanos, last_seen: UnixNanos) -> Vec<TimeRange> {
    let recent = newest_first(now).from();
    let silent = last_seen.minus(NEWEST_REACH).min(recent);
    let mut looks: Vec<TimeRange> = TimeRange::new(silent, recent).into_iter().collect();
    if let Ok(rest) = TimeRange::new(UnixNanos::MIN, silent) {
        looks.extend(slices(rest, now, 1, None).into_iter().rev());
    }
    looks
}

/// Where to look for the frame nearest to `at`, ring by ring: every instant of a later ring is
/// further from `at` than all of the earlier ones. A ring is one window, or one on each side; the
/// last ends `within` away from `at`, that instant included.
pub(super) fn rings(at: UnixNanos, within: Option<Duration>) -> Vec<Vec<TimeRange>> {
    let all = UnixNanos::MAX.since(UnixNanos::MIN);
    let limit = within.unwrap_or(all).min(all);
    let mut rings = Vec::new();
    let (mut left, mut right) = (at, at);
    let mut radius = FIRST_RING;
    loop {
        let (from, to) = (at.minus(radius.min(limit)), at.plus(radius.min(limit)).next());
        rings.push(if rings.is_empty() {
            TimeRange::new(from, to).into_iter().collect()
        } else {
            [(from, left), (right, to)]
                .into_iter()
                .filter_map(|(from, to)| TimeRange::new(from, to).ok())
                .collect()
        });
        if radius >= limit {
            break;
        }
        (left, right, radius) = (from, to, radius * 8);
    }
    rings.retain(|ring: &Vec<TimeRange>| !ring.is_empty());
    rings
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
