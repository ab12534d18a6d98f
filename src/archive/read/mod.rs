//! Reading: the frames of a recording in the order of their times, from wherever it lies.
//!
//! | file | does |
//! | --- | --- |
//! | `open` | finds the pieces of a file: by its index, or by walking it where it has none or was cut |
//! | `piece` `zip` | opens a piece: which messages, where |
//! | `merge` | puts the messages of all pieces in order, holding a few pieces at a time |
//! | `entries` | makes frames of messages: picture and key together |
//! | `info` | counts what is inside |
//!
//! Our files, any MCAP with Foxglove's or ROS's `CompressedImage`, redis-record's MCAP and zip folders.
//! Memory is bounded whatever the file is: a few pieces, and 40 bytes for each message of pieces that
//! overlap.

mod entries;
mod info;
mod merge;
mod open;
mod piece;
mod scan;
mod zip;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use wildmatch::WildMatch;

pub use self::info::{CameraInfo, Info, Pause};
use self::piece::Piece;
use super::format::{Channel, Codec};
use super::{ArchiveError, Blob};
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::{TimeRange, Ttl, UnixNanos};

/// A frame of a recording, ours or another program's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The topic or the stream key as recorded.
    pub channel: Arc<str>,
    /// Its key, in our files.
    pub key: Option<FrameKey>,
    /// When it was captured.
    pub at: UnixNanos,
    /// Our files: the number in its key. Else: how many entries of its channel with the same time come
    /// before it.
    pub order: u32,
    /// The picture, or the field `d` of an entry of redis-record, unchanged.
    pub bytes: Bytes,
    /// The lifetime that it was given, in our files.
    pub ttl: Option<Ttl>,
    /// When it was to expire, in our files; `None` for never.
    pub expires_at: Option<UnixNanos>,
    /// When it was copied into the file, in our files.
    pub recorded_at: Option<UnixNanos>,
    /// The other fields of an entry of redis-record, by name.
    pub fields: Vec<(String, Bytes)>,
}

/// Which entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// Of these times.
    pub window: TimeRange,
    /// Names or globs, of a camera, of `tenant/prefix/camera` or of a channel as recorded; none: all.
    pub cameras: Vec<String>,
}

impl Select {
    /// Everything.
    pub const ALL: Self = Self { window: TimeRange::ALL, cameras: Vec::new() };

    /// Every camera in a window.
    #[must_use]
    pub fn window(window: TimeRange) -> Self {
        Self { window, cameras: Vec::new() }
    }

    /// Whether each channel may have frames that are selected, or their keys: both channels of a camera
    /// where one of them is named.
    fn wanted(&self, channels: &[Channel]) -> Vec<bool> {
        let globs: Vec<WildMatch> = self.cameras.iter().map(|one| WildMatch::new(one)).collect();
        let named = |channel: &Channel| {
            let names = match &channel.stream {
                Some(stream) => [stream.camera.to_string(), stream.to_string()],
                None => [String::new(), channel.topic.trim_start_matches('/').to_owned()],
            };
            let matched = |glob: &WildMatch| {
                glob.matches(&channel.topic)
                    || names.iter().any(|name| !name.is_empty() && glob.matches(name))
            };
            globs.is_empty() || globs.iter().any(matched)
        };
        let streams: HashSet<&StreamId> = channels
            .iter()
            .filter(|channel| named(channel))
            .filter_map(|channel| channel.stream.as_ref())
            .collect();
        let wanted = |channel: &Channel| {
            let named =
                channel.stream.as_ref().map_or_else(|| named(channel), |one| streams.contains(one));
            channel.codec != Codec::Other && named
        };
        channels.iter().map(wanted).collect()
    }
}

/// A recording that was opened: what is where in it. Cheap to clone; its files are read when entries
/// are taken.
#[derive(Debug, Clone)]
pub struct Recording {
    name: Arc<str>,
    pieces: Arc<[Arc<Piece>]>,
    channels: Arc<[Channel]>,
    finished: bool,
    warnings: Vec<String>,
    metadata: Vec<(String, BTreeMap<String, String>)>,
}

