//! Twenty cameras of thirty frames a second and 50 kB each, for twenty seconds, on Redis and RabbitMQ:
//! nothing is lost, and the account is exact. Runs alone (see `.config/nextest.toml`).
#![allow(clippy::unwrap_used, reason = "a test may end at its first surprise")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use framecache::app::{Cameras, Engine};
use framecache::bus::amqp::{AmqpBus, AmqpOptions};
use framecache::bus::{Bus as _, Delivery, Event, Message, Topic};
use framecache::metrics::Counts;
use framecache::model::event::Announcement;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use crate::engine::{config, made, read};
use crate::support::rabbit::RabbitServer;
use crate::support::redis::RedisServer;

const CAMERAS: u64 = 20;
const FPS: u64 = 30;
const FRAME_BYTES: u64 = 50_000;
const SPAN: Duration = Duration::from_secs(20);

/// The last message; no announcement.
const LAST: &[u8] = b"that was all";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_cameras_lose_nothing_in_twenty_seconds() {
    let (redis, rabbit) = (RedisServer::start(), RabbitServer::start_with_vhost("fleet"));
    let url = rabbit.amqp_url("fleet");
    let ids: Vec<String> = (1..=CAMERAS).map(|number| format!("cam{number}")).collect();
    let source = format!("synthetic:?size=320x180&fps={FPS}&bytes={FRAME_BYTES}");
    let cameras: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), source.as_str())).collect();
    let config = read(&config(&redis, Some(&url), &cameras));
    let bus = AmqpBus::open(AmqpOptions::new(url.parse().unwrap())).unwrap();
    let followed = tokio::spawn(follow(bus.subscribe().await.unwrap()));

    let engine = Engine::start(&config, Cameras::Configured).unwrap();
    until("every camera delivers", || {
        engine.metrics().by_camera().iter().all(|(_, counts)| counts.stored > 0)
    })
    .await;
    let (begun, before) = (Instant::now(), engine.metrics().total());
    tokio::time::sleep(SPAN).await;
    let (span, after) = (begun.elapsed(), engine.metrics().total());
    let account = engine.stop().await;

    let sustained = (after.stored - before.stored) as f64 / span.as_secs_f64();
    let asked = (CAMERAS * FPS) as f64;
    assert!(
        sustained >= 0.99 * asked,
        "only {sustained:.0} of {asked} frames a second were stored: {account:?}"
    );
    let exact = Counts {
        captured: account.captured,
        stored: account.captured,
        announced: account.captured,
        stored_bytes: account.captured * FRAME_BYTES,
        from_outbox: account.from_outbox, // frames from before the broker was connected wait in the outbox
        ..Counts::default()
    };
    assert_eq!(account, exact);

    let last = Message { topic: Topic::Frame, body: Bytes::from_static(LAST) };
    assert_eq!(bus.publish(last).await.unwrap(), Delivery::Routed);
    let announced = followed.await.unwrap();
    bus.close().await;
    let made: Vec<String> = made(&config, |_| ()).await.into_keys().collect();
    assert_eq!(u64::try_from(made.len()).unwrap(), account.captured);
    assert_eq!(announced, made);
}

/// The keys of all announcements up to the last message, sorted; those that come twice are there twice.
async fn follow(mut events: BoxStream<'static, Event>) -> Vec<String> {
    let mut keys = Vec::new();
    while let Some(event) = events.next().await {
        let Event::Message { routing_key, body } = event else { panic!("{event:?}") };
        match (routing_key.as_str(), body) {
            ("camera.metadata.event", body) if body == LAST => break,
            ("camera.metadata.event", body) => {
                keys.push(Announcement::from_json(&body).unwrap().key.to_string());
            }
            _ => {}
        }
    }
    keys.sort();
    keys
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
