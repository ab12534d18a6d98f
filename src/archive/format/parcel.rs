//! A few frames as one small recording in memory, to be sent and restored elsewhere.
//!
//! It is a whole MCAP file, as [`SnapshotWriter`] makes them, so any small recording can be sent the same
//! way. Reading takes only what we write: chunks that are not compressed, each picture right behind its
//! key, and checks every picture against its key's checksum. Nothing larger than what was given is ever
//! allocated. Large recordings and those of other programs are read elsewhere.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use mcap::records::Record;
use prost::Message as _;

use super::message::{CompressedImage, Sidecar};
use super::{About, Ending, IMAGE_SCHEMA, KEY_SCHEMA, SnapshotWriter};
use crate::archive::ArchiveError;
use crate::model::frame::{Frame, StoredFrame};
use crate::model::time::{TimeRange, Ttl, UnixNanos};

const OPCODE_AND_LENGTH: usize = 9;

/// The frames as one recording, begun at `now`.
///
/// # Errors
/// [`ArchiveError::Format`]: over 32,767 cameras.
pub fn pack(frames: &[StoredFrame], now: UnixNanos) -> Result<Bytes, ArchiveError> {
    let about = About { window: TimeRange::ALL, captured_at: now, facts: BTreeMap::new() };
    let mut writer = SnapshotWriter::begin(&about)?;
    for frame in frames {
        writer.add(frame, now)?;
    }
    writer.finish(&Ending::default())?;
    Ok(writer.written())
}

/// The frames of a recording that lies in memory whole, in its order.
///
/// # Errors
/// [`ArchiveError::Format`]: no recording of ours, compressed, cut, or a picture that is not what its key
/// says.
pub fn unpack(bytes: &Bytes) -> Result<Vec<StoredFrame>, ArchiveError> {
    let inside = bytes
        .strip_prefix(mcap::MAGIC)
        .and_then(|rest| rest.strip_suffix(mcap::MAGIC))
        .ok_or_else(|| {
            refused("these bytes are no whole MCAP file: its first or last bytes lack")
        })?;
    let mut unpacking = Unpacking::of(bytes);
    unpacking.records(inside, Depth::File)?;
    Ok(unpacking.frames)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    File,
    Chunk,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Key,
    Image,
}

struct Unpacking<'a> {
    bytes: &'a Bytes,
    schemas: HashMap<u16, Option<Kind>>,
    channels: HashMap<u16, Kind>,
    key: Option<Sidecar>,
    frames: Vec<StoredFrame>,
}

impl<'a> Unpacking<'a> {
    fn of(bytes: &'a Bytes) -> Self {
        let (schemas, channels) = (HashMap::new(), HashMap::new());
        Self { bytes, schemas, channels, key: None, frames: Vec::new() }
    }

    fn records(&mut self, mut rest: &'a [u8], depth: Depth) -> Result<(), ArchiveError> {
        while !rest.is_empty() {
            let (head, body) = rest.split_at_checked(OPCODE_AND_LENGTH).ok_or_else(cut)?;
            let length = u64::from_le_bytes(head[1..].try_into().map_err(|_| cut())?);
            let length = usize::try_from(length).map_err(|_| cut())?;
            let (body, behind) = body.split_at_checked(length).ok_or_else(cut)?;
            self.record(head[0], body, depth)?;
            rest = behind;
        }
        Ok(())
    }

    fn record(&mut self, opcode: u8, body: &'a [u8], depth: Depth) -> Result<(), ArchiveError> {
        match mcap::parse_record(opcode, body)? {
            Record::Chunk { header, .. } if depth == Depth::File => {
                if !header.compression.is_empty() {
                    return Err(refused(
                        "its chunks are compressed: `framecache import` reads them",
                    ));
                }
                let length = usize::try_from(header.compressed_size).map_err(|_| cut())?;
                let start = body.len().checked_sub(length).ok_or_else(cut)?;
                self.records(&body[start..], Depth::Chunk)
            }
            Record::Chunk { .. } => Err(refused("a chunk lies within a chunk")),
            Record::Schema { header, .. } => {
                let kind = match (header.name.as_str(), header.encoding.as_str()) {
                    (KEY_SCHEMA, "jsonschema") => Some(Kind::Key),
                    (IMAGE_SCHEMA, "protobuf") => Some(Kind::Image),
                    _ => None,
                };
                self.schemas.insert(header.id, kind);
                Ok(())
            }
            Record::Channel(channel) => {
                if let Some(Some(kind)) = self.schemas.get(&channel.schema_id) {
                    self.channels.insert(channel.id, *kind);
                }
                Ok(())
            }
            Record::Message { header, data } => {
                let at = body.len() - data.len();
                match self.channels.get(&header.channel_id) {
                    Some(Kind::Key) => self.key(&body[at..]),
                    Some(Kind::Image) => self.image(&body[at..]),
                    None => Err(refused("it has other channels than pictures and their keys")),
                }
            }
            _ => Ok(()),
        }
    }

