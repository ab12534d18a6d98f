//! Every resource of the API: whole answers.

use std::time::Duration;

use reqwest::header::{self, HeaderMap};
use serde_json::{Value, json};

use super::{Rig, at_millis, picture};

/// A frame of 16 x 8 pixels as answers show it, taken so many milliseconds before now.
fn shown(camera: &str, millis_ago: u64, seq: u32, shade: u8) -> Value {
    let at = at_millis(0).get() - millis_ago * 1_000_000;
    json!({
        "key": format!("shop:frames:{camera}:{at}:{seq:05}"),
        "size": picture(shade).len(),
        "expires_at": Value::Null,
        "dimensions": {"width": 16, "height": 8},
    })
}

/// The same with where and when, as lists show it.
fn listed(camera: &str, millis_ago: u64, seq: u32, shade: u8) -> Value {
    let at = at_millis(0).minus(Duration::from_millis(millis_ago));
    let mut shown = shown(camera, millis_ago, seq, shade);
    shown["time"] = json!(at.to_rfc3339());
    let id = format!("{at}-{seq:05}");
    shown["url"] =
        json!(format!("/api/v1/cameras/{camera}/frames/{id}.jpg?tenant=shop&prefix=frames"));
    shown
}

/// `answer` without when frames expire: whether that is known depends on how late they were pushed.
fn without_expiry(mut answer: Value) -> Value {
    fn clear(value: &mut Value) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(name, value)| {
                if name == "expires_at" { *value = Value::Null } else { clear(value) }
            }),
            Value::Array(values) => values.iter_mut().for_each(clear),
            _ => {}
        }
    }
    clear(&mut answer);
    answer
}

/// Two frames of `door`, a second apart, and one of `yard`.
async fn filled() -> Rig {
    let rig = Rig::start().await;
    rig.push("door", 1500, picture(1)).await;
    rig.push("door", 500, picture(2)).await;
    rig.push("yard", 1000, picture(3)).await;
    rig
}

async fn frames(rig: &Rig, path: &str) -> Value {
    let (status, answer) = rig.json(path).await;
    assert_eq!(status, 200, "{path}: {answer}");
    without_expiry(answer)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn cameras_are_listed_with_their_newest_frame() {
    let rig = filled().await;
    let camera = |name: &str, millis_ago, seq, shade| {
        json!({
            "stream": {"tenant": "shop", "prefix": "frames", "camera": name},
            "newest": shown(name, millis_ago, seq, shade),
            "last_seen": (at_millis(0).get() - millis_ago * 1_000_000).to_string(),
        })
    };
    let both = json!({"cameras": [camera("door", 500, 2, 2), camera("yard", 1000, 1, 3)]});
    assert_eq!(frames(&rig, "/api/v1/cameras").await, both);
    assert_eq!(frames(&rig, "/api/v1/cameras?tenant=*&prefix=*").await, both);
    let door = json!({"cameras": [camera("door", 500, 2, 2)]});
    assert_eq!(frames(&rig, "/api/v1/cameras?camera=door").await, door);
    let scanned = frames(&rig, "/api/v1/cameras?via=scan").await;
    assert_eq!(scanned["cameras"][1]["newest"], shown("yard", 1000, 1, 3));
    let none = json!({"cameras": []});
    assert_eq!(frames(&rig, "/api/v1/cameras?tenant=other").await, none);
}

#[tokio::test]
async fn stats_sum_up_every_family() {
    let rig = filled().await;
    let (status, mut stats) = rig.json("/api/v1/stats").await;
    assert_eq!(status, 200);
    assert_eq!(stats["store"]["backend"], "embedded");
    let family = stats["families"][0].take();
    let bytes: usize = (1..=3).map(|shade| picture(shade).len()).sum();
    let expected = json!({
        "tenant": "shop",
        "prefix": "frames",
        "cameras": ["door", "yard"],
        "frames": 3,
        "bytes": bytes,
        "oldest": (at_millis(0).get() - 1_500_000_000).to_string(),
        "newest": (at_millis(0).get() - 500_000_000).to_string(),
        "rate_fps": family["rate_fps"],
        "mean_ttl_left_seconds": 59.0,
        "without_expiry": 0,
        "complete": true,
    });
    assert_eq!(family, expected);
    assert!(family["rate_fps"].as_f64().is_some_and(|rate| rate > 0.0), "{family}");
    let (_, other) = rig.json("/api/v1/stats?tenant=other").await;
    assert_eq!(other["families"], json!([]));
}

#[tokio::test]
async fn latest_lists_the_newest_first() {
    let rig = filled().await;
    let newest = json!({"frames": [listed("door", 500, 2, 2)]});
    assert_eq!(frames(&rig, "/api/v1/cameras/door/latest").await, newest);
    let both = json!({"frames": [listed("door", 500, 2, 2), listed("door", 1500, 1, 1)]});
    for how in ["count=5", "count=2&via=scan", "count=2&verify"] {
        assert_eq!(frames(&rig, &format!("/api/v1/cameras/door/latest?{how}")).await, both);
    }
}

#[tokio::test]
async fn the_latest_picture_comes_with_its_key_and_is_not_sent_twice() {
    let rig = filled().await;
    let path = "/api/v1/cameras/door/latest.jpg";
    let at = at_millis(0).get() - 500_000_000;
    let etag = format!("\"{at}-00002\"");
    rig.clock.set(at_millis(2600));
    let response = rig.get(path).await;
    let headers = response.headers().clone();
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("content-length", &picture(2).len().to_string()),
        ("x-frame-key", &format!("shop:frames:door:{at}:00002")),
        ("x-frame-timestamp-ns", &at.to_string()),
        ("etag", &etag),
        ("cache-control", "no-cache"),
        ("age", "3"),
    ] {
        assert_eq!(header(&headers, name), value, "{name}");
    }
    assert_eq!(response.bytes().await.unwrap(), picture(2));

    let head = rig.client.head(rig.url(path)).send().await.unwrap();
    assert_eq!(header(head.headers(), "etag"), etag);
    assert_eq!(header(head.headers(), "content-length"), picture(2).len().to_string());
    assert_eq!(head.bytes().await.unwrap(), "");

    let ask = |etag: String| rig.client.get(rig.url(path)).header(header::IF_NONE_MATCH, etag);
    let known = ask(etag.clone()).send().await.unwrap();
    assert_eq!((known.status().as_u16(), header(known.headers(), "etag")), (304, etag.as_str()));
    assert_eq!(known.bytes().await.unwrap(), "");
    rig.push("door", 0, picture(4)).await;
    let newer = ask(etag).send().await.unwrap();
    assert_eq!(newer.status(), 200);
    assert_eq!(newer.bytes().await.unwrap(), picture(4));
}

