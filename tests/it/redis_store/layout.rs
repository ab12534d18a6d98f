//! How frames and index lie in Redis: keys, bytes, ends, and that no consumer's pattern sees more.

use framecache::model::bucket::Life;
use framecache::model::frame::Dimensions;
use framecache::model::key::FrameKey;
use framecache::model::time::TimeRange;
use framecache::store::{FrameStore, Outbox, OutboxMark, PutFrame};

use super::{
    SEC, all_keys, assert_only_registries_are_endless, cam1, frame, hex, key, number, open, put,
    stream, ttl,
};
use crate::support::redis::RedisServer;

#[tokio::test]
async fn keys_and_records_lie_as_documented() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let key = key(&cam1(), now, 7);
    let dimensions = Some(Dimensions { width: 1920, height: 1080 });
    put(&store, &[PutFrame { new_dimensions: dimensions, ..frame(&key, &[1; 50_000], 300) }]).await;

    let number_of = Life::of(ttl(300)).bucket(now).number;
    let bucket = format!("@framecache/{{client-a/frames/cam1}}/300/10/{number_of}");
    let mut expected = vec![
        "@framecache/format".to_owned(),
        "@framecache/streams".to_owned(),
        "@framecache/{client-a/frames}/cameras".to_owned(),
        bucket.clone(),
        "@framecache/{client-a/frames/cam1}/dims".to_owned(),
        "@framecache/{client-a/frames/cam1}/lives".to_owned(),
        "@framecache/{client-a/frames/cam1}/outbox/host-1".to_owned(),
        format!("client-a:frames:cam1:{now}:00007"),
    ];
    expected.sort();
    assert_eq!(all_keys(&server, "*"), expected);
    assert_eq!(
        hex(&server, &bucket),
        format!("{:016x}00000007 00 00c350", now.get()).replace(' ', "")
    );
    assert_eq!(server.cli(&["get", "@framecache/format"]), "1");
    assert_eq!(
        server.cli(&["hgetall", "@framecache/{client-a/frames/cam1}/outbox/host-1"]),
        format!("300/10/{number_of}\n0")
    );
    let micros = (now.get() / 1000).to_string();
    let zset = |name: &str| server.cli(&["zrange", name, "0", "-1", "withscores"]);
    assert_eq!(zset("@framecache/streams"), format!("client-a/frames\n{micros}"));
    assert_eq!(zset("@framecache/{client-a/frames}/cameras"), format!("cam1\n{micros}"));
    let gone = (number_of + 1) * 10 + 300 + 10;
    assert_eq!(zset("@framecache/{client-a/frames/cam1}/lives"), format!("300/10\n{gone}"));
    assert_eq!(number(&server, &["pexpiretime", &bucket]), gone * 1000);
    assert_eq!(number(&server, &["pexpiretime", &key.to_string()]), now.as_millis() + 300_000);
}

#[tokio::test]
async fn everything_but_the_registries_has_an_end() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let dimensions = Some(Dimensions { width: 640, height: 480 });
    put(
        &store,
        &[
            PutFrame { new_dimensions: dimensions, ..frame(&key(&cam1(), now, 1), b"a", 1) },
            frame(&key(&cam1(), now, 2), b"b", 86_400),
            frame(&key(&cam1(), now.minus(3600 * SEC), 3), b"c", 300),
        ],
    )
    .await;
    // a mark of a bucket that is long over must not end the others
    let old = Life::of(ttl(300)).bucket(now.minus(86_400 * SEC));
    store.save(&[OutboxMark { stream: cam1(), bucket: old, announced: 3 }]).await.unwrap();
    store.reindex(&[key(&cam1(), now, 2)]).await.unwrap();
    assert_only_registries_are_endless(&server);
    assert_eq!(store.marks().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_late_frame_pushes_the_end_of_its_bucket_and_never_pulls_it() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let captured = now.minus(3600 * SEC);
    let number_of = Life::of(ttl(60)).bucket(captured).number;
    let bucket = format!("@framecache/{{client-a/frames/cam1}}/60/10/{number_of}");
    put(&store, &[frame(&key(&cam1(), captured, 1), b"a", 60)]).await;
    let first = number(&server, &["pexpiretime", &bucket]);
    assert!(first >= now.as_millis() + 70_000, "{first}");
    server.cli(&["pexpire", &bucket, "5000"]);
    // another writer, who does not know of the bucket
    put(&open(&server), &[frame(&key(&cam1(), captured, 2), b"b", 60)]).await;
    assert!(number(&server, &["pexpiretime", &bucket]) >= first);
    server.cli(&["pexpire", &bucket, "500000"]);
    put(&open(&server), &[frame(&key(&cam1(), captured, 3), b"c", 60)]).await;
    assert!(number(&server, &["pttl", &bucket]) > 400_000);
}

#[tokio::test]
async fn a_bucket_whose_mark_was_removed_is_marked_again_before_its_next_record() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    put(&store, &[frame(&key(&cam1(), now, 1), b"a", 300)]).await;
    let marks = store.marks().await.unwrap();
    store.remove(&marks).await.unwrap();
    assert_eq!(store.marks().await.unwrap(), []);
    put(&store, &[frame(&key(&cam1(), now, 2), b"b", 300)]).await;
    assert_eq!(store.marks().await.unwrap(), marks);
}

#[tokio::test]
async fn no_pattern_of_a_consumer_matches_anything_but_frames() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let cameras = [cam1(), stream("client-b", "frames", "cam1"), stream("frames", "frames", "x")];
    for camera in &cameras {
        put(&store, &[frame(&key(camera, now, 1), b"a", 300)]).await;
        put(&store, &[frame(&key(camera, now.minus(3600 * SEC), 2), b"b", 7200)]).await;
    }
    for (pattern, expected) in [
        ("client-a:*", 2),
        ("client-a:frames:*", 2),
        ("client-a:frames:cam1:*", 2),
        ("*:frames:*", 6),
        ("*:frames:cam1:*", 4),
        ("frames:*:*:*:*", 2),
        ("*:*", 6),
        ("client*:frames*", 4),
    ] {
        let found = all_keys(&server, pattern);
        assert!(found.iter().all(|name| name.parse::<FrameKey>().is_ok()), "{pattern}: {found:?}");
        assert_eq!(found.len(), expected, "{pattern}");
    }
}

#[tokio::test]
async fn a_batch_is_one_transaction_and_a_known_window_one_round_trip() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    put(&store, &[frame(&key(&cam1(), now, 21), b"a", 300)]).await;
    server.cli(&["config", "resetstat"]);
    let frames: Vec<_> = (1..=20).map(|seq| frame(&key(&cam1(), now, seq), b"a", 300)).collect();
    put(&store, &frames).await;
    let stats = server.cli(&["info", "commandstats"]);
    assert!(stats.contains("cmdstat_exec:calls=1,") && stats.contains("cmdstat_append:calls=20,"));

    let window = TimeRange::new(now.minus(30 * SEC), now.plus(SEC)).unwrap();
    assert_eq!(store.index(&cam1(), window).await.unwrap().records.len(), 21);
    let reads = || {
        let stats = server.cli(&["info", "stats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    let (first, second) = (reads(), reads());
    store.index(&cam1(), window).await.unwrap();
    assert_eq!(reads() - second, second - first + 1);
}
