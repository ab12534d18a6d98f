//! Walks of the whole keyspace, one at a time, each answer reused for ten seconds.
//!
//! A scan costs the server time for every key it holds, whoever asks. So askers queue here, and one
//! who asks for no more than what was just swept gets that. Very large answers are not kept.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::counts::QueryCounts;
use crate::model::key::StreamId;
use crate::model::time::TimeRange;
use crate::store::{FrameStore, ScanAnswer, Selector, StoreError};

/// How long an answer serves.
const REUSE: Duration = Duration::from_secs(10);

/// The most keys that are kept for reuse: those of a hundred busy cameras.
const KEEP_KEYS: usize = 500_000;

/// The one who sweeps.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    last: Mutex<Option<Swept>>,
}

#[derive(Debug)]
struct Swept {
    begun: Instant,
    selector: Selector,
    answer: Arc<ScanAnswer>,
}

impl Sweeper {
    /// The keys that `selector` selects, at most ten seconds old. Waits for a sweep under way.
    /// `foreign` may count keys of a wider sweep.
    pub(super) async fn scan(
        &self,
        store: &dyn FrameStore,
        selector: Selector,
        counts: &QueryCounts,
    ) -> Result<Arc<ScanAnswer>, StoreError> {
        let mut last = self.last.lock().await;
        let fits =
            |swept: &&Swept| swept.begun.elapsed() < REUSE && covers(&swept.selector, &selector);
        if let Some(swept) = last.as_ref().filter(fits) {
            counts.scanned(true);
            if swept.selector == selector {
                return Ok(swept.answer.clone());
            }
            let keys = swept.answer.keys.iter().filter(|key| selector.matches(key)).cloned();
            let foreign = swept.answer.foreign;
            return Ok(Arc::new(ScanAnswer { keys: keys.collect(), foreign }));
        }
        *last = None;
        counts.scanned(false);
        let begun = Instant::now();
        let answer = Arc::new(store.scan(&selector).await?);
        if answer.keys.len() <= KEEP_KEYS {
            *last = Some(Swept { begun, selector, answer: answer.clone() });
        }
        Ok(answer)
    }

    /// Keeps nothing for reuse: what was swept last is no longer there.
    pub(super) async fn forget(&self) {
        *self.last.lock().await = None;
    }

    /// The keys that `selector` selects now, and nothing from before.
    pub(super) async fn scan_now(
        &self,
        store: &dyn FrameStore,
        selector: &Selector,
        counts: &QueryCounts,
    ) -> Result<ScanAnswer, StoreError> {
        let mut last = self.last.lock().await;
        *last = None;
        counts.scanned(false);
        store.scan(selector).await
    }
}

/// Whether everything that `narrow` selects is selected by `wide`.
fn covers(wide: &Selector, narrow: &Selector) -> bool {
    fn part<T: PartialEq>(wide: Option<&T>, narrow: Option<&T>) -> bool {
        wide.is_none_or(|wide| narrow == Some(wide))
    }
    part(wide.tenant.as_ref(), narrow.tenant.as_ref())
        && part(wide.prefix.as_ref(), narrow.prefix.as_ref())
        && part(wide.camera.as_ref(), narrow.camera.as_ref())
        && wide.window.intersect(narrow.window) == Some(narrow.window)
}

/// The narrowest selector of all these cameras; `None` without any.
pub(super) fn selector_of(
    mut streams: impl Iterator<Item = StreamId>,
    window: TimeRange,
) -> Option<Selector> {
    let mut selector = Selector::stream(&streams.next()?, window);
    for StreamId { tenant, prefix, camera } in streams {
        selector.tenant = selector.tenant.filter(|one| *one == tenant);
        selector.prefix = selector.prefix.filter(|one| *one == prefix);
        selector.camera = selector.camera.filter(|one| *one == camera);
    }
    Some(selector)
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
