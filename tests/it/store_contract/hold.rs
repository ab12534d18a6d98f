//! Holding: frames live longer with their records, and get their natural ends back.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use framecache::model::bucket::expires_in_time;
use framecache::model::hold::{Hold, HoldTerms};
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::store::{HeldFrame, Lengthened, Put};

use super::{SEC, Subject, cam1, contracts, frame, key, span, stream, ttl};

contracts!(
    held_frames_outlive_their_natural_end_and_the_index_knows,
    frames_that_live_long_enough_are_left_alone,
    the_later_of_two_holds_counts_and_the_first_end_is_remembered,
    a_frame_gets_its_natural_end_back,
    what_should_have_ended_goes_at_once,
    a_late_frame_gets_the_end_back_that_it_had,
    places_in_order_of_arrival_stay,
    a_deleted_frame_is_held_no_more,
    holds_are_registered_by_family,
    many_held_frames_are_told_in_parts,
);

async fn lengthen(
    subject: &Subject,
    keys: &[FrameKey],
    until: UnixNanos,
) -> Vec<Option<Lengthened>> {
    subject.holds.lengthen(keys, until).await.unwrap()
}

async fn end_of(subject: &Subject, key: &FrameKey) -> Option<UnixNanos> {
    let stat = subject.store.stat(std::slice::from_ref(key)).await.unwrap()[0];
    stat.and_then(|stat| stat.expires_at)
}

/// Every held frame of cam1, by key.
async fn held(subject: &Subject) -> Vec<HeldFrame> {
    let (mut all, mut cursor) = (BTreeMap::new(), 0);
    loop {
        let page = subject.holds.held(&cam1(), cursor).await.unwrap();
        all.extend(page.frames.into_iter().map(|one| (one.key.clone(), one)));
        cursor = page.next;
        if cursor == 0 {
            return all.into_values().collect();
        }
    }
}

fn whole_millis(at: UnixNanos) -> UnixNanos {
    UnixNanos::new(at.as_millis() * 1_000_000).unwrap()
}

const NEW: Option<Lengthened> = Some(Lengthened::Held { size: 4, new: true });
const AGAIN: Option<Lengthened> = Some(Lengthened::Held { size: 4, new: false });
const LIVES: Option<Lengthened> = Some(Lengthened::Lives);

async fn held_frames_outlive_their_natural_end_and_the_index_knows(subject: &Subject) {
    let now = subject.now().await;
    let keys = [1, 2, 3].map(|seq| key(&cam1(), now, seq));
    let mut batch = keys.each_ref().map(|key| frame(key, b"jpeg", 1)).to_vec();
    let other = key(&stream("client-a", "frames", "cam10"), now, 1);
    batch.push(frame(&other, b"jpeg", 1));
    subject.put(&batch).await;
    let until = whole_millis(now.plus(600 * SEC));
    let absent = key(&cam1(), now, 9);
    let asked = [keys[0].clone(), absent, keys[2].clone()];
    assert_eq!(lengthen(subject, &asked, until).await, [NEW, None, NEW]);

    subject.wait_until(now.plus(SEC + Duration::from_millis(5))).await;
    let kept = [keys[0].clone(), keys[2].clone()];
    assert_eq!(subject.indexed(&cam1()).await, kept);
    assert_eq!(subject.scanned(&cam1()).await, kept);
    let instant = subject.index(&cam1(), span(now, now.next())).await;
    assert_eq!(instant.records.len(), 2);
    assert!(instant.records.iter().all(|one| one.record.ask && one.ttl == ttl(1)), "{instant:?}");
    assert_eq!(end_of(subject, &keys[0]).await, Some(until));
    let fetched = subject.store.fetch(&keys).await.unwrap();
    let jpeg = Some(Bytes::from_static(b"jpeg"));
    assert_eq!(fetched, [jpeg.clone(), None, jpeg]);
    let natural_end = expires_in_time(now, ttl(1));
    let told = kept.map(|key| HeldFrame { key, size: 4, natural_end });
    assert_eq!(held(subject).await, told);
    assert_eq!(subject.indexed(other.stream()).await, []);
}

