//! Deleting: frames and all their records, in one transaction.
//!
//! The outbox counts places in a bucket, so a record is not cut out: zero bytes are written over it.
//! A SETRANGE would make a bucket that has ended meanwhile anew, without an end: so it gets one with it.
//! And it would hit other records, had the bucket been lost and filled again since it was read: so
//! the transaction also reads what it overwrites, and what was not meant is put back.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use redis::{Pipeline, Value, pipe};

use super::connect::Link;
use super::hold;
use super::keys::StreamKeys;
use super::read::{self, Reader};
use super::write::Writer;
use crate::model::bucket::{Bucket, DELETED, IndexRecord, RECORD_BYTES};
use crate::model::key::{FrameKey, StreamId, Suffix};
use crate::model::time::{NANOS_PER_SEC, TimeRange, UnixNanos};
use crate::store::StoreError;

/// Keys of one camera that lie within such a span are looked for together.
const SPAN: u64 = 600 * NANOS_PER_SEC;

/// Records that stand one after the other in a bucket and are to be overwritten.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    /// Where the first one begins.
    offset: usize,
    /// The records as they were read.
    bytes: Vec<u8>,
}

/// The runs of one bucket.
#[derive(Debug)]
struct Doomed {
    key: String,
    runs: Vec<Run>,
    /// When the bucket may go, should it have to be made.
    deadline: UnixNanos,
}

/// Deletes these frames; the bytes of each, `None` where none lived.
pub(super) async fn delete(
    reader: &Reader,
    writer: &Writer,
    frames: &[FrameKey],
) -> Result<Vec<Option<u32>>, StoreError> {
    if frames.is_empty() {
        return Ok(Vec::new());
    }
    let mut link = writer.link().await?;
    let now = writer.lane().shared().server.known(&link).now();
    let mut doomed = Vec::new();
    for ((stream, _), group) in grouped(frames) {
        let window = window_of(&group);
        let wanted: HashSet<_> = group.iter().map(|key| (key.at(), key.suffix())).collect();
        for (bucket, bytes) in reader.buckets_of(stream, window).await? {
            doomed.extend(doom(stream, bucket, &bytes, &wanted, now));
        }
    }
    let names: Vec<String> = frames.iter().map(FrameKey::to_string).collect();
    let mut sizes = read::lengths(&mut link, &names).await?;
    let held = held_of(frames);
    let gone = carry_out(&mut link, &doomed, (&names, &sizes), &held).await?;
    for (size, gone) in sizes.iter_mut().zip(gone) {
        *size = size.filter(|_| gone);
    }
    Ok(sizes)
}

fn grouped(frames: &[FrameKey]) -> BTreeMap<(&StreamId, u64), Vec<&FrameKey>> {
    let mut groups: BTreeMap<(&StreamId, u64), Vec<&FrameKey>> = BTreeMap::new();
    for key in frames {
        groups.entry((key.stream(), key.at().get() / SPAN)).or_default().push(key);
    }
    groups
}

/// Where a camera's held frames are noted, and the fields of these frames there.
type Notes = BTreeMap<String, Vec<Vec<u8>>>;

fn held_of(frames: &[FrameKey]) -> Notes {
    let mut held = Notes::new();
    for key in frames {
        let notes = held.entry(StreamKeys::new(key.stream()).held()).or_default();
        notes.push(hold::field(key).to_vec());
    }
    held
}

/// From the first to the last of some keys.
fn window_of(group: &[&FrameKey]) -> TimeRange {
    let times = || group.iter().map(|key| key.at());
    let bounds = times().min().zip(times().max().map(UnixNanos::next));
    bounds.and_then(|(from, to)| TimeRange::new(from, to).ok()).unwrap_or(TimeRange::ALL)
}

fn doom(
    stream: &StreamId,
    bucket: Bucket,
    bytes: &Bytes,
    wanted: &HashSet<(UnixNanos, Suffix)>,
    now: UnixNanos,
) -> Option<Doomed> {
    let runs = runs(bytes, wanted);
    let key = StreamKeys::new(stream).bucket(bucket);
    (!runs.is_empty()).then(|| Doomed { key, runs, deadline: bucket.expires_at(now) })
}

/// Where the records of these frames stand.
fn runs(bucket: &[u8], wanted: &HashSet<(UnixNanos, Suffix)>) -> Vec<Run> {
    let (records, _) = bucket.as_chunks::<RECORD_BYTES>();
    let mut runs: Vec<Run> = Vec::new();
    for (place, bytes) in records.iter().enumerate() {
        let record = IndexRecord::decode(bytes);
        if !record.is_some_and(|record| wanted.contains(&(record.at, record.suffix))) {
            continue;
        }
        let offset = place * RECORD_BYTES;
        match runs.last_mut() {
            Some(run) if run.offset + run.bytes.len() == offset => run.bytes.extend(bytes),
            _ => runs.push(Run { offset, bytes: bytes.to_vec() }),
        }
    }
    runs
}

