//! The embedded store as an outbox: records in order of arrival, and how far they were announced.

use super::{Camera, Entry, State};
use crate::model::bucket::{Bucket, IndexRecord};
use crate::model::key::StreamId;
use crate::store::OutboxMark;

impl State {
    pub(in super::super) fn tail(
        &self,
        stream: &StreamId,
        bucket: Bucket,
        skip: u32,
    ) -> Vec<Option<IndexRecord>> {
        let entries = self.camera(stream).and_then(|camera| camera.buckets.get(&bucket));
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let told = |entry: &Entry| (!entry.deleted).then(|| entry.record());
        entries.map(|entries| entries.all.iter().skip(skip).map(told).collect()).unwrap_or_default()
    }

    pub(in super::super) fn marks(&self) -> Vec<OutboxMark> {
        let of_camera = |camera: &Camera| {
            let mark = |(bucket, announced): (&Bucket, &u32)| OutboxMark {
                stream: camera.id.clone(),
                bucket: *bucket,
                announced: *announced,
            };
            camera.marks.iter().map(mark).collect::<Vec<_>>()
        };
        self.cameras.iter().flat_map(of_camera).collect()
    }

    pub(in super::super) fn save(&mut self, marks: &[OutboxMark]) {
        for mark in marks {
            let index = self.camera_index(&mark.stream);
            self.cameras[index].marks.insert(mark.bucket, mark.announced);
        }
    }

    pub(in super::super) fn remove(&mut self, marks: &[OutboxMark]) {
        for mark in marks {
            let index = self.camera_index(&mark.stream);
            self.cameras[index].marks.remove(&mark.bucket);
        }
    }
}
