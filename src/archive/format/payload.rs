//! What a message holds, by the encoding of its channel: pictures of other programs.
//!
//! Foxglove's `CompressedImage` as protobuf and JSON, `sensor_msgs/CompressedImage` of ROS 1 (its own
//! serialisation) and ROS 2 (CDR, OMG DDS-XTypes 7.4), and the entries of redis-record: fields in
//! base64. A picture's bytes are passed on unchanged, whatever they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes};
use prost::Message as _;
use serde::Deserialize;

use super::channel::Codec;
use super::message::CompressedImage;
use crate::archive::ArchiveError;

/// What a message holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payload {
    /// The picture, or the field `d` of an entry of redis-record.
    pub bytes: Bytes,
    /// The other fields of such an entry, by name.
    pub fields: Vec<(String, Bytes)>,
}

impl Payload {
    /// Reads a message of a channel of that encoding; nothing of one that holds no picture.
    ///
    /// # Errors
    /// [`ArchiveError::Format`]: the message is not what its channel says.
    pub fn read(codec: Codec, body: Bytes) -> Result<Self, ArchiveError> {
        match codec {
            Codec::Image | Codec::FoxgloveProtobuf => {
                let image = CompressedImage::decode(body).map_err(|error| broken(codec, error))?;
                Ok(Self::of(image.data))
            }
            Codec::FoxgloveJson => {
                let image: JsonImage =
                    serde_json::from_slice(&body).map_err(|error| broken(codec, error))?;
                Ok(Self::of(base64(codec, &image.data)?))
            }
            Codec::Ros1 => ros1(body).map(Self::of).ok_or_else(|| broken(codec, "it is too short")),
            Codec::Ros2 => cdr(body).map(Self::of).ok_or_else(|| broken(codec, "it is too short")),
            Codec::RedisRecord => entry(&body),
            Codec::RedisRecordZip => Ok(Self::of(body)),
            Codec::Key | Codec::Other => Ok(Self::default()),
        }
    }

    fn of(bytes: Bytes) -> Self {
        Self { bytes, fields: Vec::new() }
    }
}

fn broken(codec: Codec, why: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Format(format!("a message is no {codec}: {why}"))
}

fn base64(codec: Codec, text: &str) -> Result<Bytes, ArchiveError> {
    STANDARD.decode(text).map(Bytes::from).map_err(|error| broken(codec, error))
}

#[derive(Deserialize)]
struct JsonImage<'a> {
    #[serde(borrow)]
    data: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct JsonEntry {
    data: std::collections::BTreeMap<String, String>,
}

fn entry(body: &[u8]) -> Result<Payload, ArchiveError> {
    let codec = Codec::RedisRecord;
    let entry: JsonEntry = serde_json::from_slice(body).map_err(|error| broken(codec, error))?;
    let mut payload = Payload::default();
    for (name, text) in entry.data {
        let bytes = base64(codec, &text)?;
        if name == "d" {
            payload.bytes = bytes;
        } else {
            payload.fields.push((name, bytes));
        }
    }
    Ok(payload)
}

/// `std_msgs/Header header, string format, uint8[] data`; numbers little endian, lengths of 4 bytes.
fn ros1(mut body: Bytes) -> Option<Bytes> {
    skip(&mut body, 12)?;
    for _ in ["frame_id", "format"] {
        let length = body.try_get_u32_le().ok()?;
        skip(&mut body, length)?;
    }
    let length = body.try_get_u32_le().ok()?;
    take(&mut body, length)
}

/// The same in CDR: four bytes that tell the byte order, then numbers at multiples of their size.
fn cdr(mut body: Bytes) -> Option<Bytes> {
    let little = body.get(1)? & 1 == 1;
    skip(&mut body, 4)?;
    let whole = body.len();
    let number = |body: &mut Bytes| {
        let off = (whole - body.len()) % 4;
        skip(body, u32::try_from((4 - off) % 4).ok()?)?;
        if little { body.try_get_u32_le().ok() } else { body.try_get_u32().ok() }
    };
    skip(&mut body, 8)?;
    for _ in ["frame_id", "format"] {
        let length = number(&mut body)?;
        skip(&mut body, length)?;
    }
    let length = number(&mut body)?;
    take(&mut body, length)
}

fn take(body: &mut Bytes, length: u32) -> Option<Bytes> {
    let length = usize::try_from(length).ok()?;
    (length <= body.len()).then(|| body.split_to(length))
}

fn skip(body: &mut Bytes, length: u32) -> Option<()> {
    take(body, length).map(drop)
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
