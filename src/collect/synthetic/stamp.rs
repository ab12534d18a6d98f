//! What a synthetic frame says about itself, as JSON in a JPEG comment.
//!
//! It is in the bytes, not in the pixels, so that it survives every store and bus unread, and a test
//! at the far end needs no decoder. The JSON may be followed by spaces, which keep its width.

use serde::{Deserialize, Serialize};

use crate::model::jpeg;
use crate::model::name::CameraId;
use crate::model::time::UnixNanos;

/// Which frame this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The camera that made it.
    pub camera: CameraId,
    /// Its number since the camera started, from 0.
    pub number: u64,
    /// When it was made.
    pub unix_nano: UnixNanos,
}

impl Stamp {
    /// The JSON text, filled with spaces to at least `width` bytes.
    pub(super) fn to_text(&self, width: usize) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_vec(self)?;
        text.resize(text.len().max(width), b' ');
        Ok(text)
    }
}

/// The stamp of a synthetic frame; `None` for any other picture.
#[must_use]
pub fn read_stamp(frame: &[u8]) -> Option<Stamp> {
    jpeg::comments(frame).find_map(|text| serde_json::from_slice(text).ok())
}
