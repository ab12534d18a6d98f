//! The last minute of a process: plain data, points in and differences out.
//!
//! Times are since the observer was made, so nothing here knows a clock. A camera takes about 2.5 kB.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use crate::ingest::Waiting;
use crate::metrics::{Counts, DropReason};
use crate::model::key::StreamId;

/// How far back points are kept.
const KEPT: Duration = Duration::from_secs(60);

/// Over what time a rate is taken.
const RATE_OVER: Duration = Duration::from_secs(10);

const REASONS: usize = DropReason::ALL.len();

/// Lookups of keys, and how many found nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Found something.
    pub hits: u64,
    /// Found nothing.
    pub misses: u64,
}

/// The counts of a camera at an instant.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    at: Duration,
    stored: u64,
    dropped: [u64; REASONS],
}

/// Records noted at an instant of which some still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Checkpoint {
    at: Duration,
    noted: u64,
}

/// Points of the last minute.
#[derive(Debug, Default)]
pub struct History {
    last: Duration,
    cameras: BTreeMap<StreamId, VecDeque<Point>>,
    waiting: BTreeMap<StreamId, Checkpoint>,
    store: VecDeque<(Duration, Lookups)>,
    gone: Option<u64>,
}

impl History {
    /// Notes the counts of every camera, in their order, and what of each waits to be announced. A
    /// camera that is not told of any more is forgotten.
    pub fn note(
        &mut self,
        at: Duration,
        counts: &[(StreamId, Counts)],
        waiting: &[(StreamId, Waiting)],
    ) {
        self.cameras
            .retain(|camera, _| counts.binary_search_by(|(one, _)| one.cmp(camera)).is_ok());
        for (stream, counts) in counts {
            let points = entry(&mut self.cameras, stream);
            if points.is_empty() {
                points.push_back(Point { at: self.last, ..Point::default() });
            }
            points.push_back(Point { at, stored: counts.stored, dropped: counts.dropped });
            while points.get(1).is_some_and(|second| second.at + KEPT <= at) {
                points.pop_front();
            }
        }
        let told_of: HashSet<&StreamId> = waiting.iter().map(|(stream, _)| stream).collect();
        self.waiting.retain(|stream, _| told_of.contains(stream));
        for (stream, waiting) in waiting {
            match checkpoint(self.waiting.get(stream).copied(), at, *waiting) {
                Some(checkpoint) => self.waiting.insert(stream.clone(), checkpoint),
                None => self.waiting.remove(stream),
            };
        }
        self.last = at;
    }

    /// Notes what the store said of lookups, and how many frames have left it since its start.
    /// Returns whether some have left since it was noted last; the first note says so too, because
    /// nothing is known of the time before.
    pub fn note_store(&mut self, at: Duration, lookups: Lookups, gone: u64) -> bool {
        self.store.push_back((at, lookups));
        while self.store.get(1).is_some_and(|(second, _)| *second + KEPT <= at) {
            self.store.pop_front();
        }
        self.gone.replace(gone) != Some(gone)
    }

    /// Frames of a camera stored a second, over the last 10 s; 0 while nothing was noted.
    #[must_use]
    pub fn rate_fps(&self, stream: &StreamId) -> f64 {
        let Some(points) = self.cameras.get(stream) else { return 0.0 };
        let Some(last) = points.back() else { return 0.0 };
        let old = points.iter().rev().find(|point| point.at + RATE_OVER <= last.at);
        let first = old.or(points.front()).unwrap_or(last);
        let over = last.at.saturating_sub(first.at).as_secs_f64();
        let stored = last.stored.saturating_sub(first.stored) as f64;
        if over > 0.0 { stored / over } else { 0.0 }
    }

    /// Frames of a camera lost in the last minute, by reason. The frame rate limit loses none: they
    /// were not wanted.
    #[must_use]
    pub fn lost(&self, stream: &StreamId) -> Vec<(DropReason, u64)> {
        let points = self.cameras.get(stream);
        let Some((first, last)) = points.and_then(|all| all.front().zip(all.back())) else {
            return Vec::new();
        };
        let reasons = DropReason::ALL.into_iter().zip(first.dropped.iter().zip(last.dropped));
        reasons
            .map(|(reason, (before, now))| (reason, now.saturating_sub(*before)))
            .filter(|(reason, lost)| *reason != DropReason::FpsLimit && *lost > 0)
            .collect()
    }

    /// Frames stored in the last minute, of all cameras.
    #[must_use]
    pub fn stored(&self) -> u64 {
        let stored = |points: &VecDeque<Point>| {
            let (first, last) = (points.front()?, points.back()?);
            Some(last.stored.saturating_sub(first.stored))
        };
        self.cameras.values().filter_map(stored).sum()
    }

    /// For how long at least the oldest announcement of a camera waits; zero when none does.
    #[must_use]
    pub fn waiting_for(&self, stream: &StreamId, now: Duration) -> Duration {
        self.waiting.get(stream).map_or(Duration::ZERO, |point| now.saturating_sub(point.at))
    }

