//! A server that is away, comes back, comes back empty, or stops in its tracks.

use std::time::{Duration, Instant};

use framecache::model::time::TimeRange;
use framecache::store::redis::{RedisOptions, RedisStore};
use framecache::store::{FrameStore, Outbox, Put, StoreError};

use super::{
    SEC, assert_only_registries_are_endless, cam1, frame, key, keys_of, open, options, put, put_one,
};
use crate::support::redis::RedisServer;

fn is_away<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_store_opens_while_its_server_is_away_and_works_once_it_is_there() {
    let mut server = RedisServer::start();
    server.kill9();
    let store = open(&server);
    let began = Instant::now();
    for _ in 0..20 {
        assert!(is_away(&store.now().await));
    }
    assert!(began.elapsed() < SEC, "a call while Redis is down should fail at once");
    server.restart();
    let key = key(&cam1(), store.now().await.unwrap(), 1);
    put(&store, &[frame(&key, b"jpeg", 300)]).await;
}

#[tokio::test]
async fn after_a_restart_without_its_data_everything_is_opened_anew() {
    let mut server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let before = key(&cam1(), now, 1);
    put(&store, &[frame(&before, b"lost", 300)]).await;
    server.kill9();
    let after = key(&cam1(), now.next(), 2);
    let frame = frame(&after, b"kept", 300);
    assert!(is_away(&put_one(&store, &frame).await));
    server.restart();
    assert!(matches!(put_one(&store, &frame).await, Ok(Put::Stored { again: false, .. })));

    let mut answer = store.index(&cam1(), TimeRange::ALL).await;
    if is_away(&answer) {
        // the reading connection learns of the restart by its first call
        answer = store.index(&cam1(), TimeRange::ALL).await;
    }
    assert_eq!(keys_of(&cam1(), &answer.unwrap().records), [after]);
    assert_eq!(server.cli(&["get", "@framecache/format"]), "1");
    assert_eq!(store.marks().await.unwrap().len(), 1);
    assert_only_registries_are_endless(&server);
}

#[tokio::test]
async fn a_flush_under_an_open_connection_leaves_no_bucket_without_an_end() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    put(&store, &[frame(&key(&cam1(), now, 1), b"lost", 300)]).await;
    server.cli(&["flushall"]);
    let after = key(&cam1(), now, 2);
    put(&store, &[frame(&after, b"kept", 300)]).await;
    assert_only_registries_are_endless(&server);
    let answer = store.index(&cam1(), TimeRange::ALL).await.unwrap();
    assert_eq!(keys_of(&cam1(), &answer.records), [after]);
    assert_eq!(server.cli(&["get", "@framecache/format"]), "1");
    assert_eq!((store.marks().await.unwrap().len(), store.families().await.unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_write_whose_reply_was_lost_is_found_by_its_retry() {
    let server = RedisServer::start();
    let limit = Duration::from_millis(300);
    let impatient =
        RedisOptions { response_timeout: limit, connect_timeout: limit, ..options(&server.url()) };
    let store = RedisStore::open(&impatient).unwrap();
    let now = store.now().await.unwrap();
    put(&store, &[frame(&key(&cam1(), now, 1), b"first", 300)]).await;
    let key = key(&cam1(), now, 2);
    let frame = frame(&key, b"second", 300);
    server.freeze();
    let began = Instant::now();
    assert!(is_away(&put_one(&store, &frame).await));
    // all that wait for the same server wait together, not one after the other
    let calls = (0..20).map(|_| put_one(&store, &frame));
    assert!(futures_util::future::join_all(calls).await.iter().all(is_away));
    assert!(began.elapsed() < 4 * limit, "{:?}", began.elapsed());
    server.thaw();
    // what was sent is carried out by the server once it runs again
    assert!(matches!(put_one(&store, &frame).await, Ok(Put::Stored { .. })));
    let again = put_one(&store, &frame).await;
    assert!(matches!(again, Ok(Put::Stored { again: true, .. })), "{again:?}");
    let window = TimeRange::new(now, now.next()).unwrap();
    let mut answer = store.index(&cam1(), window).await;
    if is_away(&answer) {
        answer = store.index(&cam1(), window).await;
    }
    assert_eq!(keys_of(&cam1(), &answer.unwrap().records)[1..], [key]);
}

#[tokio::test]
async fn a_replica_is_read_and_its_writes_are_put_off() {
    let server = RedisServer::start();
    let writer = open(&server);
    let key = key(&cam1(), writer.now().await.unwrap(), 1);
    put(&writer, &[frame(&key, b"jpeg", 300)]).await;
    server.cli(&["replicaof", "127.0.0.1", "1"]);
    let store = open(&server);
    assert!(is_away(&put_one(&store, &frame(&key, b"jpeg", 300)).await));
    assert_eq!(store.fetch(&[key]).await.unwrap()[0].as_deref(), Some(&b"jpeg"[..]));
    server.cli(&["replicaof", "no", "one"]);
}
