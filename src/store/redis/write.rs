//! Writing: one transaction a batch, frames and records together.
//!
//! A frame is `SET .. NX`, its record an `APPEND`; the frame's fate is known only with the answer, so
//! the record of a frame whose key was taken is already there. That is mended, not prevented: a
//! record flagged `ask` is appended behind it, which wins over it and sends readers to Redis for
//! end and size. The same mends a retry that came so late that its record tells another end than
//! its key has. A reply that was lost leaves a repeated record at most.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use redis::{Pipeline, Value, cmd, pipe};

use super::connect::{Lane, Link};
use super::keys::{self, StreamKeys};
use super::outbox;
use super::plan::{Memory, Opening, Plan, Planned};
use crate::model::arrival::Arrival;
use crate::model::bucket::{Expiry, IndexRecord, RECORD_BYTES};
use crate::model::frame::Dimensions;
use crate::model::key::StreamId;
use crate::model::time::UnixNanos;
use crate::store::{CollectorId, OutboxMark, Place, Put, PutFrame, StoreError};

/// The most dimensions that are kept of a camera.
const DIMENSIONS_MAX: isize = 1024;

/// Removes the members of a ZSET (first key) whose buckets (further keys) are gone.
const SWEEP: &str = "for i = 2, #KEYS do if redis.call('EXISTS', KEYS[i]) == 0 then \
                     redis.call('ZREM', KEYS[1], ARGV[i - 1]) end end";
const SWEEP_SAMPLE: u32 = 256;

/// Writes batches.
#[derive(Debug)]
pub(super) struct Writer {
    lane: Lane,
    collector: CollectorId,
    memory: Mutex<Memory>,
}

/// What the server answered for one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    stored: bool,
    bucket_bytes: u64,
}

impl Writer {
    pub(super) fn new(lane: Lane, collector: CollectorId) -> Self {
        Self { lane, collector, memory: Mutex::default() }
    }

