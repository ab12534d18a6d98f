//! Which times of capture a recording wants: from its start to its stop, less its pauses. Pure.
//!
//! Orders only change these spans. The recorder then takes what lies in them, however late it comes to
//! it: so everything before a pause is recorded even with a backlog, and nothing from it on.

use serde::{Deserialize, Serialize};

use crate::model::time::{TimeRange, UnixNanos};

/// Pauses of one recording, at most.
pub(super) const PAUSES_MAX: usize = 1000;

/// Times that are wanted: in order, apart from each other; only the last may be open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spans(Vec<Span>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    from: UnixNanos,
    /// The first instant that is not wanted any more.
    to: Option<UnixNanos>,
}

impl Spans {
    /// Everything from `from` on.
    pub(super) fn from(from: UnixNanos) -> Self {
        Self(vec![Span { from, to: None }])
    }

    /// Nothing from `at` on.
    pub(super) fn close(&mut self, at: UnixNanos) {
        self.0.retain(|span| span.from < at);
        if let Some(last) = self.0.last_mut() {
            last.to = Some(last.to.map_or(at, |to| to.min(at)));
        }
    }

    /// Everything from `at` on too; false when there are too many pauses to remember.
    pub(super) fn open(&mut self, at: UnixNanos) -> bool {
        if self.is_open() || self.0.len() >= PAUSES_MAX {
            return self.is_open();
        }
        match self.0.last_mut().filter(|last| last.to.is_some_and(|to| to >= at)) {
            Some(last) => last.to = None,
            None => self.0.push(Span { from: at, to: None }),
        }
        true
    }

    /// Whether there is no end yet.
    pub(super) fn is_open(&self) -> bool {
        self.0.last().is_some_and(|last| last.to.is_none())
    }

    /// Whether a frame of `at` is wanted.
    pub(super) fn contains(&self, at: UnixNanos) -> bool {
        let next = self.0.partition_point(|span| span.from <= at);
        let span = next.checked_sub(1).map(|place| self.0[place]);
        span.is_some_and(|span| span.to.is_none_or(|to| at < to))
    }

    /// The first instant from `at` on that is wanted, if any.
    pub(super) fn next(&self, at: UnixNanos) -> Option<UnixNanos> {
        let reaches = |span: &&Span| span.to.is_none_or(|to| at < to);
        self.0.iter().find(reaches).map(|span| span.from.max(at))
    }

    /// The parts of a window that are wanted.
    pub(super) fn within(&self, window: TimeRange) -> Vec<TimeRange> {
        let part = |span: &Span| {
            let wanted = TimeRange::new(span.from, span.to.unwrap_or(UnixNanos::MAX)).ok()?;
            wanted.intersect(window)
        };
        self.0.iter().filter_map(part).collect()
    }

    /// The first instant after which nothing is wanted; `None` while open. With no span at all, the
    /// start of time.
    pub(super) fn end(&self) -> Option<UnixNanos> {
        self.0.last().map_or(Some(UnixNanos::MIN), |last| last.to)
    }

    /// The first instant that is wanted.
    pub(super) fn start(&self) -> Option<UnixNanos> {
        self.0.first().map(|span| span.from)
    }

    /// From the first instant to the end, pauses included; `None` when nothing is wanted.
    pub(super) fn hull(&self) -> Option<TimeRange> {
        let (from, to) = (self.start()?, self.end().unwrap_or(UnixNanos::MAX));
        TimeRange::new(from, to).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> UnixNanos {
        UnixNanos::new(nanos).unwrap()
    }

    fn wanted(spans: &Spans) -> Vec<u64> {
        (0..10).filter(|nanos| spans.contains(at(*nanos))).collect()
    }

    #[test]
    fn pauses_cut_times_out_and_a_stop_ends_them() {
        let mut spans = Spans::from(at(2));
        assert_eq!((wanted(&spans), spans.end()), (vec![2, 3, 4, 5, 6, 7, 8, 9], None));
        spans.close(at(4));
        spans.close(at(6));
        assert_eq!((wanted(&spans), spans.end()), (vec![2, 3], Some(at(4))));
        assert!(spans.open(at(6)) && spans.open(at(7)));
        assert_eq!((wanted(&spans), spans.is_open()), (vec![2, 3, 6, 7, 8, 9], true));
        spans.close(at(8));
        assert_eq!(wanted(&spans), [2, 3, 6, 7]);
        let next = [0, 3, 4, 6, 7, 8].map(|nanos| spans.next(at(nanos)).map(UnixNanos::get));
        assert_eq!(next, [Some(2), Some(3), Some(6), Some(6), Some(7), None]);
        let parts = spans.within(TimeRange::new(at(3), at(7)).unwrap());
        let range = |from, to| TimeRange::new(at(from), at(to)).unwrap();
        assert_eq!(parts, [range(3, 4), range(6, 7)]);
        assert_eq!(spans.hull(), TimeRange::new(at(2), at(8)).ok());
    }

    #[test]
    fn a_stop_before_the_start_leaves_nothing_and_a_resume_before_the_pause_no_hole() {
        let mut spans = Spans::from(at(5));
        spans.close(at(5));
        assert_eq!((wanted(&spans), spans.hull()), (vec![], None));
        assert_eq!(spans.end(), Some(UnixNanos::MIN));
        let mut spans = Spans::from(at(1));
        spans.close(at(5));
        spans.open(at(4));
        assert_eq!(spans, Spans::from(at(1)));
    }

    #[test]
    fn pauses_without_end_are_not_remembered() {
        let mut spans = Spans::from(at(0));
        for pause in 1..PAUSES_MAX as u64 {
            spans.close(at(pause * 10));
            assert!(spans.open(at(pause * 10 + 5)));
        }
        spans.close(UnixNanos::MAX);
        assert!(!spans.open(UnixNanos::MAX));
    }
}
