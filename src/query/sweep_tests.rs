//! Which sweeps are reused, for how long, on the embedded store.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::clock::SettableClock;
use crate::model::key::{FrameKey, Suffix};
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::{Ttl, UnixNanos};
use crate::store::PutFrame;
use crate::store::memory::MemoryStore;

fn start() -> UnixNanos {
    UnixNanos::new(1_731_024_000_000_000_000).unwrap()
}

fn stream(camera: &str) -> StreamId {
    StreamId {
        tenant: Tenant::new("t").unwrap(),
        prefix: Prefix::new("frames").unwrap(),
        camera: CameraId::new(camera).unwrap(),
    }
}

async fn put(store: &MemoryStore, camera: &str, after: u64) {
    let at = start().plus(Duration::from_nanos(after));
    let key = FrameKey::new(stream(camera), at, Suffix::from_parts(0, 1).unwrap()).unwrap();
    let ttl = Ttl::from_secs(300).unwrap();
    let frame = PutFrame {
        key,
        bytes: Bytes::from_static(b"x"),
        ttl,
        expires_at: None,
        new_dimensions: None,
    };
    store.put(&[frame]).await[0].as_ref().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_narrower_question_is_answered_from_the_last_sweep_for_ten_seconds() {
    let store = MemoryStore::new(Arc::new(SettableClock::at(start())), 1 << 20);
    let (sweeper, counts) = (Sweeper::default(), QueryCounts::default());
    put(&store, "a", 0).await;
    put(&store, "b", 0).await;
    let all = Selector { tenant: None, prefix: None, camera: None, window: TimeRange::ALL };
    let only_a = Selector::stream(&stream("a"), TimeRange::ALL);
    assert_eq!(sweeper.scan(&store, all.clone(), &counts).await.unwrap().keys.len(), 2);
    put(&store, "a", 1).await;
    assert_eq!(sweeper.scan(&store, only_a.clone(), &counts).await.unwrap().keys.len(), 1);
    assert_eq!((counts.scans(), counts.scans_reused()), (1, 1));
    assert_eq!(sweeper.scan_now(&store, &only_a, &counts).await.unwrap().keys.len(), 2);
    assert_eq!(sweeper.scan(&store, only_a.clone(), &counts).await.unwrap().keys.len(), 2);
    assert_eq!((counts.scans(), counts.scans_reused()), (3, 1));
    put(&store, "a", 2).await;
    tokio::time::advance(REUSE).await;
    assert_eq!(sweeper.scan(&store, only_a, &counts).await.unwrap().keys.len(), 3);
    assert_eq!(sweeper.scan(&store, all, &counts).await.unwrap().keys.len(), 4);
    assert_eq!((counts.scans(), counts.scans_reused()), (5, 1));
}

#[test]
fn a_selector_covers_what_it_selects_and_no_more() {
    let window = |from: u64, to: u64| {
        let at = |secs| start().plus(Duration::from_secs(secs));
        TimeRange::new(at(from), at(to)).unwrap()
    };
    let wide = Selector { camera: None, ..Selector::stream(&stream("a"), window(0, 10)) };
    let narrow = Selector::stream(&stream("a"), window(2, 10));
    assert!(covers(&wide, &wide) && covers(&wide, &narrow));
    assert!(!covers(&narrow, &wide));
    assert!(!covers(&wide, &Selector { tenant: None, ..narrow.clone() }));
    assert!(!covers(&wide, &Selector { window: window(2, 11), ..narrow }));
}

#[test]
fn several_cameras_are_swept_by_what_they_share() {
    let (a, b) = (stream("a"), stream("b"));
    let shared = selector_of([a.clone(), b.clone()].into_iter(), TimeRange::ALL);
    let family = Selector { camera: None, ..Selector::stream(&a, TimeRange::ALL) };
    assert_eq!(shared, Some(family));
    let other = StreamId { tenant: Tenant::new("u").unwrap(), ..a.clone() };
    let camera = Selector { tenant: None, ..Selector::stream(&a, TimeRange::ALL) };
    assert_eq!(selector_of([a, other].into_iter(), TimeRange::ALL), Some(camera));
    assert_eq!(selector_of(std::iter::empty(), TimeRange::ALL), None);
}