    /// Lookups of the last minute; `None` when the store was not asked twice. A server that was
    /// restarted counts from zero: then nothing is known either.
    #[must_use]
    pub fn lookups(&self) -> Option<Lookups> {
        let ((_, first), (_, last)) = (self.store.front()?, self.store.back()?);
        let hits = last.hits.checked_sub(first.hits)?;
        let misses = last.misses.checked_sub(first.misses)?;
        (self.store.len() > 1).then_some(Lookups { hits, misses })
    }
}

/// The value under a key that is cloned only when it is new.
fn entry<'a, V: Default>(map: &'a mut BTreeMap<StreamId, V>, key: &StreamId) -> &'a mut V {
    if !map.contains_key(key) {
        map.insert(key.clone(), V::default());
    }
    map.get_mut(key).expect("the entry should be there: it was just put in")
}

/// What is remembered of those that wait: the last one stays until all that had come by then are
/// announced. Records go out in their order, so while one of them waits the oldest is older.
fn checkpoint(last: Option<Checkpoint>, at: Duration, now: Waiting) -> Option<Checkpoint> {
    let done = now.noted.saturating_sub(now.records);
    match last {
        _ if now.records == 0 => None,
        Some(last) if done < last.noted && last.noted <= now.noted => Some(last),
        _ => Some(Checkpoint { at, noted: now.noted }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::FrameKey;

    fn stream() -> StreamId {
        "t:frames:cam1:1731024000123456789".parse::<FrameKey>().unwrap().stream().clone()
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn counts(stored: u64, fps_limit: u64, queue_full: u64) -> Vec<(StreamId, Counts)> {
        let mut counts = Counts { stored, ..Counts::default() };
        counts.dropped[0] = fps_limit;
        counts.dropped[1] = queue_full;
        vec![(stream(), counts)]
    }

    #[test]
    fn a_rate_is_of_the_last_ten_seconds_and_losses_are_of_the_last_minute() {
        let mut history = History::default();
        let stream = stream();
        assert_eq!((history.rate_fps(&stream), history.lost(&stream)), (0.0, vec![]));
        history.note(secs(2), &counts(20, 0, 0), &[]);
        assert_eq!(history.rate_fps(&stream), 10.0);
        for at in 3..=12 {
            history.note(secs(at), &counts(20 + 30 * (at - 2), 50, 7), &[]);
        }
        assert_eq!((history.rate_fps(&stream), history.stored()), (30.0, 320));
        assert_eq!(history.lost(&stream), [(DropReason::QueueFull, 7)]);
        for at in 13..=73 {
            history.note(secs(at), &counts(320, 90, 7), &[]);
        }
        assert_eq!((history.rate_fps(&stream), history.stored()), (0.0, 0));
        assert_eq!(history.lost(&stream), []);
        assert!(history.cameras[&stream].len() <= 62, "points older than a minute are let go");
    }

    #[test]
    fn a_camera_that_comes_later_starts_from_nothing() {
        let mut history = History::default();
        history.note(secs(100), &[], &[]);
        history.note(secs(102), &counts(10, 0, 3), &[]);
        assert_eq!(history.rate_fps(&stream()), 5.0);
        assert_eq!(history.lost(&stream()), [(DropReason::QueueFull, 3)]);
        history.note(secs(104), &[], &[]);
        assert!(history.cameras.is_empty(), "one that has gone is forgotten");
    }

    #[test]
    fn the_oldest_announcement_ages_until_all_that_had_come_are_out() {
        let mut history = History::default();
        let mut note = |at, records, noted| {
            history.note(secs(at), &[], &[(stream(), Waiting { records, noted })]);
            history.waiting_for(&stream(), secs(at))
        };
        assert_eq!(note(2, 0, 10), secs(0));
        assert_eq!(note(4, 5, 20), secs(0));
        assert_eq!(note(6, 25, 40), secs(2), "nothing went out");
        assert_eq!(note(8, 41, 60), secs(4), "19 went out, the 20th is older than 4 s");
        assert_eq!(note(10, 40, 60), secs(0), "the 20th is out: from now on the 60th counts");
        assert_eq!(note(20, 1, 60), secs(10));
        assert_eq!(note(22, 0, 61), secs(0));
        assert_eq!((note(24, 5, 66), note(26, 1, 1)), (secs(0), secs(0)), "it is counted anew");
        history.note(secs(28), &[], &[]);
        assert_eq!(history.waiting_for(&stream(), secs(28)), secs(0), "nothing is told of it");
    }

    #[test]
    fn lookups_are_told_between_two_answers_of_one_run_of_the_server() {
        let mut history = History::default();
        let mut note = |at, hits, misses, gone| {
            let left = history.note_store(secs(at), Lookups { hits, misses }, gone);
            (left, history.lookups())
        };
        assert_eq!(note(0, 100, 50, 7), (true, None));
        assert_eq!(note(10, 400, 150, 7), (false, Some(Lookups { hits: 300, misses: 100 })));
        assert_eq!(note(20, 400, 150, 8), (true, Some(Lookups { hits: 300, misses: 100 })));
        assert_eq!(note(30, 3, 1, 0), (true, None), "the server was restarted");
        assert_eq!(note(95, 9, 2, 0), (false, Some(Lookups { hits: 6, misses: 1 })));
    }
}
