//! A window drawn: how much lies where, where nothing does, and what is about to go. By step of time,
//! of all cameras together and of each, from index records alone.

use std::time::Duration;

use serde::Serialize;

use super::answer::{RangeRequest, TimelineStep};
use super::counts::Kind;
use super::pick::{Candidate, Need};
use super::plan::step_number;
use super::sums::{TimelineSum, steps_of};
use super::walk::Walk;
use super::{How, Query, QueryError, TIMELINE_MAX_STEPS};
use crate::model::key::StreamId;
use crate::model::time::{TimeRange, UnixNanos};

/// The most gaps that are told; of more, the first ones.
pub const GAPS_MAX: usize = 1000;

/// What is to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DensityRequest {
    /// Of these cameras.
    pub streams: Vec<StreamId>,
    /// Which window.
    pub window: TimeRange,
    /// Length of a step.
    pub step: Duration,
    /// Longer without a frame of a camera is a gap.
    pub gap: Duration,
    /// Whether each camera's steps are told as well.
    pub by_camera: bool,
    /// By which way, and how sure.
    pub how: How,
}

/// A step of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DensityStep {
    /// What lies in it.
    #[serde(flatten)]
    pub step: TimelineStep,
    /// When the first of its frames expires; `None` when that is not known or none does.
    pub expires_before: Option<UnixNanos>,
}

/// A time without a frame of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Which camera.
    pub stream: StreamId,
    /// The frame before it, or the window's start.
    pub from: UnixNanos,
    /// The frame after it, or the window's end, now if that is earlier.
    pub to: UnixNanos,
}

/// A camera's steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CameraDensity {
    /// Which camera.
    pub stream: StreamId,
    /// Every step of the window.
    pub steps: Vec<DensityStep>,
}

/// A window drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Density {
    /// Every step of the window, of all cameras together.
    pub steps: Vec<DensityStep>,
    /// By their ends; at most [`GAPS_MAX`].
    pub gaps: Vec<Gap>,
    /// Whether there are more gaps.
    pub more_gaps: bool,
    /// By camera, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cameras: Option<Vec<CameraDensity>>,
}

impl Query {
    /// What lies in each step of the window, where nothing does, and what expires first. No frame
    /// is touched; the store is asked only for sizes that records do not hold.
    ///
    /// # Errors
    /// [`QueryError::Store`]; [`QueryError::EmptyStep`] for a step of no length;
    /// [`QueryError::TooManySteps`] past [`TIMELINE_MAX_STEPS`], of all cameras together.
    pub async fn density(&self, request: DensityRequest) -> Result<Density, QueryError> {
        let DensityRequest { streams, window, step, gap, by_camera, how } = request;
        self.counts.begin(Kind::Timeline, how.via);
        if step.is_zero() {
            return Err(QueryError::EmptyStep);
        }
        let rows = if by_camera { streams.len().saturating_add(1) } else { 1 };
        let asked = steps_of(window, step).saturating_mul(u64::try_from(rows).unwrap_or(u64::MAX));
        if asked > TIMELINE_MAX_STEPS {
            return Err(QueryError::TooManySteps { asked });
        }
        let request = RangeRequest { how, ..RangeRequest::new(streams, window) };
        let mut walk = Walk::open(self, request, Need::Size).await?;
        let cameras = walk.streams.len();
        let mut whole = Row::new(window, step, cameras);
        let each = if by_camera { cameras } else { 0 };
        let mut rows: Vec<Row> = (0..each).map(|_| Row::new(window, step, 1)).collect();
        let mut gaps = Gaps::new(window, gap, cameras);
        let mut any = false;
        while let Some(page) = walk.next().await? {
            for frame in &page {
                whole.add(frame);
                if let Some(row) = rows.get_mut(frame.place()) {
                    row.add(&Candidate { stream: 0, ..*frame });
                }
                gaps.add(frame);
            }
            any = true;
        }
        if !any {
            self.counts.missed(Kind::Timeline);
        }
        let (gaps, more_gaps) = gaps.finish(&walk.streams, self.clock.now());
        let named = walk.streams.iter().cloned().zip(rows);
        let named = named.map(|(stream, row)| CameraDensity { stream, steps: row.finish() });
        let cameras = by_camera.then(|| named.collect());
        Ok(Density { steps: whole.finish(), gaps, more_gaps, cameras })
    }
}

/// The steps of some cameras.
struct Row {
    sum: TimelineSum,
    start: UnixNanos,
    step: Duration,
    ends: Vec<Option<UnixNanos>>,
}

impl Row {
    fn new(window: TimeRange, step: Duration, cameras: usize) -> Self {
        let sum = TimelineSum::new(window, step, cameras);
        let steps = usize::try_from(steps_of(window, step)).unwrap_or(0);
        Self { sum, start: window.from(), step, ends: vec![None; steps] }
    }

