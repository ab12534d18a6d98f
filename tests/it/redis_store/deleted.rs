//! What deleting leaves in Redis: zero bytes in place of records, ends as they were, nothing else.

use framecache::model::bucket::Life;
use framecache::model::key::FrameKey;
use framecache::store::FrameStore;

use super::{
    SEC, all_keys, assert_only_registries_are_endless, cam1, frame, hex, key, number, open, put,
    ttl,
};
use crate::support::redis::RedisServer;

#[tokio::test]
async fn a_record_becomes_zero_bytes_in_its_place_and_the_bucket_keeps_its_end() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let keys = [1, 2, 3].map(|seq| key(&cam1(), now, seq));
    put(&store, &keys.each_ref().map(|key| frame(key, b"jpeg", 300))).await;
    let bucket = Life::of(ttl(300)).bucket(now).number;
    let bucket = format!("@framecache/{{client-a/frames/cam1}}/300/10/{bucket}");
    let (before, end) = (hex(&server, &bucket), number(&server, &["pexpiretime", &bucket]));
    assert_eq!(store.delete(&keys[1..2]).await.unwrap(), [Some(4)]);
    let zeros = "0".repeat(32);
    assert_eq!(hex(&server, &bucket), format!("{}{zeros}{}", &before[..32], &before[64..]));
    assert_eq!(number(&server, &["pexpiretime", &bucket]), end);
    assert_eq!(all_keys(&server, "client-a:*"), [keys[0].to_string(), keys[2].to_string()]);
    assert_only_registries_are_endless(&server);
}

#[tokio::test]
async fn frames_that_the_index_does_not_know_are_deleted_and_nothing_is_made_for_them() {
    let server = RedisServer::start();
    let store = open(&server);
    let [known, foreign, hash] = [1, 2, 3].map(|n| {
        let text = format!("client-a:frames:cam1:173102400012345678{n}:00001");
        text.parse::<FrameKey>().unwrap()
    });
    server.cli(&["set", &foreign.to_string(), "for ever"]);
    server.cli(&["hset", &hash.to_string(), "field", "of another program"]);
    let sizes = store.delete(&[known, foreign, hash.clone()]).await.unwrap();
    assert_eq!(sizes, [None, Some(8), None]);
    let left = ["@framecache/format".to_owned(), hash.to_string()];
    assert_eq!(all_keys(&server, "*"), left);
}

#[tokio::test]
async fn a_reindexed_frame_goes_with_its_record() {
    let server = RedisServer::start();
    let store = open(&server);
    let old: FrameKey = "client-a:frames:cam1:1731024000123456789:00001".parse().unwrap();
    server.cli(&["setex", &old.to_string(), "300", "jpeg-bytes"]);
    assert_eq!(store.reindex(std::slice::from_ref(&old)).await.unwrap(), 1);
    assert_eq!(store.delete(std::slice::from_ref(&old)).await.unwrap(), [Some(10)]);
    let bucket = "@framecache/{client-a/frames/cam1}/512/10/173102400";
    assert_eq!(hex(&server, bucket), "0".repeat(32));
}

#[tokio::test]
async fn many_frames_go_in_one_transaction() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = Life::of(ttl(300)).bucket(store.now().await.unwrap()).window().unwrap().from();
    let keys: Vec<FrameKey> =
        (0..256_u32).map(|n| key(&cam1(), now.plus(SEC / 100 * n), n + 1)).collect();
    put(&store, &keys.iter().map(|key| frame(key, b"jpeg", 300)).collect::<Vec<_>>()).await;
    server.cli(&["config", "resetstat"]);
    assert_eq!(store.delete(&keys).await.unwrap(), vec![Some(4); 256]);
    let stats = server.cli(&["info", "commandstats"]);
    assert!(stats.contains("cmdstat_exec:calls=1,"), "{stats}");
    assert!(stats.contains("cmdstat_setrange:calls=1,"), "{stats}");
    assert_eq!(all_keys(&server, "client-a:*"), Vec::<String>::new());
}
