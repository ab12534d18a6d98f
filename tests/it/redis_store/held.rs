//! What holding leaves in Redis: records that ask, buckets that outlive their frames, notes that go.

use std::time::Duration;

use framecache::model::bucket::Life;
use framecache::model::hold::{Hold, HoldTerms};
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::store::{FrameStore, HoldStore, Lengthened};

use super::{
    SEC, assert_only_registries_are_endless, cam1, frame, hex, key, number, open, put, ttl,
};
use crate::support::redis::RedisServer;

const FAR: Duration = Duration::from_secs(90_000);

#[tokio::test]
async fn a_held_record_asks_in_its_place_and_nothing_ends_before_its_frame() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let keys = [1, 2, 3].map(|seq| key(&cam1(), now, seq));
    put(&store, &keys.each_ref().map(|key| frame(key, b"jpeg", 300))).await;
    let bucket = Life::of(ttl(300)).bucket(now).number;
    let bucket = format!("@framecache/{{client-a/frames/cam1}}/300/10/{bucket}");
    let before = hex(&server, &bucket);
    let until = UnixNanos::new(now.plus(FAR).as_millis() * 1_000_000).unwrap();
    store.lengthen(&keys[1..2], until).await.unwrap();

    let held = format!("{}04{}", &before[32..56], &before[58..64]);
    assert_eq!(hex(&server, &bucket), format!("{}{held}{}", &before[..32], &before[64..]));
    let end = |name: &str| number(&server, &["pexpiretime", name]);
    assert_eq!(end(&keys[1].to_string()), until.as_millis());
    for name in [
        &bucket,
        "@framecache/{client-a/frames/cam1}/late",
        "@framecache/{client-a/frames/cam1}/held",
    ] {
        assert_eq!(end(name), until.as_millis() + 10_000, "{name}");
    }
    let note = server.cli(&["--no-raw", "hvals", "@framecache/{client-a/frames/cam1}/held"]);
    let natural = now.as_millis() + 300_000;
    assert_eq!(note, format!("1) \"{natural} 4 {}\"", until.as_millis()));
    assert_only_registries_are_endless(&server);

    put(&store, &[frame(&key(&cam1(), now, 4), b"jpeg", 300)]).await;
    assert_eq!(end(&bucket), until.as_millis() + 10_000, "a later write shortens nothing");
}

#[tokio::test]
async fn a_frame_that_was_written_anew_under_a_held_key_keeps_its_own_end() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let keys = [1, 2].map(|seq| key(&cam1(), now, seq));
    put(&store, &keys.each_ref().map(|key| frame(key, b"jpeg", 300))).await;
    store.lengthen(&keys, now.plus(FAR)).await.unwrap();
    let again = now.as_millis() + 777_000;
    for key in &keys {
        server.cli(&["set", &key.to_string(), "anew", "pxat", &again.to_string()]);
    }
    let end = |key: &FrameKey| number(&server, &["pexpiretime", &key.to_string()]);
    store.shorten(&[(keys[0].clone(), None)]).await.unwrap();
    assert_eq!(end(&keys[0]), again, "the old note says nothing of the new frame");

    let until = UnixNanos::new(now.plus(FAR * 2).as_millis() * 1_000_000).unwrap();
    let held = Some(Lengthened::Held { size: 4, new: true });
    assert_eq!(store.lengthen(&keys[1..], until).await.unwrap(), [held]);
    assert_eq!(end(&keys[1]), until.as_millis());
    store.shorten(&[(keys[1].clone(), None)]).await.unwrap();
    assert_eq!(end(&keys[1]), again, "it gets back the end that it was written with");
    let notes = server.cli(&["exists", "@framecache/{client-a/frames/cam1}/held"]);
    assert_eq!(notes, "0");
}

#[tokio::test]
async fn a_held_frame_that_no_record_tells_of_is_indexed() {
    let server = RedisServer::start();
    let store = open(&server);
    let [old, endless]: [FrameKey; 2] = [1, 2]
        .map(|n| format!("client-a:frames:cam1:173102400012345678{n}:00001").parse().unwrap());
    server.cli(&["setex", &old.to_string(), "300", "jpeg-bytes"]);
    server.cli(&["set", &endless.to_string(), "jpeg-bytes"]);
    let until = store.now().await.unwrap().plus(FAR);
    let outcomes = store.lengthen(&[old.clone(), endless.clone()], until).await.unwrap();
    let held = Some(Lengthened::Held { size: 10, new: true });
    assert_eq!(outcomes, [held, Some(Lengthened::Lives)]);
    assert_eq!(server.cli(&["ttl", &endless.to_string()]), "-1");
    let answer = store.index(&cam1(), TimeRange::ALL).await.unwrap();
    assert_eq!(super::keys_of(&cam1(), &answer.records), [old]);
}

#[tokio::test]
async fn the_register_goes_with_its_last_hold() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = store.now().await.unwrap();
    let register = "@framecache/{client-a/frames}/holds";
    let begin = |id: &str, secs: u32| {
        let window = TimeRange::new(now.minus(SEC), now).unwrap();
        let terms = HoldTerms { stream: cam1(), window, keep: SEC * secs, note: String::new() };
        Hold::begin(id.parse().unwrap(), terms, now).unwrap()
    };
    for hold in [begin("long", 600), begin("short", 60)] {
        assert!(store.add_hold(&hold).await.unwrap());
    }
    let end = begin("long", 600).until().as_millis() + 10_000;
    assert_eq!(number(&server, &["pexpiretime", register]), end);
    server.cli(&["hset", register, "odd", "{"]);
    let ids = store.holds(&cam1().tenant, &cam1().prefix).await.unwrap();
    assert_eq!(ids, [begin("long", 600), begin("short", 60)]);
    assert_only_registries_are_endless(&server);
}
