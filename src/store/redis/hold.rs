//! Holds: the register, and frames that live longer together with their index records.
//!
//! Frames, records and the note of each frame's natural end change in one script, so that neither a
//! reader nor a second holder sees half of it. A record is not appended but gets its `ask` flag where
//! it stands, because the outbox counts places. Its bucket is listed and gets a later end; so it is
//! read wherever it lies. A held frame that no record tells of is adopted as `reindex` would.

use std::collections::HashMap;

use redis::cmd;

use super::connect::Link;
use super::keys::{self, StreamKeys};
use super::read::Reader;
use super::reindex;
use crate::model::bucket::{BUCKET_SLACK, Bucket, IndexRecord, RECORD_BYTES};
use crate::model::hold::Hold;
use crate::model::key::{FrameKey, StreamId, Suffix};
use crate::model::name::{Prefix, Tenant};
use crate::model::time::{NANOS_PER_SEC, TimeRange, UnixNanos};
use crate::store::{HeldFrame, HeldPage, Lengthened, StoreError};

const LENGTHEN: &str = include_str!("hold.lua");

/// KEYS: held, frames. ARGV: of each frame its field and the end to keep, in ms, 0 for none. A frame whose
/// end is not the one that a hold set was written anew since, and keeps its end.
const SHORTEN: &str = "local freed = 0 for i = 2, #KEYS do \
    local field, keep = ARGV[2 * i - 3], tonumber(ARGV[2 * i - 2]) \
    local note = redis.call('HGET', KEYS[1], field) if note then \
    local natural, size, set = string.match(note, '^(%d+) (%d+) (%d+)$') \
    local held = set and redis.call('PEXPIRETIME', KEYS[i]) == tonumber(set) \
    if held then redis.call('PEXPIREAT', KEYS[i], \
    string.format('%.0f', math.max(tonumber(natural), keep)), 'LT') end \
    if held and keep > tonumber(natural) then redis.call('HSET', KEYS[1], field, \
    string.format('%s %s %.0f', natural, size, math.min(keep, tonumber(set)))) \
    else redis.call('HDEL', KEYS[1], field) freed = freed + 1 end \
    end end return freed";

/// Writes a field unless it is there, and lets the key live until ARGV[3] at least.
const ADD: &str = "local new = redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) \
    redis.call('PEXPIREAT', KEYS[1], ARGV[3], 'NX') \
    redis.call('PEXPIREAT', KEYS[1], ARGV[3], 'GT') return new";

/// Held frames that one step asks for, roughly.
const PAGE: u32 = 1000;
/// Bytes of a field: time, number, kind.
const FIELD_BYTES: usize = 13;

pub(super) async fn holds(
    link: &mut Link<'_>,
    tenant: &Tenant,
    prefix: &Prefix,
) -> Result<Vec<Hold>, StoreError> {
    let mut ask = cmd("HGETALL");
    ask.arg(keys::holds(tenant, prefix));
    let fields: HashMap<String, String> = link.run(&ask).await?;
    let read = |text: &String| match serde_json::from_str(text) {
        Ok(hold) => Some(hold),
        Err(error) => {
            tracing::warn!(%error, "a hold in the register is not understood and passed over");
            None
        }
    };
    let mut holds: Vec<Hold> = fields.values().filter_map(read).collect();
    holds.sort_unstable_by(|a, b| a.id().cmp(b.id()));
    Ok(holds)
}

pub(super) async fn add(link: &mut Link<'_>, hold: &Hold) -> Result<bool, StoreError> {
    let text =
        serde_json::to_string(hold).map_err(|error| StoreError::Format(error.to_string()))?;
    let end = hold.until().plus(BUCKET_SLACK).as_millis();
    let mut call = cmd("EVAL");
    call.arg(ADD).arg(1).arg(register(hold)).arg(hold.id().as_str()).arg(text).arg(end);
    Ok(link.run::<u64>(&call).await? == 1)
}

