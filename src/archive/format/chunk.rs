//! A chunk opened: decompressed where it is compressed, its checksum compared.
//!
//! What comes out is a run of records, whatever went in, so that nobody above knows of compression. A
//! chunk that claims to be larger than [`RECORD_MAX`](super::RECORD_MAX) when decompressed is refused before
//! anything is allocated.

use bytes::{BufMut as _, Bytes, BytesMut};
use mcap::records::{Record as Parsed, op};
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};

use super::record::{RECORD_HEAD, RECORD_MAX};
use crate::archive::ArchiveError;

/// The records of a chunk; `record` is the whole record, opcode and length included.
///
/// # Errors
/// [`ArchiveError::Format`]: no chunk, another checksum, a compression other than lz4 and zstd.
pub fn open_chunk(record: &Bytes) -> Result<Bytes, ArchiveError> {
    let body = record.get(RECORD_HEAD..).filter(|_| record[0] == op::CHUNK);
    let body = body.ok_or_else(|| ArchiveError::Format("there is no chunk".to_owned()))?;
    let Parsed::Chunk { header, data } = mcap::parse_record(op::CHUNK, body)? else {
        return Err(ArchiveError::Format("there is no chunk".to_owned()));
    };
    if !header.compression.is_empty() {
        return decompressed(record);
    }
    let run = record.slice_ref(&data);
    let sum = if header.uncompressed_crc == 0 { 0 } else { crc32fast::hash(&run) };
    if sum == header.uncompressed_crc {
        return Ok(run);
    }
    let wanted = header.uncompressed_crc;
    Err(ArchiveError::Format(format!("its checksum is {sum:08x}, not {wanted:08x}")))
}

fn decompressed(record: &Bytes) -> Result<Bytes, ArchiveError> {
    let limit = usize::try_from(RECORD_MAX).unwrap_or(usize::MAX);
    let options = LinearReaderOptions::default()
        .with_skip_start_magic(true)
        .with_skip_end_magic(true)
        .with_prevalidate_chunk_crcs(true)
        .with_record_length_limit(limit);
    let mut reader = LinearReader::new_with_options(options);
    let mut rest = &record[..];
    let mut run = BytesMut::new();
    while let Some(event) = reader.next_event() {
        match event? {
            LinearReadEvent::ReadRequest(wanted) => {
                let (now, later) = rest.split_at(wanted.min(rest.len()));
                reader.insert(now.len()).copy_from_slice(now);
                reader.notify_read(now.len());
                rest = later;
            }
            LinearReadEvent::Record { opcode, data } => {
                run.put_u8(opcode);
                run.put_u64_le(u64::try_from(data.len()).unwrap_or(u64::MAX));
                run.put_slice(data);
            }
        }
    }
    Ok(run.freeze())
}
