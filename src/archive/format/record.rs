//! Records as they lie in a file: an opcode, a length, a body (MCAP specification, "Records").
//!
//! Every length is checked against what is there before anything is taken, and nothing larger than
//! [`RECORD_MAX`] is held at once, so that a file of garbage costs no memory. Bodies are slices of what
//! was read, not copies.

use std::collections::BTreeMap;

use bytes::{Buf as _, Bytes};
use mcap::records::{Record as Parsed, op};

use crate::archive::ArchiveError;

/// The largest record, and the largest chunk when decompressed, that is read.
pub const RECORD_MAX: u64 = 256 << 20;

/// Bytes before the body of a record: opcode and length.
pub const RECORD_HEAD: usize = 9;

/// Bytes that a file starts and ends with.
pub const MAGIC: &[u8] = mcap::MAGIC;

/// Bytes from the footer's opcode to the end of the file.
pub const FOOTER_AND_MAGIC: u64 = 9 + 20 + 8;

/// What a record is of, as far as a reader needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Library and profile.
    Header,
    /// The last record.
    Footer,
    /// What messages of a channel look like.
    Schema,
    /// A topic.
    Channel,
    /// A message.
    Message,
    /// Many of the three before, perhaps compressed.
    Chunk,
    /// Where a chunk lies.
    ChunkIndex,
    /// How many messages there are.
    Statistics,
    /// Named facts.
    Metadata,
    /// Where they lie.
    MetadataIndex,
    /// What follows is the summary.
    DataEnd,
    /// Something that is passed over.
    Other,
    /// No opcode: zeros behind the end of what was written.
    Invalid,
}

/// The first bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it is of.
    pub kind: Kind,
    /// Bytes of its body.
    pub length: u64,
}

impl Head {
    /// Reads an opcode and a length; `None` where there are fewer than [`RECORD_HEAD`] bytes.
    #[must_use]
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < RECORD_HEAD {
            return None;
        }
        let kind = match bytes.get_u8() {
            0 => Kind::Invalid,
            op::HEADER => Kind::Header,
            op::FOOTER => Kind::Footer,
            op::SCHEMA => Kind::Schema,
            op::CHANNEL => Kind::Channel,
            op::MESSAGE => Kind::Message,
            op::CHUNK => Kind::Chunk,
            op::CHUNK_INDEX => Kind::ChunkIndex,
            op::STATISTICS => Kind::Statistics,
            op::METADATA => Kind::Metadata,
            op::METADATA_INDEX => Kind::MetadataIndex,
            op::DATA_END => Kind::DataEnd,
            _ => Kind::Other,
        };
        Some(Self { kind, length: bytes.get_u64_le() })
    }
}

/// A record inside a run of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is of.
    pub kind: Kind,
    /// Where its body begins in the run.
    pub offset: usize,
    /// Its body.
    pub body: Bytes,
}

/// The records of a run, one behind the other.
///
/// # Errors
/// [`ArchiveError::Format`] once, where the run ends in the middle of a record.
pub fn records(run: &Bytes) -> impl Iterator<Item = Result<Record, ArchiveError>> + use<'_> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= run.len() {
            return None;
        }
        let broken = || Some(Err(ArchiveError::Format("it ends inside a record".to_owned())));
        let Some(head) = Head::read(&run[at..]) else {
            at = run.len();
            return broken();
        };
        let offset = at + RECORD_HEAD;
        let end = usize::try_from(head.length).ok().and_then(|length| offset.checked_add(length));
        let Some(end) = end.filter(|end| *end <= run.len()) else {
            at = run.len();
            return broken();
        };
        at = end;
        Some(Ok(Record { kind: head.kind, offset, body: run.slice(offset..end) }))
    })
}

/// What stands before the payload of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageHead {
    /// Of which channel.
    pub channel: u16,
    /// Its number.
    pub sequence: u32,
    /// When it was recorded, in unix nanoseconds.
    pub log_time: u64,
    /// When it was sent, in unix nanoseconds.
    pub publish_time: u64,
}

