//! Whether the store answers, said once a change and not once a frame.

use std::sync::{Mutex, PoisonError};

use crate::store::StoreError;

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
