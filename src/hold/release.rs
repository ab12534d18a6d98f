//! The end of a hold before its time, and frames that no hold means any more.
//!
//! Which holds are left is read after the frames were: a hold is in the register before its first
//! frame lives longer, so none that was begun meanwhile loses one.

use super::list::in_scope;
use super::{HoldFailure, Holds, Released, count};
use crate::model::hold::{Hold, kept_until};
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::HoldId;
use crate::model::time::{TimeRange, UnixNanos};
use crate::query::Scope;
use crate::store::{HOLD_MAX, HeldFrame};

/// What giving frames their ends back came to.
#[derive(Debug, Default)]
struct Freed {
    frames: u64,
    kept: u64,
}

impl Holds {
    /// Ends the hold of this id: its frames get the later of their natural ends and of now, and of
    /// what other holds ask for. `None` when `scope` has no such hold.
    ///
    /// # Errors
    /// [`HoldFailure::Store`]; the hold is over by then, and frames that are still held are freed
    /// within a minute by a process that collects.
    pub async fn release(
        &self,
        id: &HoldId,
        scope: &Scope,
    ) -> Result<Option<Released>, HoldFailure> {
        let holds = self.registered(scope.tenant.as_ref()).await?;
        let found = holds.into_iter().find(|hold| hold.id() == id && in_scope(hold, scope));
        let Some(hold) = found else { return Ok(None) };
        if !self.0.holds.remove_hold(&hold).await? {
            return Ok(None);
        }
        let freed = self.free(hold.stream(), hold.window()).await?;
        Ok(Some(Released { hold, frames: freed.frames, kept: freed.kept }))
    }

    /// Gives held frames of a window the ends that the holds of now ask for.
    async fn free(&self, stream: &StreamId, window: TimeRange) -> Result<Freed, HoldFailure> {
        let (mut freed, mut cursor) = (Freed::default(), 0);
        loop {
            let mut page = self.0.holds.held(stream, cursor).await?;
            page.frames.retain(|frame| window.contains(frame.key.at()));
            if !page.frames.is_empty() {
                let now = self.0.store.now().await?;
                let holds = self.active(Some(&stream.tenant), now).await?;
                let ends = ends(&page.frames, &holds);
                for batch in ends.chunks(HOLD_MAX) {
                    let free = self.0.holds.shorten(batch).await?;
                    freed.frames += free;
                    freed.kept += count(batch.len()).saturating_sub(free);
                }
            }
            cursor = page.next;
            if cursor == 0 {
                return Ok(freed);
            }
        }
    }

    /// Takes holds that are over out of the register, and frees frames that no hold means: those of
    /// a hold that was released while somebody was about to apply it.
    pub(super) async fn sweep(&self, now: UnixNanos) -> Result<(), HoldFailure> {
        let tenant = &self.0.home.0;
        for hold in self.registered(Some(tenant)).await? {
            if hold.is_over(now) {
                self.0.holds.remove_hold(&hold).await?;
            }
        }
        for (tenant, prefix) in self.families(Some(tenant)).await? {
            for seen in self.0.store.cameras(&tenant, &prefix).await? {
                let (tenant, prefix) = (tenant.clone(), prefix.clone());
                let stream = StreamId { tenant, prefix, camera: seen.camera };
                self.free_orphans(&stream).await?;
            }
        }
        Ok(())
    }

    async fn free_orphans(&self, stream: &StreamId) -> Result<(), HoldFailure> {
        let mut cursor = 0;
        loop {
            let page = self.0.holds.held(stream, cursor).await?;
            if !page.frames.is_empty() {
                let now = self.0.store.now().await?;
                let holds = self.active(Some(&stream.tenant), now).await?;
                let mut orphans = ends(&page.frames, &holds);
                orphans.retain(|(_, keep)| keep.is_none());
                for batch in orphans.chunks(HOLD_MAX) {
                    let freed = self.0.holds.shorten(batch).await?;
                    tracing::info!(camera = %stream, freed, "frames that no hold means are freed");
                }
            }
            cursor = page.next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }
}

/// Until when each of these frames is kept.
fn ends(frames: &[HeldFrame], holds: &[Hold]) -> Vec<(FrameKey, Option<UnixNanos>)> {
    let end = |frame: &HeldFrame| {
        let key = frame.key.clone();
        let keep = kept_until(holds, key.stream(), key.at());
        (key, keep)
    };
    frames.iter().map(end).collect()
}
