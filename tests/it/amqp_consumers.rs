//! Consumers that exist, and know nothing of framecache, get every frame of two cameras byte by byte.
//!
//! Two kinds, both in Python: one builds each key from the parts of the message and declares the exchange
//! non-durable, the other reads `redis_key`, asks for the TTL and declares it durable. Each has a vhost and
//! a run of the whole collector to itself. What they print is compared with what the cameras made.
#![allow(clippy::unwrap_used, reason = "a test may end at its first surprise")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use framecache::app::{Cameras, Engine};
use framecache::bus::amqp::{AmqpBus, AmqpOptions};
use framecache::bus::{Bus as _, Delivery, Message, Topic};
use framecache::metrics::Counts;
use serde_json::{Value, json};

use crate::engine::{config, made, read};
use crate::support::digest::sha256;
use crate::support::python::Program;
use crate::support::rabbit::{PASSWORD, RabbitServer, USER};
use crate::support::redis::RedisServer;

const CAMERAS: [(&str, &str); 2] = [
    ("cam1", "synthetic:?size=160x96&fps=15"),
    ("yard.2", "synthetic:?size=320x180&fps=30&bytes=50000"),
];

/// Frames after which the cameras are stopped: about two seconds' worth.
const ENOUGH: u64 = 90;

const LIMIT: Duration = Duration::from_secs(20);

/// The servers that a run needs.
struct Servers {
    redis: RedisServer,
    rabbit: RabbitServer,
}

/// Starts the client of this name in `tests/data`; its queue is bound then.
fn start(servers: &Servers, script: &str, vhost: &str) -> Program {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(script);
    let ports = [servers.redis.port(), servers.rabbit.port()].map(|port| port.to_string());
    let arguments = [&ports[0], &ports[1], vhost, USER, PASSWORD];
    Program::start(&script, &arguments, &[], "\"ready\"")
}

/// What a client has printed, up to the message that is no JSON, which comes last.
fn told(mut client: Program) -> Vec<Value> {
    client.wait_until(|output| output.contains("\"unreadable\""));
    let output = client.output();
    let mut told: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.remove(0), json!({"ready": true}));
    assert!(told.pop().unwrap().get("unreadable").is_some(), "{output}");
    told
}

/// Lets the cameras of a vhost run until there are enough frames, and ends the collector in order. Answers
/// its account and what the cameras made.
async fn collect(servers: &Servers, vhost: &str) -> (Counts, BTreeMap<String, String>) {
    let url = servers.rabbit.amqp_url(vhost);
    let config = read(&config(&servers.redis, Some(&url), &CAMERAS));
    let engine = Engine::start(&config, Cameras::Configured).unwrap();
    let begun = tokio::time::Instant::now();
    while engine.metrics().total().captured < ENOUGH {
        assert!(begun.elapsed() < LIMIT, "{:?}", engine.metrics().total());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let account = engine.stop().await;
    send_the_last_message(&url).await;
    (account, made(&config, sha256).await)
}

async fn send_the_last_message(url: &str) {
    let bus = AmqpBus::open(AmqpOptions::new(url.parse().unwrap())).unwrap();
    bus.ready().await;
    let last = Message { topic: Topic::Frame, body: Bytes::from_static(b"that was all") };
    assert_eq!(bus.publish(last).await.unwrap(), Delivery::Routed);
    bus.close().await;
}

/// Every frame was stored, announced and taken by a queue.
fn assert_nothing_was_lost(account: &Counts, made: &BTreeMap<String, String>) {
    let frames = u64::try_from(made.len()).unwrap();
    let exact = Counts {
        captured: frames,
        stored: frames,
        announced: frames,
        stored_bytes: account.stored_bytes,
        from_outbox: account.from_outbox, // frames from before the broker was connected wait in the outbox
        ..Counts::default()
    };
    assert_eq!(*account, exact);
    assert!(frames >= ENOUGH);
}

/// Key and digest of each frame that a client took.
fn taken<'a>(told: impl IntoIterator<Item = &'a Value>) -> Vec<(String, String)> {
    let text = |of: &Value, field: &str| of[field].as_str().unwrap_or("nothing").to_owned();
    let mut taken: Vec<_> =
        told.into_iter().map(|one| (text(one, "key"), text(one, "sha256"))).collect();
    taken.sort();
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn existing_consumers_get_every_frame_of_two_cameras() {
    let rabbit = RabbitServer::start_with_vhost("client-a");
    let servers = Servers { redis: RedisServer::start(), rabbit };
    a_consumer_that_builds_keys_from_parts(&servers, "client-a").await;
    servers.rabbit.add_vhost("client-b");
    a_consumer_that_reads_redis_key(&servers, "client-b").await;
}

async fn a_consumer_that_builds_keys_from_parts(servers: &Servers, vhost: &str) {
    let client = start(servers, "consumer_by_parts.py", vhost);
    let (account, made) = collect(servers, vhost).await;
    assert_nothing_was_lost(&account, &made);
    assert_eq!(taken(&told(client)), made.into_iter().collect::<Vec<_>>());
}

async fn a_consumer_that_reads_redis_key(servers: &Servers, vhost: &str) {
    let client = start(servers, "consumer_by_redis_key.py", vhost);
    let (account, made) = collect(servers, vhost).await;
    assert_nothing_was_lost(&account, &made);
    let (frames, states): (Vec<_>, Vec<_>) =
        told(client).into_iter().partition(|one| one.get("key").is_some());
    assert_eq!(taken(&frames), made.into_iter().collect::<Vec<_>>());
    for frame in &frames {
        assert!((1..=120).contains(&frame["ttl"].as_i64().unwrap()), "{frame}");
    }
    let sizes: u64 = frames.iter().map(|frame| frame["size"].as_u64().unwrap()).sum();
    assert_eq!(sizes, account.stored_bytes);
    assert_states(&states);
}

/// One message for each camera that began to deliver; the last word on the system is that both do.
fn assert_states(states: &[Value]) {
    let (cameras, systems): (Vec<_>, Vec<_>) = states
        .iter()
        .partition(|state| state["routing_key"] == json!("camera.metadata.event.status"));
    let mut begun: Vec<_> = cameras
        .iter()
        .map(|state| (&state["message"]["camera_id"], &state["message"]["state"]))
        .collect();
    begun.sort_by_key(|(camera, _)| camera.to_string());
    assert_eq!(json!(begun), json!([["cam1", "active"], ["yard.2", "active"]]));

    let last = systems.last().unwrap();
    assert_eq!(last["routing_key"], json!("camera.metadata.event.system"));
    let count = |field: &str| last["message"][field].as_u64().unwrap();
    let counted = ["total_cameras", "active_cameras", "inactive_cameras"].map(count);
    assert_eq!(counted, [2, 2, 0]);
}
