//! A frame: a key and the JPEG bytes exactly as captured, and what is known of one without them.
//!
//! Bytes are reference counted and never copied between source, store, bus and viewer.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::key::FrameKey;
use super::time::{Ttl, UnixNanos};

/// A frame with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its key.
    pub key: FrameKey,
    /// The JPEG as captured.
    pub bytes: Bytes,
}

/// A frame with its bytes and its life: all that it takes to store it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFrame {
    /// Key and bytes.
    pub frame: Frame,
    /// The lifetime that it was given; `None` for a frame of another program.
    pub ttl: Option<Ttl>,
    /// When it expires, to the millisecond; `None` when it never does.
    pub expires_at: Option<UnixNanos>,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// What an answer tells of a frame without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameInfo {
    /// Its key.
    pub key: FrameKey,
    /// Payload bytes; `None` when nobody asked the store for it.
    pub size: Option<u32>,
    /// When it expires; `None` when it never does or nobody asked the store.
    pub expires_at: Option<UnixNanos>,
    /// Its dimensions, where they are recorded.
    pub dimensions: Option<Dimensions>,
}

/// The dimensions that hold at `at`; `history` sorted by time, each holding until the next. `None` before
/// the first.
#[must_use]
pub fn dimensions_at(history: &[(UnixNanos, Dimensions)], at: UnixNanos) -> Option<Dimensions> {
    let after = history.partition_point(|(from, _)| *from <= at);
    after.checked_sub(1).map(|place| history[place].1)
}
