//! The naive filter that every answer is compared with: all frames in one list, and loops.

use std::collections::HashSet;
use std::time::Duration;

use framecache::model::frame::{Dimensions, FrameInfo};
use framecache::model::key::{FrameKey, StreamId};
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::query::{FamilyStats, RangeRequest, TimelineStep};

/// A frame as it was put.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) key: FrameKey,
    pub(crate) size: u32,
    pub(crate) expires_at: Option<UnixNanos>,
    pub(crate) dimensions: Option<Dimensions>,
}

/// Every frame that was put, dead ones too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Naive(pub(crate) Vec<Known>);

impl Naive {
    pub(crate) fn live(&self, now: UnixNanos) -> Vec<&Known> {
        self.0.iter().filter(|one| one.expires_at.is_none_or(|end| now < end)).collect()
    }

    fn of(&self, streams: &[StreamId], window: TimeRange, now: UnixNanos) -> Vec<&Known> {
        let mut found = self.live(now);
        found.retain(|one| streams.contains(one.key.stream()) && window.contains(one.key.at()));
        found.sort_by_key(|one| (one.key.at(), one.key.stream().clone(), one.key.suffix()));
        found
    }

    pub(crate) fn range(&self, request: &RangeRequest, now: UnixNanos) -> Vec<FrameInfo> {
        let mut found = self.of(&request.streams, request.window, now);
        if let Some(every) = request.every {
            let mut taken = HashSet::new();
            found.retain(|one| {
                let step = one.key.at().since(request.window.from()).as_nanos() / every.as_nanos();
                taken.insert((one.key.stream().clone(), step))
            });
        }
        if request.reverse {
            found.reverse();
        }
        found.truncate(request.limit.unwrap_or(usize::MAX));
        found.into_iter().map(info).collect()
    }

    pub(crate) fn nearest(
        &self,
        stream: &StreamId,
        at: UnixNanos,
        within: Option<Duration>,
        now: UnixNanos,
    ) -> Option<FrameKey> {
        let distance = |one: &Known| one.key.at().since(at).max(at.since(one.key.at()));
        let found = self.live(now).into_iter().filter(|one| one.key.stream() == stream);
        let found = found.filter(|one| within.is_none_or(|within| distance(one) <= within));
        found
            .min_by_key(|one| (distance(one), one.key.at(), one.key.suffix()))
            .map(|one| one.key.clone())
    }

    pub(crate) fn timeline(
        &self,
        streams: &[StreamId],
        window: TimeRange,
        step: Duration,
        now: UnixNanos,
    ) -> Vec<TimelineStep> {
        let mut steps = Vec::new();
        let mut from = window.from();
        while from < window.to() {
            let end = from.plus(step).min(window.to());
            let inside = self.of(streams, TimeRange::new(from, end).unwrap(), now);
            let gap_before = |one: &&Known| {
                let own = self.of(&[one.key.stream().clone()], window, now);
                let place = own.iter().position(|other| other.key == one.key)?;
                let before = own.get(place.checked_sub(1)?)?;
                Some(one.key.at().get() - before.key.at().get())
            };
            steps.push(TimelineStep {
                from,
                frames: inside.len() as u64,
                bytes: inside.iter().map(|one| u64::from(one.size)).sum(),
                max_gap_nanos: inside.iter().filter_map(gap_before).max(),
            });
            from = end;
        }
        steps
    }

    /// The sums of the one family that all frames belong to; the mean lifetime left is not summed.
    pub(crate) fn stats(&self, now: UnixNanos) -> Option<FamilyStats> {
        let live = self.live(now);
        let first = live.first()?.key.stream();
        let times = || live.iter().map(|one| one.key.at());
        let mut cameras: Vec<_> = live.iter().map(|one| one.key.stream().camera.clone()).collect();
        cameras.sort();
        cameras.dedup();
        let minute_ago = now.minus(Duration::from_secs(60));
        let recent = times().filter(|at| minute_ago < *at && *at <= now).count();
        let span = now.since(times().min()?);
        Some(FamilyStats {
            tenant: first.tenant.clone(),
            prefix: first.prefix.clone(),
            cameras,
            frames: live.len() as u64,
            bytes: live.iter().map(|one| u64::from(one.size)).sum(),
            oldest: times().min(),
            newest: times().max(),
            rate_fps: recent as f64 / span.as_secs_f64().clamp(1.0, 60.0),
            mean_ttl_left_seconds: None,
            without_expiry: live.iter().filter(|one| one.expires_at.is_none()).count() as u64,
            complete: true,
        })
    }

    pub(crate) fn mean_ttl_left_seconds(&self, now: UnixNanos) -> Option<f64> {
        let ends: Vec<UnixNanos> =
            self.live(now).into_iter().filter_map(|one| one.expires_at).collect();
        let left: f64 = ends.iter().map(|end| end.since(now).as_secs_f64()).sum();
        (!ends.is_empty()).then(|| left / ends.len() as f64)
    }
}

fn info(known: &Known) -> FrameInfo {
    let Known { key, size, expires_at, dimensions } = known.clone();
    FrameInfo { key, size: Some(size), expires_at, dimensions }
}
