//! The outbox: marks before records, records in order of arrival.

use framecache::model::bucket::{Bucket, Life};
use framecache::store::{OutboxMark, Place, Put};

use super::{SEC, Subject, cam1, contracts, frame, key, stream, ttl};

contracts!(
    a_bucket_has_its_mark_from_its_first_record_on,
    records_are_told_in_order_of_arrival_after_a_skip,
    marks_are_set_and_removed,
);

fn mark(stream: &framecache::model::key::StreamId, bucket: Bucket, announced: u32) -> OutboxMark {
    OutboxMark { stream: stream.clone(), bucket, announced }
}

async fn a_bucket_has_its_mark_from_its_first_record_on(subject: &Subject) {
    let now = subject.now().await;
    let (one, ten) = (cam1(), stream("client-a", "frames", "cam10"));
    subject
        .put(&[
            frame(&key(&one, now, 1), b"jpeg", 300),
            frame(&key(&ten, now, 1), b"jpeg", 7200),
            frame(&key(&one, now.minus(3600 * SEC), 2), b"late", 300),
        ])
        .await;
    let short = Life::of(ttl(300));
    let mut expected = [
        mark(&one, short.bucket(now), 0),
        mark(&one, short.bucket(now.minus(3600 * SEC)), 0),
        mark(&ten, Life::of(ttl(7200)).bucket(now), 0),
    ];
    expected.sort_by_key(|mark| (mark.stream.clone(), mark.bucket));
    let mut marks = subject.outbox.marks().await.unwrap();
    marks.sort_by_key(|mark| (mark.stream.clone(), mark.bucket));
    assert_eq!(marks, expected);
}

async fn records_are_told_in_order_of_arrival_after_a_skip(subject: &Subject) {
    // all in one bucket, however late it is in its 10 seconds
    let at = Life::of(ttl(300)).bucket(subject.now().await).window().unwrap().from();
    let keys = [5, 3, 4]
        .map(|nanos| key(&cam1(), at.plus(std::time::Duration::from_nanos(nanos)), nanos as u32));
    let bucket = Life::of(ttl(300)).bucket(at);
    for (i, key) in keys.iter().enumerate() {
        let outcomes = subject.store.put(&[frame(key, b"jpeg", 300)]).await;
        let place = Place { bucket, end: i as u32 + 1 };
        assert_eq!(outcomes[0].clone().unwrap(), Put::Stored { place, again: false });
    }
    for skip in 0..5 {
        let records = subject.outbox.tail(&cam1(), bucket, skip).await.unwrap();
        let records: Vec<_> = records.into_iter().map(Option::unwrap).collect();
        let told: Vec<_> = records.iter().map(|record| record.key(&cam1()).unwrap()).collect();
        assert_eq!(told, keys[(skip as usize).min(3)..]);
        assert!(records.iter().all(|record| record.size == Some(4)));
    }
    let other = Bucket { number: bucket.number + 1, ..bucket };
    assert_eq!(subject.outbox.tail(&cam1(), other, 0).await.unwrap(), []);
}

async fn marks_are_set_and_removed(subject: &Subject) {
    let now = subject.now().await;
    subject.put(&[frame(&key(&cam1(), now, 1), b"jpeg", 300)]).await;
    let bucket = Life::of(ttl(300)).bucket(now);
    let done = mark(&cam1(), bucket, 1);
    subject.outbox.save(std::slice::from_ref(&done)).await.unwrap();
    assert_eq!(subject.outbox.marks().await.unwrap(), std::slice::from_ref(&done));
    // a further record leaves the mark where it is
    subject.put(&[frame(&key(&cam1(), now, 2), b"jpeg", 300)]).await;
    assert_eq!(subject.outbox.marks().await.unwrap(), std::slice::from_ref(&done));
    subject.outbox.remove(std::slice::from_ref(&done)).await.unwrap();
    assert_eq!(subject.outbox.marks().await.unwrap(), []);
    subject.outbox.save(&[]).await.unwrap();
    subject.outbox.remove(&[]).await.unwrap();
}
