//! What a channel holds, judged by its schema, its encoding and its metadata, never by its topic.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::record::{ChannelRecord, MessageHead};
use super::{IMAGE_SCHEMA, KEY_SCHEMA};
use crate::model::key::StreamId;
use crate::model::name::{CameraId, Prefix, Tenant};

/// How the messages of a channel are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// Our key and life of a frame.
    Key,
    /// Our picture of a frame.
    Image,
    /// `foxglove.CompressedImage` of another program, as protobuf.
    FoxgloveProtobuf,
    /// `foxglove.CompressedImage` as JSON.
    FoxgloveJson,
    /// `sensor_msgs/CompressedImage` of ROS 1.
    Ros1,
    /// `sensor_msgs/msg/CompressedImage` of ROS 2.
    Ros2,
    /// Entries of a Redis stream as redis-record writes them.
    RedisRecord,
    /// The same in its zip layout: the field `d` alone, as it is.
    RedisRecordZip,
    /// Anything else: passed over.
    Other,
}

impl Codec {
    /// By schema and message encoding; `ours` for a channel that says so in its metadata.
    #[must_use]
    pub fn of(schema: &str, schema_encoding: &str, encoding: &str, ours: bool) -> Self {
        match (schema, encoding) {
            (KEY_SCHEMA, "json") if ours => Self::Key,
            (IMAGE_SCHEMA, "protobuf") if ours => Self::Image,
            (IMAGE_SCHEMA, "protobuf") => Self::FoxgloveProtobuf,
            (IMAGE_SCHEMA, "json") => Self::FoxgloveJson,
            ("sensor_msgs/CompressedImage", "ros1") => Self::Ros1,
            ("sensor_msgs/CompressedImage" | "sensor_msgs/msg/CompressedImage", "cdr") => {
                Self::Ros2
            }
            ("data", "json") if schema_encoding == "jsonschema" => Self::RedisRecord,
            _ => Self::Other,
        }
    }

    /// Whether its messages are frames, not keys or something else.
    #[must_use]
    pub fn is_frame(self) -> bool {
        !matches!(self, Self::Key | Self::Other)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "framecache.FrameKey",
            Self::Image => "framecache picture",
            Self::FoxgloveProtobuf => "foxglove.CompressedImage (protobuf)",
            Self::FoxgloveJson => "foxglove.CompressedImage (JSON)",
            Self::Ros1 => "sensor_msgs/CompressedImage (ROS 1)",
            Self::Ros2 => "sensor_msgs/CompressedImage (ROS 2)",
            Self::RedisRecord => "redis-record entry",
            Self::RedisRecordZip => "redis-record zip member",
            Self::Other => "something else",
        })
    }
}

/// A channel of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its topic as recorded.
    pub topic: Arc<str>,
    /// What its messages are.
    pub codec: Codec,
    /// The camera that its metadata names, in our files.
    pub stream: Option<StreamId>,
}

impl Channel {
    /// Judges a channel; `schema` is the name and the encoding of its schema, empty without one.
    #[must_use]
    pub fn of(record: &ChannelRecord, schema: (&str, &str)) -> Self {
        let stream = stream(&record.metadata);
        let codec = Codec::of(schema.0, schema.1, &record.encoding, stream.is_some());
        Self { topic: record.topic.as_str().into(), codec, stream }
    }

    /// The time of one of its messages, in unix nanoseconds: its log time, but for redis-record, whose
    /// log time is when it wrote, and whose publish time is ten times the entry's.
    #[must_use]
    pub fn time(&self, head: &MessageHead) -> u64 {
        if self.codec == Codec::RedisRecord {
            let millis = head.publish_time.saturating_add(5_000_000) / 10_000_000;
            return millis.saturating_mul(1_000_000);
        }
        head.log_time
    }
}

fn stream(metadata: &BTreeMap<String, String>) -> Option<StreamId> {
    metadata.get("format_version")?;
    Some(StreamId {
        tenant: Tenant::new(metadata.get("tenant")?).ok()?,
        prefix: Prefix::new(metadata.get("prefix")?).ok()?,
        camera: CameraId::new(metadata.get("camera")?).ok()?,
    })
}
