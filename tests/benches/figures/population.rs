//! A server as it is found in service: one camera delivers live, many others fill the keyspace.
//!
//! The live camera is fed in real time, because only frames that are written in time have the index
//! records that readers of a running system meet. The others are written as late frames with times
//! spread over the last hour; to a scan they are keys like any other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use framecache::clock::{Clock, SystemClock};
use framecache::ingest::PushTime;
use framecache::model::key::{FrameKey, StreamId};
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::store::PutFrame;
use framecache::store::redis::RedisStore;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use crate::rig::{self, FPS, FRAME_BYTES, IngestRig};
use crate::support::redis::RedisServer;

pub(crate) const TTL_SECS: u64 = 3600;

/// Bytes of the frames of the other cameras: what a lookup of keys costs does not depend on them.
const OTHER_BYTES: usize = 200;
const OTHER_CAMERAS: usize = 20;
const WRITE: usize = 1000;

/// A camera that delivers until this is dropped.
pub(crate) struct LiveCamera {
    pub(crate) stream: StreamId,
    pub(crate) picture: Bytes,
    stored: Arc<Mutex<Vec<FrameKey>>>,
    task: AbortHandle,
}

impl LiveCamera {
    pub(crate) fn start(server: &RedisServer) -> Self {
        let (picture, stored) = (rig::picture(FRAME_BYTES), Arc::default());
        let feed = feed(rig::open(server, "bench-live"), picture.clone(), Arc::clone(&stored));
        let task = tokio::spawn(feed).abort_handle();
        Self { stream: rig::stream("live"), picture, stored, task }
    }

    /// Waits for the camera's first `secs` seconds and answers that window with its keys.
    pub(crate) async fn first(&self, secs: u64) -> (TimeRange, Vec<FrameKey>) {
        loop {
            let stored = self.stored.lock().unwrap().clone();
            if let (Some(first), Some(last)) = (stored.first(), stored.last()) {
                let end = first.at().plus(Duration::from_secs(secs));
                if last.at() >= end {
                    let window = TimeRange::new(first.at(), end).unwrap();
                    let inside = stored.into_iter().filter(|key| window.contains(key.at()));
                    return (window, inside.collect());
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// When the newest frame that is known to be stored was taken.
    pub(crate) fn newest(&self) -> UnixNanos {
        self.stored.lock().unwrap().last().map(FrameKey::at).unwrap()
    }
}

impl Drop for LiveCamera {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn feed(store: Arc<RedisStore>, picture: Bytes, stored: Arc<Mutex<Vec<FrameKey>>>) {
    let rig = IngestRig::new(&store);
    let lane = rig.lane("live", TTL_SECS);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(FPS).unwrap());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        ticks.tick().await;
        let time = PushTime::Live(SystemClock.now());
        let pushed = lane.push(time, picture.clone()).await.unwrap();
        stored.lock().unwrap().push(pushed.key);
    }
}

/// Frames of cameras that nobody asks for.
pub(crate) struct Others {
    store: Arc<RedisStore>,
    newest: UnixNanos,
    written: usize,
}

impl Others {
    pub(crate) fn new(server: &RedisServer) -> Self {
        let store = rig::open(server, "bench-others");
        let newest = SystemClock.now().minus(Duration::from_secs(60));
        Self { store, newest, written: 0 }
    }

    /// Writes until there are `keys` of them.
    pub(crate) async fn fill(&mut self, keys: usize) {
        let bytes = Bytes::from(vec![b'x'; OTHER_BYTES]);
        while self.written < keys {
            let until = keys.min(self.written + WRITE);
            let frames: Vec<PutFrame> =
                (self.written..until).map(|number| self.frame(number, &bytes)).collect();
            rig::put(self.store.as_ref(), &frames).await;
            self.written = until;
        }
    }

    fn frame(&self, number: usize, bytes: &Bytes) -> PutFrame {
        let back = u32::try_from(number / OTHER_CAMERAS).unwrap();
        let at = self.newest.minus(Duration::from_secs(1) * back / u32::try_from(FPS).unwrap());
        let stream = rig::stream(&format!("other{}", number % OTHER_CAMERAS));
        PutFrame {
            key: rig::key(&stream, at),
            bytes: bytes.clone(),
            ttl: rig::ttl(TTL_SECS),
            expires_at: None,
            new_dimensions: None,
        }
    }
}
