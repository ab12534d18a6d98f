//! How far each camera is announced: plain data under the announcer's lock.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::model::bucket::Bucket;
use crate::model::key::StreamId;
use crate::model::time::{TimeRange, UnixNanos};
use crate::store::{OutboxMark, Place};

/// How long after its end a bucket's mark is kept, so that stragglers find it open.
const CLOSED_FOR: Duration = Duration::from_secs(5);

/// Records of one bucket, counted from its start.
#[derive(Debug, Clone, Copy)]
struct Reach {
    stored: u32,
    announced: u32,
    saved: Option<u32>,
}

/// What of a camera is stored and not yet announced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Records that wait now.
    pub records: u64,
    /// Records that ever came; it only grows, and those that came first are announced first.
    pub noted: u64,
}

#[derive(Debug, Default)]
struct Camera {
    buckets: BTreeMap<Bucket, Reach>,
    noted: u64,
    /// Behind: fresh announcements are not queued, the index is read instead.
    behind: bool,
}

impl Camera {
    fn backlog(&self) -> u64 {
        let open = |reach: &Reach| u64::from(reach.stored.saturating_sub(reach.announced));
        self.buckets.values().map(open).sum()
    }
}

impl Reach {
    /// Notes that records up to `end` are stored; returns how many of them are new.
    fn reach_to(&mut self, end: u32) -> u64 {
        let new = end.saturating_sub(self.stored);
        self.stored = self.stored.max(end);
        u64::from(new)
    }
}

/// The marks to write now.
#[derive(Debug, Default)]
pub(super) struct DueMarks {
    pub(super) save: Vec<OutboxMark>,
    pub(super) remove: Vec<OutboxMark>,
}

/// A stretch of a bucket that is not announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) bucket: Bucket,
    pub(super) announced: u32,
}

#[derive(Debug, Default)]
pub(super) struct Progress(HashMap<StreamId, Camera>);

impl Progress {
    /// Notes a stored record; returns whether its announcement should be queued.
    pub(super) fn stored(&mut self, stream: &StreamId, place: Place) -> bool {
        let camera = self.camera(stream);
        // What stood before our first record here was announced by whoever wrote it.
        let before = place.end.saturating_sub(1);
        let fresh = Reach { stored: before, announced: before, saved: None };
        let reach = camera.buckets.entry(place.bucket).or_insert(fresh);
        if place.end < reach.stored {
            // The store lost the bucket and counts from its new start.
            *reach = fresh;
        }
        camera.noted += reach.reach_to(place.end);
        !camera.behind
    }

    /// Notes a confirmed announcement. While the camera is behind it counts for nothing: what came
    /// before it is not announced yet.
    pub(super) fn announced(&mut self, stream: &StreamId, place: Place) {
        let camera = self.camera(stream);
        if let Some(reach) = camera.buckets.get_mut(&place.bucket).filter(|_| !camera.behind) {
            reach.announced = reach.announced.max(place.end).min(reach.stored);
        }
    }

    /// Notes how far a bucket was caught up.
    pub(super) fn caught_up(&mut self, stream: &StreamId, bucket: Bucket, announced: u32) {
        let camera = self.camera(stream);
        if let Some(reach) = camera.buckets.get_mut(&bucket) {
            reach.announced = announced;
            camera.noted += reach.reach_to(announced);
        }
    }

    /// Takes up a mark that an earlier process left, with the records found behind it.
    pub(super) fn adopt(&mut self, mark: &OutboxMark, behind: u32) {
        let camera = self.camera(&mark.stream);
        let announced = mark.announced;
        let fresh = Reach { stored: announced, announced, saved: Some(announced) };
        let reach = camera.buckets.entry(mark.bucket).or_insert(fresh);
        reach.announced = mark.announced;
        camera.noted += reach.reach_to(mark.announced.saturating_add(behind));
        camera.behind = true;
    }

    pub(super) fn fall_behind(&mut self, stream: &StreamId) {
        self.camera(stream).behind = true;
    }

    pub(super) fn is_behind(&self, stream: &StreamId) -> bool {
        self.0.get(stream).is_some_and(|camera| camera.behind)
    }

    pub(super) fn behind(&self) -> Vec<StreamId> {
        let behind = self.0.iter().filter(|(_, camera)| camera.behind);
        behind.map(|(stream, _)| stream.clone()).collect()
    }

    /// The earliest stretch of a camera that is behind; when there is none the camera is live again,
    /// in the same moment.
    pub(super) fn next_gap(&mut self, stream: &StreamId) -> Option<Gap> {
        let camera = self.camera(stream);
        let gap = camera
            .buckets
            .iter()
            .filter(|(_, reach)| reach.announced < reach.stored)
            .min_by_key(|(bucket, _)| bucket.window().map(TimeRange::from))
            .map(|(bucket, reach)| Gap { bucket: *bucket, announced: reach.announced });
        camera.behind = gap.is_some();
        gap
    }

    /// Every record of the bucket is gone: nothing is left to announce. Returns how many were open.
    pub(super) fn lost(&mut self, stream: &StreamId, bucket: Bucket) -> u32 {
        let Some(reach) = self.camera(stream).buckets.get_mut(&bucket) else { return 0 };
        let open = reach.stored.saturating_sub(reach.announced);
        reach.announced = reach.stored;
        open
    }

    pub(super) fn backlog(&self) -> u64 {
        self.0.values().map(Camera::backlog).sum()
    }

