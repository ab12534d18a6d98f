//! What a batch needs besides its frames: which buckets to open, which cameras to register.
//!
//! Pure: the batch, the server's time and what this process remembers of its earlier batches go in,
//! a [`Plan`] comes out, and only a batch that succeeded is remembered. Opening a bucket twice is
//! harmless, so the memory may forget at any time, and does when the connection changes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::window;
use crate::model::bucket::{BUCKET_SLACK, Bucket, Expiry, IndexRecord, Life};
use crate::model::frame::Dimensions;
use crate::model::key::StreamId;
use crate::model::time::UnixNanos;
use crate::store::{OutboxMark, PutFrame};

/// A bucket must outlive its frames by this much, or it is opened anew with a later end.
const MARGIN: Duration = Duration::from_secs(2);
/// A bucket that nothing was written to for this long is forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// How often a camera is registered.
const REGISTER: Duration = Duration::from_secs(1);
/// How often the listed buckets of a camera are swept for dead ones.
const SWEEP: Duration = Duration::from_secs(60);

/// A bucket to be opened, or to be given a later end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) stream: StreamId,
    pub(super) bucket: Bucket,
    /// When the bucket may go.
    pub(super) deadline: UnixNanos,
    /// Whether it must be listed, because readers would not look for it: it holds `ask` records and may
    /// outlive the span that its life tells of, or that span has too many buckets to try each.
    pub(super) listed: bool,
}

/// One frame of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) bucket: Bucket,
    pub(super) expiry: Expiry,
    pub(super) record: IndexRecord,
    pub(super) new_dimensions: Option<Dimensions>,
    /// When a late frame comes; `None` for one in time, whose own time tells.
    pub(super) arrived: Option<UnixNanos>,
}

/// What a batch does.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) openings: Vec<Opening>,
    /// Cameras with their newest key.
    pub(super) seen: Vec<(StreamId, UnixNanos)>,
    /// In the order of the batch.
    pub(super) frames: Vec<Planned>,
}

/// What earlier batches of this process did over the same connection.
#[derive(Debug, Default)]
pub(super) struct Memory {
    generation: u64,
    opened: HashMap<(StreamId, Bucket), Opened>,
    registered: HashMap<StreamId, Instant>,
    swept: HashMap<StreamId, Instant>,
    pruned: Option<Instant>,
}

#[derive(Debug)]
struct Opened {
    deadline: UnixNanos,
    listed: bool,
    used: Instant,
}

impl Memory {
    /// Forgets everything when the connection is another one.
    pub(super) fn of_connection(&mut self, generation: u64) -> &mut Self {
        if self.generation != generation {
            self.forget();
            self.generation = generation;
        }
        self
    }

    /// Forgets everything: the server lost what was there.
    pub(super) fn forget(&mut self) {
        *self = Self { generation: self.generation, ..Self::default() };
    }

    /// Forgets buckets whose marks are taken away: the next record in one needs its mark first.
    pub(super) fn forget_marks(&mut self, marks: &[OutboxMark]) {
        for mark in marks {
            self.opened.remove(&(mark.stream.clone(), mark.bucket));
        }
    }

    /// Plans a batch at the server's time `now`.
    pub(super) fn plan(&self, batch: &[PutFrame], now: UnixNanos, clock: Instant) -> Plan {
        let mut plan = Plan::default();
        for frame in batch {
            let planned = planned(frame, now);
            self.open_for(&mut plan, frame.key.stream(), &planned, now);
            self.register(&mut plan, frame, clock);
            plan.frames.push(planned);
        }
        plan
    }

    fn open_for(&self, plan: &mut Plan, stream: &StreamId, frame: &Planned, now: UnixNanos) {
        let listed = frame.record.ask || window::is_wide(frame.bucket.life);
        let end = frame.expiry.end(now);
        let deadline = frame.bucket.expires_at(now).max(end.plus(BUCKET_SLACK));
        if let Some(opening) =
            plan.openings.iter_mut().find(|one| one.bucket == frame.bucket && one.stream == *stream)
        {
            opening.listed |= listed;
            opening.deadline = opening.deadline.max(deadline);
            return;
        }
        let needed = end.plus(MARGIN);
        let known = self.opened.get(&(stream.clone(), frame.bucket));
        if known.is_some_and(|known| known.deadline >= needed && (known.listed || !listed)) {
            return;
        }
        plan.openings.push(Opening {
            stream: stream.clone(),
            bucket: frame.bucket,
            deadline,
            listed,
        });
    }

