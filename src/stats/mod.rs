//! Floor 3: how this process does over the last minute, and what an operator should be told of it.
//!
//! An [`Observer`] looks at the counts of the process every two seconds and at what the store says of
//! itself every ten. From that come rates, drops of the last minute and the age of the oldest
//! announcement that waits; [`alerts`] turns numbers into sentences. It changes nothing and asks the
//! store at most once a second, however often it is asked itself.

pub mod alerts;
mod history;
mod store_watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::history::{History, Lookups};
pub use self::store_watch::StoreWatch;
use crate::ingest::Ingest;
use crate::metrics::Metrics;
use crate::query::{Kind, Query, QueryCounts, Via};
use crate::store::{ExpirySample, FrameStore, StoreInfo};

/// From one look at the counts to the next.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks at the counts from one look at the store to the next.
const STORE_EVERY: u32 = 5;

/// Looks at the counts from one look for frames without an end to the next.
const ENDLESS_EVERY: u32 = 30;

/// Keys that are looked at for frames without an end.
const ENDLESS_LOOK: usize = 200;

/// What an observer looks at.
#[derive(Debug, Clone)]
pub struct ObserverParts {
    /// The counts of the process.
    pub metrics: Arc<Metrics>,
    /// What waits on the way in.
    pub ingest: Arc<Ingest>,
    /// The lookups.
    pub query: Query,
    /// The store, asked what it says of itself.
    pub store: Arc<dyn FrameStore>,
}

/// Remembers the last minute of a process.
#[derive(Debug)]
pub struct Observer {
    parts: ObserverParts,
    started: Instant,
    history: Mutex<History>,
    endless: Mutex<ExpirySample>,
    store: StoreWatch,
}

impl Observer {
    /// An observer that has seen nothing yet; it looks while [`Observer::run`] runs.
    #[must_use]
    pub fn new(parts: ObserverParts) -> Self {
        let store = StoreWatch::new(Arc::clone(&parts.store));
        Self {
            parts,
            started: Instant::now(),
            history: Mutex::default(),
            endless: Mutex::default(),
            store,
        }
    }

    /// Looks until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let look = async {
            for turn in 1_u32.. {
                tokio::time::sleep(LOOK_EVERY).await;
                self.look();
                if turn.is_multiple_of(STORE_EVERY) {
                    let _ = self.store().await;
                }
                if turn % ENDLESS_EVERY == STORE_EVERY {
                    self.look_for_endless().await;
                }
            }
        };
        tokio::select! {
            () = look => {}
            () = stop.cancelled() => {}
        }
    }

    /// What the store says of itself, at most a second old; or why it says nothing. Waits for at most
    /// about a second.
    ///
    /// # Errors
    /// One sentence without secrets.
    pub async fn store(&self) -> Result<StoreInfo, String> {
        let (info, news) = self.store.read().await;
        if news && let Ok(info) = &info {
            let lookups = lookups(self.parts.query.counts());
            let gone = info.expired + info.evicted;
            if self.history().note_store(self.started.elapsed(), lookups, gone) {
                self.parts.metrics.expiry.left();
            }
        }
        info
    }

    /// What is remembered of the last minute.
    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the last look for frames without an end found.
    #[must_use]
    pub fn endless(&self) -> ExpirySample {
        *self.endless.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time that the history is written in: since the observer was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn look(&self) {
        let (counts, waiting) = (self.parts.metrics.by_camera(), self.parts.ingest.waiting());
        self.history().note(self.started.elapsed(), &counts, &waiting);
    }

    /// A store that does not allow it, or is away, leaves things as they were known.
    async fn look_for_endless(&self) {
        let asked = self.parts.store.sample_expiry(ENDLESS_LOOK);
        if let Ok(Ok(found)) = tokio::time::timeout(LOOK_EVERY, asked).await {
            *self.endless.lock().unwrap_or_else(PoisonError::into_inner) = found;
        }
    }
}

/// Lookups of this process since the start. What Redis counts as misses says nothing: reading a window
/// asks for every bucket that could exist, and most of a quiet camera's do not.
fn lookups(counts: &QueryCounts) -> Lookups {
    let of_kind = |kind| Via::ALL.into_iter().map(|via| counts.lookups(kind, via)).sum::<u64>();
    let all: u64 = Kind::ALL.into_iter().map(of_kind).sum();
    let misses: u64 = Kind::ALL.into_iter().map(|kind| counts.misses(kind)).sum();
    Lookups { hits: all.saturating_sub(misses), misses }
}
