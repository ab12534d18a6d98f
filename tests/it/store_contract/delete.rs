//! Deleting: a frame goes with all its records, and nothing else changes its place.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use framecache::bus::memory::MemoryBus;
use framecache::bus::{Bus, Event};
use framecache::clock::SystemClock;
use framecache::ingest::Announcer;
use framecache::ingest::announce::AnnouncerParts;
use framecache::metrics::Metrics;
use framecache::model::bucket::Life;
use framecache::model::event::{Announcement, RoutingKeys};
use framecache::model::key::FrameKey;
use framecache::model::time::TimeRange;
use framecache::store::{OutboxMark, Place, Put};
use futures_util::StreamExt;

use super::{SEC, Subject, cam1, contracts, frame, key, stream, ttl};

contracts!(
    deleted_frames_are_in_no_answer_and_others_stay,
    every_record_of_a_deleted_frame_goes,
    a_deleted_key_can_be_written_again,
    places_in_order_of_arrival_stay,
    what_was_deleted_before_it_was_announced_is_not_announced,
);

async fn deleted_frames_are_in_no_answer_and_others_stay(subject: &Subject) {
    let now = subject.now().await;
    let ten = stream("client-a", "frames", "cam10");
    let at = |n: u64| now.plus(Duration::from_nanos(n));
    let keys: Vec<FrameKey> = (1..=40).map(|n| key(&cam1(), at(n), n as u32)).collect();
    let same_time = key(&cam1(), at(3), 77);
    let of_ten = key(&ten, at(3), 3);
    let mut batch: Vec<_> = keys.iter().map(|key| frame(key, b"jpeg", 300)).collect();
    batch.extend([frame(&same_time, b"other", 300), frame(&of_ten, b"ten", 300)]);
    subject.put(&batch).await;

    let absent = key(&cam1(), at(3), 78);
    let doomed = [keys[2].clone(), absent, of_ten.clone(), keys[10].clone(), keys[11].clone()];
    let sizes = subject.store.delete(&doomed).await.unwrap();
    assert_eq!(sizes, [Some(4), None, Some(3), Some(4), Some(4)]);
    assert_eq!(subject.store.delete(&doomed).await.unwrap(), [None; 5]);

    let mut left = keys.clone();
    left.retain(|key| !doomed.contains(key));
    left.insert(2, same_time);
    assert_eq!(subject.indexed(&cam1()).await, left);
    assert_eq!(subject.scanned(&cam1()).await, left);
    assert_eq!(subject.indexed(&ten).await, []);
    assert_eq!(subject.index(&cam1(), TimeRange::ALL).await.dead, 0);
    assert_eq!(subject.store.stat(&doomed).await.unwrap(), [None; 5]);
    let fetched = subject.store.fetch(&[doomed[0].clone(), keys[0].clone()]).await.unwrap();
    assert_eq!(fetched, [None, Some(Bytes::from_static(b"jpeg"))]);
    assert_eq!(subject.store.delete(&[]).await.unwrap(), []);
}

async fn every_record_of_a_deleted_frame_goes(subject: &Subject) {
    let now = subject.now().await;
    let (repeated, late) = (key(&cam1(), now, 1), key(&cam1(), now.minus(3600 * SEC), 2));
    let wide = key(&cam1(), now.minus(SEC), 3);
    let frames = [
        frame(&repeated, b"jpeg", 300),
        frame(&late, b"late", 60),
        frame(&wide, b"wide", 90_000),
        frame(&repeated, b"jpeg", 300),
        frame(&late, b"late", 300),
    ];
    subject.put(&frames[..3]).await;
    for outcome in subject.store.put(&frames[3..]).await {
        assert!(matches!(outcome, Ok(Put::Stored { again: true, .. })), "{outcome:?}");
    }
    let sizes = subject.store.delete(&[late, repeated, wide]).await.unwrap();
    assert_eq!(sizes, [Some(4); 3]);
    let answer = subject.index(&cam1(), TimeRange::ALL).await;
    assert_eq!((answer.records, answer.dead), (vec![], 0));
}

async fn a_deleted_key_can_be_written_again(subject: &Subject) {
    let now = subject.now().await;
    let (one, two) = (key(&cam1(), now, 1), key(&cam1(), now, 2));
    subject.put(&[frame(&one, b"old", 300), frame(&two, b"jpeg", 300)]).await;
    assert_eq!(subject.store.delete(std::slice::from_ref(&one)).await.unwrap(), [Some(3)]);
    subject.put(&[frame(&one, b"newer", 300)]).await;
    assert_eq!(subject.indexed(&cam1()).await, [one.clone(), two.clone()]);
    let fetched = subject.store.fetch(std::slice::from_ref(&one)).await.unwrap();
    assert_eq!(fetched, [Some(Bytes::from_static(b"newer"))]);
    assert_eq!(subject.store.delete(&[two, one]).await.unwrap(), [Some(4), Some(5)]);
    assert_eq!(subject.scanned(&cam1()).await, []);
}

/// Three frames of one bucket, of which the second is deleted.
async fn one_of_three_deleted(subject: &Subject) -> (Place, [FrameKey; 3]) {
    let at = Life::of(ttl(300)).bucket(subject.now().await).window().unwrap().from();
    let bucket = Life::of(ttl(300)).bucket(at);
    let keys = [1, 2, 3].map(|seq| key(&cam1(), at, seq));
    subject.put(&keys.each_ref().map(|key| frame(key, b"jpeg", 300))).await;
    subject.store.delete(&keys[1..2]).await.unwrap();
    (Place { bucket, end: 3 }, keys)
}

async fn places_in_order_of_arrival_stay(subject: &Subject) {
    let (Place { bucket, end }, keys) = one_of_three_deleted(subject).await;
    for skip in 0..4 {
        let tail = subject.outbox.tail(&cam1(), bucket, skip).await.unwrap();
        let told: Vec<_> =
            tail.iter().map(|one| one.map(|one| one.key(&cam1()).unwrap())).collect();
        let all = [Some(keys[0].clone()), None, Some(keys[2].clone())];
        assert_eq!(told, all[skip as usize..]);
    }
    let further = key(&cam1(), keys[0].at(), 4);
    let outcomes = subject.store.put(&[frame(&further, b"jpeg", 300)]).await;
    let place = Place { bucket, end: end + 1 };
    assert_eq!(outcomes[0].clone().unwrap(), Put::Stored { place, again: false });
}

async fn what_was_deleted_before_it_was_announced_is_not_announced(subject: &Subject) {
    let (place, keys) = one_of_three_deleted(subject).await;
    let bus = Arc::new(MemoryBus::new(RoutingKeys::default()));
    let mut events = bus.subscribe().await.unwrap();
    let metrics = Arc::new(Metrics::default());
    let announcer = Announcer::start(AnnouncerParts {
        store: subject.store.clone(),
        outbox: subject.outbox.clone(),
        bus,
        clock: Arc::new(SystemClock),
        metrics: metrics.clone(),
        take_up: true,
        whole_frames: None,
    });
    for expected in [&keys[0], &keys[2]] {
        let Some(Event::Message { body, .. }) = events.next().await else {
            panic!("an announcement should come")
        };
        assert_eq!(Announcement::from_json(&body).unwrap().key, *expected);
    }
    announcer.close(20 * SEC).await;
    let counts = metrics.total();
    assert_eq!((counts.announced, counts.announcements_expired), (2, 1));
    let mark = OutboxMark { stream: cam1(), bucket: place.bucket, announced: place.end };
    let marks = subject.outbox.marks().await.unwrap();
    assert!(marks.is_empty() || marks == [mark], "{marks:?}");
}
