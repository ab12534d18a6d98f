//! The bounded queue of one lane: frames and pushes in order of arrival.
//!
//! Sources drop the oldest when it is full; a push, whose sender waits for an answer, is never
//! dropped that way but refused at the door.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::depth::QueueDepth;
use super::limit::FpsLimit;
use super::{IngestOptions, PushError, PushTime, Pushed};
use crate::model::frame::Dimensions;
use crate::model::key::FrameKey;
use crate::model::time::{Ttl, UnixNanos};

/// A checked frame on its way to the store.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) target: Target,
    pub(super) bytes: Bytes,
    /// `None` for what is restored and no JPEG.
    pub(super) dimensions: Option<Dimensions>,
    pub(super) reply: Option<oneshot::Sender<Result<Pushed, PushError>>>,
}

impl Item {
    /// The time that its key must have, where it must.
    pub(super) fn exact_time(&self) -> Option<UnixNanos> {
        match &self.target {
            Target::Minted(PushTime::Live(_)) => None,
            Target::Minted(PushTime::Exact(at)) => Some(*at),
            Target::Restored(restoring) => Some(restoring.key.at()),
        }
    }
}

/// Where a frame is to be stored.
#[derive(Debug)]
pub(super) enum Target {
    /// Under a key that is minted for this time.
    Minted(PushTime),
    /// Under a key that it had before.
    Restored(Box<Restoring>),
}

/// What is given of a frame that is stored again.
#[derive(Debug)]
pub(super) struct Restoring {
    pub(super) key: FrameKey,
    /// `None`: the base lifetime in force.
    pub(super) ttl: Option<Ttl>,
    /// `None`: as a push of its time.
    pub(super) expires_at: Option<UnixNanos>,
}

/// Why a frame was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotQueued {
    Full,
    Closed,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    closed: bool,
}

#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    limit: Mutex<Option<FpsLimit>>,
    arrived: Notify,
    max_items: usize,
    max_bytes: usize,
}

impl Queue {
    pub(super) fn new(options: IngestOptions, limit: Option<FpsLimit>) -> Self {
        Self {
            waiting: Mutex::default(),
            limit: Mutex::new(limit),
            arrived: Notify::new(),
            max_items: options.queue_frames.max(1),
            max_bytes: options.queue_bytes.max(options.max_frame_bytes),
        }
    }

    pub(super) fn within_limit(&self, at: UnixNanos) -> bool {
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit.as_mut().is_none_or(|limit| limit.admit(at))
    }

    /// Holds frames against another limit from now on; one of the same rate goes on where it stood.
    pub(super) fn change_limit(&self, limit: Option<FpsLimit>) {
        let mut current = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        let same = match (&*current, &limit) {
            (Some(current), Some(limit)) => current.has_rate_of(limit),
            _ => false,
        };
        if !same {
            *current = limit;
        }
    }

    /// Queues a source's frame; returns how many frames had to go for it, itself included when only
    /// pushes are waiting. An error means that the queue is closed.
    pub(super) fn push_dropping_oldest(&self, item: Item) -> Result<usize, NotQueued> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(NotQueued::Closed);
        }
        let mut dropped = 0;
        while !self.has_room(&waiting, &item) {
            dropped += 1;
            match waiting.items.iter().position(|waiting| waiting.reply.is_none()) {
                Some(oldest) => waiting.remove(oldest),
                None => return Ok(dropped),
            }
        }
        waiting.add(item);
        drop(waiting);
        self.arrived.notify_one();
        Ok(dropped)
    }

    /// Queues a push and calls `counted` before anybody can take it out, or gives it back.
    pub(super) fn push_if_room(
        &self,
        item: Item,
        counted: impl FnOnce(),
    ) -> Result<(), (NotQueued, Item)> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err((NotQueued::Closed, item));
        }
        if !self.has_room(&waiting, &item) {
            return Err((NotQueued::Full, item));
        }
        counted();
        waiting.add(item);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Lets nothing in any more: nobody would take it out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    /// Takes the oldest frames, at least one and at most so many and so many bytes; empty when none
    /// waits.
    pub(super) fn take(&self, max_items: usize, max_bytes: usize) -> Vec<Item> {
        let mut waiting = self.lock();
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some(item) = waiting.items.front() {
            bytes += item.bytes.len();
            if taken.len() >= max_items || (bytes > max_bytes && !taken.is_empty()) {
                break;
            }
            taken.extend(waiting.pop());
        }
        taken
    }

    /// What waits now.
    pub(super) fn depth(&self) -> QueueDepth {
        let waiting = self.lock();
        QueueDepth { frames: waiting.items.len(), bytes: waiting.bytes }
    }

    /// Waits until something was queued since the last [`Queue::take`] that came back empty.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    fn has_room(&self, waiting: &Waiting, item: &Item) -> bool {
        waiting.items.len() < self.max_items && waiting.bytes + item.bytes.len() <= self.max_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, item: Item) {
        self.bytes += item.bytes.len();
        self.items.push_back(item);
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.bytes -= item.bytes.len();
        Some(item)
    }

    fn remove(&mut self, position: usize) {
        if let Some(item) = self.items.remove(position) {
            self.bytes -= item.bytes.len();
        }
    }
}
