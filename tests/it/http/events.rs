//! Server-sent events as a plain HTTP client sees them.

use std::time::Duration;

use bytes::Bytes;
use framecache::bus::{Bus, Message, Topic};
use framecache::model::event::{CameraState, CameraStatus, SystemStatus};
use framecache::model::name::CameraId;
use framecache::service::Service;
use reqwest::Response;
use serde_json::{Value, json};

use super::{Rig, at_millis, picture};

/// The next event: its id, name and data.
async fn next_with_id(response: &mut Response, buffer: &mut String) -> (String, String, Value) {
    loop {
        if let Some((event, rest)) = buffer.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            *buffer = rest;
            let field = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
            };
            // a comment, or the block that only says where the stream begins
            if field("data:").is_empty() {
                continue;
            }
            let data = serde_json::from_str(field("data:")).unwrap();
            return (field("id:").to_owned(), field("event:").to_owned(), data);
        }
        let chunk = response.chunk().await.unwrap().expect("the stream should go on");
        buffer.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

/// The next event: its name and data.
async fn next(response: &mut Response, buffer: &mut String) -> (String, Value) {
    let (_, name, data) = next_with_id(response, buffer).await;
    (name, data)
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
    let begin = format!("id: {}\n\n", response.headers()["x-event-id"].to_str().unwrap());
    assert_eq!(response.chunk().await.unwrap().unwrap(), begin);
    // With nothing to do, a paused clock jumps to the next timer at once.
    tokio::time::pause();
    assert_eq!(response.chunk().await.unwrap().unwrap(), ": heartbeat\n\n");
}

#[tokio::test]
async fn a_bus_that_is_away_is_made_good_by_the_index() {
    let rig = Rig::start().await;
    rig.bus.close().await;
    let mut response = rig.get("/api/v1/events?camera=door").await;
    assert_eq!(response.status(), 200);
    rig.push("yard", 0, picture(1)).await;
    let live = rig.push("door", 0, picture(2)).await;
    let late = rig.push("door", 50_000, picture(3)).await;
    let mut buffer = String::new();
    let mut told = Vec::new();
    for _ in 0..2 {
        let (name, data) = next(&mut response, &mut buffer).await;
        assert_eq!(name, "frame");
        told.push(data["redis_key"].as_str().unwrap().to_owned());
    }
    told.sort_unstable();
    assert_eq!(told, [late.to_string(), live.to_string()]);
}

#[tokio::test]
async fn who_was_away_is_told_what_came_meanwhile_late_frames_too() {
    let rig = Rig::start().await;
    let mut always = rig.get("/api/v1/events").await;
    let mut away = rig.get("/api/v1/events?camera=door").await;
    let (mut here, mut there) = (String::new(), String::new());
    rig.push("door", 0, picture(1)).await;
    let (id, _, first) = next_with_id(&mut away, &mut there).await;
    assert_eq!(next(&mut always, &mut here).await.1, first);
    let begin = away.headers()["x-event-id"].to_str().unwrap().to_owned();
    drop(away);

    rig.clock.advance(Duration::from_secs(20));
    rig.push("yard", 0, picture(2)).await;
    // 20 s before where the clock stands now, so it is late
    rig.push("door", 500, picture(3)).await;
    rig.push("door", 40_000, picture(4)).await;
    let at = Some(at_millis(20_000));
    rig.service.push(&super::stream("door"), at, picture(5)).await.unwrap();
    let mut expected = Vec::new();
    for _ in 0..4 {
        let (_, data) = next(&mut always, &mut here).await;
        expected.push(data);
    }
    expected.retain(|data| data["camera_id"] == "door");
    let by_key = |data: &Value| data["redis_key"].as_str().unwrap().to_owned();
    expected.sort_by_key(by_key);
    assert_eq!(expected.len(), 3);

    let client = |id: &str| {
        let request = rig.client.get(rig.url("/api/v1/events?camera=door"));
        request.header("last-event-id", id.to_owned()).send()
    };
    let by_parameter = rig.get(&format!("/api/v1/events?camera=door&after={id}")).await;
    for mut back in [client(&id).await.unwrap(), client(&begin).await.unwrap(), by_parameter] {
        let mut buffer = String::new();
        let mut told: Vec<Value> = Vec::new();
        // what came up to 5 s before may come again
        while told.len() < expected.len() {
            let (name, data) = next(&mut back, &mut buffer).await;
            assert_eq!(name, "frame");
            if data != first && !told.contains(&data) {
                told.push(data);
            }
        }
        told.sort_by_key(by_key);
        assert_eq!(told, expected);
        // and then it is live
        rig.bus.publish(camera_status("door")).await.unwrap();
        assert_eq!(next(&mut back, &mut buffer).await.0, "status");
    }
}

#[tokio::test]
async fn a_cursor_of_long_ago_gives_what_lives_and_an_odd_one_is_refused() {
    let rig = Rig::start().await;
    rig.push("door", 10_000, picture(1)).await;
    let live = rig.push("door", 1000, picture(2)).await;
    rig.clock.advance(Duration::from_secs(58));
    let late = rig.push("door", 90_000, picture(3)).await;
    // the first was late when it was put, and lives for 60 s from then on
    rig.clock.advance(Duration::from_secs(1));
    let long_ago = framecache::watch::Cursor::at(at_millis(0).minus(Duration::from_secs(1 << 30)));
    let mut response = rig.get(&format!("/api/v1/events?after={long_ago}")).await;
    let mut buffer = String::new();
    let mut told = Vec::new();
    for _ in 0..2 {
        let (_, data) = next(&mut response, &mut buffer).await;
        told.push(data["redis_key"].as_str().unwrap().to_owned());
    }
    assert!(!told.contains(&live.to_string()), "it has expired");
    assert!(told.contains(&late.to_string()), "{told:?}");

    let (status, problem) = rig.json("/api/v1/events?after=yesterday").await;
    let detail = "\"yesterday\" is no cursor: give the id of an event as it was sent, \
                  or none to follow from now on";
    assert_eq!((status, &problem["detail"]), (400, &json!(detail)));
    let odd = rig.client.get(rig.url("/api/v1/events")).header("last-event-id", "7");
    assert_eq!(odd.send().await.unwrap().status(), 400);
}
