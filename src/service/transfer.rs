//! Whole frames out of a store and back into one: what export, import and replay ask.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::ServiceError;
use crate::model::frame::StoredFrame;
use crate::model::key::FrameKey;
use crate::query::RangeRequest;

/// The most frames that one [`Transfer::restore`] should be given.
pub const RESTORE_FRAMES: usize = 64;

/// The most bytes of pictures that one [`Transfer::restore`] should be given, unless one picture alone
/// has more.
pub const RESTORE_BYTES: usize = 8 << 20;

/// What became of a frame that was to be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RestoredAs {
    /// It is stored, under the key that it had.
    Stored,
    /// The same bytes lay under its key already; nothing was changed.
    Again,
    /// Other bytes lie under its key; nothing was changed.
    Taken,
    /// Its end is past; it was not stored.
    Expired,
    /// It cannot be stored: no bytes, too large, or of the future.
    Refused,
}

/// A frame that was to be restored, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Its key.
    pub key: FrameKey,
    /// What became of it.
    pub outcome: RestoredAs,
    /// Why it is not there, a sentence; `None` where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The bytes of a recording, as they are made. An error ends them in the middle.
pub type Exported = BoxStream<'static, Result<Bytes, ServiceError>>;

/// Gives and takes whole frames, with keys and lives.
#[async_trait]
pub trait Transfer {
    /// A recording of the frames of a window; `None` when none lives there. `reverse` is passed over. The
    /// window should have an end: one without goes on for as long as frames come.
    async fn export(&self, request: &RangeRequest) -> Result<Option<Exported>, ServiceError>;

    /// Stores frames again under the keys and with the ends that they have, as
    /// [`crate::ingest::Lane::restore`] does each, and announces them. Answers in their order, once the
    /// store has all.
    ///
    /// # Errors
    /// Whatever stops all of them: another tenant than the one that is written (then none is stored), a
    /// store that is away (then some may be). The same frames may be given again.
    async fn restore(&self, frames: Vec<StoredFrame>) -> Result<Vec<Restored>, ServiceError>;
}