pub(super) async fn remove(link: &mut Link<'_>, hold: &Hold) -> Result<bool, StoreError> {
    let mut call = cmd("HDEL");
    call.arg(register(hold)).arg(hold.id().as_str());
    Ok(link.run::<u64>(&call).await? == 1)
}

fn register(hold: &Hold) -> String {
    keys::holds(&hold.stream().tenant, &hold.stream().prefix)
}

/// A record of a frame, where it was read.
struct Found {
    frame: usize,
    bucket: usize,
    offset: usize,
    old: [u8; RECORD_BYTES],
    new: [u8; RECORD_BYTES],
}

pub(super) async fn lengthen(
    reader: &Reader,
    link: &mut Link<'_>,
    frames: &[FrameKey],
    until: UnixNanos,
) -> Result<Vec<Option<Lengthened>>, StoreError> {
    let Some(stream) = frames.first().map(FrameKey::stream) else { return Ok(Vec::new()) };
    let buckets = buckets_of(reader, stream, frames).await?;
    let found = records_of(frames, &buckets);
    let call = lengthening(stream, frames, until, (&buckets, &found));
    let told: Vec<(u8, u32, u32)> = link.run(&call).await?;
    let unknown: Vec<FrameKey> = frames
        .iter()
        .zip(&told)
        .filter(|(_, (what, _, records))| *what > 1 && *records == 0)
        .map(|(key, _)| key.clone())
        .collect();
    if !unknown.is_empty() {
        let now = reader.server_time(link);
        reindex::reindex(link, &unknown, now).await?;
    }
    let outcome = |(what, size, _): &(u8, u32, u32)| match what {
        0 => None,
        1 => Some(Lengthened::Lives),
        what => Some(Lengthened::Held { size: *size, new: *what == 3 }),
    };
    Ok(told.iter().map(outcome).collect())
}

type Buckets = Vec<(Bucket, bytes::Bytes)>;

/// The buckets that can hold records of these frames, ten minutes of them at a time.
async fn buckets_of(
    reader: &Reader,
    stream: &StreamId,
    frames: &[FrameKey],
) -> Result<Buckets, StoreError> {
    let mut groups: HashMap<u64, (UnixNanos, UnixNanos)> = HashMap::new();
    for at in frames.iter().map(FrameKey::at) {
        let span = groups.entry(at.get() / (600 * NANOS_PER_SEC)).or_insert((at, at.next()));
        *span = (span.0.min(at), span.1.max(at.next()));
    }
    let mut buckets: HashMap<Bucket, bytes::Bytes> = HashMap::new();
    for (from, to) in groups.into_values() {
        let Ok(window) = TimeRange::new(from, to) else { continue };
        buckets.extend(reader.buckets_of(stream, window).await?);
    }
    Ok(buckets.into_iter().collect())
}

/// Every record of these frames, and what it is to become.
fn records_of(frames: &[FrameKey], buckets: &Buckets) -> Vec<Found> {
    let places: HashMap<(UnixNanos, Suffix), usize> =
        frames.iter().enumerate().map(|(n, key)| ((key.at(), key.suffix()), n)).collect();
    let mut found = Vec::new();
    for (bucket, (_, bytes)) in buckets.iter().enumerate() {
        let (records, _) = bytes.as_chunks::<RECORD_BYTES>();
        for (place, old) in records.iter().enumerate() {
            let Some(record) = IndexRecord::decode(old) else { continue };
            let Some(frame) = places.get(&(record.at, record.suffix)) else { continue };
            let new = IndexRecord { ask: true, ..record }.encode();
            let offset = place * RECORD_BYTES;
            found.push(Found { frame: *frame, bucket, offset, old: *old, new });
        }
    }
    found
}

