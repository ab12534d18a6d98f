//! What the index cannot vouch for is said, and nothing else.

use framecache::model::bucket::{Bucket, Life};
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::store::FrameStore;
use framecache::store::redis::RedisStore;

use super::{SEC, cam1, frame, key, keys_of, open, put, span, ttl};
use crate::support::redis::RedisServer;

fn name(bucket: Bucket) -> String {
    let (ttl, width) = (bucket.life.ttl.as_secs(), bucket.life.width.as_secs());
    format!("@framecache/{{client-a/frames/cam1}}/{ttl}/{width}/{}", bucket.number)
}

async fn uptime_of(store: &RedisStore) -> u64 {
    let facts = store.info().await.unwrap().facts;
    let fact = facts.into_iter().find(|(name, _)| name == "uptime_in_seconds");
    fact.unwrap().1.parse().unwrap()
}

/// One frame in a bucket that is over, so that the bucket's whole span is in the past.
async fn with_a_frame_in_a_past_bucket(store: &RedisStore, secs: u64) -> (UnixNanos, TimeRange) {
    let now = store.now().await.unwrap();
    let captured = now.minus(20 * SEC);
    put(store, &[frame(&key(&cam1(), captured, 1), b"jpeg", secs)]).await;
    let window = Life::of(ttl(secs)).bucket(captured).window().unwrap();
    (captured, window)
}

#[tokio::test]
async fn under_an_evicting_policy_an_absent_bucket_is_unsure() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "allkeys-lru"]);
    let store = open(&server);
    let (captured, window) = with_a_frame_in_a_past_bucket(&store, 300).await;
    let answer = store.index(&cam1(), window).await.unwrap();
    assert_eq!((answer.records.len(), answer.unsure), (1, vec![]));
    server.cli(&["del", &name(Life::of(ttl(300)).bucket(captured))]);
    let answer = store.index(&cam1(), window).await.unwrap();
    assert_eq!((answer.records.len(), answer.unsure), (0, vec![window]));
}

#[tokio::test]
async fn what_is_absent_from_before_a_restart_is_unsure_and_nothing_later() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "volatile-ttl"]);
    let early = open(&server);
    let now = early.now().await.unwrap();
    put(&early, &[frame(&key(&cam1(), now, 1), b"jpeg", 300)]).await;
    let window = span(now.minus(100 * SEC), now.minus(20 * SEC));
    assert_eq!(early.index(&cam1(), window).await.unwrap().unsure, [window]);

    while uptime_of(&early).await < 2 {
        tokio::time::sleep(SEC / 10).await;
    }
    let store = open(&server);
    let now = store.now().await.unwrap();
    let newest = Life::of(ttl(300)).bucket(now).window().unwrap();
    server.cli(&["del", &name(Life::of(ttl(300)).bucket(now))]);
    let window = span(now.minus(SEC).max(newest.from()), now.next());
    assert_eq!(store.index(&cam1(), window).await.unwrap().unsure, []);
}

#[tokio::test]
async fn a_bucket_that_is_not_understood_is_unsure_and_the_others_are_answered() {
    let server = RedisServer::start();
    let store = open(&server);
    for (i, odd) in ["x", "0123456789abcdef"].into_iter().enumerate() {
        let now = store.now().await.unwrap();
        let seq = u32::try_from(i).unwrap() * 2 + 1;
        let bad = key(&cam1(), now.minus(60 * SEC), seq);
        let good = key(&cam1(), now.minus(40 * SEC), seq + 1);
        put(&store, &[frame(&bad, b"bad", 300), frame(&good, b"good", 300)]).await;
        let bucket = Life::of(ttl(300)).bucket(bad.at());
        server.cli(&["append", &name(bucket), odd]);
        let span_of = |key: &framecache::model::key::FrameKey| {
            Life::of(ttl(300)).bucket(key.at()).window().unwrap()
        };
        let window = span(span_of(&bad).from(), span_of(&good).to());
        let answer = store.index(&cam1(), window).await.unwrap();
        assert!(keys_of(&cam1(), &answer.records).contains(&good));
        assert!(!keys_of(&cam1(), &answer.records).contains(&bad));
        assert!(answer.unsure.iter().any(|one| one.from() <= bad.at() && bad.at() < one.to()));
        let alone = store.index(&cam1(), span_of(&bad)).await.unwrap();
        assert_eq!((alone.records, alone.unsure), (vec![], vec![span_of(&bad)]));
    }
}
