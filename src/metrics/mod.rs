//! Figures of this process: the account of every frame, and when frames should have expired.
//!
//! Passed explicitly from the engine to whoever counts and whoever shows; nothing is global. `expose`
//! writes snapshots as OpenMetrics text; it is the only place that names the metrics library.

mod account;
mod expiry;
mod expose;
mod http;
mod process;
mod timing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::account::{Account, Counts, DropReason};
pub use self::expiry::ExpiryWatch;
pub use self::expose::{CONTENT_TYPE, Exposed, Labels, Page, text};
pub use self::http::{HttpCounts, OTHER, ROUTES_MAX};
pub use self::timing::Timing;
use crate::model::key::StreamId;

/// The accounts of all cameras of this process.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Whether frames leave the store when their lifetime is over.
    pub expiry: ExpiryWatch,
    /// How long store and bus take.
    pub timing: Timing,
    /// Requests of the HTTP API.
    pub http: HttpCounts,
    accounts: Mutex<BTreeMap<StreamId, Arc<Account>>>,
}

impl Metrics {
    /// The account of a camera, opened on first use.
    #[must_use]
    pub fn account(&self, stream: &StreamId) -> Arc<Account> {
        let mut accounts = self.lock();
        if let Some(account) = accounts.get(stream) {
            return Arc::clone(account);
        }
        Arc::clone(accounts.entry(stream.clone()).or_default())
    }

    /// Every account, sorted by camera.
    #[must_use]
    pub fn accounts(&self) -> Vec<(StreamId, Arc<Account>)> {
        self.lock().iter().map(|(stream, account)| (stream.clone(), Arc::clone(account))).collect()
    }

    /// A snapshot of every account, by camera.
    #[must_use]
    pub fn by_camera(&self) -> Vec<(StreamId, Counts)> {
        let accounts = self.accounts().into_iter();
        accounts.map(|(stream, account)| (stream, account.snapshot())).collect()
    }

    /// The sum over all cameras.
    #[must_use]
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for (_, counts) in self.by_camera() {
            total.add(&counts);
        }
        total
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, Arc<Account>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
