//! Which holds there are, and what each holds.

use std::collections::HashMap;

use super::{HoldFailure, HoldList, Holding, Holds};
use crate::model::hold::Hold;
use crate::model::name::HoldId;
use crate::query::Scope;
use crate::store::HeldFrame;

/// Frames and bytes by hold.
#[derive(Debug, Default)]
pub(super) struct Weights {
    by_hold: HashMap<HoldId, (u64, u64)>,
    bytes: u64,
}

impl Weights {
    /// Adds a held frame to each hold that means it.
    pub(super) fn add(&mut self, frame: &HeldFrame, holds: &[Hold]) {
        let size = u64::from(frame.size);
        self.bytes += size;
        let (stream, at) = (frame.key.stream(), frame.key.at());
        for hold in holds.iter().filter(|hold| hold.covers(stream, at)) {
            let (frames, bytes) = self.by_hold.entry(hold.id().clone()).or_default();
            *frames += 1;
            *bytes += size;
        }
    }

    /// Of all frames.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn of(&self, hold: &Hold) -> (u64, u64) {
        self.by_hold.get(hold.id()).copied().unwrap_or_default()
    }
}

impl Holds {
    /// The holds in `scope` that are not over, those that end first first.
    ///
    /// # Errors
    /// [`HoldFailure::Store`].
    pub async fn list(&self, scope: &Scope) -> Result<HoldList, HoldFailure> {
        let now = self.0.store.now().await?;
        let mut holds = self.active(scope.tenant.as_ref(), now).await?;
        holds.retain(|hold| in_scope(hold, scope));
        holds.sort_by_key(Hold::until);
        let weights = self.weights(&holds).await?;
        let holding = |hold: Hold| {
            let (frames, bytes) = weights.of(&hold);
            let left_seconds = hold.until().since(now).as_secs();
            Holding { hold, left_seconds, frames, bytes }
        };
        let holds = holds.into_iter().map(holding).collect();
        Ok(HoldList { holds, bytes: weights.bytes(), max_bytes: self.0.max_bytes })
    }
}

pub(super) fn in_scope(hold: &Hold, scope: &Scope) -> bool {
    let stream = hold.stream();
    scope.tenant.as_ref().is_none_or(|tenant| *tenant == stream.tenant)
        && scope.prefix.as_ref().is_none_or(|prefix| *prefix == stream.prefix)
        && scope.camera.as_ref().is_none_or(|camera| *camera == stream.camera)
}
