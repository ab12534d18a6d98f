//! What the index costs in Redis: bytes a frame of one camera at 15 frames a second, against one
//! sorted set of the same frames. A count, not a measurement: it is the same in every run.

use std::time::Duration;

use bytes::Bytes;
use framecache::clock::{Clock, SystemClock};
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::store::{FrameStore, PutFrame};
use redis::aio::MultiplexedConnection;

use crate::options::Scale;
use crate::rig::{self, FPS};
use crate::rounds::{Better, Round, Row};
use crate::support::redis::RedisServer;

const TTL_SECS: u64 = 3600;
const BUCKET_SECS: u64 = 10;
const SORTED_SET: &str = "bench-sorted-set";
const WRITE: usize = 1000;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    let round = rig::on_one_thread(measure(scale));
    vec![Row {
        what: format!("index in Redis, {FPS} frames/s, buckets of {BUCKET_SECS} s"),
        baseline: "one sorted set a camera".to_owned(),
        unit: "bytes/frame",
        better: Better::Less,
        rounds: vec![round],
    }]
}

async fn measure(scale: &Scale) -> Round {
    let server = RedisServer::start();
    let store = rig::open(&server, "bench-memory");
    let mut client = rig::bare_client(&server).await;
    let stream = rig::stream("cam1");
    let frames = frames(&stream, scale.memory_secs);
    for batch in frames.chunks(WRITE) {
        rig::put(store.as_ref(), batch).await;
        add_to_sorted_set(&mut client, batch).await;
    }
    let found = store.index(&stream, TimeRange::ALL).await.unwrap();
    assert_eq!(found.records.len(), frames.len());
    let pattern = format!("@framecache/{{{stream}}}/{TTL_SECS}/{BUCKET_SECS}/*");
    let buckets: Vec<String> =
        redis::cmd("KEYS").arg(pattern).query_async(&mut client).await.unwrap();
    assert_eq!(buckets.len() as u64, scale.memory_secs / BUCKET_SECS);
    let mut index = 0.0;
    for bucket in &buckets {
        index += memory_usage(&mut client, bucket).await;
    }
    let each = |bytes: f64| bytes / u32::try_from(frames.len()).map(f64::from).unwrap();
    Round { ours: each(index), baseline: each(memory_usage(&mut client, SORTED_SET).await) }
}

/// The frames of whole buckets, evenly spaced. Too late to be live, which changes a flag in their
/// records and no length.
fn frames(stream: &framecache::model::key::StreamId, secs: u64) -> Vec<PutFrame> {
    let now = SystemClock.now().get() / 1_000_000_000;
    let from = (now - secs) / BUCKET_SECS * BUCKET_SECS;
    let from = UnixNanos::new(from * 1_000_000_000).unwrap();
    let at = |number: u64| from.plus(Duration::from_nanos(number * 1_000_000_000 / FPS));
    let frame = |number| PutFrame {
        key: rig::key(stream, at(number)),
        bytes: Bytes::from_static(b"frame"),
        ttl: rig::ttl(TTL_SECS),
        expires_at: None,
        new_dimensions: None,
    };
    (0..secs * FPS).map(frame).collect()
}

/// Time and sequence as members of equal score, to be read by BYLEX: doubles cannot hold
/// nanoseconds.
async fn add_to_sorted_set(client: &mut MultiplexedConnection, batch: &[PutFrame]) {
    let mut add = redis::cmd("ZADD");
    add.arg(SORTED_SET);
    for frame in batch {
        add.arg(0).arg(format!("{}:{:05}", frame.key.at(), frame.key.suffix().number()));
    }
    let added: usize = add.query_async(client).await.unwrap();
    assert_eq!(added, batch.len());
}

async fn memory_usage(client: &mut MultiplexedConnection, key: &str) -> f64 {
    let mut ask = redis::cmd("MEMORY");
    ask.arg("USAGE").arg(key).arg("SAMPLES").arg(0);
    ask.query_async(client).await.unwrap()
}