async fn frames_that_live_long_enough_are_left_alone(subject: &Subject) {
    let now = subject.now().await;
    let key = key(&cam1(), now, 1);
    subject.put(&[frame(&key, b"jpeg", 300)]).await;
    let until = whole_millis(now.plus(100 * SEC));
    assert_eq!(lengthen(subject, std::slice::from_ref(&key), until).await, [LIVES]);
    assert_eq!(end_of(subject, &key).await, Some(expires_in_time(now, ttl(300))));
    assert_eq!(held(subject).await, []);
    assert!(!subject.index(&cam1(), TimeRange::ALL).await.records[0].record.ask);
    assert_eq!(lengthen(subject, &[], until).await, []);
}

async fn the_later_of_two_holds_counts_and_the_first_end_is_remembered(subject: &Subject) {
    let now = subject.now().await;
    let key = key(&cam1(), now, 1);
    subject.put(&[frame(&key, b"jpeg", 60)]).await;
    let one = std::slice::from_ref(&key);
    let [short, long] = [600, 900].map(|secs| whole_millis(now.plus(secs * SEC)));
    assert_eq!(lengthen(subject, one, short).await, [NEW]);
    assert_eq!(lengthen(subject, one, long).await, [AGAIN]);
    assert_eq!(lengthen(subject, one, short).await, [AGAIN]);
    assert_eq!(end_of(subject, &key).await, Some(long));
    assert_eq!(held(subject).await[0].natural_end, expires_in_time(now, ttl(60)));

    assert_eq!(subject.holds.shorten(&[(key.clone(), Some(short))]).await.unwrap(), 0);
    assert_eq!(end_of(subject, &key).await, Some(short));
    assert_eq!(subject.holds.shorten(&[(key.clone(), Some(long))]).await.unwrap(), 0);
    assert_eq!(end_of(subject, &key).await, Some(short), "a life only becomes shorter by this");
}

async fn a_frame_gets_its_natural_end_back(subject: &Subject) {
    let now = subject.now().await;
    let [one, other] = [1, 2].map(|seq| key(&cam1(), now, seq));
    subject.put(&[frame(&one, b"jpeg", 60), frame(&other, b"jpeg", 60)]).await;
    let until = whole_millis(now.plus(600 * SEC));
    assert_eq!(lengthen(subject, std::slice::from_ref(&one), until).await, [NEW]);
    let ends = [(one.clone(), None), (other.clone(), None)];
    assert_eq!(subject.holds.shorten(&ends).await.unwrap(), 1);
    assert_eq!(subject.holds.shorten(&ends).await.unwrap(), 0);
    for key in [&one, &other] {
        assert_eq!(end_of(subject, key).await, Some(expires_in_time(now, ttl(60))));
    }
    assert_eq!(held(subject).await, []);
    assert_eq!(subject.indexed(&cam1()).await, [one, other]);
}

async fn what_should_have_ended_goes_at_once(subject: &Subject) {
    let now = subject.now().await;
    let key = key(&cam1(), now, 1);
    subject.put(&[frame(&key, b"jpeg", 1)]).await;
    let one = std::slice::from_ref(&key);
    assert_eq!(lengthen(subject, one, whole_millis(now.plus(600 * SEC))).await, [NEW]);
    subject.wait_until(now.plus(SEC + Duration::from_millis(5))).await;
    assert_eq!(subject.indexed(&cam1()).await, one);
    assert_eq!(subject.holds.shorten(&[(key.clone(), None)]).await.unwrap(), 1);
    assert_eq!(subject.indexed(&cam1()).await, []);
    assert_eq!(subject.scanned(&cam1()).await, []);
    assert_eq!(subject.store.fetch(one).await.unwrap(), [None]);
    subject.put(&[frame(&key, b"anew", 60)]).await;
    assert_eq!(subject.indexed(&cam1()).await, one);
}

async fn a_late_frame_gets_the_end_back_that_it_had(subject: &Subject) {
    let now = subject.now().await;
    let late = key(&cam1(), now.minus(86_400 * SEC), 1);
    subject.put(&[frame(&late, b"jpeg", 60)]).await;
    let natural_end = end_of(subject, &late).await.unwrap();
    let one = std::slice::from_ref(&late);
    assert_eq!(lengthen(subject, one, whole_millis(now.plus(9_000 * SEC))).await, [NEW]);
    assert_eq!(held(subject).await, [HeldFrame { key: late.clone(), size: 4, natural_end }]);
    assert_eq!(subject.indexed(&cam1()).await, one);
    assert_eq!(subject.holds.shorten(&[(late.clone(), None)]).await.unwrap(), 1);
    assert_eq!(end_of(subject, &late).await, Some(natural_end));
}

