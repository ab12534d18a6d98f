//! Floor 3: holds, so that nothing of an incident expires before somebody looks.
//!
//! [`Holds::begin`] writes a hold down and lets the frames of its window live on where they are;
//! [`Holds::run`], in a process that collects, does the same to frames that come later, late ones
//! too. [`Holds::release`] gives frames the ends back that they had. The register lies in the store
//! itself, so every process sees the same holds. A limit in bytes bounds what is held of one tenant.

mod begin;
mod follow;
mod list;
mod release;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::hold::{Hold, HoldError};
use crate::model::key::StreamId;
use crate::model::name::{Prefix, Tenant};
use crate::model::time::{TimeRange, UnixNanos};
use crate::query::{Query, QueryError};
use crate::store::{FrameStore, HoldStore, StoreError};

/// What is to be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldOrder {
    /// Frames of this camera.
    pub stream: StreamId,
    /// Taken in this window, which may reach into the future. Without an end: as long as the hold.
    pub window: TimeRange,
    /// How long, from now on.
    pub keep: Duration,
    /// Why, for people.
    pub note: String,
    /// Only say what would be held.
    pub dry_run: bool,
}

/// What a new hold did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReport {
    /// The hold; with `dry_run` as it would be.
    #[serde(flatten)]
    pub hold: Hold,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Frames that live longer by it.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames of the window that live so long anyway.
    pub living: u64,
}

/// A hold, and what it holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The hold.
    #[serde(flatten)]
    pub hold: Hold,
    /// Whole seconds until it ends.
    pub left_seconds: u64,
    /// Frames of its window that live longer than they would.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The holds of some cameras.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HoldList {
    /// By when they end.
    pub holds: Vec<Holding>,
    /// Bytes that all of them hold; a frame of two holds counts once.
    pub bytes: u64,
    /// The most bytes that may be held of one tenant.
    pub max_bytes: u64,
}

/// What the end of a hold did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The hold that was.
    #[serde(flatten)]
    pub hold: Hold,
    /// Frames that have their natural ends again.
    pub frames: u64,
    /// Frames that other holds keep.
    pub kept: u64,
}

/// Why a hold was not begun, listed or released.
#[derive(Debug, Clone, Error)]
pub enum HoldFailure {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The frames were not found out.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The terms make no hold.
    #[error(transparent)]
    Terms(#[from] HoldError),
    /// More than may be held.
    #[error(
        "{wanted} more bytes would be held, {held} are already, and [hold] max_bytes allows {max}: \
         release a hold, hold a shorter window, or raise the limit"
    )]
    TooMuch {
        /// Bytes of the frames that the hold would lengthen.
        wanted: u64,
        /// Bytes that are held.
        held: u64,
        /// The limit.
        max: u64,
    },
}

/// What holds are made with.
#[derive(Debug, Clone)]
pub struct HoldParts {
    /// Where the frames lie.
    pub store: Arc<dyn FrameStore>,
    /// The same, as it keeps holds.
    pub holds: Arc<dyn HoldStore>,
    /// Finds the frames of a window.
    pub query: Query,
    /// The tenant that this process writes, and the family that is looked at even before it has
    /// frames.
    pub home: (Tenant, Prefix),
    /// The most bytes of frames of one tenant that may be held.
    pub max_bytes: u64,
}

/// Begins, lists, follows and releases holds. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Holds(HoldParts);

impl Holds {
    /// Holds with these parts.
    #[must_use]
    pub fn new(parts: HoldParts) -> Self {
        Self(parts)
    }

    /// The families of a tenant, of all without one.
    async fn families(&self, tenant: Option<&Tenant>) -> Result<Vec<(Tenant, Prefix)>, StoreError> {
        let seen = self.0.store.families().await?;
        let mut families: Vec<_> =
            seen.into_iter().map(|family| (family.tenant, family.prefix)).collect();
        families.push(self.0.home.clone());
        families.retain(|(of, _)| tenant.is_none_or(|tenant| tenant == of));
        families.sort_unstable();
        families.dedup();
        Ok(families)
    }

    /// Every hold in the register, those that are over too.
    async fn registered(&self, tenant: Option<&Tenant>) -> Result<Vec<Hold>, StoreError> {
        let mut all = Vec::new();
        for (tenant, prefix) in self.families(tenant).await? {
            all.extend(self.0.holds.holds(&tenant, &prefix).await?);
        }
        Ok(all)
    }

    /// The holds that are not over at `now`.
    async fn active(
        &self,
        tenant: Option<&Tenant>,
        now: UnixNanos,
    ) -> Result<Vec<Hold>, StoreError> {
        let mut holds = self.registered(tenant).await?;
        holds.retain(|hold| !hold.is_over(now));
        Ok(holds)
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
