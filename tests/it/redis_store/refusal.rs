//! What the store will not do, and that it says so in one sentence.

use framecache::model::time::TimeRange;
use framecache::store::{FrameStore, Put, Selector, StoreError};

use super::{all_keys, cam1, frame, key, keys_of, open, put_one};
use crate::support::redis::RedisServer;

#[tokio::test]
async fn a_full_server_refuses_and_index_and_frames_stay_equal() {
    let server =
        RedisServer::start_with(&["--maxmemory", "8mb", "--maxmemory-policy", "noeviction"]);
    let store = open(&server);
    let now = store.now().await.unwrap();
    let mut seq = 0;
    let said = loop {
        seq += 1;
        match put_one(&store, &frame(&key(&cam1(), now, seq), &[7; 500_000], 300)).await {
            Ok(_) => assert!(seq < 20, "8 MB should not hold 10 MB"),
            Err(StoreError::Refused(said)) => break said,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(said.contains("raise maxmemory, or set maxmemory-policy to volatile-ttl"), "{said}");
    let listed = store.index(&cam1(), TimeRange::ALL).await.unwrap();
    let scanned = store.scan(&Selector::stream(&cam1(), TimeRange::ALL)).await.unwrap();
    assert_eq!(keys_of(&cam1(), &listed.records), scanned.keys);
    assert_eq!(scanned.keys.len(), seq as usize - 1);
}

#[tokio::test]
async fn another_format_is_refused_by_every_role() {
    let server = RedisServer::start();
    server.cli(&["set", "@framecache/format", "2"]);
    let store = open(&server);
    let key = key(
        &cam1(),
        framecache::model::time::UnixNanos::new(1_731_024_000_123_456_789).unwrap(),
        1,
    );
    let selector = Selector::stream(&cam1(), TimeRange::ALL);
    let errors = [
        put_one(&store, &frame(&key, b"jpeg", 300)).await.unwrap_err(),
        store.index(&cam1(), TimeRange::ALL).await.unwrap_err(),
        store.scan(&selector).await.unwrap_err(),
    ];
    for error in errors {
        let StoreError::Format(said) = error else { panic!("{error}") };
        assert!(said.contains("is of format \"2\", this program knows \"1\""), "{said}");
    }
    assert_eq!(all_keys(&server, "*"), ["@framecache/format"]);
}

#[tokio::test]
async fn a_cluster_is_refused_in_one_sentence() {
    let server = RedisServer::start_with(&["--cluster-enabled", "yes"]);
    let error = open(&server).now().await.unwrap_err();
    let StoreError::Format(said) = error else { panic!("{error}") };
    assert!(
        said.ends_with("is a cluster, which is not supported yet: give a single server"),
        "{said}"
    );
}

#[tokio::test]
async fn a_foreign_key_under_our_names_is_reported() {
    let server = RedisServer::start();
    server.cli(&["lpush", "@framecache/streams", "mine"]);
    let store = open(&server);
    let key = key(&cam1(), store.now().await.unwrap(), 1);
    let outcome = put_one(&store, &frame(&key, b"jpeg", 300)).await;
    let error = outcome.unwrap_err();
    let StoreError::Format(said) = error else { panic!("{error}") };
    assert!(said.contains("another program wrote under @framecache/"), "{said}");
}

#[tokio::test]
async fn a_key_that_holds_no_string_is_taken_and_is_no_frame() {
    let server = RedisServer::start();
    let store = open(&server);
    let key = key(&cam1(), store.now().await.unwrap(), 1);
    server.cli(&["lpush", &key.to_string(), "mine"]);
    let outcome = put_one(&store, &frame(&key, b"jpeg", 300)).await;
    assert!(matches!(outcome, Ok(Put::Taken)), "{outcome:?}");
    let own = std::slice::from_ref(&key);
    assert_eq!(store.fetch(own).await.unwrap(), [None]);
    assert_eq!(store.stat(own).await.unwrap(), [None]);
    assert_eq!(store.reindex(own).await.unwrap(), 0);
    assert_eq!(store.index(&cam1(), TimeRange::ALL).await.unwrap().records, []);
}
