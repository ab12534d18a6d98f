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

/// The most accounts that are told apart while some of them are of cameras that have gone.
const ACCOUNTS_MAX: usize = 4096;

/// The accounts of all cameras of this process. Those of cameras that have gone are kept, but not
/// without end: of too many they become one sum, so that who adds and removes cameras makes neither
/// memory nor series grow.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Whether frames leave the store when their lifetime is over.
    pub expiry: ExpiryWatch,
    /// How long store and bus take.
    pub timing: Timing,
    /// Requests of the HTTP API.
    pub http: HttpCounts,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    open: BTreeMap<StreamId, Arc<Account>>,
    /// What was counted of cameras that are told apart no more.
    gone: Counts,
}

impl Accounts {
    /// Adds up those that nobody can count on any more.
    fn forget_the_gone(&mut self) {
        let Self { open, gone } = self;
        open.retain(|_, account| {
            let is_used = Arc::strong_count(account) > 1;
            if !is_used {
                gone.add(&account.snapshot());
            }
            is_used
        });
    }
}

impl Metrics {
    /// The account of a camera, opened on first use.
    #[must_use]
    pub fn account(&self, stream: &StreamId) -> Arc<Account> {
        let mut accounts = self.lock();
        if let Some(account) = accounts.open.get(stream) {
            return Arc::clone(account);
        }
        if accounts.open.len() >= ACCOUNTS_MAX {
            accounts.forget_the_gone();
        }
        Arc::clone(accounts.open.entry(stream.clone()).or_default())
    }

    /// Every account, sorted by camera.
    #[must_use]
    pub fn accounts(&self) -> Vec<(StreamId, Arc<Account>)> {
        let accounts = self.lock();
        let each = accounts.open.iter();
        each.map(|(stream, account)| (stream.clone(), Arc::clone(account))).collect()
    }

    /// A snapshot of every account, by camera.
    #[must_use]
    pub fn by_camera(&self) -> Vec<(StreamId, Counts)> {
        let accounts = self.accounts().into_iter();
        accounts.map(|(stream, account)| (stream, account.snapshot())).collect()
    }

    /// The sum over all cameras, those that have gone included.
    #[must_use]
    pub fn total(&self) -> Counts {
        let accounts = self.lock();
        let mut total = accounts.gone;
        accounts.open.values().for_each(|account| total.add(&account.snapshot()));
        total
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::FrameKey;

    #[test]
    fn cameras_that_come_and_go_leave_their_sum_and_no_more() {
        let metrics = Metrics::default();
        let stream = |number: usize| {
            let key = format!("t:f:cam{number}:1731024000123456789");
            key.parse::<FrameKey>().unwrap().stream().clone()
        };
        let stays = metrics.account(&stream(0));
        stays.captured();
        for number in 1..=ACCOUNTS_MAX {
            metrics.account(&stream(number)).captured();
        }
        let left: Vec<_> = metrics.by_camera().into_iter().map(|(stream, _)| stream).collect();
        assert_eq!(left, [stream(0), stream(ACCOUNTS_MAX)]);
        let captured = u64::try_from(ACCOUNTS_MAX).unwrap() + 1;
        assert_eq!(metrics.total(), Counts { captured, ..Counts::default() });
    }
}
