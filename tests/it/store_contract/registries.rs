//! Registries: who was written to, when last, and in which dimensions.

use framecache::model::frame::Dimensions;
use framecache::model::name::{Prefix, Tenant};
use framecache::model::time::UnixNanos;
use framecache::store::PutFrame;

use super::{SEC, Subject, cam1, contracts, frame, key, stream};

contracts!(
    families_and_cameras_are_listed_with_their_newest_key,
    an_older_key_never_takes_the_newest_back,
    the_longest_life_of_a_camera_is_told,
    dimensions_are_told_over_time,
    reindexing_counts_what_exists_and_changes_no_answer,
    the_store_tells_its_size,
);

/// At most a second behind, and rounded down to a microsecond.
fn assert_newest(found: UnixNanos, written: UnixNanos) {
    assert!(found <= written, "{found} is after {written}");
    assert!(written.since(found) <= SEC, "{found} is over a second behind {written}");
}

async fn families_and_cameras_are_listed_with_their_newest_key(subject: &Subject) {
    let now = subject.now().await;
    let written = [("b", "p", "cam2"), ("a", "q", "cam10"), ("a", "p", "cam2"), ("a", "p", "cam1")];
    for (i, (tenant, prefix, camera)) in written.into_iter().enumerate() {
        let at = now.plus(std::time::Duration::from_nanos(i as u64));
        subject.put(&[frame(&key(&stream(tenant, prefix, camera), at, 1), b"jpeg", 300)]).await;
    }
    let families = subject.store.families().await.unwrap();
    let names: Vec<_> = families.iter().map(|f| (f.tenant.as_str(), f.prefix.as_str())).collect();
    assert_eq!(names, [("a", "p"), ("a", "q"), ("b", "p")]);
    families.iter().for_each(|family| assert_newest(family.newest, now.plus(SEC / 1000)));

    let (tenant, prefix) = (Tenant::new("a").unwrap(), Prefix::new("p").unwrap());
    let cameras = subject.store.cameras(&tenant, &prefix).await.unwrap();
    let names: Vec<_> = cameras.iter().map(|seen| seen.camera.as_str()).collect();
    assert_eq!(names, ["cam1", "cam2"]);
    let newest = subject.store.last_seen(&stream("a", "p", "cam1")).await.unwrap();
    assert_eq!(newest, Some(cameras[0].newest));
    assert_newest(newest.unwrap(), now.plus(std::time::Duration::from_nanos(3)));
    assert_eq!(subject.store.last_seen(&stream("b", "p", "cam1")).await.unwrap(), None);
}

async fn an_older_key_never_takes_the_newest_back(subject: &Subject) {
    let now = subject.now().await;
    subject.put(&[frame(&key(&cam1(), now, 1), b"new", 300)]).await;
    subject.wait_until(now.plus(SEC + SEC / 100)).await;
    subject.put(&[frame(&key(&cam1(), now.minus(3600 * SEC), 1), b"old", 300)]).await;
    assert_newest(subject.store.last_seen(&cam1()).await.unwrap().unwrap(), now);
}

async fn the_longest_life_of_a_camera_is_told(subject: &Subject) {
    let now = subject.now().await;
    assert_eq!(subject.store.longest_life(&cam1()).await.unwrap(), None);
    for (seq, ttl) in [(1, 60), (2, 7200), (3, 300)] {
        subject.put(&[frame(&key(&cam1(), now, seq), b"jpeg", ttl)]).await;
    }
    let longest = subject.store.longest_life(&cam1()).await.unwrap();
    assert_eq!(longest.map(framecache::model::time::Ttl::as_secs), Some(7200));
    let other = subject.store.longest_life(&stream("b", "p", "cam1")).await.unwrap();
    assert_eq!(other, None);
}

async fn dimensions_are_told_over_time(subject: &Subject) {
    let now = subject.now().await;
    let hd = Dimensions { width: 1920, height: 1080 };
    let vga = Dimensions { width: 640, height: 480 };
    let put = |at, seq, new_dimensions| PutFrame {
        new_dimensions,
        ..frame(&key(&cam1(), at, seq), b"jpeg", 300)
    };
    let before = now.minus(60 * SEC);
    subject.put(&[put(now, 1, Some(hd)), put(now.next(), 2, None)]).await;
    subject.put(&[put(now.plus(SEC), 3, Some(vga))]).await;
    // a late frame, from before the first
    subject.put(&[put(before, 4, Some(vga))]).await;
    let known = subject.store.dimensions(&cam1()).await.unwrap();
    assert_eq!(known, [(before, vga), (now, hd), (now.plus(SEC), vga)]);
}

async fn reindexing_counts_what_exists_and_changes_no_answer(subject: &Subject) {
    let now = subject.now().await;
    let keys: Vec<_> = (1..=3).map(|seq| key(&cam1(), now, seq)).collect();
    subject.put(&[frame(&keys[0], b"a", 300), frame(&keys[2], b"b", 300)]).await;
    for _ in 0..2 {
        assert_eq!(subject.store.reindex(&keys).await.unwrap(), 2);
        assert_eq!(subject.indexed(&cam1()).await, [keys[0].clone(), keys[2].clone()]);
    }
    assert_eq!(subject.store.reindex(&[]).await.unwrap(), 0);
}

async fn the_store_tells_its_size(subject: &Subject) {
    let empty = subject.store.info().await.unwrap();
    let key = key(&cam1(), subject.now().await, 1);
    subject.put(&[frame(&key, &vec![7; 1_000_000], 300)]).await;
    let info = subject.store.info().await.unwrap();
    assert!(!info.version.is_empty() && ["embedded", "redis"].contains(&info.backend.as_str()));
    assert!(info.used_bytes >= empty.used_bytes + 1_000_000, "{info:?}");
    assert!(info.keys > empty.keys && info.evicted == 0, "{info:?}");
}
