//! Writing a snapshot, without I/O: frames go in, bytes come out.
//!
//! The writer never seeks, so its bytes can go to a file, a pipe or a socket alike; a chunk is held
//! until it is whole. After [`SnapshotWriter::flush`] everything given so far can be read from what was
//! written, whatever happens to the rest. Frames should come in the order of their times; those that
//! do not are found by the index all the same.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{WriteOptions, Writer};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::message::{CompressedImage, IMAGE_DESCRIPTOR, KEY_JSON_SCHEMA, Sidecar};
use super::{FORMAT_VERSION, IMAGE_SCHEMA, KEY_SCHEMA, RESULT_RECORD, SNAPSHOT_RECORD};
use crate::archive::ArchiveError;
use crate::model::frame::StoredFrame;
use crate::model::key::StreamId;
use crate::model::time::{TimeRange, UnixNanos};

/// Size of a chunk before it is closed.
const CHUNK_BYTES: u64 = 1 << 20;

/// What a snapshot is of; becomes its first metadata record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Which times.
    pub window: TimeRange,
    /// When it was begun.
    pub captured_at: UnixNanos,
    /// Further facts by their names: the query, the host, the name of a recording.
    pub facts: BTreeMap<String, String>,
}

/// How a snapshot ended, beside what was counted; becomes its last metadata record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ending {
    /// Frames that were wanted and expired before they were copied.
    pub lost: u64,
    /// Further facts by their names: why it ended, gaps.
    pub facts: BTreeMap<String, String>,
}

/// The channels of a camera.
#[derive(Debug, Clone, Copy)]
struct Channels {
    key: u16,
    image: u16,
}

/// Turns frames into the bytes of an MCAP file.
pub struct SnapshotWriter {
    writer: Writer<NoSeek<Spool>>,
    spool: Spool,
    id: Uuid,
    schemas: (u16, u16),
    channels: HashMap<StreamId, Channels>,
    frames: u64,
    image_bytes: u64,
    keys: Sha256,
    message: Vec<u8>,
}

impl SnapshotWriter {
    /// Begins a file: header, metadata and schemas.
    ///
    /// # Errors
    /// [`ArchiveError::Format`]: a fact too long for a metadata record.
    pub fn begin(about: &About) -> Result<Self, ArchiveError> {
        let spool = Spool::default();
        let options = WriteOptions::new()
            .compression(None)
            .chunk_size(Some(CHUNK_BYTES))
            .library(concat!("framecache/", env!("CARGO_PKG_VERSION")))
            .disable_seeking(true);
        let mut writer = options.create(NoSeek::new(spool.clone()))?;
        let id = Uuid::new_v4();
        writer.write_metadata(&first_record(id, about))?;
        let schemas = (
            writer.add_schema(IMAGE_SCHEMA, "protobuf", IMAGE_DESCRIPTOR)?,
            writer.add_schema(KEY_SCHEMA, "jsonschema", KEY_JSON_SCHEMA.as_bytes())?,
        );
        Ok(Self {
            writer,
            spool,
            id,
            schemas,
            channels: HashMap::new(),
            frames: 0,
            image_bytes: 0,
            keys: Sha256::new(),
            message: Vec::new(),
        })
    }

    /// Adds a frame, copied at `now`: its key first, so that a cut file has no picture without one.
    ///
    /// # Errors
    /// [`ArchiveError::Format`]: over 32,767 cameras in one file.
    pub fn add(&mut self, stored: &StoredFrame, now: UnixNanos) -> Result<(), ArchiveError> {
        let key = &stored.frame.key;
        let channels = self.channels_of(key.stream())?;
        let at = key.at().get();
        let header = |channel_id| MessageHeader {
            channel_id,
            sequence: key.suffix().number(),
            log_time: at,
            publish_time: at,
        };
        self.message.clear();
        serde_json::to_writer(&mut self.message, &Sidecar::of(stored, now))
            .map_err(|error| ArchiveError::Format(error.to_string()))?;
        self.writer.write_to_known_channel(&header(channels.key), &self.message)?;
        self.message.clear();
        CompressedImage::of(stored).encode_to(&mut self.message);
        self.writer.write_to_known_channel(&header(channels.image), &self.message)?;
        self.frames += 1;
        self.image_bytes += u64::try_from(stored.frame.bytes.len()).unwrap_or(0);
        self.keys.update(key.to_string());
        self.keys.update("\n");
        Ok(())
    }