fn lengthening(
    stream: &StreamId,
    frames: &[FrameKey],
    until: UnixNanos,
    (buckets, found): (&Buckets, &[Found]),
) -> redis::Cmd {
    let keys = StreamKeys::new(stream);
    let mut call = cmd("EVAL");
    call.arg(LENGTHEN).arg(2 + frames.len() + buckets.len()).arg(keys.held()).arg(keys.late());
    call.arg(frames.iter().map(FrameKey::to_string).collect::<Vec<_>>());
    call.arg(buckets.iter().map(|(bucket, _)| keys.bucket(*bucket)).collect::<Vec<_>>());
    call.arg(until.as_millis()).arg(until.plus(BUCKET_SLACK).as_millis());
    call.arg(frames.len()).arg(buckets.len());
    for key in frames {
        call.arg(&field(key)[..]);
    }
    for (bucket, _) in buckets {
        let start = bucket.number.saturating_mul(u64::from(bucket.life.width.as_secs()));
        call.arg(start).arg(keys::bucket_text(*bucket));
    }
    for Found { frame, bucket, offset, old, new } in found {
        call.arg(frame + 1).arg(bucket + 1).arg(*offset).arg(&old[..]).arg(&new[..]);
    }
    call
}

pub(super) async fn held(
    link: &mut Link<'_>,
    stream: &StreamId,
    cursor: u64,
) -> Result<HeldPage, StoreError> {
    let mut scan = cmd("HSCAN");
    scan.arg(StreamKeys::new(stream).held()).arg(cursor).arg("COUNT").arg(PAGE);
    let (next, pairs): (u64, Vec<(Vec<u8>, String)>) = link.run(&scan).await?;
    let frames = pairs.iter().filter_map(|(field, note)| parse_held(stream, field, note));
    Ok(HeldPage { frames: frames.collect(), next })
}

pub(super) async fn shorten(
    link: &mut Link<'_>,
    ends: &[(FrameKey, Option<UnixNanos>)],
) -> Result<u64, StoreError> {
    let Some((first, _)) = ends.first() else { return Ok(0) };
    let mut call = cmd("EVAL");
    call.arg(SHORTEN).arg(1 + ends.len()).arg(StreamKeys::new(first.stream()).held());
    call.arg(ends.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>());
    for (key, keep) in ends {
        call.arg(&field(key)[..]).arg(keep.map_or(0, UnixNanos::as_millis));
    }
    link.run(&call).await
}

/// Big-endian: nanos (8), number (4), kind (1).
pub(super) fn field(key: &FrameKey) -> [u8; FIELD_BYTES] {
    let mut field = [0; FIELD_BYTES];
    field[..8].copy_from_slice(&key.at().get().to_be_bytes());
    field[8..12].copy_from_slice(&key.suffix().number().to_be_bytes());
    field[12] = key.suffix().kind();
    field
}

/// Reads a field and its note back.
fn parse_held(stream: &StreamId, field: &[u8], note: &str) -> Option<HeldFrame> {
    let (at, rest) = field.split_first_chunk::<8>()?;
    let (number, kind) = rest.split_first_chunk::<4>()?;
    let [kind] = kind else { return None };
    let suffix = Suffix::from_parts(*kind, u32::from_be_bytes(*number))?;
    let key =
        FrameKey::new(stream.clone(), UnixNanos::new(u64::from_be_bytes(*at))?, suffix).ok()?;
    let [natural, size, _set] = note.split(' ').collect::<Vec<_>>()[..] else { return None };
    let natural_end = UnixNanos::new(natural.parse::<u64>().ok()?.checked_mul(1_000_000)?)?;
    Some(HeldFrame { key, size: size.parse().ok()?, natural_end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_frame_is_read_back_or_refused() {
        for text in ["t:f:c:1731024000123456789:00007", "t:f:c:1731024000123456789:0a1b2c3d"] {
            let key: FrameKey = text.parse().unwrap();
            let natural_end = UnixNanos::new(1_731_024_300_123_000_000).unwrap();
            let one = HeldFrame { key: key.clone(), size: 9, natural_end };
            let (stream, bytes) = (key.stream(), field(&key));
            let note = "1731024300123 9 1731024900000";
            assert_eq!(parse_held(stream, &bytes, note), Some(one));
            for odd in ["", "1 ", "x 9 1", "1731024300123 9"] {
                assert_eq!(parse_held(stream, &bytes, odd), None, "{odd}");
            }
            assert_eq!(parse_held(stream, &bytes[..12], note), None);
        }
    }
}
