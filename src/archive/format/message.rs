//! The two messages of a frame: its picture and its key.
//!
//! [`CompressedImage`] is Foxglove's schema of that name (protobuf, <https://docs.foxglove.dev/docs/sdk/schemas/compressed-image>);
//! its descriptor lies beside this file and goes into every recording. [`Sidecar`] is ours, as JSON with
//! a JSON Schema, so that viewers can plot it.

use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::model::frame::StoredFrame;
use crate::model::key::FrameKey;
use crate::model::time::{NANOS_PER_SEC, UnixNanos};

/// A `FileDescriptorSet` of `foxglove/CompressedImage.proto` and what it imports.
pub(super) const IMAGE_DESCRIPTOR: &[u8] = include_bytes!("compressed_image.binpb");

/// The JSON Schema of a [`Sidecar`].
pub(super) const KEY_JSON_SCHEMA: &str = r#"{
  "title": "framecache.FrameKey",
  "description": "The key and life of the frame in the image channel with the same log time and sequence",
  "type": "object",
  "properties": {
    "key": { "type": "string", "description": "tenant:prefix:camera:unix_nano:seq" },
    "seq": { "type": "string", "description": "the last part of the key as printed, empty without one" },
    "size": { "type": "integer", "description": "bytes of the picture" },
    "crc32": { "type": "integer", "description": "CRC-32 (IEEE 802.3) of the picture" },
    "content_type": { "type": "string" },
    "ttl_ms": { "type": ["integer", "null"], "description": "lifetime it was given, in milliseconds" },
    "expire_at_ms": { "type": ["integer", "null"], "description": "its end in unix milliseconds; null: never" },
    "recorded_at_ms": { "type": "integer", "description": "when it was copied here, in unix milliseconds" }
  },
  "required": ["key", "seq", "size", "crc32", "content_type", "recorded_at_ms"]
}"#;

/// `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Timestamp {
    /// Seconds since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds of the second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Timestamp {
    fn of(at: UnixNanos) -> Self {
        let (seconds, nanos) = (at.get() / NANOS_PER_SEC, at.get() % NANOS_PER_SEC);
        Self {
            seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
            nanos: i32::try_from(nanos).unwrap_or(0),
        }
    }
}

/// `foxglove.CompressedImage`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CompressedImage {
    /// When it was captured.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Timestamp>,
    /// The picture as it was captured.
    #[prost(bytes = "bytes", tag = "2")]
    pub data: bytes::Bytes,
    /// `jpeg`; viewers put `image/` before it.
    #[prost(string, tag = "3")]
    pub format: String,
    /// The camera.
    #[prost(string, tag = "4")]
    pub frame_id: String,
}

impl CompressedImage {
    /// The message of a frame.
    #[must_use]
    pub fn of(stored: &StoredFrame) -> Self {
        let key = &stored.frame.key;
        Self {
            timestamp: Some(Timestamp::of(key.at())),
            data: stored.frame.bytes.clone(),
            format: "jpeg".to_owned(),
            frame_id: key.stream().camera.to_string(),
        }
    }

    /// Writes it behind what `out` holds.
    pub(super) fn encode_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        self.encode_raw(out);
    }
}

/// The key of a frame, its life and its checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The key letter by letter.
    pub key: FrameKey,
    /// The last part of the key as it is printed; empty where the key has none.
    pub seq: String,
    /// Bytes of the picture.
    pub size: u32,
    /// CRC-32 (IEEE 802.3) of the picture.
    pub crc32: u32,
    /// `image/jpeg`, or `application/octet-stream` for what is none.
    pub content_type: String,
    /// The lifetime that it was given, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// Its end in unix milliseconds; `None` when it never ends.
    pub expire_at_ms: Option<u64>,
    /// When it was copied into the file, in unix milliseconds: what was left of its life then is its
    /// end less this.
    pub recorded_at_ms: u64,
}

impl Sidecar {
    /// What is written of a frame that is copied at `now`.
    #[must_use]
    pub fn of(stored: &StoredFrame, now: UnixNanos) -> Self {
        let (key, bytes) = (&stored.frame.key, &stored.frame.bytes);
        let text = key.to_string();
        let seq = text.splitn(5, ':').nth(4).unwrap_or_default().to_owned();
        let is_jpeg = bytes.starts_with(&[0xFF, 0xD8]);
        Self {
            key: key.clone(),
            seq,
            size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            crc32: crc32fast::hash(bytes),
            content_type: if is_jpeg { "image/jpeg" } else { "application/octet-stream" }
                .to_owned(),
            ttl_ms: stored.ttl.map(|ttl| u64::from(ttl.as_secs()) * 1000),
            expire_at_ms: stored.expires_at.map(UnixNanos::as_millis),
            recorded_at_ms: now.as_millis(),
        }
    }
}