impl Recording {
    /// Opens an MCAP file. One that was finished is not read but for its index; another is walked once.
    ///
    /// # Errors
    /// [`ArchiveError::Format`]: no MCAP file, or nothing whole in it; [`ArchiveError::Io`].
    pub async fn open(blob: Arc<dyn Blob>) -> Result<Self, ArchiveError> {
        Self::open_all(vec![blob]).await
    }

    /// Opens the segments of one recording together.
    ///
    /// # Errors
    /// As [`Recording::open`], and where there is no file.
    pub async fn open_all(blobs: Vec<Arc<dyn Blob>>) -> Result<Self, ArchiveError> {
        let mut parts = open::Parts::default();
        for blob in blobs {
            parts.add_mcap(blob).await?;
        }
        parts.finish()
    }

    /// Opens what lies at a path: an MCAP file, a zip of redis-record, the folder of a recording of
    /// redis-record, or a folder of MCAP segments.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub async fn open_path(path: &Path) -> Result<Self, ArchiveError> {
        open::path(path).await
    }

    /// What it is called, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The word for what wrote it: `framecache`, `redis-record`, `foxglove`, `ros1`, `ros2`, `mixed`;
    /// `none` where nothing in it is a frame.
    #[must_use]
    pub fn format(&self) -> &'static str {
        let mut words: Vec<&str> =
            self.channels.iter().map(|channel| word(channel.codec)).collect();
        words.sort_unstable();
        words.dedup();
        words.retain(|word| *word != "none");
        match words[..] {
            [] => "none",
            [one] => one,
            _ => "mixed",
        }
    }

    /// Whether its writer ended it; one that was cut is read to its last whole chunk.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// What a user should know: that it was cut, what was left out.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Its metadata records by name, as they lie in the file.
    #[must_use]
    pub fn metadata(&self) -> &[(String, BTreeMap<String, String>)] {
        &self.metadata
    }

    /// The channels that hold frames, as recorded, each once, and the cameras that they name.
    #[must_use]
    pub fn channels(&self) -> Vec<(Arc<str>, Option<StreamId>)> {
        self.channels_of(&Select::ALL)
    }

    /// As [`Recording::channels`], of those that are selected by name.
    #[must_use]
    pub fn channels_of(&self, select: &Select) -> Vec<(Arc<str>, Option<StreamId>)> {
        let wanted = self.channels.iter().zip(select.wanted(&self.channels));
        let frames = wanted.filter(|(channel, wanted)| *wanted && channel.codec.is_frame());
        let named = frames.map(|(one, _)| (Arc::clone(&one.topic), one.stream.clone()));
        named.collect::<BTreeMap<_, _>>().into_iter().collect()
    }

    /// The times of its first and last message, from the index alone; `None` when it is empty. What is
    /// no frame counts as well, so in another program's file the first and last frame can lie inside.
    #[must_use]
    pub fn span(&self) -> Option<(UnixNanos, UnixNanos)> {
        let first = self.pieces.iter().map(|piece| piece.first).min()?;
        let last = self.pieces.iter().map(|piece| piece.last).max()?;
        Some((UnixNanos::new(first)?, UnixNanos::new(last)?))
    }

    /// The entries that are selected, by time; of one nanosecond as they lie in the file. A window is
    /// found by the index, so any instant is as near as the first.
    ///
    /// An error about damage is told in its place, and the stream goes on behind it; one about reading
    /// ends it.
    #[must_use]
    pub fn entries(&self, select: &Select) -> BoxStream<'static, Result<Entry, ArchiveError>> {
        entries::stream(self, select)
    }
}

fn word(codec: Codec) -> &'static str {
    match codec {
        Codec::Key | Codec::Image => "framecache",
        Codec::FoxgloveProtobuf | Codec::FoxgloveJson => "foxglove",
        Codec::Ros1 => "ros1",
        Codec::Ros2 => "ros2",
        Codec::RedisRecord | Codec::RedisRecordZip => "redis-record",
        Codec::Other => "none",
    }
}