async fn places_in_order_of_arrival_stay(subject: &Subject) {
    let now = subject.now().await;
    let keys = [1, 2, 3].map(|seq| key(&cam1(), now, seq));
    let stored = subject.store.put(&keys.each_ref().map(|key| frame(key, b"jpeg", 300))).await;
    let Ok(Put::Stored { place, .. }) = stored[2] else { panic!("{stored:?}") };
    lengthen(subject, &keys[1..2], whole_millis(now.plus(600 * SEC))).await;
    let tail = subject.outbox.tail(&cam1(), place.bucket, 0).await.unwrap();
    let told: Vec<_> = tail.iter().flatten().map(|one| one.key(&cam1()).unwrap()).collect();
    assert_eq!(told, keys);
    let asks: Vec<_> = tail.iter().flatten().map(|one| one.ask).collect();
    assert_eq!(asks, [false, true, false]);
}

async fn a_deleted_frame_is_held_no_more(subject: &Subject) {
    let now = subject.now().await;
    let keys = [1, 2].map(|seq| key(&cam1(), now, seq));
    subject.put(&keys.each_ref().map(|key| frame(key, b"jpeg", 60))).await;
    lengthen(subject, &keys, whole_millis(now.plus(600 * SEC))).await;
    assert_eq!(subject.store.delete(&keys[..1]).await.unwrap(), [Some(4)]);
    let left: Vec<_> = held(subject).await.into_iter().map(|one| one.key).collect();
    assert_eq!(left, keys[1..]);
    assert_eq!(subject.indexed(&cam1()).await, keys[1..]);
}

async fn holds_are_registered_by_family(subject: &Subject) {
    let now = subject.now().await;
    let begin = |id: &str, prefix: &str| {
        let window = TimeRange::new(now.minus(10 * SEC), now).unwrap();
        let note = "caf\u{e9}, gate 3".to_owned();
        let terms =
            HoldTerms { stream: stream("client-a", prefix, "cam1"), window, keep: 60 * SEC, note };
        Hold::begin(id.parse().unwrap(), terms, now).unwrap()
    };
    let [b, a, other] =
        [("b", "frames"), ("a", "frames"), ("a", "thumbs")].map(|(id, prefix)| begin(id, prefix));
    let of = async |prefix: &str| {
        let family = stream("client-a", prefix, "x");
        subject.holds.holds(&family.tenant, &family.prefix).await.unwrap()
    };
    assert_eq!(of("frames").await, []);
    for hold in [&b, &a] {
        assert!(subject.holds.add_hold(hold).await.unwrap());
    }
    assert!(!subject.holds.add_hold(&a).await.unwrap());
    assert_eq!(of("frames").await, [a.clone(), b.clone()]);
    assert_eq!(of("thumbs").await, []);
    assert!(subject.holds.remove_hold(&a).await.unwrap());
    assert!(!subject.holds.remove_hold(&a).await.unwrap());
    assert!(subject.holds.add_hold(&other).await.unwrap());
    assert_eq!((of("frames").await, of("thumbs").await), (vec![b], vec![other]));
}

async fn many_held_frames_are_told_in_parts(subject: &Subject) {
    let now = subject.now().await;
    let at = |n: u64| now.plus(Duration::from_nanos(n / 3));
    let mut keys: Vec<FrameKey> = (0..3000).map(|n| key(&cam1(), at(n), n as u32 + 1)).collect();
    let until = whole_millis(now.plus(600 * SEC));
    for some in keys.chunks(256) {
        let batch: Vec<_> = some.iter().map(|key| frame(key, b"jpeg", 60)).collect();
        subject.put(&batch).await;
        assert!(lengthen(subject, some, until).await.iter().all(|one| *one == NEW));
    }
    assert!(subject.holds.held(&cam1(), 0).await.unwrap().frames.len() < 3000);
    let told: Vec<_> = held(subject).await.into_iter().map(|one| one.key).collect();
    keys.sort();
    assert_eq!(told, keys);
    let ends: Vec<_> = keys.iter().map(|key| (key.clone(), None)).collect();
    for some in ends.chunks(256) {
        assert_eq!(subject.holds.shorten(some).await.unwrap(), some.len() as u64);
    }
    assert_eq!(held(subject).await, []);
}