    fn add(&mut self, frame: &Candidate) {
        self.sum.add(frame);
        let number = usize::try_from(step_number(self.start, frame.at, self.step)).ok();
        let end = number.and_then(|number| self.ends.get_mut(number));
        if let (Some(end), Some(own)) = (end, frame.expires_at) {
            *end = Some(end.map_or(own, |end| end.min(own)));
        }
    }

    fn finish(self) -> Vec<DensityStep> {
        let steps = self.sum.finish().into_iter().zip(self.ends);
        steps.map(|(step, expires_before)| DensityStep { step, expires_before }).collect()
    }
}

/// The times without frames, camera by camera, as they are met.
struct Gaps {
    window: TimeRange,
    least: Duration,
    last: Vec<UnixNanos>,
    found: Vec<(u32, UnixNanos, UnixNanos)>,
    more: bool,
}

impl Gaps {
    fn new(window: TimeRange, least: Duration, cameras: usize) -> Self {
        let last = vec![window.from(); cameras];
        Self { window, least, last, found: Vec::new(), more: false }
    }

    fn add(&mut self, frame: &Candidate) {
        let before = std::mem::replace(&mut self.last[frame.place()], frame.at);
        self.between(frame.stream, before, frame.at);
    }

    fn between(&mut self, stream: u32, from: UnixNanos, to: UnixNanos) {
        let none = from >= to || to.since(from) <= self.least;
        if none {
            return;
        }
        if self.found.len() < GAPS_MAX {
            self.found.push((stream, from, to));
        } else {
            self.more = true;
        }
    }

    fn finish(mut self, streams: &[StreamId], now: UnixNanos) -> (Vec<Gap>, bool) {
        let end = self.window.to().min(now);
        for (stream, last) in (0..).zip(self.last.clone()) {
            self.between(stream, last, end);
        }
        let gap = |(stream, from, to): (u32, UnixNanos, UnixNanos)| {
            let place = usize::try_from(stream).ok()?;
            Some(Gap { stream: streams.get(place)?.clone(), from, to })
        };
        (self.found.into_iter().filter_map(gap).collect(), self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::{Seq, Suffix};

    fn at(second: u64) -> UnixNanos {
        UnixNanos::new((1_731_024_000 + second) * 1_000_000_000).unwrap()
    }

    fn frame(second: u64, stream: u32, end: Option<u64>) -> Candidate {
        let suffix = Suffix::Live(Seq::FIRST);
        let (taken, expires_at) = (at(second), end.map(at));
        Candidate { at: taken, stream, suffix, size: Some(5), expires_at, ttl: None, settled: true }
    }

    fn streams() -> Vec<StreamId> {
        let stream = |camera: &str| StreamId {
            tenant: "t".parse().unwrap(),
            prefix: "f".parse().unwrap(),
            camera: camera.parse().unwrap(),
        };
        vec![stream("a"), stream("b")]
    }

    #[test]
    fn gaps_are_told_by_camera_and_reach_to_the_ends_of_the_window() {
        let window = TimeRange::new(at(0), at(100)).unwrap();
        let mut gaps = Gaps::new(window, Duration::from_secs(10), 2);
        for one in [frame(5, 0, None), frame(30, 0, None), frame(39, 0, None)] {
            gaps.add(&one);
        }
        let (found, more) = gaps.finish(&streams(), at(50));
        let gap = |place: usize, from, to| Gap {
            stream: streams()[place].clone(),
            from: at(from),
            to: at(to),
        };
        assert_eq!((found, more), (vec![gap(0, 5, 30), gap(0, 39, 50), gap(1, 0, 50)], false));
        let future = Gaps::new(window, Duration::from_secs(10), 2);
        assert_eq!(future.finish(&streams(), at(0)), (Vec::new(), false));
    }

    #[test]
    fn no_more_gaps_are_kept_than_fit() {
        let window = TimeRange::new(at(0), at(10_000)).unwrap();
        let mut gaps = Gaps::new(window, Duration::from_millis(500), 2);
        (1..=2000).for_each(|second| gaps.add(&frame(second, 0, None)));
        let (found, more) = gaps.finish(&streams(), at(2000));
        assert_eq!((found.len(), more), (GAPS_MAX, true));
    }

    #[test]
    fn a_step_tells_what_of_it_expires_first() {
        let window = TimeRange::new(at(0), at(20)).unwrap();
        let mut row = Row::new(window, Duration::from_secs(10), 2);
        for one in [frame(1, 0, Some(70)), frame(2, 1, Some(62)), frame(3, 0, None)] {
            row.add(&one);
        }
        let steps = row.finish();
        let ends: Vec<_> = steps.iter().map(|step| step.expires_before).collect();
        assert_eq!(ends, [Some(at(62)), None]);
        assert_eq!((steps[0].step.frames, steps[0].step.bytes), (3, 15));
    }
}
