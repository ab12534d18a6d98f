//! Floor 2, the way out: window -> plan -> index or scan -> keys -> frames.
//!
//! [`Query`] answers what a store has of a camera: the newest frames, a window, the frame nearest
//! to an instant, sums. What to read is planned in `plan`, what to answer is picked in `pick`, both
//! pure; `walk` carries between them and the store. It knows no backend, and holds no more than one
//! slice of a window at a time. An answer with bytes never shows a dead frame.

mod answer;
mod cameras;
mod counts;
mod delete;
mod density;
mod latest;
mod listing;
mod near;
mod newest;
mod page;
mod pick;
mod plan;
mod range;
mod read;
mod reindex;
mod stats;
mod stored;
mod sums;
mod sweep;
mod tenants;
mod timeline;
mod walk;

use std::sync::Arc;

use thiserror::Error;

pub use self::answer::{
    CameraSummary, Copied, DeleteReport, DeleteRequest, FamilyStats, Fetched, How, Nearest,
    RangeAnswer, RangeRequest, ReindexReport, Scope, StatsAnswer, TimelineStep, Via,
};
pub use self::counts::{Kind, QueryCounts};
pub use self::density::{CameraDensity, Density, DensityRequest, DensityStep, GAPS_MAX, Gap};
pub use self::listing::{Listed, RangePage};
pub use self::near::{AtRequest, Side};
pub use self::newest::{Mark, MarkError, Newest, Wanted};
pub use self::page::{Cursor, CursorError};
use self::sweep::Sweeper;
pub use self::tenants::{TenantStats, by_tenant};
pub use self::timeline::TIMELINE_MAX_STEPS;
use crate::clock::Clock;
use crate::store::{FrameStore, StoreError};

/// Why a lookup has no answer. That nothing was found is none of these.
#[derive(Debug, Clone, Error)]
pub enum QueryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A step of no length.
    #[error("a step of no time was asked for: it should be at least 1ns")]
    EmptyStep,
    /// More steps than an answer may have.
    #[error(
        "the window has {asked} steps: at most {TIMELINE_MAX_STEPS} are answered, \
         so ask for longer steps or a shorter window"
    )]
    TooManySteps {
        /// So many were asked for.
        asked: u64,
    },
}

/// Looks frames up. Cheap to clone; clones share the store, the sweeps and the counters.
#[derive(Debug, Clone)]
pub struct Query {
    store: Arc<dyn FrameStore>,
    clock: Arc<dyn Clock>,
    sweeper: Arc<Sweeper>,
    counts: Arc<QueryCounts>,
}

impl Query {
    /// Looks up in `store`; `clock` only says where "now" is when windows are planned.
    #[must_use]
    pub fn new(store: Arc<dyn FrameStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, sweeper: Arc::default(), counts: Arc::default() }
    }

    /// The counters of all lookups, for metrics.
    #[must_use]
    pub fn counts(&self) -> &QueryCounts {
        &self.counts
    }
}