    fn channels_of(&mut self, stream: &StreamId) -> Result<Channels, ArchiveError> {
        if let Some(channels) = self.channels.get(stream) {
            return Ok(*channels);
        }
        let StreamId { tenant, prefix, camera } = stream;
        let facts = [
            ("format_version", FORMAT_VERSION.to_owned()),
            ("tenant", tenant.to_string()),
            ("prefix", prefix.to_string()),
            ("camera", camera.to_string()),
            ("content_type", "image/jpeg".to_owned()),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        let (image, key) = self.schemas;
        let topic = |kind| format!("/{tenant}/{prefix}/{camera}/{kind}");
        let channels = Channels {
            key: self.writer.add_channel(key, &topic("key"), "json", &facts)?,
            image: self.writer.add_channel(image, &topic("image"), "protobuf", &facts)?,
        };
        self.channels.insert(stream.clone(), channels);
        Ok(channels)
    }

    /// Frames added so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes of the pictures added so far.
    #[must_use]
    pub fn image_bytes(&self) -> u64 {
        self.image_bytes
    }

    /// Closes the open chunk, so that all frames so far can be read from what is written. A chunk costs
    /// some hundred bytes, so once or twice a second is often enough.
    ///
    /// # Errors
    /// [`ArchiveError::Format`].
    pub fn flush(&mut self) -> Result<(), ArchiveError> {
        Ok(self.writer.flush()?)
    }

    /// The bytes of the file since the last call; empty while a chunk fills.
    #[must_use]
    pub fn written(&mut self) -> Bytes {
        self.spool.take()
    }

    /// Ends the file with its last metadata record, summary and footer. What remains is then in
    /// [`SnapshotWriter::written`]; nothing can be added any more.
    ///
    /// # Errors
    /// [`ArchiveError::Format`].
    pub fn finish(&mut self, ending: &Ending) -> Result<(), ArchiveError> {
        let digest = self.keys.finalize_reset();
        let facts = [
            ("frames", self.frames.to_string()),
            ("image_bytes", self.image_bytes.to_string()),
            ("lost", ending.lost.to_string()),
            ("keys_sha256", digest.iter().map(|byte| format!("{byte:02x}")).collect()),
            ("complete", "true".to_owned()),
        ];
        let mut metadata = ending.facts.clone();
        metadata.extend(facts.map(|(name, value)| (name.to_owned(), value)));
        let name = format!("{RESULT_RECORD}{}", self.id);
        self.writer.write_metadata(&Metadata { name, metadata })?;
        self.writer.finish()?;
        Ok(())
    }
}

impl std::fmt::Debug for SnapshotWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotWriter")
            .field("id", &self.id)
            .field("frames", &self.frames)
            .finish()
    }
}

fn first_record(id: Uuid, about: &About) -> Metadata {
    let facts = [
        ("format_version", FORMAT_VERSION.to_owned()),
        ("key_template", "tenant:prefix:camera:unix_nano:seq".to_owned()),
        ("range_start_ns", about.window.from().to_string()),
        ("range_end_ns", about.window.to().to_string()),
        ("captured_at_ns", about.captured_at.to_string()),
        ("source", concat!("framecache/", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    let mut metadata = about.facts.clone();
    metadata.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    Metadata { name: format!("{SNAPSHOT_RECORD}{id}"), metadata }
}

/// Where the MCAP writer writes to; emptied by [`SnapshotWriter::written`].
#[derive(Debug, Clone, Default)]
struct Spool(Arc<Mutex<Vec<u8>>>);

impl Spool {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
