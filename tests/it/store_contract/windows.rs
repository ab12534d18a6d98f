//! Windows: half-open, exact, and never of another camera.

use framecache::model::name::{CameraId, Prefix, Tenant};
use framecache::model::time::TimeRange;
use framecache::store::Selector;

use super::{SEC, Subject, cam1, contracts, frame, key, keys_of, span, stream};

contracts!(
    a_window_is_half_open_to_the_nanosecond,
    frames_of_every_lifetime_are_in_one_answer,
    similar_names_are_never_mixed,
    a_scan_selects_by_any_part,
    an_unknown_camera_has_nothing,
);

async fn a_window_is_half_open_to_the_nanosecond(subject: &Subject) {
    let at = subject.now().await;
    let keys = [
        key(&cam1(), at, 2),
        key(&cam1(), at, 3),
        key(&cam1(), at.next(), 1),
        key(&cam1(), at.next().next(), 1),
    ];
    // out of order, in two batches
    let frames: Vec<_> = keys.iter().map(|key| frame(key, b"jpeg", 300)).collect();
    subject.put(&[frames[3].clone(), frames[1].clone()]).await;
    subject.put(&[frames[2].clone(), frames[0].clone()]).await;
    for (from, to, expected) in [
        (at, at.next(), &keys[..2]),
        (at.next(), at.next().next(), &keys[2..3]),
        (at, at.plus(SEC), &keys[..]),
        (at.minus(SEC), at, &[]),
        (at.next().next().next(), at.plus(SEC), &[]),
    ] {
        let window = span(from, to);
        let answer = subject.index(&cam1(), window).await;
        assert_eq!(keys_of(&cam1(), &answer.records), expected);
        let scanned = subject.store.scan(&Selector::stream(&cam1(), window)).await.unwrap();
        assert_eq!((scanned.keys.as_slice(), scanned.foreign), (expected, 0));
    }
}

async fn frames_of_every_lifetime_are_in_one_answer(subject: &Subject) {
    let now = subject.now().await;
    let lives = [5, 300, 3600, 3601, 86_400, 315_360_000];
    let keys: Vec<_> = (0..6).map(|i| key(&cam1(), now.minus(SEC).plus(SEC / 10 * i), 1)).collect();
    for (key, secs) in keys.iter().zip(lives) {
        subject.put(&[frame(key, b"jpeg", secs)]).await;
        // asked in between, so that a reader meets lives that it did not know of
        assert_eq!(subject.indexed(&cam1()).await.last(), Some(key));
    }
    let window = span(now.minus(SEC * 2), now.plus(SEC));
    let answer = subject.index(&cam1(), window).await;
    assert_eq!(keys_of(&cam1(), &answer.records), keys);
    let ttls: Vec<_> = answer.records.iter().map(|one| u64::from(one.ttl.as_secs())).collect();
    assert_eq!(ttls, lives);
}

async fn similar_names_are_never_mixed(subject: &Subject) {
    let now = subject.now().await;
    let names = [
        ("client", "frames", "cam1"),
        ("client", "frames", "cam10"),
        ("client", "frames", "cam"),
        ("client", "frame", "cam1"),
        ("client-a", "frames", "cam1"),
        ("client", "frames", "frames"),
    ];
    let keys = names.map(|(tenant, prefix, camera)| key(&stream(tenant, prefix, camera), now, 1));
    let batch: Vec<_> =
        keys.iter().map(|key| frame(key, key.to_string().as_bytes(), 300)).collect();
    subject.put(&batch).await;
    for key in &keys {
        let own = std::slice::from_ref(key);
        assert_eq!(subject.indexed(key.stream()).await, own);
        assert_eq!(subject.scanned(key.stream()).await, own);
        let fetched = subject.store.fetch(own).await.unwrap();
        assert_eq!(fetched[0].as_deref(), Some(key.to_string().as_bytes()));
    }
}

async fn a_scan_selects_by_any_part(subject: &Subject) {
    let now = subject.now().await;
    let key_of = |t: &str, p: &str, c: &str| key(&stream(t, p, c), now, 1);
    let mut keys = [key_of("a", "p", "c1"), key_of("a", "q", "c1"), key_of("b", "p", "c2")];
    keys.sort();
    subject.put(&keys.each_ref().map(|key| frame(key, b"jpeg", 300))).await;
    let all = Selector { tenant: None, prefix: None, camera: None, window: TimeRange::ALL };
    let tenant = Tenant::new("a").ok();
    let prefix = Prefix::new("p").ok();
    let camera = CameraId::new("c1").ok();
    for (selector, expected) in [
        (all.clone(), vec![0, 1, 2]),
        (Selector { tenant: tenant.clone(), ..all.clone() }, vec![0, 1]),
        (Selector { prefix: prefix.clone(), ..all.clone() }, vec![0, 2]),
        (Selector { camera, ..all.clone() }, vec![0, 1]),
        (Selector { tenant, prefix, ..all.clone() }, vec![0]),
        (Selector { window: span(now.minus(SEC), now), ..all }, vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|i: usize| keys[i].clone()).collect();
        assert_eq!(subject.store.scan(&selector).await.unwrap().keys, expected, "{selector:?}");
    }
}

async fn an_unknown_camera_has_nothing(subject: &Subject) {
    let answer = subject.index(&cam1(), TimeRange::ALL).await;
    assert_eq!(answer, framecache::store::IndexAnswer::default());
    assert_eq!(subject.scanned(&cam1()).await, []);
    assert_eq!(subject.store.last_seen(&cam1()).await.unwrap(), None);
    assert_eq!(subject.store.dimensions(&cam1()).await.unwrap(), []);
    assert_eq!(subject.store.families().await.unwrap(), []);
    assert_eq!(subject.outbox.marks().await.unwrap(), []);
}