    fn key(&mut self, json: &[u8]) -> Result<(), ArchiveError> {
        let key = serde_json::from_slice(json)
            .map_err(|error| refused(&format!("a key is not understood: {error}")))?;
        match self.key.replace(key) {
            Some(before) => Err(refused(&format!("the picture of {} lacks", before.key))),
            None => Ok(()),
        }
    }

    fn image(&mut self, message: &[u8]) -> Result<(), ArchiveError> {
        let sidecar = self.key.take().ok_or_else(|| refused("a picture lacks its key"))?;
        let image = CompressedImage::decode(self.bytes.slice_ref(message))
            .map_err(|error| refused(&format!("a picture is not understood: {error}")))?;
        if crc32fast::hash(&image.data) != sidecar.crc32 {
            let said = format!("the picture of {} is not the one its key tells of", sidecar.key);
            return Err(refused(&said));
        }
        let (ttl, expires_at) = (sidecar.ttl(), sidecar.expires_at());
        let frame = Frame { key: sidecar.key, bytes: image.data };
        self.frames.push(StoredFrame { frame, ttl, expires_at });
        Ok(())
    }
}

impl Sidecar {
    /// The lifetime that the frame was given, in whole seconds.
    #[must_use]
    pub fn ttl(&self) -> Option<Ttl> {
        self.ttl_ms.and_then(|millis| Ttl::from_secs(millis.div_ceil(1000)).ok())
    }

    /// Its end; `None` when it never ends.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixNanos> {
        self.expire_at_ms.and_then(|millis| UnixNanos::new(millis.checked_mul(1_000_000)?))
    }
}

fn cut() -> ArchiveError {
    refused("a record reaches beyond the end")
}

fn refused(said: &str) -> ArchiveError {
    ArchiveError::Format(format!("no recording of a few frames: {said}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> UnixNanos {
        UnixNanos::new(1_731_024_070_000_000_000).unwrap()
    }

    fn stored(
        camera: &str,
        seq: u32,
        bytes: Vec<u8>,
        life: (Option<u64>, Option<u64>),
    ) -> StoredFrame {
        let key = format!("t:p:{camera}:1731024000123456789:{seq:05}").parse().unwrap();
        StoredFrame {
            frame: Frame { key, bytes: bytes.into() },
            ttl: life.0.and_then(|secs| Ttl::from_secs(secs).ok()),
            expires_at: life.1.and_then(|millis| UnixNanos::new(millis * 1_000_000)),
        }
    }

    fn frames() -> Vec<StoredFrame> {
        vec![
            stored("a", 1, b"\xff\xd8one\xff\xd9".to_vec(), (Some(300), Some(1_731_024_300_123))),
            stored("b", 2, b"no jpeg".to_vec(), (None, None)),
            stored("a", 3, vec![7; 2 << 20], (Some(86_400), Some(1_731_124_300_123))),
        ]
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for frames in [frames(), Vec::new()] {
            assert_eq!(unpack(&pack(&frames, now()).unwrap()).unwrap(), frames);
        }
    }

    #[test]
    fn what_is_none_of_ours_is_refused_with_a_reason() {
        let good = pack(&frames(), now()).unwrap();
        let mut wrong = good.to_vec();
        let place = wrong.windows(7).position(|part| part == b"no jpeg").unwrap();
        wrong[place] ^= 1;
        let said = |bytes: Vec<u8>| unpack(&bytes.into()).unwrap_err().to_string();
        let start = "no recording of a few frames: ";
        let cut = "these bytes are no whole MCAP file: its first or last bytes lack";
        assert_eq!(said(Vec::new()), format!("{start}{cut}"));
        assert_eq!(said(good[..good.len() - 1].to_vec()), format!("{start}{cut}"));
        let other =
            "the picture of t:p:b:1731024000123456789:00002 is not the one its key tells of";
        assert_eq!(said(wrong), format!("{start}{other}"));
        let mut foreign = Vec::new();
        let mut writer = mcap::Writer::new(std::io::Cursor::new(&mut foreign)).unwrap();
        let channel = writer.add_channel(0, "x", "json", &BTreeMap::new()).unwrap();
        let header = mcap::records::MessageHeader {
            channel_id: channel,
            sequence: 0,
            log_time: 0,
            publish_time: 0,
        };
        writer.write_to_known_channel(&header, b"{}").unwrap();
        writer.finish().unwrap();
        drop(writer);
        let compressed = "its chunks are compressed: `framecache import` reads them";
        assert_eq!(said(foreign), format!("{start}{compressed}"));
    }

    proptest! {
        #[test]
        fn bytes_that_were_changed_give_frames_or_an_error_and_never_a_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut frames = frames();
            frames.pop();
            let mut bytes = pack(&frames, now()).unwrap().to_vec();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Ok(read) = unpack(&bytes.into()) {
                prop_assert!(read.len() <= 2);
            }
        }
    }
}
