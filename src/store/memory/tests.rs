//! The bounds of the embedded store; everything else is in the contract suite of all stores.

use std::time::Duration;

use super::*;
use crate::clock::SettableClock;
use crate::model::key::Suffix;
use crate::model::time::Ttl;

fn frame(at: UnixNanos, ttl: u64, payload: usize) -> PutFrame {
    let stream = StreamId {
        tenant: Tenant::new("t").unwrap(),
        prefix: Prefix::new("frames").unwrap(),
        camera: "cam1".parse().unwrap(),
    };
    PutFrame {
        key: FrameKey::new(stream, at, Suffix::from_parts(0, 1).unwrap()).unwrap(),
        bytes: Bytes::from(vec![7; payload]),
        ttl: Ttl::from_secs(ttl).unwrap(),
        expires_at: None,
        new_dimensions: None,
    }
}

fn start() -> UnixNanos {
    UnixNanos::new(1_731_024_000_000_000_000).unwrap()
}

#[tokio::test]
async fn the_earliest_expiry_is_evicted_first_and_counted() {
    let clock = Arc::new(SettableClock::at(start()));
    let room = 2 * (1000 + MemoryStore::OVERHEAD_BYTES);
    let store = MemoryStore::new(clock, room);
    let [long, short, new] = [(0, 300), (1, 60), (2, 100)]
        .map(|(ms, ttl)| frame(start().plus(Duration::from_millis(ms)), ttl, 1000));
    for one in [&long, &short, &new] {
        assert!(store.put(std::slice::from_ref(one)).await[0].is_ok());
    }
    let keys = [long.key.clone(), short.key.clone(), new.key.clone()];
    let lives: Vec<bool> = store.fetch(&keys).await.unwrap().iter().map(Option::is_some).collect();
    assert_eq!(lives, [true, false, true]);
    let info = store.info().await.unwrap();
    assert_eq!((info.used_bytes, info.evicted, info.keys), (room, 1, 2));
    let answer = store.index(long.key.stream(), TimeRange::ALL).await.unwrap();
    assert_eq!((answer.records.len(), answer.dead), (2, 1));
}

#[tokio::test]
async fn held_frames_are_evicted_last_and_counted() {
    let clock = Arc::new(SettableClock::at(start()));
    let room = 2 * (1000 + MemoryStore::OVERHEAD_BYTES);
    let store = MemoryStore::new(clock, room);
    let at = |ms| start().plus(Duration::from_millis(ms));
    let [held, long, new, newer] =
        [(0, 60), (1, 9000), (2, 60), (3, 60)].map(|(ms, ttl)| frame(at(ms), ttl, 1000));
    for one in [&held, &long] {
        assert!(store.put(std::slice::from_ref(one)).await[0].is_ok());
    }
    let until = start().plus(Duration::from_secs(600));
    store.lengthen(std::slice::from_ref(&held.key), until).await.unwrap();
    assert!(store.put(std::slice::from_ref(&new)).await[0].is_ok());
    let keys = [held.key.clone(), long.key.clone(), new.key.clone()];
    let lives: Vec<bool> = store.fetch(&keys).await.unwrap().iter().map(Option::is_some).collect();
    assert_eq!(lives, [true, false, true], "the longer life goes before the held frame");
    assert_eq!(store.info().await.unwrap().fact("held_frames"), Some("1"));

    store.lengthen(std::slice::from_ref(&new.key), until).await.unwrap();
    assert!(store.put(std::slice::from_ref(&newer)).await[0].is_ok());
    let info = store.info().await.unwrap();
    assert_eq!((info.evicted, info.keys, info.used_bytes), (2, 2, room));
    assert_eq!(info.fact("evicted_held"), Some("1"));
    assert_eq!(store.held(held.key.stream(), 0).await.unwrap().frames.len(), 1);
}

#[tokio::test]
async fn a_frame_larger_than_the_store_is_refused_and_evicts_nothing() {
    let store = MemoryStore::new(Arc::new(SettableClock::at(start())), 2000);
    let small = frame(start(), 60, 100);
    store.put(std::slice::from_ref(&small)).await[0].as_ref().unwrap();
    let said = store.put(&[frame(start().next(), 60, 5000)]).await[0].clone().unwrap_err();
    assert!(said.to_string().contains("does not fit into [embedded] max_bytes"), "{said}");
    assert_eq!(store.info().await.unwrap().keys, 1);
}

#[tokio::test]
async fn an_empty_store_after_expiry_accounts_for_nothing() {
    let clock = Arc::new(SettableClock::at(start()));
    let store = MemoryStore::new(Arc::<SettableClock>::clone(&clock), 1 << 20);
    let one = frame(start(), 60, 1000);
    store.put(std::slice::from_ref(&one)).await[0].as_ref().unwrap();
    clock.advance(Duration::from_secs(60));
    assert_eq!(store.fetch(std::slice::from_ref(&one.key)).await.unwrap(), [None]);
    let info = store.info().await.unwrap();
    assert_eq!((info.used_bytes, info.keys, info.expired), (0, 0, 1));
    let again = store.put(std::slice::from_ref(&one)).await;
    assert!(matches!(again[0], Ok(Put::Stored { again: false, .. })), "{again:?}");
}

#[tokio::test]
async fn dimensions_go_with_the_frames_that_had_them() {
    let clock = Arc::new(SettableClock::at(start()));
    let store = MemoryStore::new(Arc::<SettableClock>::clone(&clock), 1 << 20);
    let mut sent = Vec::new();
    for n in 0..300_u16 {
        let mut one = frame(start().plus(Duration::from_secs(n.into())), 60, 100);
        one.new_dimensions = Some(Dimensions { width: n + 1, height: 8 });
        store.put(std::slice::from_ref(&one)).await[0].as_ref().unwrap();
        sent.push((one.key.at(), Dimensions { width: n + 1, height: 8 }));
        clock.advance(Duration::from_secs(1));
    }
    let known = store.dimensions(frame(start(), 60, 1).key.stream()).await.unwrap();
    assert_eq!(known, sent[sent.len() - known.len()..]);
    assert!((60..=90).contains(&known.len()), "{}", known.len());
}

#[tokio::test]
async fn frames_that_came_late_are_found_and_not_stored_twice() {
    let store = MemoryStore::new(Arc::new(SettableClock::at(start())), 1 << 20);
    let frames = [5, 9, 1, 7].map(|ms| frame(start().plus(Duration::from_millis(ms)), 60, 10));
    for one in &frames {
        store.put(std::slice::from_ref(one)).await[0].as_ref().unwrap();
    }
    for (position, one) in (1..).zip(&frames) {
        let Ok(Put::Stored { place, again: true }) = store.put(std::slice::from_ref(one)).await[0]
        else {
            panic!("frame {position} should be there")
        };
        assert_eq!(place.end, position);
    }
    assert_eq!(store.info().await.unwrap().keys, 4);
}
