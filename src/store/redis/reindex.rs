//! Adopting frames that other programs wrote: an `ask` record for each key that exists.
//!
//! Their end is Redis' alone to tell, so their buckets are kept for a lifetime that is the TTL left,
//! rounded up to a power of two: few different lives, and a repeat finds its records and adds none.
//! A frame without an end gets a year; reindex it again before. These lives do not go under the
//! camera's `lives`, which would make every reader walk their whole span: the buckets are listed
//! one by one. No outbox mark: what others wrote is not announced.

use std::collections::HashMap;

use bytes::Bytes;
use redis::{RedisError, cmd, pipe};

use super::connect::Link;
use super::keys::StreamKeys;
use super::plan::Opening;
use super::write::{push_opening, push_record, push_seen};
use crate::model::bucket::{Bucket, IndexRecord, Life, decode_bucket};
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::{Ttl, UnixNanos};
use crate::store::StoreError;

/// Keys of one transaction.
const SLICE: usize = 256;
/// The shortest lifetime of a reindexed bucket, in seconds.
const SHORTEST_SECS: u64 = 64;
/// The lifetime given to frames that have no end, in seconds.
const ENDLESS_SECS: u64 = 365 * 86_400;

/// A key that exists, as it is to be indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Adopted {
    stream: StreamId,
    bucket: Bucket,
    record: IndexRecord,
}

/// Indexes those of `frames` that exist, and says how many these are.
pub(super) async fn reindex(
    link: &mut Link<'_>,
    frames: &[FrameKey],
    now: UnixNanos,
) -> Result<u64, StoreError> {
    let mut indexed = 0;
    for slice in frames.chunks(SLICE) {
        let adopted = adopt(link, slice).await?;
        indexed += u64::try_from(adopted.len()).unwrap_or(u64::MAX);
        let new = not_yet_indexed(link, adopted).await?;
        if !new.is_empty() {
            write(link, &new, now).await?;
        }
    }
    Ok(indexed)
}

async fn adopt(link: &mut Link<'_>, frames: &[FrameKey]) -> Result<Vec<Adopted>, StoreError> {
    let mut ask = pipe();
    ask.ignore_errors();
    for key in frames.iter().map(FrameKey::to_string) {
        ask.cmd("STRLEN").arg(&key).cmd("PTTL").arg(&key);
    }
    let answers: Vec<Result<i64, RedisError>> = link.pipe(&ask).await?;
    let adopted = frames.iter().zip(answers.chunks_exact(2)).filter_map(|(key, pair)| {
        let size = u32::try_from(*pair[0].as_ref().ok()?).ok().filter(|size| *size > 0)?;
        let life = Life::of(lifetime(*pair[1].as_ref().ok()?)?);
        let (at, suffix) = (key.at(), key.suffix());
        let record = IndexRecord { at, suffix, ask: true, size: Some(size) };
        Some(Adopted { stream: key.stream().clone(), bucket: life.bucket(at), record })
    });
    Ok(adopted.collect())
}

/// The lifetime for a reply of PTTL: milliseconds, -1 without an end, -2 without a key.
fn lifetime(pttl: i64) -> Option<Ttl> {
    let secs = match pttl {
        -1 => ENDLESS_SECS,
        left => u64::try_from(left).ok()?.div_ceil(1000).max(SHORTEST_SECS).next_power_of_two(),
    };
    Ttl::from_secs(secs.min(u64::from(Ttl::MAX_SECS))).ok()
}

/// Leaves out what an earlier run wrote.
async fn not_yet_indexed(
    link: &mut Link<'_>,
    adopted: Vec<Adopted>,
) -> Result<Vec<Adopted>, StoreError> {
    let mut buckets: HashMap<String, Vec<IndexRecord>> = HashMap::new();
    for one in &adopted {
        buckets.entry(bucket_key(one)).or_default();
    }
    if buckets.is_empty() {
        return Ok(adopted);
    }
    let names: Vec<String> = buckets.keys().cloned().collect();
    let mut mget = cmd("MGET");
    mget.arg(&names);
    let bytes: Vec<Option<Bytes>> = link.run(&mget).await?;
    for (name, bytes) in names.into_iter().zip(bytes) {
        let records = decode_bucket(bytes.as_deref().unwrap_or_default()).unwrap_or_default();
        buckets.insert(name, records);
    }
    let is_new = |one: &Adopted| {
        let there = buckets.get(&bucket_key(one));
        !there.is_some_and(|records| records.contains(&one.record))
    };
    Ok(adopted.into_iter().filter(is_new).collect())
}

async fn write(link: &mut Link<'_>, adopted: &[Adopted], now: UnixNanos) -> Result<(), StoreError> {
    let mut openings: HashMap<(StreamId, Bucket), Opening> = HashMap::new();
    let mut seen: HashMap<StreamId, UnixNanos> = HashMap::new();
    for Adopted { stream, bucket, record } in adopted {
        let opening = Opening {
            stream: stream.clone(),
            bucket: *bucket,
            deadline: bucket.expires_at(now),
            listed: true,
        };
        openings.entry((stream.clone(), *bucket)).or_insert(opening);
        let newest = seen.entry(stream.clone()).or_insert(record.at);
        *newest = record.at.max(*newest);
    }
    let mut transaction = pipe();
    transaction.atomic();
    for opening in openings.values() {
        push_opening(&mut transaction, opening, None);
    }
    for (stream, newest) in &seen {
        push_seen(&mut transaction, stream, *newest);
    }
    for one in adopted {
        push_record(&mut transaction, &bucket_key(one), one.record);
    }
    link.pipe::<Vec<u64>>(&transaction).await.map(|_| ())
}

fn bucket_key(one: &Adopted) -> String {
    StreamKeys::new(&one.stream).bucket(one.bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_outlast_what_is_left_and_are_few() {
        let secs = |pttl| lifetime(pttl).map(Ttl::as_secs);
        assert_eq!(secs(1), Some(64));
        assert_eq!(secs(64_000), Some(64));
        assert_eq!(secs(64_001), Some(128));
        assert_eq!(secs(300_000), Some(512));
        assert_eq!(secs(-1), Some(31_536_000));
        assert_eq!(secs(-2), None);
        assert_eq!(secs(i64::MAX), Some(Ttl::MAX_SECS));
    }
}
