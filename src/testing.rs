//! For other programs' tests: the embedded store and bus, and a clock that stands still.
//!
//! [`FrozenCache`] puts them together. These functions panic on bad input: they are for tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use crate::bus::memory::MemoryBus;
pub use crate::clock::SettableClock;
pub use crate::store::memory::MemoryStore;

use crate::clock::Clock;
use crate::ingest::announce::AnnouncerParts;
use crate::ingest::{Announcer, Ingest, IngestOptions, PushTime};
use crate::metrics::Metrics;
use crate::model::event::RoutingKeys;
use crate::model::key::{FrameKey, StreamId};
use crate::model::retention::Retention;
use crate::model::time::{Ttl, UnixNanos, parse_instant};
use crate::query::Query;
use crate::store::FrameStore;

/// A cache in memory whose time stands still; tenant `test`, prefix `frames`.
///
/// It is the real ingest and query at an instant that the test chooses. Frames expire when the test moves the clock, not when a sleep ends:
///
/// ```
/// use std::time::Duration;
/// use framecache::testing::{FrozenCache, jpeg};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let cache = FrozenCache::at("2024-11-08T00:00:00Z", Duration::from_secs(60));
/// let key = cache.push("cam1", jpeg(64, 48)).await;
/// assert_eq!(key.to_string(), "test:frames:cam1:1731024000000000000:00001");
///
/// cache.clock.advance(Duration::from_secs(59));
/// assert_eq!(cache.get(&key).await, Some(jpeg(64, 48)));
///
/// cache.clock.advance(Duration::from_secs(1));
/// assert_eq!(cache.get(&key).await, None);
/// # });
/// ```
#[derive(Debug)]
pub struct FrozenCache {
    /// Its clock.
    pub clock: Arc<SettableClock>,
    /// Its store, of 64 MiB.
    pub store: Arc<MemoryStore>,
    /// Its bus: subscribe to see announcements.
    pub bus: Arc<MemoryBus>,
    /// Its lookups.
    pub query: Query,
    ingest: Ingest,
    retention: Retention,
}

impl FrozenCache {
    /// A cache at the instant that `now` names (RFC 3339 or unix time), whose frames live for `ttl`.
    /// Must be called inside a tokio runtime.
    ///
    /// # Panics
    /// When `now` is no instant or `ttl` no whole number of seconds, at least one.
    #[must_use]
    pub fn at(now: &str, ttl: Duration) -> Self {
        let now = parse_instant(now, UnixNanos::MIN, &chrono::Utc).expect("now should be a time");
        let ttl = Ttl::from_secs(ttl.as_secs()).expect("ttl should be at least a second");
        let clock = Arc::new(SettableClock::at(now));
        let time: Arc<dyn Clock> = Arc::<SettableClock>::clone(&clock);
        let store = Arc::new(MemoryStore::new(Arc::clone(&time), 64 << 20));
        let bus = Arc::new(MemoryBus::new(RoutingKeys::default()));
        let metrics = Arc::new(Metrics::default());
        let announcer = Announcer::start(AnnouncerParts {
            store: Arc::<MemoryStore>::clone(&store),
            outbox: Arc::<MemoryStore>::clone(&store),
            bus: Arc::<MemoryBus>::clone(&bus),
            clock: Arc::clone(&time),
            metrics: Arc::clone(&metrics),
            take_up: true,
            whole_frames: None,
        });
        let frames: Arc<dyn FrameStore> = Arc::<MemoryStore>::clone(&store);
        let query = Query::new(Arc::clone(&frames), Arc::clone(&time));
        let ingest = Ingest::new(frames, announcer, time, metrics, IngestOptions::default());
        Self { clock, store, bus, query, ingest, retention: Retention::single(ttl) }
    }

    /// Stores a JPEG of a camera at the clock's now and announces it.
    ///
    /// # Panics
    /// When the camera id or the JPEG is refused.
    pub async fn push(&self, camera: &str, jpeg: Bytes) -> FrameKey {
        let lane = self.ingest.lane(&stream(camera), &self.retention, None);
        let pushed = lane.push(PushTime::Live(self.clock.now()), jpeg).await;
        pushed.expect("the frame should be a JPEG that fits").key
    }

    /// The bytes under a key, while they live.
    ///
    /// # Panics
    /// Never: the embedded store does not fail.
    pub async fn get(&self, key: &FrameKey) -> Option<Bytes> {
        let found = self.query.get(key).await.expect("the embedded store should answer");
        found.map(|frame| frame.bytes)
    }
}

/// The stream of a camera in a [`FrozenCache`].
///
/// # Panics
/// When the camera id is refused.
#[must_use]
pub fn stream(camera: &str) -> StreamId {
    StreamId {
        tenant: "test".parse().expect("test should be a tenant"),
        prefix: "frames".parse().expect("frames should be a prefix"),
        camera: camera.parse().expect("the camera id should be valid"),
    }
}

/// A grey JPEG of so many pixels.
///
/// # Panics
/// When a side is 0.
#[must_use]
pub fn jpeg(width: u16, height: u16) -> Bytes {
    let mut bytes = Vec::new();
    let pixels = vec![128; usize::from(width) * usize::from(height)];
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
    let encoded = encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Luma);
    encoded.expect("a picture with pixels should be encodable");
    Bytes::from(bytes)
}