#[tokio::test]
async fn the_frame_nearest_to_an_instant_comes_with_its_distance() {
    let rig = filled().await;
    let expected = json!({"frame": listed("door", 500, 2, 2), "distance_nanos": "300000000"});
    assert_eq!(frames(&rig, "/api/v1/cameras/door/at?t=-800ms").await, expected);
    let at = at_millis(0).get() - 1_400_000_000;
    let earlier = json!({"frame": listed("door", 1500, 1, 1), "distance_nanos": "-100000000"});
    let path = format!("/api/v1/cameras/door/at?t={at}&within=1s&via=scan");
    assert_eq!(frames(&rig, &path).await, earlier);
    let response = rig.get("/api/v1/cameras/door/at.jpg?t=-1400ms").await;
    assert_eq!(header(response.headers(), "x-frame-distance-ns"), "-100000000");
    assert_eq!(header(response.headers(), "content-type"), "image/jpeg");
    assert_eq!(response.bytes().await.unwrap(), picture(1));
}

#[tokio::test]
async fn windows_are_listed_across_cameras_or_of_one() {
    let rig = filled().await;
    let one = listed("door", 1500, 1, 1);
    let two = listed("yard", 1000, 1, 3);
    let three = listed("door", 500, 2, 2);
    for (path, expected) in [
        ("/frames", json!([one, two, three])),
        ("/frames?camera=door&camera=yard", json!([one, two, three])),
        ("/frames?camera=shop/frames/yard", json!([two])),
        ("/frames?from=-1s", json!([two, three])),
        ("/frames?from=-1500ms&to=-500ms", json!([one, two])),
        ("/frames?limit=1&reverse", json!([three])),
        ("/frames?limit=2", json!([one, two])),
        ("/frames?limit=all&reverse=true&verify=1", json!([three, two, one])),
        ("/frames?from=2024-11-07T23:59:58Z&every=2s", json!([one, two])),
        ("/cameras/door/frames", json!([one, three])),
        ("/cameras/door/frames?from=1731023999&to=now", json!([three])),
        ("/cameras/door/frames?from=-1h&to=-30s", json!([])),
        ("/frames?prefix=other", json!([])),
    ] {
        let answer = frames(&rig, &format!("/api/v1{path}")).await;
        let whole = json!({
            "frames": expected,
            "dead": 0,
            "foreign": 0,
            "scanned": false,
            "next_cursor": answer["next_cursor"],
        });
        assert_eq!(
            answer["next_cursor"].is_string(),
            path.contains("limit=1") || path.contains("limit=2")
        );
        assert_eq!(answer, whole, "{path}");
    }
    let scanned = frames(&rig, "/api/v1/frames?camera=yard&via=scan").await;
    assert_eq!((&scanned["frames"], &scanned["scanned"]), (&json!([two]), &json!(true)));
}

