//! What the index has of a span of arrival, told as the bus would have told it.
//!
//! A frame in time arrives when it is captured, give or take 2 s, so the index by capture time finds it.
//! A late one is found by the note of its arrival alone, whatever its capture. Frames that `reindex`
//! adopted leave no note and are not told, as on the bus.

use std::collections::{BTreeSet, HashSet};

use super::Interest;
use crate::model::bucket::FoundRecord;
use crate::model::event::Announcement;
use crate::model::frame::dimensions_at;
use crate::model::jpeg;
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::{Prefix, Tenant};
use crate::model::time::TimeRange;
use crate::store::{FrameStore, StoreError};

/// Requests to the store that one look has in flight.
pub(super) const IN_FLIGHT: usize = 16;

/// Late frames of a camera that are read at once.
const READ_AT_ONCE: usize = 4;

/// The cameras that any of `interests` covers, as far as the store knows them or they are named.
pub(super) async fn wanted(
    store: &dyn FrameStore,
    interests: &[Interest],
) -> Result<Vec<StreamId>, StoreError> {
    let named = interests.iter().flat_map(|interest| &interest.streams);
    let mut wanted: BTreeSet<StreamId> = named.cloned().collect();
    for (tenant, prefix) in families(store, interests).await? {
        if !interests.iter().any(|interest| interest.holds_family(&tenant, &prefix)) {
            continue;
        }
        for seen in store.cameras(&tenant, &prefix).await? {
            let (tenant, prefix) = (tenant.clone(), prefix.clone());
            wanted.insert(StreamId { tenant, prefix, camera: seen.camera });
        }
    }
    Ok(wanted.into_iter().collect())
}

/// The families that may be wanted. A user of the store who must not list what all tenants share is left
/// with those that are named.
async fn families(
    store: &dyn FrameStore,
    interests: &[Interest],
) -> Result<Vec<(Tenant, Prefix)>, StoreError> {
    if interests.iter().all(|interest| !interest.streams.is_empty()) {
        return Ok(Vec::new());
    }
    match store.families().await {
        Ok(families) => Ok(families.into_iter().map(|one| (one.tenant, one.prefix)).collect()),
        Err(StoreError::Refused(_)) => {
            let named = |one: &Interest| one.tenant.clone().zip(one.prefix.clone());
            let named: HashSet<_> = interests.iter().filter_map(named).collect();
            Ok(named.into_iter().collect())
        }
        Err(error) => Err(error),
    }
}

/// The records of frames of a camera that arrived in `span`, each once: those in time by their
/// capture, late ones by their arrival.
pub(super) async fn arrived(
    store: &dyn FrameStore,
    stream: &StreamId,
    span: TimeRange,
) -> Result<Vec<FoundRecord>, StoreError> {
    let mut found = store.index(stream, span).await?.records;
    found.retain(|one| !one.record.ask);
    let mut late = store.arrived(stream, span).await?;
    let mut met = HashSet::new();
    late.retain(|one| met.insert((one.record.at, one.record.suffix)));
    found.append(&mut late);
    Ok(found)
}

/// What the bus tells of these frames, of those that live.
///
/// A record in time tells the size, and the camera's history the dimensions. Of a late frame neither
/// the end is known nor the dimensions that were usual then, so it is read, a few at a time.
pub(super) async fn announcements(
    store: &dyn FrameStore,
    stream: &StreamId,
    records: &[FoundRecord],
) -> Result<Vec<Announcement>, StoreError> {
    let (mut told, mut asked) = (Vec::with_capacity(records.len()), Vec::new());
    let mut history = None;
    for FoundRecord { record, ttl } in records {
        let Ok(key) = record.key(stream) else { continue };
        match record.size.filter(|_| !record.ask) {
            None => asked.push((key, Some(*ttl))),
            Some(size) => {
                let history = match &mut history {
                    Some(history) => history,
                    None => history.insert(store.dimensions(stream).await?),
                };
                let dimensions = dimensions_at(history, key.at());
                told.push(Announcement { key, size, dimensions, ttl: Some(*ttl) });
            }
        }
    }
    for batch in asked.chunks(READ_AT_ONCE) {
        let keys: Vec<FrameKey> = batch.iter().map(|(key, _)| key.clone()).collect();
        let frames = store.fetch(&keys).await?;
        told.extend(keys.into_iter().zip(frames).zip(batch).filter_map(
            |((key, bytes), (_, ttl))| {
                let bytes = bytes?;
                let size = u32::try_from(bytes.len()).ok()?;
                let dimensions = jpeg::inspect(&bytes).ok().map(|info| info.dimensions);
                Some(Announcement { key, size, dimensions, ttl: *ttl })
            },
        ));
    }
    Ok(told)
}
