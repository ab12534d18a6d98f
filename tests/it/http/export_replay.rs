//! Past frames as a stream of parts: all of them, in order, no sooner than they are due.

use std::time::{Duration, Instant};

use framecache::store::FrameStore as _;
use serde_json::json;

use super::{Rig, picture};

/// The keys and the pictures of a whole answer.
fn parts(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(part) = rest.strip_prefix(b"--frame\r\n") {
        let end = part.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&part[..end]).unwrap();
        let value = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name} is missing in {head}")).to_owned()
        };
        assert_eq!(value("Content-Type: "), "image/jpeg");
        let key = value("X-Frame-Key: ");
        let time = value("X-Timestamp: ").replace('.', "");
        assert!(key.contains(&format!(":{time}:")), "{key} {time}");
        let length: usize = value("Content-Length: ").parse().unwrap();
        let bytes = &part[end + 4..][..length];
        parts.push((key, bytes.to_vec()));
        rest = part[end + 4 + length..].strip_prefix(b"\r\n").unwrap();
    }
    assert_eq!(rest, b"--frame--\r\n");
    parts
}

async fn replay(rig: &Rig, rest: &str) -> Vec<(String, Vec<u8>)> {
    let response = rig.get(&format!("/api/v1/cameras/door/replay.mjpeg{rest}")).await;
    assert_eq!(response.status(), 200);
    let kind = &response.headers()["content-type"];
    assert_eq!(kind, "multipart/x-mixed-replace; boundary=frame");
    parts(&response.bytes().await.unwrap())
}

#[tokio::test]
async fn frames_come_in_order_and_not_before_they_are_due() {
    let rig = Rig::start().await;
    let mut pushed = Vec::new();
    for (millis_ago, shade) in [(4000, 1), (3000, 2), (2000, 3), (1000, 4)] {
        let key = rig.push("door", millis_ago, picture(shade)).await;
        pushed.push((key.to_string(), picture(shade).to_vec()));
    }
    let begun = Instant::now();
    assert_eq!(replay(&rig, "?from=-3s&to=-1s&speed=4").await, pushed[1..3]);
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
    let small = replay(&rig, "?height=16&speed=100").await;
    assert_eq!(small.first(), pushed.first(), "8 lines are not made 16");
    assert_eq!(small.last(), pushed.last());
}

#[tokio::test]
async fn a_frame_that_died_is_passed_over() {
    let rig = Rig::start().await;
    let mut pushed = Vec::new();
    for millis_ago in [1200, 1000, 200] {
        pushed.push(rig.push("door", millis_ago, picture(1)).await);
    }
    let mut response = rig.get("/api/v1/cameras/door/replay.mjpeg?speed=0.5").await;
    let mut body = response.chunk().await.unwrap().unwrap().to_vec();
    assert_eq!(rig.store.delete(&pushed[2..]).await.unwrap().len(), 1);
    while let Some(chunk) = response.chunk().await.unwrap() {
        body.extend(chunk);
    }
    let keys: Vec<String> = parts(&body).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [pushed[0].to_string(), pushed[1].to_string()]);
}

#[tokio::test]
async fn nothing_to_replay_and_odd_wishes_are_refused() {
    let rig = Rig::start().await;
    for (rest, status, said) in [
        ("", 404, "no frame lives in this window: /api/v1/timeline shows where frames are"),
        ("?speed=0", 400, "speed=0 is refused: give a number from 0.1 to 100"),
        ("?speed=nan", 400, "speed=nan is refused: give a number from 0.1 to 100"),
        ("?height=5", 400, "height=5 is refused: give 16 to 2160 pixels"),
    ] {
        let (got, problem) = rig.json(&format!("/api/v1/cameras/door/replay.mjpeg{rest}")).await;
        assert_eq!((got, &problem["detail"]), (status, &json!(said)), "{rest}");
    }
}
