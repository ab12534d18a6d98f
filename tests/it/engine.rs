//! A whole collector in the test's own process: configured by text, its frames checked against their source.

use std::collections::BTreeMap;
use std::sync::Arc;

use framecache::app::{open_store, stream};
use framecache::clock::SystemClock;
use framecache::collect::synthetic::{SyntheticCamera, SyntheticOptions, read_stamp};
use framecache::config::{Config, Environment};
use framecache::model::frame::Frame;
use framecache::model::time::TimeRange;
use framecache::query::{Query, RangeRequest};
use futures_util::TryStreamExt as _;

use crate::support::redis::RedisServer;

/// The configuration file of a collector on these servers, as text. Its tenant is the vhost of `amqp_url`,
/// and `default` without one.
pub(crate) fn config(
    redis: &RedisServer,
    amqp_url: Option<&str>,
    cameras: &[(&str, &str)],
) -> String {
    let mut text = format!(
        "collector_id = 'site1'\n\
         [http]\nlisten = '127.0.0.1:0'\n\
         [redis]\nenabled = true\naddress = '{}'\nttl_seconds = 120\n",
        redis.address()
    );
    if let Some(url) = amqp_url {
        text += &format!("[amqp]\namqp_url = '{url}'\n");
    }
    for (id, url) in cameras {
        text += &format!("[[cameras]]\nid = '{id}'\nurl = '{url}'\n");
    }
    text
}

/// Reads a configuration file, without any variable of the test's own environment.
pub(crate) fn read(text: &str) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Config::load(Some(file.path()), &Environment::new()).unwrap().config
}

/// Every frame that is stored of the configured cameras, by key, with what `note` takes down of it.
///
/// The source is run again: the stamp in a stored frame says which one it is, and what the source makes of
/// that number and time is what is noted. Panics where the stored bytes are others, or a number is missing,
/// twice or of another camera.
pub(crate) async fn made<T>(
    config: &Config,
    note: impl Fn(&[u8]) -> T + Copy,
) -> BTreeMap<String, T> {
    let (store, _) = open_store(config).unwrap();
    let query = Query::new(store, Arc::new(SystemClock));
    let mut made = BTreeMap::new();
    for camera in &config.cameras {
        let stream = stream(config, &camera.id);
        let request = RangeRequest::new(vec![stream.clone()], TimeRange::ALL);
        let frames: Vec<Frame> = query.range_frames(request).try_collect().await.unwrap();
        let options = SyntheticOptions::from_url(camera.url.expose()).unwrap();
        let source = SyntheticCamera::new(camera.id.clone(), options).unwrap();
        for (number, frame) in (0..).zip(frames) {
            let stamp = read_stamp(&frame.bytes).unwrap();
            assert_eq!((&stamp.camera, stamp.number), (&camera.id, number), "{}", frame.key);
            assert_eq!((frame.key.stream(), frame.key.at()), (&stream, stamp.unix_nano));
            let bytes = source.frame(number, stamp.unix_nano).unwrap();
            assert!(frame.bytes == bytes, "{} has other bytes than its source made", frame.key);
            made.insert(frame.key.to_string(), note(&bytes));
        }
    }
    made
}