#[tokio::test]
async fn a_frame_is_read_by_its_key_whatever_its_suffix() {
    let rig = filled().await;
    let at = at_millis(0).get();
    for (suffix, name, shade) in [("", String::new(), 7), (":0a1b2c3d", "-0a1b2c3d".to_owned(), 8)]
    {
        let key = format!("shop:frames:gate:{at}{suffix}").parse().unwrap();
        rig.put_foreign(&key, picture(shade)).await;
        let response = rig.get(&format!("/api/v1/cameras/gate/frames/{at}{name}.jpg")).await;
        assert_eq!(header(response.headers(), "x-frame-key"), key.to_string());
        assert_eq!(response.bytes().await.unwrap(), picture(shade));
    }
    let at = at - 500_000_000;
    let path = format!("/api/v1/cameras/door/frames/{at}-00002.jpg?tenant=shop&prefix=frames");
    assert_eq!(rig.get(&path).await.bytes().await.unwrap(), picture(2));
}

#[tokio::test]
async fn a_push_is_answered_once_it_is_stored() {
    let rig = Rig::start().await;
    let url = rig.url("/api/v1/cameras/door/frames");
    let push = || rig.client.post(&url).body(picture(5)).header("X-Timestamp", "-10s");
    let at = at_millis(0).get() - 10_000_000_000;
    let key = format!("shop:frames:door:{at}:00001");
    let first = push().send().await.unwrap();
    assert_eq!(first.status(), 201);
    let location = header(first.headers(), "location").to_owned();
    assert_eq!(first.json::<Value>().await.unwrap(), json!({"key": key, "again": false}));
    assert_eq!(rig.get(&location).await.bytes().await.unwrap(), picture(5));
    let again = push().send().await.unwrap();
    assert_eq!(again.status(), 200);
    assert_eq!(again.json::<Value>().await.unwrap(), json!({"key": key, "again": true}));
    let live = rig.client.post(&url).body(picture(5)).send().await.unwrap();
    let key = format!("shop:frames:door:{}:00002", at_millis(0));
    assert_eq!(live.json::<Value>().await.unwrap(), json!({"key": key, "again": false}));
}

#[tokio::test]
async fn reindex_says_what_it_found() {
    let rig = filled().await;
    for query in ["dry_run", "camera=door&dry_run=false", "tenant=*&prefix=*"] {
        let url = rig.url(&format!("/api/v1/reindex?{query}"));
        let report: Value = rig.client.post(url).send().await.unwrap().json().await.unwrap();
        let found = if query.contains("camera") { 2 } else { 3 };
        let expected = json!({"found": found, "known": found, "indexed": 0, "foreign": 0});
        assert_eq!(report, expected, "{query}");
    }
}

#[tokio::test]
async fn health_is_ok_and_readiness_says_why_not() {
    use framecache::bus::Bus;
    let rig = Rig::start().await;
    assert_eq!(rig.get("/healthz").await.text().await.unwrap(), "ok");
    let readiness = |ready: bool, reasons: &[&str]| {
        json!({
            "ready": ready,
            "store": "embedded",
            "bus": "in process",
            "reasons": reasons,
            "warnings": [],
            "announcements_waiting": 0,
            "cameras_down": [],
        })
    };
    assert_eq!(rig.json("/readyz").await, (200, readiness(true, &[])));
    rig.bus.close().await;
    let reasons = ["the bus is away: the in-process bus is closed"];
    assert_eq!(rig.json("/readyz").await, (503, readiness(false, &reasons)));
    assert_eq!(rig.get("/readyz").await.headers()["retry-after"], "1");
}

#[tokio::test]
async fn the_front_page_in_a_terminal_shows_cameras() {
    let rig = filled().await;
    let text = rig.get("/").await.text().await.unwrap();
    let lines: Vec<&str> = text.lines().take(5).collect();
    let door = "  /api/v1/cameras/door/latest.jpg                    0.5 s ago";
    let yard = "  /api/v1/cameras/yard/latest.jpg                    1.0 s ago";
    assert_eq!(lines, ["framecache, frames lie here: embedded", "", "Cameras", door, yard]);
}
