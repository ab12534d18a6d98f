//! The MCAP files of framecache, version 1: the only place that names the `mcap` crate.
//!
//! | part | value |
//! | --- | --- |
//! | metadata `framecache.snapshot.<uuid>`, first | what was asked, where and when |
//! | channel `/tenant/prefix/camera/key`, JSON | [`Sidecar`]: key, life and checksum of a frame |
//! | channel `/tenant/prefix/camera/image`, protobuf | [`CompressedImage`]: the picture |
//! | message | `log_time` = the key's nanoseconds, `sequence` = its number; the key goes first |
//! | metadata `framecache.result.<uuid>`, last | what is inside; absent in a file that was cut |
//!
//! `record` and `chunk` take any MCAP file apart, `channel` says what its channels hold, `payload` gets
//! the pictures of other programs out of it. Chunks of 1 MiB, not compressed, because a JPEG does not get smaller; chunk and message indexes,
//! statistics and every CRC. Readers go by channel metadata, never by topic.

mod channel;
mod chunk;
mod message;
mod meter;
mod parcel;
mod payload;
mod record;
mod writer;

pub use self::channel::{Channel, Codec};
pub use self::chunk::open_chunk;
pub use self::message::{CompressedImage, Sidecar, Timestamp};
pub use self::meter::Meter;
pub use self::parcel::{pack, unpack};
pub use self::payload::Payload;
pub use self::record::{
    ChannelRecord, ChunkPlace, FOOTER_AND_MAGIC, Head, Kind, MAGIC, MessageHead, RECORD_HEAD,
    RECORD_MAX, Record, Told, records, told,
};
pub use self::writer::{About, Ending, SnapshotWriter};
use super::ArchiveError;

/// The version of this layout, in every file's first metadata record and every channel.
pub const FORMAT_VERSION: &str = "1";

/// Name of the picture channel's schema.
pub const IMAGE_SCHEMA: &str = "foxglove.CompressedImage";

/// Name of the key channel's schema.
pub const KEY_SCHEMA: &str = "framecache.FrameKey";

/// What the name of the first metadata record starts with; a UUID follows.
pub const SNAPSHOT_RECORD: &str = "framecache.snapshot.";

/// What the name of the last metadata record starts with; the same UUID follows.
pub const RESULT_RECORD: &str = "framecache.result.";

impl From<mcap::McapError> for ArchiveError {
    fn from(error: mcap::McapError) -> Self {
        Self::Format(error.to_string())
    }
}
