//! Server-sent events as a plain HTTP client sees them.

use bytes::Bytes;
use framecache::bus::{Bus, Message, Topic};
use framecache::model::event::{CameraState, CameraStatus, SystemStatus};
use framecache::model::name::CameraId;
use reqwest::Response;
use serde_json::{Value, json};

use super::{Rig, at_millis, picture};

/// The next event: its name and data.
async fn next(response: &mut Response, buffer: &mut String) -> (String, Value) {
    loop {
        if let Some((event, rest)) = buffer.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            *buffer = rest;
            let field = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
            };
            return (field("event:").to_owned(), serde_json::from_str(field("data:")).unwrap());
        }
        let chunk = response.chunk().await.unwrap().expect("the stream should go on");
        buffer.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

fn camera_status(camera: &str) -> Message {
    let status = CameraStatus {
        camera: CameraId::new(camera).unwrap(),
        at: at_millis(0),
        state: CameraState::Active,
        consecutive_failures: 0,
        last_error: String::new(),
    };
    Message { topic: Topic::CameraStatus, body: Bytes::from(status.to_json()) }
}

#[tokio::test]
async fn frames_and_states_of_the_asked_cameras_are_told_until_the_server_stops() {
    let mut rig = Rig::start().await;
    let mut response = rig.get("/api/v1/events?camera=door").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    rig.push("yard", 0, picture(1)).await;
    let key = rig.push("door", 0, picture(2)).await;
    let mut buffer = String::new();
    let (name, data) = next(&mut response, &mut buffer).await;
    let size = picture(2).len();
    let expected = json!({
        "event_type": "frame",
        "camera_id": "door",
        "timestamp": "2024-11-08T00:00:00.000000000Z",
        "redis_key": key.to_string(),
        "width": 16,
        "height": 8,
        "encoding": "jpeg",
        "size_bytes": size,
        "timestamp_nano": at_millis(0).get(),
        "sequence": "00001",
        "vhost": "shop",
        "frame_size_bytes": size,
        "ttl_seconds": 60,
    });
    assert_eq!((name.as_str(), data), ("frame", expected));

    rig.bus.publish(camera_status("yard")).await.unwrap();
    rig.bus.publish(camera_status("door")).await.unwrap();
    let (name, data) = next(&mut response, &mut buffer).await;
    let message = json!({
        "event_type": "camera_status",
        "camera_id": "door",
        "timestamp": "2024-11-08T00:00:00.000000000Z",
        "state": "active",
        "consecutive_failures": 0,
        "last_error": "",
        "message": "camera door delivers frames",
    });
    let expected = json!({"routing_key": "camera.metadata.event.status", "message": message});
    assert_eq!((name.as_str(), data), ("status", expected));

    let system = SystemStatus { at: at_millis(0), total: 2, active: 1 };
    let body = Bytes::from(system.to_json());
    rig.bus.publish(Message { topic: Topic::SystemStatus, body }).await.unwrap();
    let (name, data) = next(&mut response, &mut buffer).await;
    assert_eq!(name, "status");
    assert_eq!(data["routing_key"], "camera.metadata.event.system");
    assert_eq!(data["message"]["active_cameras"], 1);

    rig.stop_server().await;
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn a_slow_follower_is_told_how_many_it_missed() {
    let rig = Rig::start().await;
    let mut response = rig.get("/api/v1/events").await;
    // Nothing reads yet: the bus keeps 4096 messages, sockets and server some more.
    let published = 100_000_u64;
    for _ in 0..published {
        rig.bus.publish(camera_status("door")).await.unwrap();
    }
    let mut buffer = String::new();
    let (mut told, mut missed) = (0, 0);
    while told + missed < published {
        match next(&mut response, &mut buffer).await {
            (name, data) if name == "missed" => missed += data["count"].as_u64().unwrap(),
            _ => told += 1,
        }
    }
    assert!(missed > 0 && told > 4000, "{told} told, {missed} missed");
}

#[tokio::test]
async fn silence_is_broken_by_heartbeats() {
    let rig = Rig::start().await;
    let mut response = rig.get("/api/v1/events").await;
    // With nothing to do, a paused clock jumps to the next timer at once.
    tokio::time::pause();
    assert_eq!(response.chunk().await.unwrap().unwrap(), ": heartbeat\n\n");
}

#[tokio::test]
async fn a_closed_bus_cannot_be_followed() {
    let rig = Rig::start().await;
    rig.bus.close().await;
    let (status, problem) = rig.json("/api/v1/events").await;
    let detail = json!("the broker does not answer: the in-process bus is closed");
    assert_eq!((status, &problem["detail"]), (503, &detail));
}