    pub(super) async fn link(&self) -> Result<Link<'_>, StoreError> {
        self.lane.link().await
    }

    pub(super) fn lane(&self) -> &Lane {
        &self.lane
    }

    pub(super) fn collector(&self) -> &CollectorId {
        &self.collector
    }

    /// Takes marks away; a bucket that is written to again gets a new one first.
    pub(super) async fn remove_marks(&self, marks: &[OutboxMark]) -> Result<(), StoreError> {
        self.memory().forget_marks(marks);
        outbox::remove(&mut self.link().await?, &self.collector, marks).await
    }

    /// Stores a batch; an error is that of every frame in it.
    pub(super) async fn put(
        &self,
        batch: &[PutFrame],
    ) -> Result<Vec<Result<Put, StoreError>>, StoreError> {
        let mut link = self.link().await?;
        let now = self.lane.shared().server.known(&link).now();
        let clock = Instant::now();
        let plan = self.memory().of_connection(link.generation()).plan(batch, now, clock);
        let written = self.carry_out(&mut link, batch, &plan).await?;
        let due = {
            let mut memory = self.memory();
            memory.carried_out(&plan, batch, clock);
            memory.due_sweeps(&plan, clock)
        };
        self.reopen_lost(&mut link, batch, &plan, &written).await?;
        let outcomes = settle(&mut link, batch, &plan.frames, &written).await?;
        for stream in due {
            sweep(&mut link, &stream).await;
        }
        Ok(outcomes)
    }

    async fn carry_out(
        &self,
        link: &mut Link<'_>,
        batch: &[PutFrame],
        plan: &Plan,
    ) -> Result<Vec<Written>, StoreError> {
        let mut transaction = pipe();
        transaction.atomic();
        self.prepare(&mut transaction, plan);
        for (frame, planned) in batch.iter().zip(&plan.frames) {
            push_frame(&mut transaction, frame, planned);
        }
        let answers: Vec<Value> = link.pipe(&transaction).await?;
        answers
            .chunks_exact(2)
            .map(|pair| match pair {
                [set, Value::Int(length)] => Ok(Written {
                    stored: *set != Value::Nil,
                    bucket_bytes: u64::try_from(*length).unwrap_or(0),
                }),
                other => Err(StoreError::Format(format!("SET and APPEND answered {other:?}"))),
            })
            .collect()
    }

    /// Opens buckets and registers cameras.
    fn prepare(&self, transaction: &mut Pipeline, plan: &Plan) {
        for opening in &plan.openings {
            push_opening(transaction, opening, Some(&self.collector));
        }
        for (stream, newest) in &plan.seen {
            push_seen(transaction, stream, *newest);
        }
    }

    /// A bucket that this batch took for open and that was not there (flushed, evicted) has no end
    /// yet: everything that the index needs is written again at once.
    async fn reopen_lost(
        &self,
        link: &mut Link<'_>,
        batch: &[PutFrame],
        plan: &Plan,
        written: &[Written],
    ) -> Result<(), StoreError> {
        let opened_here = |frame: &PutFrame, planned: &Planned| {
            let stream = frame.key.stream();
            plan.openings.iter().any(|one| one.bucket == planned.bucket && one.stream == *stream)
        };
        let lost = batch.iter().zip(&plan.frames).zip(written).any(|((frame, planned), one)| {
            one.bucket_bytes == RECORD_BYTES as u64 && !opened_here(frame, planned)
        });
        if !lost {
            return Ok(());
        }
        let now = self.lane.shared().server.known(link).now();
        let clock = Instant::now();
        let again = {
            let mut memory = self.memory();
            memory.forget();
            memory.plan(batch, now, clock)
        };
        let mut transaction = pipe();
        transaction.atomic();
        self.prepare(&mut transaction, &again);
        transaction.cmd("SET").arg(keys::FORMAT).arg(keys::FORMAT_VERSION).arg("NX").ignore();
        link.pipe::<()>(&transaction).await?;
        self.memory().carried_out(&again, batch, clock);
        Ok(())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a bucket with an end, or gives it a later one, and whatever leads to it.
///
/// PEXPIREAT GT does nothing to a key without an end, so NX goes first.
pub(super) fn push_opening(
    transaction: &mut Pipeline,
    opening: &Opening,
    mark_of: Option<&CollectorId>,
) {
    let Opening { stream, bucket, deadline, listed } = opening;
    let keys = StreamKeys::new(stream);
    let (key, member) = (keys.bucket(*bucket), keys::bucket_text(*bucket));
    let millis = deadline.as_millis();
    transaction.cmd("SET").arg(&key).arg("").arg("PXAT").arg(millis).arg("NX").ignore();
    push_end(transaction, &key, millis);
    if let Some(collector) = mark_of {
        let outbox = keys.outbox(collector);
        transaction.cmd("HSETNX").arg(&outbox).arg(&member).arg(0).ignore();
        push_end(transaction, &outbox, millis);
        let seconds = millis.div_ceil(1000);
        let life = keys::life_text(bucket.life);
        transaction.cmd("ZADD").arg(keys.lives()).arg("GT").arg(seconds).arg(life).ignore();
    }
    if *listed {
        let start = bucket.number.saturating_mul(u64::from(bucket.life.width.as_secs()));
        transaction.cmd("ZADD").arg(keys.late()).arg(start).arg(member).ignore();
        push_end(transaction, &keys.late(), millis);
    }
}

/// Lets a key live until `millis` at least.
pub(super) fn push_end(transaction: &mut Pipeline, key: &str, millis: u64) {
    for condition in ["NX", "GT"] {
        transaction.cmd("PEXPIREAT").arg(key).arg(millis).arg(condition).ignore();
    }
}

/// Writes a camera and its family into the registries.
pub(super) fn push_seen(transaction: &mut Pipeline, stream: &StreamId, newest: UnixNanos) {
    let StreamId { tenant, prefix, camera } = stream;
    let micros = newest.get() / 1000;
    let family = keys::family(tenant, prefix);
    transaction.cmd("ZADD").arg(keys::STREAMS).arg("GT").arg(micros).arg(family).ignore();
    let cameras = keys::cameras(tenant, prefix);
    transaction.cmd("ZADD").arg(cameras).arg("GT").arg(micros).arg(camera.as_str()).ignore();
}

fn push_frame(transaction: &mut Pipeline, frame: &PutFrame, planned: &Planned) {
    let keys = StreamKeys::new(frame.key.stream());
    transaction.cmd("SET").arg(frame.key.to_string()).arg(&frame.bytes[..]).arg("NX");
    match planned.expiry {
        Expiry::At(end) | Expiry::Exact(end) => transaction.arg("PXAT").arg(end.as_millis()),
        Expiry::FromNow(ttl) => transaction.arg("PX").arg(u64::from(ttl.as_secs()) * 1000),
    };
    push_record(transaction, &keys.bucket(planned.bucket), planned.record);
    if let Some(arrived) = planned.arrived {
        push_arrival(transaction, &keys, planned, arrived);
    }
    if let Some(dimensions) = planned.new_dimensions {
        let entry = dimensions_entry(planned.record.at, dimensions);
        transaction.cmd("RPUSH").arg(keys.dims()).arg(&entry[..]).ignore();
        transaction.cmd("LTRIM").arg(keys.dims()).arg(-DIMENSIONS_MAX).arg(-1).ignore();
    }
}

/// Appends a record; the answer is the bucket's length.
pub(super) fn push_record(transaction: &mut Pipeline, bucket: &str, record: IndexRecord) {
    transaction.cmd("APPEND").arg(bucket).arg(&record.encode()[..]);
}

/// Notes when a late frame comes. The string's end is told by its name, so it never moves.
fn push_arrival(
    transaction: &mut Pipeline,
    keys: &StreamKeys,
    planned: &Planned,
    arrived: UnixNanos,
) {
    let span = planned.bucket.life.bucket(arrived);
    let (key, end) = (keys.arrived(span), span.expires_at(arrived).as_millis());
    let note = Arrival { at: arrived, record: planned.record };
    transaction.cmd("SET").arg(&key).arg("").arg("PXAT").arg(end).arg("NX").ignore();
    transaction.cmd("APPEND").arg(&key).arg(&note.encode()[..]).ignore();
}

/// Big-endian: nanos (8), width (2), height (2).
fn dimensions_entry(from: UnixNanos, dimensions: Dimensions) -> [u8; 12] {
    let mut entry = [0; 12];
    entry[..8].copy_from_slice(&from.get().to_be_bytes());
    entry[8..10].copy_from_slice(&dimensions.width.to_be_bytes());
    entry[10..].copy_from_slice(&dimensions.height.to_be_bytes());
    entry
}

/// Reads [`dimensions_entry`] back.
pub(super) fn parse_dimensions(entry: &[u8]) -> Option<(UnixNanos, Dimensions)> {
    let (from, rest) = entry.split_first_chunk::<8>()?;
    let (width, rest) = rest.split_first_chunk::<2>()?;
    let height = rest.try_into().ok().map(u16::from_be_bytes)?;
    let from = UnixNanos::new(u64::from_be_bytes(*from))?;
    Some((from, Dimensions { width: u16::from_be_bytes(*width), height }))
}

/// Finds out what lies under the keys that were not free, and mends their records.
async fn settle(
    link: &mut Link<'_>,
    batch: &[PutFrame],
    planned: &[Planned],
    written: &[Written],
) -> Result<Vec<Result<Put, StoreError>>, StoreError> {
    let mut outcomes = Vec::with_capacity(batch.len());
    for ((frame, planned), written) in batch.iter().zip(planned).zip(written) {
        let records = written.bucket_bytes / RECORD_BYTES as u64;
        let end = u32::try_from(records).unwrap_or(u32::MAX);
        let place = Place { bucket: planned.bucket, end };
        outcomes.push(match written.stored {
            true => Ok(Put::Stored { place, again: false }),
            false => compare(link, frame, planned, place).await?,
        });
    }
    Ok(outcomes)
}

async fn compare(
    link: &mut Link<'_>,
    frame: &PutFrame,
    planned: &Planned,
    place: Place,
) -> Result<Result<Put, StoreError>, StoreError> {
    let key = frame.key.to_string();
    let mut ask = pipe();
    ask.cmd("TYPE").arg(&key).cmd("PEXPIRETIME").arg(&key).cmd("MGET").arg(&key);
    let (kind, end, there): (String, i64, Vec<Option<Bytes>>) = link.pipe(&ask).await?;
    if kind == "none" {
        let said = format!("{key} was taken and is gone again: try once more");
        return Ok(Err(StoreError::Unavailable(said)));
    }
    // MGET answers nothing for a key of another type, where GET fails
    let same = there.first().is_some_and(|there| there.as_ref() == Some(&frame.bytes));
    let told = match planned.expiry {
        Expiry::At(end) => i64::try_from(end.as_millis()).ok(),
        Expiry::FromNow(_) | Expiry::Exact(_) => None,
    };
    if !planned.record.ask && (!same || told != Some(end)) {
        mend(link, frame, planned).await?;
    }
    Ok(Ok(if same { Put::Stored { place, again: true } } else { Put::Taken }))
}

/// Appends a record that sends readers to Redis, behind one that tells a wrong end or size.
async fn mend(link: &mut Link<'_>, frame: &PutFrame, planned: &Planned) -> Result<(), StoreError> {
    let key = StreamKeys::new(frame.key.stream()).bucket(planned.bucket);
    let record = IndexRecord { ask: true, size: None, ..planned.record };
    let mut mending = pipe();
    push_record(&mut mending, &key, record);
    // followers find frames that are asked for by their notes alone
    push_arrival(
        &mut mending,
        &StreamKeys::new(frame.key.stream()),
        &Planned { record, ..*planned },
        record.at,
    );
    link.pipe::<(u64,)>(&mending).await.map(|_| ())
}

/// Takes buckets that are gone off the list. It may fail: a dead member costs a reader one absent bucket.
async fn sweep(link: &mut Link<'_>, stream: &StreamId) {
    let keys = StreamKeys::new(stream);
    let mut sample = cmd("ZRANDMEMBER");
    sample.arg(keys.late()).arg(SWEEP_SAMPLE);
    let Ok(members) = link.run::<Vec<String>>(&sample).await else { return };
    let known: Vec<_> = members.iter().filter_map(|text| keys::parse_bucket(text)).collect();
    let mut call = cmd("EVAL");
    call.arg(SWEEP).arg(known.len() + 1).arg(keys.late());
    call.arg(known.iter().map(|bucket| keys.bucket(*bucket)).collect::<Vec<_>>());
    call.arg(known.iter().map(|bucket| keys::bucket_text(*bucket)).collect::<Vec<_>>());
    if let Err(error) = link.run::<()>(&call).await {
        tracing::debug!(%error, camera = %stream, "dead buckets stay listed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_read_back_or_refused() {
        let from = UnixNanos::new(1_731_024_000_123_456_789).unwrap();
        let dimensions = Dimensions { width: 1920, height: 1080 };
        let entry = dimensions_entry(from, dimensions);
        assert_eq!(entry, *b"\x18\x05\xd5\x28\x21\x08\xcd\x15\x07\x80\x04\x38");
        assert_eq!(parse_dimensions(&entry), Some((from, dimensions)));
        assert_eq!(parse_dimensions(&entry[..11]), None);
        assert_eq!(parse_dimensions(&[0xff; 12]), None);
    }
}
