//! What only the Redis store promises: how things lie there, and how it bears a server's moods.

#![allow(clippy::unwrap_used, reason = "a test may end at its first surprise")]

mod deleted;
mod foreign;
mod held;
mod layout;
mod outage;
mod reach;
mod refusal;
mod trust;

use framecache::model::name::CameraId;
use framecache::store::redis::{RedisOptions, RedisStore};
use framecache::store::{FrameStore, Put, PutFrame, StoreError};

use crate::support::redis::RedisServer;

pub(crate) use crate::store_contract::{SEC, cam1, frame, key, keys_of, open, span, stream, ttl};

/// Keys that live for ever, by how their names end or read.
const ENDLESS: [&str; 5] =
    ["@framecache/format", "@framecache/streams", "/cameras", "/lives", "/dims"];

pub(crate) fn options(address: &str) -> RedisOptions {
    RedisOptions::new(address, CameraId::new("host-1").unwrap())
}

/// Stores frames that nothing stands in the way of.
pub(crate) async fn put(store: &RedisStore, frames: &[PutFrame]) {
    for outcome in store.put(frames).await {
        assert!(matches!(outcome, Ok(Put::Stored { again: false, .. })), "{outcome:?}");
    }
}

/// The one outcome of storing one frame.
pub(crate) async fn put_one(store: &RedisStore, frame: &PutFrame) -> Result<Put, StoreError> {
    store.put(std::slice::from_ref(frame)).await.remove(0)
}

pub(crate) fn all_keys(server: &RedisServer, pattern: &str) -> Vec<String> {
    let listed = server.cli(&["keys", pattern]);
    let mut keys: Vec<String> =
        listed.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect();
    keys.sort();
    keys
}

/// Asserts that whatever is not a registry goes by itself.
pub(crate) fn assert_only_registries_are_endless(server: &RedisServer) {
    for key in all_keys(server, "*") {
        let registry = ENDLESS.iter().any(|end| key.ends_with(end));
        let endless = server.cli(&["ttl", &key]) == "-1";
        assert_eq!(endless, registry, "{key}");
    }
}

/// The bytes of a string key in hex.
pub(crate) fn hex(server: &RedisServer, key: &str) -> String {
    let script = "return (redis.call('GET', KEYS[1]):gsub('.', function(c) \
                  return string.format('%02x', c:byte()) end))";
    server.cli(&["eval", script, "1", key])
}

pub(crate) fn number(server: &RedisServer, command: &[&str]) -> u64 {
    server.cli(command).parse().unwrap()
}