    fn register(&self, plan: &mut Plan, frame: &PutFrame, clock: Instant) {
        let stream = frame.key.stream();
        if let Some((_, newest)) = plan.seen.iter_mut().find(|(seen, _)| seen == stream) {
            *newest = frame.key.at().max(*newest);
            return;
        }
        let recent = |at: &Instant| clock.duration_since(*at) < REGISTER;
        if !self.registered.get(stream).is_some_and(recent) {
            plan.seen.push((stream.clone(), frame.key.at()));
        }
    }

    /// Remembers a plan that was carried out, and what its batch touched.
    pub(super) fn carried_out(&mut self, plan: &Plan, batch: &[PutFrame], clock: Instant) {
        for opening in &plan.openings {
            let entry = Opened { deadline: opening.deadline, listed: opening.listed, used: clock };
            self.opened.insert((opening.stream.clone(), opening.bucket), entry);
        }
        for (frame, planned) in batch.iter().zip(&plan.frames) {
            let key = (frame.key.stream().clone(), planned.bucket);
            if let Some(known) = self.opened.get_mut(&key) {
                known.used = clock;
            }
        }
        self.registered.extend(plan.seen.iter().map(|(stream, _)| (stream.clone(), clock)));
        if self.pruned.is_none_or(|at| clock.duration_since(at) > IDLE) {
            self.pruned = Some(clock);
            let used = |at: &Instant| clock.duration_since(*at) <= IDLE;
            self.opened.retain(|_, known| used(&known.used));
            self.registered.retain(|_, at| used(at));
            self.swept.retain(|_, at| used(at));
        }
    }

    /// The cameras of the plan whose lists are due for a sweep; counts them as swept.
    pub(super) fn due_sweeps(&mut self, plan: &Plan, clock: Instant) -> Vec<StreamId> {
        let mut due = Vec::new();
        for opening in plan.openings.iter().filter(|opening| opening.listed) {
            let recent = |at: &Instant| clock.duration_since(*at) < SWEEP;
            if !self.swept.get(&opening.stream).is_some_and(recent) {
                self.swept.insert(opening.stream.clone(), clock);
                due.push(opening.stream.clone());
            }
        }
        due
    }
}

