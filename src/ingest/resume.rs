//! Where a lane goes on after a restart: the newest key, the elected slots, the last dimensions.

use crate::model::bucket::FoundRecord;
use crate::model::frame::Dimensions;
use crate::model::key::{KeyMint, StreamId};
use crate::model::retention::{Elector, Retention};
use crate::model::time::{TimeRange, UnixNanos};
use crate::store::{FrameStore, StoreError};

/// What a lane's writer remembers between frames.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) mint: KeyMint,
    pub(super) elector: Elector,
    pub(super) dimensions: Option<Dimensions>,
}

impl Memory {
    /// What is to be recorded of a frame of these dimensions: nothing where they are those of the frame
    /// before, or not known.
    pub(super) fn changed_dimensions(&mut self, now: Option<Dimensions>) -> Option<Dimensions> {
        let changed = now.filter(|_| self.dimensions != now);
        self.dimensions = now.or(self.dimensions);
        changed
    }
}

/// Reads it from the store: the records of the longest retention step, and of the last seconds.
pub(super) async fn load(
    store: &dyn FrameStore,
    stream: &StreamId,
    retention: &Retention,
    now: UnixNanos,
) -> Result<Memory, StoreError> {
    let ahead = now.plus(super::PUSH_AHEAD_MAX * 2);
    let newest = match store.last_seen(stream).await? {
        Some(seen) => {
            let from = seen.minus(std::time::Duration::from_millis(1));
            newest_record(store, stream, from, ahead.max(seen.plus(super::PUSH_AHEAD_MAX))).await?
        }
        None => None,
    };
    let dimensions = store.dimensions(stream).await?.last().map(|(_, dimensions)| *dimensions);
    Ok(Memory {
        mint: KeyMint::resume(
            stream.clone(),
            newest.map(|found| (found.record.at, found.record.suffix)),
        ),
        elector: elector(store, stream, retention, now).await?,
        dimensions,
    })
}

/// Goes on electing by these tiers after the frames that the store already holds.
pub(super) async fn elector(
    store: &dyn FrameStore,
    stream: &StreamId,
    retention: &Retention,
    now: UnixNanos,
) -> Result<Elector, StoreError> {
    let ahead = now.plus(super::PUSH_AHEAD_MAX * 2);
    let kept = match retention.elected_since(now) {
        Some(from) => records(store, stream, from, ahead).await?,
        None => Vec::new(),
    };
    let kept = kept.into_iter().map(|found| (found.record.at, found.ttl));
    Ok(Elector::resume(retention.clone(), kept))
}

async fn newest_record(
    store: &dyn FrameStore,
    stream: &StreamId,
    from: UnixNanos,
    to: UnixNanos,
) -> Result<Option<FoundRecord>, StoreError> {
    Ok(records(store, stream, from, to).await?.last().copied())
}

async fn records(
    store: &dyn FrameStore,
    stream: &StreamId,
    from: UnixNanos,
    to: UnixNanos,
) -> Result<Vec<FoundRecord>, StoreError> {
    match TimeRange::new(from, to) {
        Ok(window) => Ok(store.index(stream, window).await?.records),
        Err(_) => Ok(Vec::new()),
    }
}
