//! A piece of a recording: a chunk, a run of records outside of chunks, or a zip of redis-record.
//!
//! A recording is read piece by piece. Of each it is known from when to when it goes and where it lies;
//! opened, it is bytes and a list of the messages in them. A piece is at most
//! [`RECORD_MAX`] bytes, which is checked before it is read.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::zip;
use crate::archive::format::{Channel, Kind, MessageHead, RECORD_MAX, open_chunk, records};
use crate::archive::{ArchiveError, Blob};

/// Bytes before the records of a chunk that is not compressed.
const CHUNK_HEAD: u64 = 49;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A chunk record.
    Chunk,
    /// Records one behind the other.
    Run,
    /// A zip file.
    Zip,
}

/// The channels of a file by their numbers there: places in the recording's list.
pub(crate) type Places = Arc<HashMap<u16, u32>>;

/// Where some messages lie and from when to when they go.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) blob: Arc<dyn Blob>,
    pub(crate) shape: Shape,
    /// In the file.
    pub(crate) range: Range<u64>,
    /// The earliest and the latest time, in unix nanoseconds; of what is no frame as well.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Which channels of the file it has; empty where that is not known.
    pub(crate) has: Vec<u16>,
    pub(crate) places: Places,
}

/// Where a message lies. Sorts by time, then as the messages of one nanosecond should come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// Its time, in unix nanoseconds.
    pub(crate) at: u64,
    /// Before others of its nanosecond: the number in the key of our frames, in the name of a zip's member.
    pub(crate) rank: u32,
    /// Place of its piece in the list.
    pub(crate) piece: u32,
    /// Where it begins in the piece.
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// Place of its channel in the list.
    pub(crate) channel: u32,
    /// As the file has it.
    pub(crate) sequence: u32,
}

/// A piece that was read.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) bytes: Bytes,
    /// Its messages; `piece` is not set.
    pub(crate) spots: Vec<Spot>,
    /// Where its bytes lie in the file, unless they were compressed.
    pub(crate) plain_at: Option<u64>,
}

impl Piece {
    fn format_error(&self, error: &ArchiveError) -> ArchiveError {
        let (name, at) = (self.blob.name(), self.range.start);
        ArchiveError::Format(format!("{name}: the part at byte {at} is damaged: {error}"))
    }

    /// Reads it and lists its messages.
    ///
    /// # Errors
    /// [`ArchiveError`]: the file cannot be read, or the piece is damaged.
    pub(crate) async fn open(&self, channels: &[Channel]) -> Result<Opened, ArchiveError> {
        let length = self.range.end.saturating_sub(self.range.start);
        if length > RECORD_MAX {
            let why = format!("it has {length} bytes, and {RECORD_MAX} are read at most");
            return Err(self.format_error(&ArchiveError::Format(why)));
        }
        let read = self.blob.read(self.range.clone()).await?;
        if u64::try_from(read.len()) != Ok(length) {
            return Err(self.format_error(&ArchiveError::Format("the file is shorter".to_owned())));
        }
        let opened = match self.shape {
            Shape::Chunk => open_chunk(&read).and_then(|run| {
                let plain = run.as_ptr().addr().checked_sub(read.as_ptr().addr());
                let plain = plain.filter(|off| u64::try_from(*off) == Ok(CHUNK_HEAD));
                Ok(Opened {
                    spots: self.spots(&run, channels)?,
                    bytes: run,
                    plain_at: plain.map(|_| self.range.start + CHUNK_HEAD),
                })
            }),
            Shape::Run => self.spots(&read, channels).map(|spots| Opened {
                spots,
                bytes: read,
                plain_at: Some(self.range.start),
            }),
            Shape::Zip => zip::members(&read).and_then(|(members, _)| {
                zip::check(&read, &members)?;
                let spots = self.zip_spots(&members);
                Ok(Opened { spots, bytes: read, plain_at: Some(self.range.start) })
            }),
        };
        opened.map_err(|error| self.format_error(&error))
    }

    fn spots(&self, run: &Bytes, channels: &[Channel]) -> Result<Vec<Spot>, ArchiveError> {
        let mut spots = Vec::new();
        for record in records(run) {
            let record = record?;
            if record.kind != Kind::Message {
                continue;
            }
            let head = MessageHead::read(&record.body)
                .ok_or_else(|| ArchiveError::Format("a message is too short".to_owned()))?;
            let Some(place) = self.places.get(&head.channel) else { continue };
            let channel = &channels[usize::try_from(*place).unwrap_or(usize::MAX)];
            spots.push(Spot {
                at: channel.time(&head),
                rank: if channel.stream.is_some() { head.sequence } else { 0 },
                piece: 0,
                offset: small(record.offset + MessageHead::BYTES),
                length: small(record.body.len() - MessageHead::BYTES),
                channel: *place,
                sequence: head.sequence,
            });
        }
        Ok(spots)
    }

    fn zip_spots(&self, members: &[zip::Member]) -> Vec<Spot> {
        let channel = self.places.values().next().copied().unwrap_or_default();
        let spot = |member: &zip::Member| Spot {
            at: member.at,
            rank: member.number,
            piece: 0,
            offset: member.offset,
            length: member.length,
            channel,
            sequence: 0,
        };
        members.iter().map(spot).collect()
    }

    /// The bytes of one message of a piece that is not compressed, without reading the rest.
    ///
    /// # Errors
    /// [`ArchiveError`]: the file cannot be read.
    pub(crate) async fn one(&self, plain_at: u64, spot: &Spot) -> Result<Bytes, ArchiveError> {
        let from = plain_at + u64::from(spot.offset);
        self.blob.read(from..from + u64::from(spot.length)).await
    }
}

/// A place in a piece: [`RECORD_MAX`] is far below what it can hold.
fn small(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Cuts a message out of the bytes of its piece.
pub(crate) fn cut(bytes: &Bytes, spot: &Spot) -> Option<Bytes> {
    let from = usize::try_from(spot.offset).ok()?;
    let to = from.checked_add(usize::try_from(spot.length).ok()?)?;
    (to <= bytes.len()).then(|| bytes.slice(from..to))
}
