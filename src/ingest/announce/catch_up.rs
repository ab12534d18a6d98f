//! Announces from the index what the fresh queue could not: after an outage, after a restart.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;

use super::Inner;
use super::progress::Gap;
use crate::backoff::Backoff;
use crate::bus::{Delivery, Message, Topic};
use crate::model::bucket::IndexRecord;
use crate::model::event::Announcement;
use crate::model::frame::{Dimensions, dimensions_at};
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::UnixNanos;
use crate::store::{FETCH_MAX, StoreError};

/// Why catching up stopped early; it is tried again.
enum Interrupted {
    Store(StoreError),
    Bus,
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Takes up the marks of an earlier process, then serves cameras that fall behind.
pub(super) async fn run(inner: Arc<Inner>) {
    let stop = inner.stop.clone();
    let work = async {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        while inner.parts.take_up
            && let Err(error) = adopt(&inner).await
        {
            tracing::debug!("the outbox cannot be read yet: {error}");
            tokio::time::sleep(backoff.next_wait()).await;
        }
        inner.taken_up.store(true, Ordering::Release);
        loop {
            serve(&inner, &mut backoff).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

async fn adopt(inner: &Inner) -> Result<(), StoreError> {
    let mut found = 0_u64;
    for mark in inner.parts.outbox.marks().await? {
        let tail = inner.parts.outbox.tail(&mark.stream, mark.bucket, mark.announced).await?;
        let behind = u32::try_from(tail.len()).unwrap_or(u32::MAX);
        found += u64::from(behind);
        inner.progress().adopt(&mark, behind);
    }
    if found > 0 {
        tracing::info!("{found} records of an earlier run may not be announced: doing so now");
    }
    Ok(())
}

/// Waits until a camera is behind and the bus is ready, and catches up all that are.
async fn serve(inner: &Inner, backoff: &mut Backoff) {
    let behind = inner.progress().behind();
    if behind.is_empty() {
        inner.behind.notified().await;
        return;
    }
    inner.parts.bus.ready().await;
    for stream in behind {
        match catch_up(inner, &stream).await {
            Ok(()) => backoff.reset(),
            Err(why) => {
                if let Interrupted::Store(error) = why {
                    tracing::debug!("cannot catch up on {stream}: {error}");
                }
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

async fn catch_up(inner: &Inner, stream: &StreamId) -> Result<(), Interrupted> {
    let dimensions = inner.parts.store.dimensions(stream).await?;
    loop {
        let Some(gap) = inner.progress().next_gap(stream) else { return Ok(()) };
        let tail = inner.parts.outbox.tail(stream, gap.bucket, gap.announced).await?;
        if tail.is_empty() {
            let lost = inner.progress().lost(stream, gap.bucket);
            inner.parts.metrics.account(stream).announcements_expired(u64::from(lost));
        }
        let mut announced = gap.announced;
        for records in tail.chunks(FETCH_MAX) {
            announce_records(inner, stream, gap, records, &dimensions).await?;
            announced += u32::try_from(records.len()).unwrap_or(u32::MAX);
            inner.progress().caught_up(stream, gap.bucket, announced);
        }
    }
}

/// Announces what lives of some records; a frame that was deleted counts as expired.
async fn announce_records(
    inner: &Inner,
    stream: &StreamId,
    gap: Gap,
    records: &[Option<IndexRecord>],
    dimensions: &[(UnixNanos, Dimensions)],
) -> Result<(), Interrupted> {
    let account = inner.parts.metrics.account(stream);
    let there = records.iter().flatten();
    account.announcements_expired(count(records.len() - there.clone().count()));
    let mut keys: Vec<FrameKey> = there.filter_map(|one| one.key(stream).ok()).collect();
    // A retried write repeats its record right behind.
    keys.dedup();
    let stats = inner.parts.store.stat(&keys).await?;
    let mut in_flight = FuturesOrdered::new();
    for (key, stat) in keys.into_iter().zip(stats) {
        let Some(stat) = stat else {
            account.announcements_expired(1);
            continue;
        };
        let dimensions = dimensions_at(dimensions, key.at());
        let ttl = Some(gap.bucket.life.ttl);
        let body = Announcement { key, size: stat.size, dimensions, ttl }.to_json();
        let message = Message { topic: Topic::Frame, body: Bytes::from(body) };
        in_flight.push_back(inner.parts.bus.publish(message));
    }
    while let Some(outcome) = in_flight.next().await {
        let delivery = outcome.map_err(|_| Interrupted::Bus)?;
        account.announced(delivery == Delivery::Unroutable, true);
    }
    Ok(())
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