impl MessageHead {
    /// Bytes of it.
    pub const BYTES: usize = 22;

    /// Reads it from a message's body; `None` where that is too short.
    #[must_use]
    pub fn read(mut body: &[u8]) -> Option<Self> {
        (body.len() >= Self::BYTES).then(|| Self {
            channel: body.get_u16_le(),
            sequence: body.get_u32_le(),
            log_time: body.get_u64_le(),
            publish_time: body.get_u64_le(),
        })
    }
}

/// Where a chunk lies and what it spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkPlace {
    /// The earliest log time in it.
    pub first: u64,
    /// The latest log time in it.
    pub last: u64,
    /// Where its record begins in the file.
    pub offset: u64,
    /// Bytes of its record, opcode and length included.
    pub length: u64,
    /// Its channels; empty where the file does not say.
    pub channels: Vec<u16>,
    /// Bytes of message indexes behind it.
    pub index_length: u64,
}

/// A record of a kind that is small and told in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Which library wrote the file.
    Header(String),
    /// Where the summary begins; 0 where there is none.
    Footer(u64),
    /// Number, name and encoding of a schema.
    Schema(u16, String, String),
    /// A topic.
    Channel(ChannelRecord),
    /// Where a chunk lies.
    Chunk(ChunkPlace),
    /// Messages by channel, and how many chunks there are.
    Statistics(BTreeMap<u16, u64>, u32),
    /// Named facts.
    Metadata(String, BTreeMap<String, String>),
    /// Where named facts lie: offset and length with opcode and length.
    MetadataAt(u64, u64),
    /// Something else.
    Other,
}

/// A topic as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRecord {
    /// Its number in the file.
    pub id: u16,
    /// The number of its schema; 0 for none.
    pub schema: u16,
    /// What it is called.
    pub topic: String,
    /// How its messages are encoded.
    pub encoding: String,
    /// Facts that its writer added.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a small record.
///
/// # Errors
/// [`ArchiveError::Format`]: its body is not what its kind says.
pub fn told(kind: Kind, body: &[u8]) -> Result<Told, ArchiveError> {
    let opcode = match kind {
        Kind::Header => op::HEADER,
        Kind::Footer => op::FOOTER,
        Kind::Schema => op::SCHEMA,
        Kind::Channel => op::CHANNEL,
        Kind::ChunkIndex => op::CHUNK_INDEX,
        Kind::Statistics => op::STATISTICS,
        Kind::Metadata => op::METADATA,
        Kind::MetadataIndex => op::METADATA_INDEX,
        Kind::Message | Kind::Chunk | Kind::DataEnd | Kind::Other | Kind::Invalid => {
            return Ok(Told::Other);
        }
    };
    Ok(match mcap::parse_record(opcode, body)? {
        Parsed::Header(header) => Told::Header(header.library),
        Parsed::Footer(footer) => Told::Footer(footer.summary_start),
        Parsed::Schema { header, .. } => Told::Schema(header.id, header.name, header.encoding),
        Parsed::Channel(channel) => Told::Channel(ChannelRecord {
            id: channel.id,
            schema: channel.schema_id,
            topic: channel.topic,
            encoding: channel.message_encoding,
            metadata: channel.metadata,
        }),
        Parsed::ChunkIndex(index) => Told::Chunk(ChunkPlace {
            first: index.message_start_time,
            last: index.message_end_time,
            offset: index.chunk_start_offset,
            length: index.chunk_length,
            channels: index.message_index_offsets.into_keys().collect(),
            index_length: index.message_index_length,
        }),
        Parsed::Statistics(told) => Told::Statistics(told.channel_message_counts, told.chunk_count),
        Parsed::Metadata(metadata) => Told::Metadata(metadata.name, metadata.metadata),
        Parsed::MetadataIndex(index) => Told::MetadataAt(index.offset, index.length),
        _ => Told::Other,
    })
}
