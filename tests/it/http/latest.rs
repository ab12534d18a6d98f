//! The newest frame for clients that poll: fresh, newer than what they have, waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use framecache::bus::Bus;
use framecache::query::{Mark, Newest, Via, Wanted};
use reqwest::{Response, header};
use serde_json::{Value, json};

use super::{Rig, at_millis, picture, stream};

const DOOR: &str = "/api/v1/cameras/door/";

/// The time of the frame that `filled` pushes, in nanoseconds.
fn at() -> u64 {
    at_millis(0).get() - 500_000_000
}

async fn filled() -> Rig {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    rig
}

async fn status(rig: &Rig, path: &str) -> u16 {
    rig.get(&format!("{DOOR}{path}")).await.status().as_u16()
}

/// Asks in the background and gives the request time to begin to wait.
async fn waiting(rig: &Rig, path: &str) -> tokio::task::JoinHandle<Response> {
    let request = rig.client.get(rig.url(&format!("{DOOR}{path}")));
    let asked = tokio::spawn(async move { request.send().await.unwrap() });
    // A request that has not begun to wait finds the frame at once: also right.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!asked.is_finished(), "it should wait");
    asked
}

#[tokio::test]
async fn a_frame_that_is_too_old_is_not_shown() {
    let rig = filled().await;
    for path in ["latest.jpg?max_age=500ms", "latest?max_age=500ms"] {
        assert_eq!(status(&rig, path).await, 200, "{path}");
    }
    rig.clock.set(at_millis(1500));
    for path in ["latest.jpg?max_age=1s", "latest?max_age=1999ms&newer_than=1731023999000000000"] {
        let response = rig.get(&format!("{DOOR}{path}")).await;
        assert_eq!(response.headers()["retry-after"], "1");
        let problem: Value = response.json().await.unwrap();
        let expected = json!({
            "type": "urn:framecache:error:stale",
            "title": "No fresh frame",
            "status": 503,
            "detail": "the newest frame of camera shop/frames/door is 2s old, of \
                       2024-11-07T23:59:59.500000000Z",
        });
        assert_eq!(problem, expected, "{path}");
    }
    rig.clock.set(at_millis(600_000));
    let (gone, problem) = rig.json(&format!("{DOOR}latest.jpg?max_age=1h")).await;
    let detail = "no frame of camera shop/frames/door lives: it was last seen at \
                  2024-11-07T23:59:59.500000000Z";
    assert_eq!((gone, problem["detail"].as_str()), (503, Some(detail)));
    let (never, problem) = rig.json("/api/v1/cameras/attic/latest.jpg?max_age=1h").await;
    assert_eq!((never, problem["type"].as_str()), (404, Some("urn:framecache:error:not-found")));
}

#[tokio::test]
async fn only_a_newer_frame_is_sent() {
    let rig = filled().await;
    let at = at();
    for (newer_than, expected) in [
        (format!("{}", at - 1), 200),
        (format!("{at}"), 204),
        (format!("{at}-00001"), 204),
        (format!("%22{at}-00001-h180%22"), 204),
        (format!("{}", at + 1), 204),
    ] {
        for resource in ["latest.jpg", "latest"] {
            let path = format!("{resource}?newer_than={newer_than}");
            assert_eq!(status(&rig, &path).await, expected, "{path}");
        }
    }
    let etag = format!("\"{at}-00001\"");
    let request = rig.client.get(rig.url(&format!("{DOOR}latest.jpg?newer_than={at}")));
    let known = request.header(header::IF_NONE_MATCH, &etag).send().await.unwrap();
    assert_eq!(known.status(), 304);
    assert_eq!(known.headers()["etag"], etag.as_str());
    assert_eq!(known.headers()["x-frame-timestamp-ns"], at.to_string().as_str());
    assert_eq!(known.bytes().await.unwrap(), "");
}

