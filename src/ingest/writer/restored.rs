//! Writing what is restored: what is there already is found out before anything is written.
//!
//! A put of a key that is there leaves a further record in the index, which is harmless once and a
//! waste when a whole file is imported again. So the store is asked first, once a batch: equal bytes
//! are done, other bytes are refused, and only the rest is written, and announced.

use super::{Attempt, Writer};
use crate::ingest::queue::{Item, Restoring, Target};
use crate::ingest::resume::Memory;
use crate::ingest::{DropReason, PushError};
use crate::model::key::FrameKey;
use crate::store::FETCH_MAX;

impl Writer {
    /// Those of a batch that must be written: what is restored and lies there already is settled.
    pub(super) async fn settle_restored(&mut self, items: Vec<Item>) -> Vec<Item> {
        let keys: Vec<FrameKey> = items.iter().filter_map(restored_key).cloned().collect();
        if keys.is_empty() {
            return items;
        }
        let Some(there) = self.there(&keys).await else {
            for item in items {
                self.lane.drop_item(item, DropReason::Shutdown, self.lane.no_longer());
            }
            return Vec::new();
        };
        let mut left = Vec::with_capacity(items.len());
        for item in items {
            match restored_key(&item).and_then(|key| there.iter().find(|(one, _)| one == key)) {
                None => left.push(item),
                Some((key, bytes)) if *bytes == item.bytes => self.finish_repeat(item, key.clone()),
                Some((key, _)) => {
                    let taken = PushError::Taken(key.clone());
                    self.lane.drop_item(item, DropReason::StoreError, taken);
                }
            }
        }
        left
    }

    /// What lies under these keys already; `None` when the process ends before the store answers.
    async fn there(&mut self, keys: &[FrameKey]) -> Option<Vec<(FrameKey, bytes::Bytes)>> {
        let lane = self.lane.clone();
        self.until_answered(|| async {
            let store = lane.shared.store.as_ref();
            let mut there = Vec::new();
            for some in keys.chunks(FETCH_MAX) {
                let stats = store.stat(some).await?;
                let live = some.iter().zip(stats).filter(|(_, stat)| stat.is_some());
                let live: Vec<FrameKey> = live.map(|(key, _)| key.clone()).collect();
                if !live.is_empty() {
                    let bytes = store.fetch(&live).await?;
                    let found = live.into_iter().zip(bytes);
                    there.extend(found.filter_map(|(key, bytes)| Some((key, bytes?))));
                }
            }
            Ok(there)
        })
        .await
    }
}

/// The one attempt of an item that is restored: its own key and life; no tier elects it.
pub(super) fn attempt(item: Item, memory: &mut Memory) -> Option<Attempt> {
    let Target::Restored(restoring) = &item.target else { return None };
    let Restoring { key, ttl, expires_at } = restoring.as_ref();
    let (key, expires_at) = (key.clone(), *expires_at);
    let ttl = ttl.unwrap_or_else(|| memory.elector.retention().base());
    memory.mint.saw(&key);
    let new_dimensions = memory.changed_dimensions(item.dimensions);
    Some(Attempt { item, key, ttl, expires_at, new_dimensions, first_try: None })
}

fn restored_key(item: &Item) -> Option<&FrameKey> {
    match &item.target {
        Target::Restored(restoring) => Some(&restoring.key),
        Target::Minted(_) => None,
    }
}