/// Overwrites and deletes in one transaction; answers of each frame whether it was there. Keys that
/// hold no string are no frames and stay.
async fn carry_out(
    link: &mut Link<'_>,
    doomed: &[Doomed],
    (names, sizes): (&[String], &[Option<u32>]),
    held: &Notes,
) -> Result<Vec<bool>, StoreError> {
    let mut transaction = pipe();
    transaction.atomic();
    for Doomed { key, runs, deadline } in doomed {
        for Run { offset, bytes } in runs {
            let last = offset + bytes.len() - 1;
            transaction.cmd("GETRANGE").arg(key).arg(*offset).arg(last);
            overwrite(&mut transaction, key, *offset, &vec![0; bytes.len()]);
        }
        push_first_end(&mut transaction, key, *deadline);
    }
    for (name, _) in names.iter().zip(sizes).filter(|(_, size)| size.is_some()) {
        transaction.cmd("DEL").arg(name);
    }
    if transaction.is_empty() {
        return Ok(vec![false; names.len()]);
    }
    for (notes, fields) in held {
        transaction.cmd("HDEL").arg(notes).arg(fields).ignore();
    }
    let mut answers = link.pipe::<Vec<Value>>(&transaction).await?.into_iter();
    put_back(link, doomed, &mut answers).await?;
    let mut gone = |size: &Option<u32>| size.is_some() && answers.next() == Some(Value::Int(1));
    Ok(sizes.iter().map(&mut gone).collect())
}

fn overwrite(transaction: &mut Pipeline, key: &str, offset: usize, bytes: &[u8]) {
    transaction.cmd("SETRANGE").arg(key).arg(offset).arg(bytes).ignore();
}

/// An end for a key that has none.
fn push_first_end(transaction: &mut Pipeline, key: &str, deadline: UnixNanos) {
    transaction.cmd("PEXPIREAT").arg(key).arg(deadline.as_millis()).arg("NX").ignore();
}

/// Restores records that stood where others had been read.
async fn put_back(
    link: &mut Link<'_>,
    doomed: &[Doomed],
    answers: &mut impl Iterator<Item = Value>,
) -> Result<(), StoreError> {
    let mut mending = pipe();
    mending.atomic();
    for Doomed { key, runs, deadline } in doomed {
        for run in runs {
            let Some(Value::BulkString(found)) = answers.next() else { continue };
            for (offset, record) in not_meant(run, &found) {
                tracing::warn!("{key} was lost and filled again while frames were deleted");
                overwrite(&mut mending, key, offset, &record);
                push_first_end(&mut mending, key, *deadline);
            }
        }
    }
    if mending.is_empty() { Ok(()) } else { link.pipe::<()>(&mending).await }
}

/// The records that were overwritten although others had been read there, and where they stood.
fn not_meant(run: &Run, found: &[u8]) -> Vec<(usize, [u8; RECORD_BYTES])> {
    let meant = run.bytes.as_chunks::<RECORD_BYTES>().0;
    let there = found.as_chunks::<RECORD_BYTES>().0;
    let others = meant.iter().zip(there).enumerate();
    others
        .filter(|(_, (meant, there))| meant != there && **there != DELETED)
        .map(|(place, (_, there))| (run.offset + place * RECORD_BYTES, *there))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::Seq;

    fn record(nanos: u64, ask: bool) -> IndexRecord {
        let at = UnixNanos::new(1_731_024_000_000_000_000 + nanos).unwrap();
        IndexRecord { at, suffix: Suffix::Live(Seq::FIRST), ask, size: Some(1) }
    }

    fn wanted(nanos: &[u64]) -> HashSet<(UnixNanos, Suffix)> {
        nanos.iter().map(|nanos| (record(*nanos, false).at, Suffix::Live(Seq::FIRST))).collect()
    }

    #[test]
    fn every_record_of_a_frame_is_found_and_neighbours_go_together() {
        let all = [(1, false), (2, false), (3, false), (2, true), (9, false)];
        let mut bucket = all.map(|(nanos, ask)| record(nanos, ask).encode()).concat();
        bucket.extend([0xff; 16]);
        let places = |nanos: &[u64]| -> Vec<(usize, usize)> {
            let runs = runs(&bucket, &wanted(nanos));
            assert!(runs.iter().all(|run| bucket[run.offset..].starts_with(&run.bytes)));
            runs.iter().map(|run| (run.offset / 16, run.bytes.len() / 16)).collect()
        };
        assert_eq!(places(&[2]), [(1, 1), (3, 1)]);
        assert_eq!(places(&[1, 2, 9]), [(0, 2), (3, 2)]);
        assert_eq!(places(&[4]), []);
        assert_eq!(runs(&bucket[..15], &wanted(&[1])), []);
    }

    #[test]
    fn only_records_that_were_not_meant_are_put_back() {
        let [one, two, other] = [1, 2, 3].map(|nanos| record(nanos, false).encode());
        let run = Run { offset: 32, bytes: [one, two].concat() };
        assert_eq!(not_meant(&run, &run.bytes), []);
        assert_eq!(not_meant(&run, &[one, DELETED].concat()), []);
        assert_eq!(not_meant(&run, &[]), []);
        assert_eq!(not_meant(&run, &[one, other].concat()), [(48, other)]);
        assert_eq!(not_meant(&run, &other), [(32, other)]);
    }
}
