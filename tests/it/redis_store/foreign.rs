//! Frames of other programs: found by SCAN at once, by the index once they are reindexed.

use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::store::redis::RedisStore;
use framecache::store::{FrameStore, Selector};

use super::{SEC, all_keys, cam1, frame, key, keys_of, number, open, put};
use crate::support::redis::RedisServer;

const OF_2024: &str = "client-a:frames:cam1:1731024000123456789:00001";

async fn indexed(store: &RedisStore) -> Vec<FrameKey> {
    keys_of(&cam1(), &store.index(&cam1(), TimeRange::ALL).await.unwrap().records)
}

async fn scanned(store: &RedisStore) -> (Vec<String>, u64) {
    let answer = store.scan(&Selector::stream(&cam1(), TimeRange::ALL)).await.unwrap();
    (answer.keys.iter().map(FrameKey::to_string).collect(), answer.foreign)
}

#[tokio::test]
async fn a_frame_of_2024_with_a_live_ttl_is_scanned_at_once_and_indexed_after_reindex() {
    let server = RedisServer::start();
    let store = open(&server);
    server.cli(&["setex", OF_2024, "300", "jpeg-bytes"]);
    assert_eq!(scanned(&store).await, (vec![OF_2024.to_owned()], 0));
    assert_eq!(indexed(&store).await, []);

    let key: FrameKey = OF_2024.parse().unwrap();
    for _ in 0..2 {
        assert_eq!(store.reindex(std::slice::from_ref(&key)).await.unwrap(), 1);
    }
    let answer = store.index(&cam1(), TimeRange::ALL).await.unwrap();
    assert_eq!(keys_of(&cam1(), &answer.records), std::slice::from_ref(&key));
    assert!(answer.records[0].record.ask && answer.records[0].record.size == Some(10));
    let bucket = "@framecache/{client-a/frames/cam1}/512/10/173102400";
    assert_eq!(number(&server, &["strlen", bucket]), 16, "a repeat should add nothing");
    assert!(number(&server, &["ttl", bucket]) >= 300);
    assert_eq!(all_keys(&server, "*outbox*"), Vec::<String>::new());
    let newest = store.last_seen(&cam1()).await.unwrap();
    assert_eq!(newest, UnixNanos::new(1_731_024_000_123_456_000));

    server.cli(&["del", OF_2024]);
    let answer = store.index(&cam1(), TimeRange::ALL).await.unwrap();
    assert_eq!((answer.records, answer.dead), (vec![], 1));
}

#[tokio::test]
async fn a_frame_without_an_end_is_indexed_and_says_so() {
    let server = RedisServer::start();
    let store = open(&server);
    server.cli(&["set", OF_2024, "for ever"]);
    let key: FrameKey = OF_2024.parse().unwrap();
    assert_eq!(store.reindex(std::slice::from_ref(&key)).await.unwrap(), 1);
    assert_eq!(indexed(&store).await, std::slice::from_ref(&key));
    let stat = store.stat(&[key]).await.unwrap()[0].unwrap();
    assert_eq!((stat.size, stat.expires_at), (8, None));
}

#[tokio::test]
async fn older_suffixes_are_frames_and_other_keys_are_counted() {
    let server = RedisServer::start();
    let store = open(&server);
    let mut frames = [
        "client-a:frames:cam1:1731024000123456789",
        "client-a:frames:cam1:1731024000123456789:00002",
        "client-a:frames:cam1:1731024000123456789:0a1b2c3d",
    ];
    let others = [
        "client-a:frames:cam1:2024-11-08T00:00:00Z:00001",
        "client-a:frames:cam1:1731024000123456789:1",
        "client-a:frames:cam1:",
    ];
    for name in frames.iter().chain(&others) {
        server.cli(&["setex", name, "300", "x"]);
    }
    for name in
        ["client-a:frames:cam10:1731024000123456789:00001", "frames:cam1:1731024000123456789"]
    {
        server.cli(&["setex", name, "300", "not this camera's"]);
    }
    frames.sort_unstable_by_key(|name| name.parse::<FrameKey>().unwrap());
    assert_eq!(scanned(&store).await, (frames.map(str::to_owned).to_vec(), 3));
    let keys = frames.map(|name| name.parse::<FrameKey>().unwrap());
    assert_eq!(store.reindex(&keys).await.unwrap(), 3);
    assert_eq!(indexed(&store).await, keys);
}

#[tokio::test]
async fn our_own_and_reindexed_frames_are_one_answer() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let own: Vec<_> = (0..10).map(|i| key(&cam1(), now.minus(SEC / 10 * i), 1)).collect();
    put(&store, &own.iter().map(|key| frame(key, b"jpeg", 300)).collect::<Vec<_>>()).await;
    let foreign: Vec<_> = (0..600).map(|i| key(&cam1(), now.minus(SEC * i).next(), 2)).collect();
    for chunk in foreign.chunks(200) {
        let pairs = chunk.iter().flat_map(|key| [key.to_string(), "x".to_owned()]);
        let arguments: Vec<String> = std::iter::once("mset".to_owned()).chain(pairs).collect();
        server.cli(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let mut all = [own, foreign].concat();
    all.sort();
    let gone = key(&cam1(), now, 99);
    assert_eq!(store.reindex(&[all.clone(), vec![gone]].concat()).await.unwrap(), 610);
    assert_eq!(indexed(&store).await, all);
    let window = TimeRange::new(now.minus(300 * SEC), now.minus(100 * SEC)).unwrap();
    let part: Vec<_> = all.into_iter().filter(|key| window.contains(key.at())).collect();
    let answer = store.index(&cam1(), window).await.unwrap();
    assert_eq!(keys_of(&cam1(), &answer.records), part);
    assert_eq!(store.scan(&Selector::stream(&cam1(), window)).await.unwrap().keys, part);
}

#[tokio::test]
async fn buckets_that_are_gone_leave_the_list() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let listed = "@framecache/{client-a/frames/cam1}/late";
    let late = |hours: u32| key(&cam1(), now.minus(3600 * SEC * hours), 1);
    put(&store, &[frame(&late(1), b"a", 300), frame(&late(2), b"b", 300)]).await;
    assert_eq!(number(&server, &["zcard", listed]), 2);
    let buckets = all_keys(&server, "*cam1}/300/10/*");
    server.cli(&["del", &buckets[0]]);
    // another process: its first late frame sweeps
    put(&open(&server), &[frame(&late(3), b"c", 300)]).await;
    assert_eq!(number(&server, &["zcard", listed]), 2);
}