fn planned(frame: &PutFrame, now: UnixNanos) -> Planned {
    let at = frame.key.at();
    let expiry = frame.expiry(now);
    let record = IndexRecord {
        at,
        suffix: frame.key.suffix(),
        ask: expiry.is_asked(),
        size: u32::try_from(frame.bytes.len()).ok(),
    };
    let bucket = Life::of(frame.ttl).bucket(at);
    let arrived = record.ask.then_some(now);
    Planned { bucket, expiry, record, new_dimensions: frame.new_dimensions, arrived }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Ttl;

    const SEC: Duration = Duration::from_secs(1);

    fn start() -> UnixNanos {
        UnixNanos::new(1_731_024_000_000_000_000).unwrap()
    }

    fn frame(at: UnixNanos, camera: &str) -> PutFrame {
        PutFrame {
            key: format!("client-a:frames:{camera}:{at}:00001").parse().unwrap(),
            bytes: bytes::Bytes::from_static(b"jpeg"),
            ttl: Ttl::from_secs(300).unwrap(),
            expires_at: None,
            new_dimensions: None,
        }
    }

    #[test]
    fn a_bucket_is_opened_once_and_a_camera_registered_once_a_second() {
        let (mut memory, clock) = (Memory::default(), Instant::now());
        let batch = [frame(start(), "cam1"), frame(start().next(), "cam1")];
        let plan = memory.plan(&batch, start(), clock);
        assert_eq!(plan.openings.len(), 1);
        assert_eq!(plan.openings[0].deadline, start().plus(320 * SEC));
        assert_eq!(plan.seen, [(batch[0].key.stream().clone(), start().next())]);
        assert!(plan.frames.iter().all(|one| !one.record.ask));
        memory.carried_out(&plan, &batch, clock);

        let again = memory.plan(&batch, start(), clock + SEC / 2);
        assert_eq!((again.openings.len(), again.seen.len()), (0, 0));
        let later = memory.plan(&batch, start(), clock + SEC);
        assert_eq!((later.openings.len(), later.seen.len()), (0, 1));
    }

    #[test]
    fn each_camera_and_each_bucket_is_opened_for_itself() {
        let batch = [
            frame(start(), "cam1"),
            frame(start(), "cam10"),
            frame(start().plus(10 * SEC), "cam1"),
        ];
        let plan = Memory::default().plan(&batch, start().plus(9 * SEC), Instant::now());
        assert_eq!((plan.openings.len(), plan.seen.len()), (3, 2));
        assert_eq!(
            plan.openings.iter().map(|one| one.listed).collect::<Vec<_>>(),
            [true, true, false]
        );
    }

    #[test]
    fn late_frames_list_their_bucket_and_push_its_end() {
        let (mut memory, clock) = (Memory::default(), Instant::now());
        let batch = [frame(start(), "cam1")];
        let in_time = memory.plan(&batch, start(), clock);
        memory.carried_out(&in_time, &batch, clock);

        let now = start().plus(100 * SEC);
        let late = memory.plan(&batch, now, clock);
        assert_eq!(late.openings.len(), 1);
        assert!(late.openings[0].listed && late.frames[0].record.ask);
        assert_eq!(late.openings[0].deadline, now.plus(310 * SEC));
        assert_eq!(memory.due_sweeps(&late, clock).len(), 1);
        assert_eq!(memory.due_sweeps(&late, clock + SEC).len(), 0);
        memory.carried_out(&late, &batch, clock);

        assert_eq!(memory.plan(&batch, now.plus(8 * SEC), clock).openings.len(), 0);
        assert_eq!(memory.plan(&batch, now.plus(9 * SEC), clock).openings.len(), 1);
    }

    #[test]
    fn a_given_end_keeps_its_bucket_until_then() {
        let (mut memory, clock) = (Memory::default(), Instant::now());
        let end = start().plus(5000 * SEC);
        let exact = PutFrame { expires_at: Some(end), ..frame(start(), "cam1") };
        for batch in [vec![exact.clone()], vec![frame(start().next(), "cam1"), exact.clone()]] {
            let plan = memory.plan(&batch, start(), clock);
            assert_eq!(plan.openings.len(), 1);
            assert_eq!(plan.openings[0].deadline, end.plus(10 * SEC));
            assert!(plan.openings[0].listed);
            let told = plan.frames.last().map(|one| (one.expiry, one.record.ask));
            assert_eq!(told, Some((Expiry::Exact(end), true)));
        }
        let natural = [frame(start().next(), "cam1")];
        let plan = memory.plan(&natural, start(), clock);
        memory.carried_out(&plan, &natural, clock);
        assert_eq!(memory.plan(&[exact], start(), clock).openings.len(), 1);
    }

    #[test]
    fn another_connection_and_long_idleness_forget() {
        let (mut memory, clock) = (Memory::default(), Instant::now());
        let batch = [frame(start(), "cam1")];
        let plan = memory.of_connection(1).plan(&batch, start(), clock);
        memory.carried_out(&plan, &batch, clock);
        assert_eq!(memory.of_connection(1).plan(&batch, start(), clock).openings.len(), 0);
        assert_eq!(memory.of_connection(2).plan(&batch, start(), clock).openings.len(), 1);
        memory.carried_out(&plan, &batch, clock);
        memory.carried_out(&Plan::default(), &[], clock + 62 * SEC);
        assert!(memory.opened.is_empty() && memory.registered.is_empty());
    }
}
