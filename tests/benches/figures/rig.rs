//! What every section needs: names, frames, stores on a private server, and the bare client.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use framecache::bus::memory::MemoryBus;
use framecache::clock::{Clock, SystemClock};
use framecache::ingest::announce::AnnouncerParts;
use framecache::ingest::{Announcer, Ingest, IngestOptions};
use framecache::metrics::Metrics;
use framecache::model::event::RoutingKeys;
use framecache::model::jpeg;
use framecache::model::key::{FrameKey, Seq, StreamId, Suffix};
use framecache::model::name::{CameraId, Prefix, Tenant};
use framecache::model::retention::Retention;
use framecache::model::time::{Ttl, UnixNanos};
use framecache::store::redis::{RedisOptions, RedisStore};
use framecache::store::{FrameStore, Outbox, Put, PutFrame};
use redis::aio::MultiplexedConnection;

use crate::support::redis::RedisServer;

/// Bytes of a frame, unless a section says otherwise.
pub(crate) const FRAME_BYTES: usize = 50_000;

/// Frames a second of a live camera.
pub(crate) const FPS: u64 = 15;

/// Frames in one write, as ingest does it.
pub(crate) const BATCH: usize = 16;

/// Runs a section on one thread: caller and connection wake each other without crossing threads.
pub(crate) fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

pub(crate) fn stream(camera: &str) -> StreamId {
    StreamId {
        tenant: Tenant::new("bench").unwrap(),
        prefix: Prefix::new("frames").unwrap(),
        camera: CameraId::new(camera).unwrap(),
    }
}

pub(crate) fn ttl(secs: u64) -> Ttl {
    Ttl::from_secs(secs).unwrap()
}

pub(crate) fn key(stream: &StreamId, at: UnixNanos) -> FrameKey {
    FrameKey::new(stream.clone(), at, Suffix::Live(Seq::FIRST)).unwrap()
}

/// A JPEG of exactly so many bytes whose picture is noise, as little compressible as real scenes.
pub(crate) fn picture(bytes: usize) -> Bytes {
    let mut rows = 8;
    let mut found = encode(rows);
    loop {
        rows += 8;
        let next = encode(rows);
        if next.len() + 4 > bytes {
            break;
        }
        found = next;
    }
    let padding = vec![b'.'; bytes - found.len() - 4];
    let padded = jpeg::insert_comments(&found, &[&padding]).unwrap();
    assert_eq!(padded.len(), bytes);
    Bytes::from(padded)
}

fn encode(rows: u16) -> Vec<u8> {
    const WIDTH: u16 = 160;
    let mut random = fastrand::Rng::with_seed(7);
    let pixels: Vec<u8> =
        (0..usize::from(WIDTH) * usize::from(rows) * 3).map(|_| random.u8(..)).collect();
    let mut out = Vec::new();
    jpeg_encoder::Encoder::new(&mut out, 80)
        .encode(&pixels, WIDTH, rows, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    out
}

pub(crate) fn open(server: &RedisServer, collector: &str) -> Arc<RedisStore> {
    let options = RedisOptions::new(&server.url(), CameraId::new(collector).unwrap());
    Arc::new(RedisStore::open(&options).unwrap())
}

/// The client that the store uses, without the store.
pub(crate) async fn bare_client(server: &RedisServer) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&patient).await.unwrap()
}

/// Empties the server and leaves its allocator the memory, for some seconds: the next writer need not
/// wait for fresh pages, as in a cache that has run for longer than one lifetime. (A flush that is
/// not ASYNC gives all memory back to the system.)
pub(crate) fn empty(server: &RedisServer) {
    assert_eq!(server.cli(&["FLUSHALL", "ASYNC"]), "OK");
    while !server.cli(&["INFO", "memory"]).contains("lazyfree_pending_objects:0\r") {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Ingest into `store`, announcing on a bus of this process.
pub(crate) struct IngestRig {
    pub(crate) ingest: Ingest,
    pub(crate) metrics: Arc<Metrics>,
}

impl IngestRig {
    pub(crate) fn new<S: FrameStore + Outbox + 'static>(store: &Arc<S>) -> Self {
        let metrics = Arc::new(Metrics::default());
        let announcer = Announcer::start(AnnouncerParts {
            store: Arc::<S>::clone(store),
            outbox: Arc::<S>::clone(store),
            bus: Arc::new(MemoryBus::new(RoutingKeys::default())),
            clock: clock(),
            metrics: Arc::clone(&metrics),
            whole_frames: None,
            take_up: true,
        });
        let (options, known) = (IngestOptions::default(), Arc::clone(&metrics));
        let ingest = Ingest::new(Arc::<S>::clone(store), announcer, clock(), known, options);
        Self { ingest, metrics }
    }

    pub(crate) fn lane(&self, camera: &str, secs: u64) -> framecache::ingest::Lane {
        self.ingest.lane(&stream(camera), &Retention::single(ttl(secs)), None)
    }
}

/// Stores frames and asserts that each was new.
pub(crate) async fn put(store: &dyn FrameStore, frames: &[PutFrame]) {
    for outcome in store.put(frames).await {
        assert!(matches!(outcome, Ok(Put::Stored { again: false, .. })), "{outcome:?}");
    }
}
