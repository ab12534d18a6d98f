//! What an earlier process left is announced, also when its marks can be read only late.

use std::sync::atomic::AtomicBool;

use async_trait::async_trait;

use super::*;
use crate::bus::Event;
use crate::bus::memory::MemoryBus;
use crate::clock::SettableClock;
use crate::model::bucket::{Bucket, IndexRecord};
use crate::model::event::RoutingKeys;
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::{Ttl, UnixNanos};
use crate::store::memory::MemoryStore;
use crate::store::{OutboxMark, Put, PutFrame, StoreError};

const START: u64 = 1_731_024_000_000_000_000;

/// The embedded outbox behind a connection that comes up late.
#[derive(Debug)]
struct LateOutbox {
    store: Arc<MemoryStore>,
    up: AtomicBool,
}

#[async_trait]
impl Outbox for LateOutbox {
    async fn tail(
        &self,
        stream: &StreamId,
        bucket: Bucket,
        skip: u32,
    ) -> Result<Vec<Option<IndexRecord>>, StoreError> {
        self.store.tail(stream, bucket, skip).await
    }

    async fn marks(&self) -> Result<Vec<OutboxMark>, StoreError> {
        if self.up.load(Ordering::Acquire) {
            return self.store.marks().await;
        }
        Err(StoreError::Unavailable("not yet".to_owned()))
    }

    async fn save(&self, marks: &[OutboxMark]) -> Result<(), StoreError> {
        self.store.save(marks).await
    }

    async fn remove(&self, marks: &[OutboxMark]) -> Result<(), StoreError> {
        self.store.remove(marks).await
    }
}

/// Stores the frame of this number; returns its announcement and place.
async fn put(store: &MemoryStore, number: u32) -> (Announcement, Place) {
    let at = UnixNanos::new(START + u64::from(number)).unwrap();
    let key: FrameKey = format!("t:frames:cam1:{at}:{number:05}").parse().unwrap();
    let ttl = Ttl::from_secs(60).unwrap();
    let bytes = Bytes::from_static(b"jpeg");
    let frame = PutFrame { key: key.clone(), bytes, ttl, expires_at: None, new_dimensions: None };
    let Ok(Put::Stored { place, .. }) = store.put(&[frame]).await[0] else {
        panic!("the embedded store should take the frame")
    };
    (Announcement { key, size: 4, dimensions: None, ttl: Some(ttl) }, place)
}

#[tokio::test(start_paused = true)]
async fn marks_of_an_earlier_process_are_read_before_any_is_overwritten() {
    let clock = Arc::new(SettableClock::at(UnixNanos::new(START).unwrap()));
    let store = Arc::new(MemoryStore::new(Arc::<SettableClock>::clone(&clock), 1 << 20));
    let mut owed = Vec::new();
    for number in 1..=5 {
        owed.push(put(&store, number).await.0.key);
    }
    let outbox = LateOutbox { store: Arc::clone(&store), up: AtomicBool::new(false) };
    let outbox = Arc::new(outbox);
    let bus = Arc::new(MemoryBus::new(RoutingKeys::default()));
    let mut events = bus.subscribe().await.unwrap();
    let announcer = Announcer::start(AnnouncerParts {
        store: Arc::<MemoryStore>::clone(&store),
        outbox: Arc::<LateOutbox>::clone(&outbox),
        bus,
        clock,
        metrics: Arc::default(),
        take_up: true,
        whole_frames: None,
    });
    let (fresh, place) = put(&store, 6).await;
    announcer.stored(fresh.clone(), place, &Bytes::new());
    tokio::time::sleep(SAVE_EVERY * 3).await;
    outbox.up.store(true, Ordering::Release);
    tokio::time::sleep(SAVE_EVERY * 3).await;
    announcer.close(SAVE_EVERY).await;

    let mut announced = Vec::new();
    while let Some(Some(Event::Message { body, .. })) =
        futures_util::FutureExt::now_or_never(events.next())
    {
        announced.push(Announcement::from_json(&body).unwrap().key);
    }
    let mut expected = vec![fresh.key.clone()];
    expected.extend(owed);
    expected.push(fresh.key);
    assert_eq!(announced, expected);
    assert_eq!(store.marks().await.unwrap()[0].announced, 6);
}
