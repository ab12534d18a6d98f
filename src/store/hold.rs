//! Longer lives for frames that are there: the third small trait of a store.
//!
//! A store keeps two things for holds: the register of them, and of each frame that lives longer than
//! it would (is *held*) when it would have ended. Which frames a hold means and when one ends is
//! decided above. Lives only become longer by [`HoldStore::lengthen`] and only shorter by
//! [`HoldStore::shorten`], and never shorter than they naturally are.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::model::hold::Hold;
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::{Prefix, Tenant};
use crate::model::time::UnixNanos;

/// The most keys that one call of [`HoldStore::lengthen`] or [`HoldStore::shorten`] takes.
pub const HOLD_MAX: usize = 256;

/// What became of one frame that was to live longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengthened {
    /// It lives so long anyway, and nothing was changed.
    Lives,
    /// It is held, at least until then.
    Held {
        /// Payload bytes.
        size: u32,
        /// Whether it was not held before.
        new: bool,
    },
}

/// A frame that lives longer than it would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFrame {
    /// Which.
    pub key: FrameKey,
    /// Payload bytes.
    pub size: u32,
    /// When it would have ended, in whole milliseconds.
    pub natural_end: UnixNanos,
}

/// A part of a camera's held frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldPage {
    /// In no order; one may be told twice while others come and go.
    pub frames: Vec<HeldFrame>,
    /// What gives the next part; 0 at the end.
    pub next: u64,
}

/// Keeps holds, and the longer lives that they give. Every method may wait for the network.
#[async_trait]
pub trait HoldStore: Send + Sync + fmt::Debug {
    /// The holds of a family, sorted by id; those that are over may be among them.
    async fn holds(&self, tenant: &Tenant, prefix: &Prefix) -> Result<Vec<Hold>, StoreError>;

    /// Writes a hold into the register; false, and nothing written, when its id is taken.
    async fn add_hold(&self, hold: &Hold) -> Result<bool, StoreError>;

    /// Takes a hold out of the register; whether it was there. Frames keep the lives they have.
    async fn remove_hold(&self, hold: &Hold) -> Result<bool, StoreError>;

    /// Lets at most [`HOLD_MAX`] frames of one camera live until `until` at least, their index records
    /// with them, at once. In the order of `keys`; `None` where nothing lives.
    async fn lengthen(
        &self,
        keys: &[FrameKey],
        until: UnixNanos,
    ) -> Result<Vec<Option<Lengthened>>, StoreError>;

    /// A part of the camera's held frames, from `cursor` on; 0 is the first.
    async fn held(&self, stream: &StreamId, cursor: u64) -> Result<HeldPage, StoreError>;

    /// Gives at most [`HOLD_MAX`] held frames of one camera the later of their natural end and the
    /// one given with them; what should have ended by then is gone at once. Answers how many are
    /// held no more. Frames that are not held are left alone.
    async fn shorten(&self, ends: &[(FrameKey, Option<UnixNanos>)]) -> Result<u64, StoreError>;
}
