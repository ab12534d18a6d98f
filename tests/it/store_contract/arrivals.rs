//! Late frames by when they came: what a follower needs to miss none of them.

use std::time::Duration;

use framecache::model::bucket::FoundRecord;
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::store::Put;

use super::{SEC, Subject, cam1, contracts, frame, key, keys_of, span, stream, ttl};

contracts!(
    frames_in_time_leave_no_note,
    late_and_early_frames_are_told_in_order_of_arrival,
    the_window_is_one_of_arrival,
    a_retry_repeats_its_note_at_most,
    notes_tell_the_life_and_may_outlive_the_frame,
);

async fn arrived(subject: &Subject, window: TimeRange) -> Vec<FoundRecord> {
    subject.store.arrived(&cam1(), window).await.unwrap()
}

/// Returns once the store's clock has moved on; answers the instant in between.
async fn pass(subject: &Subject) -> UnixNanos {
    let until = subject.now().await.plus(Duration::from_millis(20));
    subject.wait_until(until).await;
    until.minus(Duration::from_millis(10))
}

async fn frames_in_time_leave_no_note(subject: &Subject) {
    let now = subject.now().await;
    subject.put(&[frame(&key(&cam1(), now, 1), b"jpeg", 300)]).await;
    subject.put(&[frame(&key(&cam1(), now.minus(SEC), 2), b"jpeg", 7200)]).await;
    assert_eq!(arrived(subject, TimeRange::ALL).await, []);
}

async fn late_and_early_frames_are_told_in_order_of_arrival(subject: &Subject) {
    let now = subject.now().await;
    let other = stream("client-a", "frames", "cam10");
    let early = key(&cam1(), now.plus(8 * SEC), 1);
    let late = key(&cam1(), now.minus(3600 * SEC), 2);
    let wide = key(&cam1(), now.minus(90_000 * SEC), 3);
    subject.put(&[frame(&early, b"early", 300)]).await;
    pass(subject).await;
    subject.put(&[frame(&wide, b"of a wide life", 86_400)]).await;
    pass(subject).await;
    subject.put(&[frame(&key(&cam1(), now, 4), b"in time", 300)]).await;
    subject.put(&[frame(&late, b"late", 300)]).await;
    subject.put(&[frame(&key(&other, now.minus(3600 * SEC), 1), b"of another", 300)]).await;
    let told = arrived(subject, TimeRange::ALL).await;
    assert_eq!(keys_of(&cam1(), &told), [early, wide, late]);
    assert!(told.iter().all(|one| one.record.ask));
    let sizes: Vec<_> = told.iter().map(|one| one.record.size).collect();
    assert_eq!(sizes, [Some(5), Some(14), Some(4)]);
}

async fn the_window_is_one_of_arrival(subject: &Subject) {
    let now = subject.now().await;
    let [first, second] = [1, 2].map(|seq| key(&cam1(), now.minus(1000 * SEC), seq));
    subject.put(&[frame(&first, b"first", 300)]).await;
    let between = pass(subject).await;
    subject.put(&[frame(&second, b"second", 300)]).await;
    let end = UnixNanos::MAX;
    let of = async |window| keys_of(&cam1(), &arrived(subject, window).await);
    assert_eq!(of(span(between, end)).await, std::slice::from_ref(&second));
    assert_eq!(of(span(now.minus(SEC), between)).await, std::slice::from_ref(&first));
    assert_eq!(of(span(now.minus(1001 * SEC), now.minus(999 * SEC))).await, []);
    assert_eq!(of(span(now.minus(86_400 * 365 * SEC), end)).await, [first, second]);
}

async fn a_retry_repeats_its_note_at_most(subject: &Subject) {
    let late = key(&cam1(), subject.now().await.minus(60 * SEC), 1);
    subject.put(&[frame(&late, b"late", 300)]).await;
    let again = subject.store.put(&[frame(&late, b"late", 300)]).await;
    assert!(matches!(again[..], [Ok(Put::Stored { again: true, .. })]), "{again:?}");
    let mut told = keys_of(&cam1(), &arrived(subject, TimeRange::ALL).await);
    told.dedup();
    assert_eq!(told, [late]);
}

async fn notes_tell_the_life_and_may_outlive_the_frame(subject: &Subject) {
    let now = subject.now().await;
    let late = key(&cam1(), now.minus(60 * SEC), 1);
    subject.put(&[frame(&late, b"late", 1)]).await;
    let told = arrived(subject, TimeRange::ALL).await;
    assert_eq!(told.iter().map(|one| one.ttl).collect::<Vec<_>>(), [ttl(1)]);
    subject.wait_until(subject.now().await.plus(Duration::from_millis(1100))).await;
    assert_eq!(subject.store.fetch(&[late]).await.unwrap(), [None]);
}
