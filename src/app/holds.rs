//! Holds of an engine: how much they may hold, and the task that follows them.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::backends::Backends;
use crate::config::{Config, StoreBackend};
use crate::hold::{HoldParts, Holds};
use crate::query::Query;

pub(super) fn open(config: &Config, backends: &Backends, query: &Query) -> Holds {
    Holds::new(HoldParts {
        store: Arc::clone(&backends.store),
        holds: Arc::clone(&backends.holds),
        query: query.clone(),
        home: (config.tenant.clone(), config.prefix.clone()),
        max_bytes: max_bytes(config),
    })
}

/// Holds what comes into held windows, until `stop`.
pub(super) fn follow(holds: &Holds, stop: &CancellationToken) -> JoinHandle<()> {
    let (holds, stop) = (holds.clone(), stop.clone());
    tokio::spawn(async move { holds.run(stop).await })
}

/// Held frames leave the embedded store half of its room at least.
fn max_bytes(config: &Config) -> u64 {
    let most = match config.store_backend() {
        StoreBackend::Redis(_) => config.hold.max_bytes,
        StoreBackend::Embedded(embedded) => config.hold.max_bytes.min(embedded.max_bytes / 2),
    };
    u64::try_from(most).unwrap_or(u64::MAX)
}
