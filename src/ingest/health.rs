//! Whether the store answers and the clock goes forward, said once a change and not once a frame.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::key::StreamId;
use crate::store::StoreError;

/// A camera whose newest key lies further than this ahead of the clock is told.
pub(super) const CLOCK_BACK_MIN: Duration = Duration::from_secs(10);

/// The last word of the store to all lanes.
#[derive(Debug, Default)]
pub struct StoreHealth(Mutex<Option<String>>);

impl StoreHealth {
    /// Why frames wait; `None` while the store answers.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn answered(&self) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!("the store answers again");
        }
    }

    pub(super) fn failed(&self, error: &StoreError) {
        let mut trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() {
            tracing::warn!("{error}; frames wait in their queues");
        }
        *trouble = Some(error.to_string());
    }
}

/// Cameras whose newest key lies ahead of the clock, because the clock stepped back. Their keys go on
/// by nanoseconds from there until the clock has caught up.
#[derive(Debug, Default)]
pub(super) struct ClockHealth(Mutex<BTreeMap<StreamId, Duration>>);

impl ClockHealth {
    /// What to tell of it; `None` while the clock is not behind.
    pub(super) fn trouble(&self) -> Option<String> {
        let ahead = self.ahead();
        let most = ahead.values().max()?.as_secs();
        Some(format!(
            "the clock stepped back: the newest keys of {} camera(s) lie up to {most} s ahead of it, \
             and new frames are filed there until it has caught up",
            ahead.len()
        ))
    }

    /// Notes how far a camera's newest key lies ahead; returns whether it is too far.
    pub(super) fn note(&self, stream: &StreamId, by: Duration) -> bool {
        let mut ahead = self.ahead();
        if by <= CLOCK_BACK_MIN {
            if ahead.remove(stream).is_some() {
                tracing::info!(camera = %stream.camera, "the clock has caught up with the keys");
            }
            return false;
        }
        if ahead.insert(stream.clone(), by).is_none() {
            tracing::warn!(
                camera = %stream.camera,
                "the clock stepped back by {} s: keys go on from where they were",
                by.as_secs()
            );
        }
        true
    }

    /// Forgets a camera that is no longer written.
    pub(super) fn forget(&self, stream: &StreamId) {
        self.ahead().remove(stream);
    }

    fn ahead(&self) -> MutexGuard<'_, BTreeMap<StreamId, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
