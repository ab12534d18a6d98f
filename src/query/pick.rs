//! Which of the frames found become the answer: order, steps, limit, nearness. Pure.
//!
//! A [`Candidate`] is what index or scan know of one frame, small because a slice may hold many;
//! keys are only built for the frames that are answered.

use std::time::Duration;

use super::plan::step_number;
use crate::model::bucket::FoundRecord;
use crate::model::key::{FrameKey, KEY_TIME_MIN, StreamId, Suffix};
use crate::model::time::{Ttl, UnixNanos};
use crate::store::FrameStat;

/// By what frames are sorted: time, place of the camera, suffix.
pub(super) type Order = (UnixNanos, u32, Suffix);

/// What must be known of a frame before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: the caller fetches its bytes, which tells whether it lives.
    Key,
    /// That it lived when the index was read, and its size.
    Size,
    /// Also when it expires.
    End,
    /// All of it from the store itself.
    Proof,
}

/// A frame that may be part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// When it was captured.
    pub(super) at: UnixNanos,
    /// Which camera: its place in the sorted list of the lookup's streams.
    pub(super) stream: u32,
    /// What follows the time in its key.
    pub(super) suffix: Suffix,
    /// Payload bytes, where known.
    pub(super) size: Option<u32>,
    /// When it expires; `None` when not known or never.
    pub(super) expires_at: Option<UnixNanos>,
    /// The lifetime that its bucket stands for; `None` when a scan found it.
    pub(super) ttl: Option<Ttl>,
    /// Whether what the lookup needs is known; if not, the store has to be asked.
    pub(super) settled: bool,
}

impl Candidate {
    /// What an index record says; `None` for a time that no frame key can have.
    pub(super) fn of_record(stream: u32, found: FoundRecord, need: Need) -> Option<Self> {
        let record = found.record;
        if record.at.get() < KEY_TIME_MIN {
            return None;
        }
        let settled = match need {
            Need::Key => true,
            Need::Size => record.size.is_some(),
            Need::End => record.size.is_some() && !record.ask,
            Need::Proof => false,
        };
        let expires_at = found.expires_at();
        let (at, suffix, size) = (record.at, record.suffix, record.size);
        Some(Self { at, stream, suffix, size, expires_at, ttl: Some(found.ttl), settled })
    }

    /// What a scanned key says: only that there was such a frame.
    pub(super) fn of_key(stream: u32, key: &FrameKey, need: Need) -> Self {
        let (at, suffix) = (key.at(), key.suffix());
        let settled = need == Need::Key;
        Self { at, stream, suffix, size: None, expires_at: None, ttl: None, settled }
    }

    /// The same frame, as the store has it.
    pub(super) fn settle(self, stat: FrameStat) -> Self {
        Self { size: Some(stat.size), expires_at: stat.expires_at, settled: true, ..self }
    }

    /// Its key, given the list of streams that it was found with.
    pub(super) fn key(&self, streams: &[StreamId]) -> FrameKey {
        let stream = streams[self.place()].clone();
        FrameKey::new(stream, self.at, self.suffix).expect("its time should have been checked")
    }

    /// Its camera's place in the list of streams.
    pub(super) fn place(&self) -> usize {
        usize::try_from(self.stream).unwrap_or(usize::MAX)
    }

    pub(super) fn order(&self) -> Order {
        (self.at, self.stream, self.suffix)
    }
}

/// Sorts by (time, camera, suffix) and keeps one of each frame, a settled one if there is one, else one
/// that the index knows.
pub(super) fn merge(candidates: &mut Vec<Candidate>) {
    candidates.sort_unstable_by_key(|one| (one.order(), !one.settled, one.ttl.is_none()));
    candidates.dedup_by_key(|one| one.order());
}

/// What of the frames found is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Where steps are counted from: the start of the window asked for.
    pub(super) start: UnixNanos,
    /// One frame of each camera in each step of this length: its first.
    pub(super) every: Option<Duration>,
    /// Last to first.
    pub(super) reverse: bool,
    /// How many, at most; the first ones in the order of the answer.
    pub(super) room: Option<usize>,
    /// Only what comes after this one in the order of the answer. It still counts for its step.
    pub(super) after: Option<Order>,
}

/// The places of the wanted among `candidates` (merged), in the order of the answer.
pub(super) fn choose(candidates: &[Candidate], rules: &Rules) -> Vec<usize> {
    let mut chosen: Vec<usize> = match rules.every {
        None => (0..candidates.len()).collect(),
        Some(every) => first_of_steps(candidates, rules.start, every),
    };
    if rules.reverse {
        chosen.reverse();
    }
    if let Some(after) = rules.after {
        chosen.retain(|place| {
            let order = candidates[*place].order();
            if rules.reverse { order < after } else { order > after }
        });
    }
    chosen.truncate(rules.room.unwrap_or(usize::MAX));
    chosen
}

fn first_of_steps(candidates: &[Candidate], start: UnixNanos, every: Duration) -> Vec<usize> {
    let mut last: Vec<Option<u64>> = Vec::new();
    let mut is_first = |candidate: &Candidate| {
        let stream = candidate.place();
        if last.len() <= stream {
            last.resize(stream + 1, None);
        }
        let step = Some(step_number(start, candidate.at, every));
        std::mem::replace(&mut last[stream], step) != step
    };
    candidates.iter().enumerate().filter(|(_, one)| is_first(one)).map(|(place, _)| place).collect()
}

/// Sorts by distance from `at`; the earlier first where two are equally far.
pub(super) fn sort_by_distance(candidates: &mut [Candidate], at: UnixNanos) {
    candidates.sort_unstable_by_key(|one| (one.at.since(at).max(at.since(one.at)), one.order()));
}

/// How far `found` lies from `asked`, in nanoseconds; negative when it is earlier.
pub(super) fn distance(asked: UnixNanos, found: UnixNanos) -> i64 {
    let nanos = |at: UnixNanos| i64::try_from(at.get()).unwrap_or(i64::MAX);
    nanos(found) - nanos(asked)
}

#[cfg(test)]
#[path = "pick_tests.rs"]
mod tests;