    /// What waits of each camera.
    pub(super) fn waiting(&self) -> Vec<(StreamId, Waiting)> {
        let waiting = |camera: &Camera| Waiting { records: camera.backlog(), noted: camera.noted };
        self.0.iter().map(|(stream, camera)| (stream.clone(), waiting(camera))).collect()
    }

    /// Marks that changed since they were saved, and marks of buckets that are over; all announced
    /// ones are when their collector is `leaving` for good.
    pub(super) fn due_marks(&self, now: UnixNanos, leaving: bool) -> DueMarks {
        let mut due = DueMarks::default();
        for (stream, camera) in &self.0 {
            for (bucket, reach) in &camera.buckets {
                let announced = reach.announced;
                let mark = OutboxMark { stream: stream.clone(), bucket: *bucket, announced };
                let past = bucket.window().is_none_or(|window| window.to().plus(CLOSED_FOR) < now);
                if (past || leaving) && reach.announced >= reach.stored {
                    due.remove.push(mark);
                } else if reach.saved != Some(reach.announced) {
                    due.save.push(mark);
                }
            }
        }
        due
    }

    /// The marks were written.
    pub(super) fn saved(&mut self, due: &DueMarks) {
        for mark in &due.save {
            if let Some(reach) = self.camera(&mark.stream).buckets.get_mut(&mark.bucket) {
                reach.saved = Some(mark.announced);
            }
        }
        for mark in &due.remove {
            let camera = self.camera(&mark.stream);
            // A straggler may have come in between; then the bucket stays.
            let done = |reach: &Reach| reach.stored <= mark.announced;
            if camera.buckets.get(&mark.bucket).is_some_and(done) {
                camera.buckets.remove(&mark.bucket);
            }
        }
        if !due.remove.is_empty() {
            // Nothing is known of these any more; one that comes back begins anew.
            self.0.retain(|_, camera| camera.behind || !camera.buckets.is_empty());
        }
    }

    fn camera(&mut self, stream: &StreamId) -> &mut Camera {
        if !self.0.contains_key(stream) {
            self.0.insert(stream.clone(), Camera::default());
        }
        self.0.get_mut(stream).expect("the camera should be there: it was just put in")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::bucket::Life;
    use crate::model::time::Ttl;

    const START: u64 = 1_731_024_000_000_000_000;

    fn stream() -> StreamId {
        "t:frames:cam1:1731024000123456789"
            .parse::<crate::model::key::FrameKey>()
            .unwrap()
            .stream()
            .clone()
    }

    fn place(end: u32) -> Place {
        let at = UnixNanos::new(START).unwrap();
        Place { bucket: Life::of(Ttl::from_secs(60).unwrap()).bucket(at), end }
    }

    #[test]
    fn a_camera_behind_is_live_again_only_when_no_record_is_left() {
        let (mut progress, stream) = (Progress::default(), stream());
        assert!(progress.stored(&stream, place(1)));
        progress.fall_behind(&stream);
        assert!(!progress.stored(&stream, place(2)));
        progress.announced(&stream, place(2));
        assert_eq!(progress.backlog(), 2);
        let gap = Gap { bucket: place(1).bucket, announced: 0 };
        assert_eq!(progress.next_gap(&stream), Some(gap));
        progress.caught_up(&stream, gap.bucket, 2);
        assert_eq!(progress.next_gap(&stream), None);
        assert!(progress.stored(&stream, place(3)));
        let waiting = Waiting { records: 1, noted: 3 };
        assert_eq!(progress.waiting(), [(stream.clone(), waiting)]);
        progress.announced(&stream, place(3));
        assert_eq!(progress.backlog(), 0);
    }

    #[test]
    fn marks_are_saved_when_they_move_and_removed_when_the_bucket_is_over() {
        let (mut progress, stream) = (Progress::default(), stream());
        let now = UnixNanos::new(START).unwrap();
        progress.stored(&stream, place(1));
        let due = progress.due_marks(now, false);
        assert_eq!(due.save.iter().map(|mark| mark.announced).collect::<Vec<_>>(), [0]);
        progress.saved(&due);
        assert!(progress.due_marks(now, false).save.is_empty());
        let later = now.plus(Duration::from_secs(60));
        assert!(progress.due_marks(later, true).remove.is_empty(), "not announced yet");
        progress.announced(&stream, place(1));
        assert_eq!(progress.due_marks(now, false).remove.len(), 0);
        assert_eq!(progress.due_marks(now, true).remove.len(), 1);
        let due = progress.due_marks(later, false);
        assert_eq!((due.save.len(), due.remove.len()), (0, 1));
        progress.saved(&due);
        assert!(progress.due_marks(later, false).remove.is_empty());
        assert_eq!(progress.waiting(), [], "a camera of which nothing is open is forgotten");
    }

    #[test]
    fn a_bucket_that_the_store_lost_is_owed_from_its_new_start() {
        let (mut progress, stream) = (Progress::default(), stream());
        (1..=9).for_each(|end| _ = progress.stored(&stream, place(end)));
        progress.announced(&stream, place(4));
        progress.stored(&stream, place(1));
        progress.announced(&stream, place(9));
        progress.stored(&stream, place(2));
        progress.fall_behind(&stream);
        let gap = Gap { bucket: place(1).bucket, announced: 1 };
        assert_eq!(progress.next_gap(&stream), Some(gap));
    }

    #[test]
    fn records_of_another_collector_are_not_owed_by_this_one() {
        let (mut progress, stream) = (Progress::default(), stream());
        progress.stored(&stream, place(41));
        assert_eq!(progress.backlog(), 1);
    }
}
