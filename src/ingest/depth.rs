//! How much waits on the way in, by camera, for status and metrics. Looks only; nothing is changed.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use serde::Serialize;

use super::announce::Waiting;
use super::{Ingest, Lane};
use crate::model::key::StreamId;

/// What waits for the store in the queue of a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    /// Frames.
    pub frames: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Ingest {
    /// What waits in the queue of every lane; frames of a batch on its way are not in it.
    #[must_use]
    pub fn queues(&self) -> BTreeMap<StreamId, QueueDepth> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let depth = |(stream, lane): (StreamId, Lane)| (stream, lane.queue.depth());
        lanes.into_iter().map(depth).collect()
    }

    /// What is stored and not yet announced, by camera; cameras of which nothing was stored are left
    /// out.
    #[must_use]
    pub fn waiting(&self) -> Vec<(StreamId, Waiting)> {
        self.shared.announcer.waiting()
    }
}