#[tokio::test]
async fn who_waits_is_sent_the_next_frame_of_its_camera() {
    let rig = filled().await;
    let asked = waiting(&rig, &format!("latest.jpg?newer_than={}&wait=30s", at())).await;
    let infos = waiting(&rig, &format!("latest?count=5&newer_than={}&wait=30s", at())).await;
    rig.push("yard", 0, picture(2)).await;
    let begun = Instant::now();
    let key = rig.push("door", 0, picture(3)).await;
    let response = asked.await.unwrap();
    assert_eq!(response.headers()["x-frame-key"], key.to_string().as_str());
    assert_eq!(response.bytes().await.unwrap(), picture(3));
    let infos: Value = infos.await.unwrap().json().await.unwrap();
    assert_eq!(infos["frames"].as_array().map(Vec::len), Some(2));
    assert_eq!(infos["frames"][0]["key"], key.to_string());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_waits_without_the_bus_is_sent_it_too() {
    let rig = filled().await;
    rig.bus.close().await;
    let asked = waiting(&rig, &format!("latest.jpg?newer_than={}&wait=30s", at())).await;
    rig.push("door", 0, picture(3)).await;
    assert_eq!(asked.await.unwrap().bytes().await.unwrap(), picture(3));
}

#[tokio::test]
async fn who_waits_in_vain_is_told_what_the_newest_is() {
    let rig = filled().await;
    let path = format!("{DOOR}latest.jpg?newer_than={}&wait=300ms", at());
    let response = rig.get(&path).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["etag"], format!("\"{}-00001\"", at()).as_str());
    assert_eq!(response.bytes().await.unwrap(), "");
    rig.clock.set(at_millis(5000));
    assert_eq!(status(&rig, "latest.jpg?max_age=1s&wait=300ms").await, 503);
    assert_eq!(rig.get("/api/v1/cameras/attic/latest?max_age=1s&wait=300ms").await.status(), 404);
}

#[tokio::test]
async fn who_waits_for_a_fresh_frame_is_sent_the_next_one() {
    let rig = filled().await;
    rig.clock.set(at_millis(5000));
    let asked =
        waiting(&rig, "latest.jpg?max_age=6s&newer_than=1731024001000000000&wait=30s").await;
    rig.push("door", 0, picture(3)).await;
    let fresh = rig.client.post(rig.url(&format!("{DOOR}frames"))).body(picture(4));
    assert_eq!(fresh.send().await.unwrap().status(), 201);
    assert_eq!(asked.await.unwrap().bytes().await.unwrap(), picture(4));
}

#[tokio::test]
async fn nobody_is_kept_waiting_by_a_server_that_ends() {
    let mut rig = filled().await;
    let asked = waiting(&rig, &format!("latest.jpg?newer_than={}&wait=60s", at())).await;
    rig.stop_server().await;
    let response = asked.await.unwrap();
    assert_eq!(response.status(), 503);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["detail"], "this process is shutting down: come again");
}

#[tokio::test]
async fn no_more_wait_than_fit() {
    let rig = filled().await;
    let wanted =
        Wanted { newer_than: Some(Mark::parse(&at().to_string()).unwrap()), max_age: None };
    let probe = format!("{DOOR}latest?newer_than={}&wait=1ms", at());
    let mut waiting = Vec::new();
    // One more begins to wait before each probe, for a probe may take the place of another.
    let (status, full) = loop {
        // Not by HTTP: a server lets one client have fewer connections than that.
        let (service, door) = (Arc::clone(&rig.service), stream("door"));
        waiting.push(tokio::spawn(async move {
            service.newest_frame(&door, wanted, Duration::from_secs(60), Via::Index).await
        }));
        let response = rig.get(&probe).await;
        if response.status() != 204 {
            break (response.status(), response.json::<Value>().await.unwrap());
        }
        assert!(waiting.len() < 1000, "nobody is refused");
    };
    let detail = "256 requests wait for a frame already: come again";
    assert_eq!((status.as_u16(), full["detail"].as_str()), (503, Some(detail)));
    let known = format!("{DOOR}latest.jpg?newer_than={}", at());
    assert_eq!(rig.get(&known).await.status(), 204, "who does not wait is answered");
    rig.push("door", 0, picture(2)).await;
    let mut sent = 0;
    for one in waiting {
        match one.await.unwrap() {
            Ok(newest) => {
                assert!(matches!(newest, Newest::Found(_)), "{newest:?}");
                sent += 1;
            }
            Err(error) => assert_eq!(error.message, detail),
        }
    }
    assert!(sent >= 256, "{sent}");
    assert_eq!(rig.get(&probe).await.status(), 200);
}
