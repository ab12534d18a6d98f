//! Promises 1 to 3 on real servers: stored before announced, announced at least once across a
//! broker's death and a collector's, every frame accounted for while Redis is away.

mod accounted;
mod amqp_announced;
mod amqp_followed;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use framecache::bus::Bus;
use framecache::clock::SystemClock;
use framecache::ingest::announce::AnnouncerParts;
use framecache::ingest::{Announcer, Ingest, IngestOptions};
use framecache::metrics::Metrics;
use framecache::model::key::StreamId;
use framecache::model::retention::Retention;
use framecache::model::time::{Ttl, UnixNanos};
use framecache::store::redis::{RedisOptions, RedisStore};

use crate::support::redis::RedisServer;

/// An ingest on a real Redis and some bus.
struct Rig {
    store: Arc<RedisStore>,
    metrics: Arc<Metrics>,
    ingest: Ingest,
}

fn rig(redis: &RedisServer, bus: Arc<dyn Bus>, options: IngestOptions) -> Rig {
    let collector = "site1".parse().expect("the collector id should be valid");
    let mut redis_options = RedisOptions::new(&redis.url(), collector);
    redis_options.response_timeout = Duration::from_millis(500);
    let store = Arc::new(RedisStore::open(&redis_options).expect("the options should be valid"));
    let metrics = Arc::new(Metrics::default());
    let announcer = Announcer::start(AnnouncerParts {
        store: Arc::<RedisStore>::clone(&store),
        outbox: Arc::<RedisStore>::clone(&store),
        bus,
        clock: Arc::new(SystemClock),
        metrics: Arc::clone(&metrics),
        take_up: true,
        whole_frames: None,
    });
    let ingest = Ingest::new(
        Arc::<RedisStore>::clone(&store),
        announcer,
        Arc::new(SystemClock),
        Arc::clone(&metrics),
        options,
    );
    Rig { store, metrics, ingest }
}

fn camera(name: &str) -> StreamId {
    StreamId {
        tenant: "client-a".parse().expect("the tenant should be valid"),
        prefix: "frames".parse().expect("the prefix should be valid"),
        camera: name.parse().expect("the camera id should be valid"),
    }
}

fn retention() -> Retention {
    Retention::single(Ttl::from_secs(120).expect("two minutes should be a lifetime"))
}

fn now() -> UnixNanos {
    framecache::clock::Clock::now(&SystemClock)
}

/// A small JPEG that carries a number, so that no two are equal.
fn picture(number: u32) -> Bytes {
    let mut jpeg = Vec::new();
    let pixels = [128; 16 * 8 * 3];
    jpeg_encoder::Encoder::new(&mut jpeg, 80)
        .encode(&pixels, 16, 8, jpeg_encoder::ColorType::Rgb)
        .expect("a small picture should be encodable");
    let text = number.to_string();
    let numbered = framecache::model::jpeg::insert_comments(&jpeg, &[text.as_bytes()]);
    Bytes::from(numbered.expect("a short comment should fit"))
}

/// Waits until `done`, at most 20 s.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
