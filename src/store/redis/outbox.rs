//! The index read as an outbox: what a collector has announced of each bucket, in bytes.
//!
//! A hash a camera and collector, field per bucket. It gets an end with each bucket, so that the
//! marks of a collector that never comes back go with the frames they speak of.

use redis::{cmd, pipe};

use super::connect::Link;
use super::keys::{self, StreamKeys};
use super::registry;
use super::write::push_end;
use crate::model::bucket::{Bucket, IndexRecord, RECORD_BYTES, decode_places};
use crate::model::key::StreamId;
use crate::model::time::UnixNanos;
use crate::store::{CollectorId, FamilySeen, OutboxMark, StoreError};

/// Cameras or marks of one pipeline.
const SLICE: usize = 256;

pub(super) async fn tail(
    link: &mut Link<'_>,
    stream: &StreamId,
    bucket: Bucket,
    skip: u32,
) -> Result<Vec<Option<IndexRecord>>, StoreError> {
    let key = StreamKeys::new(stream).bucket(bucket);
    let mut range = cmd("GETRANGE");
    range.arg(&key).arg(u64::from(skip) * RECORD_BYTES as u64).arg(-1);
    let bytes: Vec<u8> = link.run(&range).await?;
    decode_places(&bytes).map_err(|error| StoreError::Format(format!("{key}: {error}")))
}

pub(super) async fn marks(
    link: &mut Link<'_>,
    collector: &CollectorId,
    families: Vec<FamilySeen>,
) -> Result<Vec<OutboxMark>, StoreError> {
    let mut streams = Vec::new();
    for family in families {
        let cameras = registry::cameras(link, &family.tenant, &family.prefix).await?;
        streams.extend(cameras.into_iter().map(|seen| keys::stream(&family, seen.camera)));
    }
    let mut marks = Vec::new();
    for slice in streams.chunks(SLICE) {
        let mut ask = pipe();
        for stream in slice {
            ask.cmd("HGETALL").arg(StreamKeys::new(stream).outbox(collector));
        }
        let hashes: Vec<Vec<(String, u64)>> = link.pipe(&ask).await?;
        for (stream, fields) in slice.iter().zip(hashes) {
            marks.extend(fields.iter().filter_map(|(field, bytes)| {
                let bucket = keys::parse_bucket(field)?;
                let announced = u32::try_from(bytes / RECORD_BYTES as u64).ok()?;
                Some(OutboxMark { stream: stream.clone(), bucket, announced })
            }));
        }
    }
    marks.sort_unstable_by(|a, b| (&a.stream, a.bucket).cmp(&(&b.stream, b.bucket)));
    Ok(marks)
}

pub(super) async fn save(
    link: &mut Link<'_>,
    collector: &CollectorId,
    marks: &[OutboxMark],
    now: UnixNanos,
) -> Result<(), StoreError> {
    for slice in marks.chunks(SLICE) {
        let mut transaction = pipe();
        transaction.atomic();
        for OutboxMark { stream, bucket, announced } in slice {
            let key = StreamKeys::new(stream).outbox(collector);
            let bytes = u64::from(*announced) * RECORD_BYTES as u64;
            let field = keys::bucket_text(*bucket);
            transaction.cmd("HSET").arg(&key).arg(field).arg(bytes).ignore();
            push_end(&mut transaction, &key, bucket.expires_at(now).as_millis());
        }
        link.pipe::<()>(&transaction).await?;
    }
    Ok(())
}

pub(super) async fn remove(
    link: &mut Link<'_>,
    collector: &CollectorId,
    marks: &[OutboxMark],
) -> Result<(), StoreError> {
    for slice in marks.chunks(SLICE) {
        let mut removal = pipe();
        for OutboxMark { stream, bucket, .. } in slice {
            let key = StreamKeys::new(stream).outbox(collector);
            removal.cmd("HDEL").arg(&key).arg(keys::bucket_text(*bucket)).ignore();
        }
        link.pipe::<()>(&removal).await?;
    }
    Ok(())
}
