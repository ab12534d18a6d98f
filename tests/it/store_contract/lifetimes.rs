//! Lifetimes: frames end when they should, in the store and in its answers.

use std::time::Duration;

use bytes::Bytes;
use framecache::model::bucket::{FoundRecord, IndexRecord};
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::store::{FrameStat, Put, PutFrame};

use super::{SEC, Subject, cam1, contracts, frame, key, span, ttl};

contracts!(
    a_frame_in_time_ends_its_ttl_after_its_capture,
    a_late_frame_lives_its_ttl_from_the_write,
    a_retry_with_another_lifetime_changes_nothing,
    a_key_is_free_again_after_its_end,
    an_expired_frame_is_in_no_answer,
    a_given_end_is_kept_to_the_millisecond_and_indexed_until_then,
);

fn whole_millis(at: UnixNanos) -> UnixNanos {
    UnixNanos::new(at.as_millis() * 1_000_000).unwrap()
}

async fn a_frame_in_time_ends_its_ttl_after_its_capture(subject: &Subject) {
    let captured = subject.now().await.minus(SEC);
    let key = key(&cam1(), captured, 1);
    subject.put(&[frame(&key, b"jpeg", 300)]).await;
    let end = whole_millis(captured).plus(300 * SEC);
    let stat = subject.store.stat(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(stat, [Some(FrameStat { size: 4, expires_at: Some(end) })]);
    let record = IndexRecord { at: captured, suffix: key.suffix(), ask: false, size: Some(4) };
    let answer = subject.index(&cam1(), TimeRange::ALL).await;
    assert_eq!(answer.records, [FoundRecord { record, ttl: ttl(300) }]);
    assert_eq!(answer.records[0].expires_at(), Some(end));
}

async fn a_late_frame_lives_its_ttl_from_the_write(subject: &Subject) {
    let before = subject.now().await;
    let captured = before.minus(3600 * SEC);
    let old = key(&cam1(), UnixNanos::new(1_731_024_000_123_456_789).unwrap(), 1);
    let late = key(&cam1(), captured, 2);
    subject.put(&[frame(&late, b"late", 60), frame(&old, b"of 2024", 60)]).await;
    let after = subject.now().await;

    let stats = subject.store.stat(&[late.clone(), old.clone()]).await.unwrap();
    for stat in stats {
        let end = stat.unwrap().expires_at.unwrap();
        assert!(whole_millis(before).plus(60 * SEC) <= end && end <= after.plus(61 * SEC), "{end}");
    }
    assert_eq!(subject.indexed(&cam1()).await, [old, late.clone()]);
    let window = span(captured, captured.next());
    let answer = subject.index(&cam1(), window).await;
    let record = IndexRecord { at: captured, suffix: late.suffix(), ask: true, size: Some(4) };
    assert_eq!(answer.records, [FoundRecord { record, ttl: ttl(60) }]);
}

async fn a_retry_with_another_lifetime_changes_nothing(subject: &Subject) {
    let captured = subject.now().await;
    let key = key(&cam1(), captured, 1);
    subject.put(&[frame(&key, b"jpeg", 1)]).await;
    let outcomes = subject.store.put(&[frame(&key, b"jpeg", 300)]).await;
    assert!(matches!(outcomes[..], [Ok(Put::Stored { again: true, .. })]), "{outcomes:?}");
    assert_eq!(subject.indexed(&cam1()).await, [key]);
    subject.wait_until(captured.plus(SEC + Duration::from_millis(5))).await;
    assert_eq!(subject.indexed(&cam1()).await, []);
}

async fn a_key_is_free_again_after_its_end(subject: &Subject) {
    let captured = subject.now().await;
    let key = key(&cam1(), captured, 1);
    subject.put(&[frame(&key, b"first", 1)]).await;
    subject.wait_until(captured.plus(SEC + Duration::from_millis(5))).await;
    subject.put(&[frame(&key, b"another", 300)]).await;
    let fetched = subject.store.fetch(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(fetched, [Some(Bytes::from_static(b"another"))]);
    assert_eq!(subject.indexed(&cam1()).await, [key]);
}

async fn an_expired_frame_is_in_no_answer(subject: &Subject) {
    let captured = subject.now().await;
    let (short, long) = (key(&cam1(), captured, 1), key(&cam1(), captured, 2));
    let late = key(&cam1(), captured.minus(10 * SEC), 3);
    let batch = [frame(&short, b"s", 1), frame(&long, b"long", 300), frame(&late, b"late", 1)];
    subject.put(&batch).await;
    let written = subject.now().await;
    assert_eq!(subject.indexed(&cam1()).await.len(), 3);

    subject.wait_until(written.plus(SEC + Duration::from_millis(5))).await;
    let answer = subject.index(&cam1(), TimeRange::ALL).await;
    assert_eq!(super::keys_of(&cam1(), &answer.records), std::slice::from_ref(&long));
    assert_eq!(answer.dead, 2);
    assert_eq!(subject.scanned(&cam1()).await, std::slice::from_ref(&long));
    let keys = [short, long, late];
    let fetched = subject.store.fetch(&keys).await.unwrap();
    assert_eq!(fetched, [None, Some(Bytes::from_static(b"long")), None]);
    let alive: Vec<_> =
        subject.store.stat(&keys).await.unwrap().iter().map(Option::is_some).collect();
    assert_eq!(alive, [false, true, false]);
}

async fn a_given_end_is_kept_to_the_millisecond_and_indexed_until_then(subject: &Subject) {
    let now = subject.now().await;
    let [fresh, late, soon] =
        [(0, 1), (3600, 2), (3600, 3)].map(|(back, seq)| key(&cam1(), now.minus(back * SEC), seq));
    // far behind the end that their bucket has by the lifetime, shorter than it, and nearly past
    let ends = [now.plus(90_000 * SEC), now.plus(7 * SEC), now.plus(SEC)];
    let put = |(key, end): (&FrameKey, UnixNanos)| PutFrame {
        expires_at: Some(end),
        ..frame(key, b"jpeg", 60)
    };
    let keys = [fresh.clone(), late.clone(), soon];
    // one that lives as long as its lifetime opens the bucket first
    subject.put(&[frame(&key(&cam1(), now.minus(3600 * SEC), 9), b"first", 60)]).await;
    subject.put(&keys.iter().zip(ends).map(put).collect::<Vec<_>>()).await;
    let stats = subject.store.stat(&keys).await.unwrap();
    let expected = ends.map(|end| Some(FrameStat { size: 4, expires_at: Some(whole_millis(end)) }));
    assert_eq!(stats, expected);
    let window = span(now, now.next());
    let record = IndexRecord { at: now, suffix: fresh.suffix(), ask: true, size: Some(4) };
    let answer = subject.index(&cam1(), window).await;
    assert_eq!(answer.records, [FoundRecord { record, ttl: ttl(60) }]);

    subject.wait_until(ends[2].plus(Duration::from_millis(5))).await;
    assert_eq!(subject.indexed(&cam1()).await.len(), 3);
    if subject.can_jump() {
        subject.wait_until(now.plus(3600 * SEC)).await;
        assert_eq!(subject.indexed(&cam1()).await, std::slice::from_ref(&fresh));
        assert_eq!(subject.scanned(&cam1()).await, [fresh]);
    }
}
