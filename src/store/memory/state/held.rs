//! Holds in the embedded store: who lives longer than it would, and the register of holds.
//!
//! A held frame leaves the set of those that eviction looks at first. Its entry says `ask`, as its
//! record in Redis does: only the store knows when it ends.

use std::collections::{BTreeMap, BTreeSet};

use super::{Due, State};
use crate::model::hold::Hold;
use crate::model::key::{FrameKey, StreamId, Suffix};
use crate::model::name::{HoldId, Prefix, Tenant};
use crate::model::time::UnixNanos;
use crate::store::{HeldFrame, HeldPage, Lengthened};

/// Held frames of one part of an answer; those of one nanosecond stay together.
const PAGE: usize = 1000;

type Place = (usize, UnixNanos, Suffix);

/// Frames that live longer than they would, and why.
#[derive(Debug, Default)]
pub(super) struct Held {
    due: BTreeSet<Due>,
    natural: BTreeMap<Place, UnixNanos>,
    holds: BTreeMap<HoldId, Hold>,
    evicted: u64,
}

impl Held {
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    pub(super) fn forget(&mut self, due: &Due) {
        if self.due.remove(due) {
            self.natural.remove(&(due.1, due.3, due.4));
        }
    }

    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let facts = [("held_frames", count(self.due.len())), ("evicted_held", self.evicted)];
        let told = facts.into_iter().filter(|(_, number)| *number > 0);
        told.map(|(name, number)| (name.to_owned(), number.to_string())).collect()
    }
}

impl State {
    /// Who expires next, held or not.
    pub(super) fn next_due(&self) -> Option<Due> {
        let firsts = [self.due.first(), self.held.due.first()];
        firsts.into_iter().flatten().min().copied()
    }

    /// Who goes first when room is needed; a held frame is counted as such.
    pub(super) fn first_to_evict(&mut self) -> Option<Due> {
        let free = self.due.first().copied();
        free.or_else(|| {
            let held = self.held.due.first().copied();
            self.held.evicted += u64::from(held.is_some());
            held
        })
    }

    pub(in super::super) fn holds(&self, tenant: &Tenant, prefix: &Prefix) -> Vec<Hold> {
        let of_family = |hold: &&Hold| {
            let stream = hold.stream();
            stream.tenant == *tenant && stream.prefix == *prefix
        };
        self.held.holds.values().filter(of_family).cloned().collect()
    }

    /// Whether its id was free.
    pub(in super::super) fn add_hold(&mut self, hold: &Hold) -> bool {
        let free = !self.held.holds.contains_key(hold.id());
        if free {
            self.held.holds.insert(hold.id().clone(), hold.clone());
        }
        free
    }

    pub(in super::super) fn remove_hold(&mut self, id: &HoldId) -> bool {
        self.held.holds.remove(id).is_some()
    }

    pub(in super::super) fn lengthen(
        &mut self,
        key: &FrameKey,
        until: UnixNanos,
    ) -> Option<Lengthened> {
        let (bucket, position, entry) = self.locate(key)?;
        let (size, ends) = (entry.size(), entry.expires_at);
        let index = *self.by_id.get(key.stream())?;
        let place = (index, key.at(), key.suffix());
        let held = self.held.natural.contains_key(&place);
        if ends >= until {
            return Some(if held {
                Lengthened::Held { size, new: false }
            } else {
                Lengthened::Lives
            });
        }
        let due = (ends, index, bucket, key.at(), key.suffix());
        self.due.remove(&due);
        self.held.due.remove(&due);
        self.held.due.insert((until, index, bucket, key.at(), key.suffix()));
        self.held.natural.entry(place).or_insert(ends);
        let entry = &mut self.cameras[index].buckets.get_mut(&bucket)?.all[position];
        (entry.expires_at, entry.ask) = (until, true);
        Some(Lengthened::Held { size, new: !held })
    }

    pub(in super::super) fn held(&self, stream: &StreamId, cursor: u64) -> HeldPage {
        let Some(index) = self.by_id.get(stream).copied() else { return HeldPage::default() };
        let mut page = HeldPage::default();
        let Some(from) = UnixNanos::new(cursor) else { return HeldPage::default() };
        // of one instant the frame without a suffix is the first
        let rest = self.held.natural.range((index, from, Suffix::None)..);
        for ((_, at, suffix), natural_end) in rest.take_while(|((camera, ..), _)| *camera == index)
        {
            let last = page.frames.last().map(|last: &HeldFrame| last.key.at());
            if page.frames.len() >= PAGE && last != Some(*at) {
                page.next = at.get();
                break;
            }
            let Ok(key) = FrameKey::new(stream.clone(), *at, *suffix) else { continue };
            let size = self.find(&key).map_or(0, super::Entry::size);
            page.frames.push(HeldFrame { key, size, natural_end: *natural_end });
        }
        page
    }

    /// Gives a held frame the later of its natural end and `keep`; whether it is held no more.
    pub(in super::super) fn shorten(&mut self, key: &FrameKey, keep: Option<UnixNanos>) -> bool {
        let Some(index) = self.by_id.get(key.stream()).copied() else { return false };
        let place = (index, key.at(), key.suffix());
        let Some(natural) = self.held.natural.get(&place).copied() else { return false };
        let Some((bucket, position, entry)) = self.locate(key) else { return false };
        let ends = entry.expires_at;
        let target = keep.map_or(natural, |keep| keep.max(natural)).min(ends);
        let due = |end| (end, index, bucket, key.at(), key.suffix());
        self.held.due.remove(&due(ends));
        let free = keep.is_none_or(|keep| keep <= natural);
        if free {
            self.held.natural.remove(&place);
            self.due.insert(due(target));
        } else {
            self.held.due.insert(due(target));
        }
        if let Some(entries) = self.cameras[index].buckets.get_mut(&bucket) {
            entries.all[position].expires_at = target;
        }
        free
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
