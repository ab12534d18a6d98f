//! The frame at an instant: on which side, what is told when there is none, and of every camera.

use serde_json::{Value, json};

use super::{Rig, at_millis, picture};

/// Frames of `door` 3 s, 2 s and 1 s ago, and one of `yard` 1.2 s ago.
async fn filled() -> Rig {
    let rig = Rig::start().await;
    for (camera, millis_ago) in [("door", 3000), ("door", 2000), ("yard", 1200), ("door", 1000)] {
        rig.push(camera, millis_ago, picture(1)).await;
    }
    rig
}

/// The milliseconds ago of the frame that is answered.
async fn found(rig: &Rig, query: &str) -> Option<u64> {
    let (status, answer) = rig.json(&format!("/api/v1/cameras/door/at?{query}")).await;
    let key = (status == 200).then(|| answer["frame"]["key"].as_str().unwrap().to_owned())?;
    let at: u64 = key.split(':').nth(3).unwrap().parse().unwrap();
    Some((at_millis(0).get() - at) / 1_000_000)
}

async fn problem(rig: &Rig, path: &str) -> (u16, Value) {
    let (status, problem) = rig.json(path).await;
    (status, problem["detail"].clone())
}

#[tokio::test]
async fn a_frame_is_looked_for_on_the_side_asked_for() {
    let rig = filled().await;
    for (query, expected) in [
        ("t=-1900ms", Some(2000)),
        ("t=-1900ms&match=nearest", Some(2000)),
        ("t=-1900ms&match=after", Some(1000)),
        ("t=-1100ms&match=before", Some(2000)),
        ("t=-2s&match=before", Some(2000)),
        ("t=-2s&match=after", Some(2000)),
        ("t=-1100ms&match=before&within=500ms", None),
        ("t=now&match=after", None),
        ("t=-1h&match=before", None),
        ("t=-1h&match=after&via=scan", Some(3000)),
        ("t=-1900ms&match=after&via=scan", Some(1000)),
    ] {
        assert_eq!(found(&rig, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_too_far_away_is_named() {
    let rig = filled().await;
    let door = "/api/v1/cameras/door/at";
    for (query, detail) in [
        (
            "?t=-500ms&within=100ms",
            "no frame of camera shop/frames/door lives within 100ms of \
             2024-11-07T23:59:59.500000000Z: the nearest was taken 500ms earlier, at \
             2024-11-07T23:59:59.000000000Z",
        ),
        (
            "?t=-4s&within=1ms&match=after",
            "no frame of camera shop/frames/door lives within 1ms at or after \
             2024-11-07T23:59:56.000000000Z: the nearest was taken 1s later, at \
             2024-11-07T23:59:57.000000000Z",
        ),
        (
            "?t=-4s&match=before",
            "no frame of camera shop/frames/door lives at or before 2024-11-07T23:59:56.000000000Z",
        ),
    ] {
        for resource in ["", ".jpg"] {
            let found = problem(&rig, &format!("{door}{resource}{query}")).await;
            assert_eq!(found, (404, json!(detail)), "{query}");
        }
    }
    let attic = problem(&rig, "/api/v1/cameras/attic/at?t=now").await;
    assert_eq!(attic, (404, json!("no frame of camera shop/frames/attic lives")));
}

#[tokio::test]
async fn a_picture_tells_when_it_expires() {
    let rig = filled().await;
    let response = rig.get("/api/v1/cameras/door/at.jpg?t=-1s").await;
    let end = (at_millis(0).get() + 59_000_000_000).to_string();
    assert_eq!(response.headers()["x-frame-expires-ns"], end.as_str());
    // Late frames live from when they came; the store is asked.
    rig.push("door", 10_000, picture(2)).await;
    let (_, late) = rig.json("/api/v1/cameras/door/at?t=-10s").await;
    let end = (at_millis(0).get() + 60_000_000_000).to_string();
    assert_eq!(late["frame"]["expires_at"], end.as_str());
}

#[tokio::test]
async fn what_has_expired_is_gone_and_what_never_was_is_not_found() {
    let rig = filled().await;
    let path = |millis_ago: u64, seq: u32| {
        let at = at_millis(0).get() - millis_ago * 1_000_000;
        format!("/api/v1/cameras/door/frames/{at}-{seq:05}.jpg")
    };
    assert_eq!(problem(&rig, &path(1500, 7)).await.0, 404);
    rig.clock.set(at_millis(58_500));
    let gone = |key: &str| (410, json!(format!("the frame under {key} is gone: its life is over")));
    let at = at_millis(0).get() - 2_000_000_000;
    let key = format!("shop:frames:door:{at}:00002");
    assert_eq!(problem(&rig, &path(2000, 2)).await, gone(&key));
    assert_eq!(rig.get(&path(1000, 3)).await.status(), 200);
    assert_eq!(problem(&rig, &path(1000, 9)).await.0, 404);
    // All of the camera has expired, and with it what the index knew.
    rig.clock.set(at_millis(600_000));
    assert_eq!(problem(&rig, &path(2000, 2)).await, gone(&key));
    let attic = problem(&rig, &path(2000, 2).replace("door", "attic")).await;
    assert_eq!(attic.0, 404);
}

#[tokio::test]
async fn a_sync_view_has_every_camera_at_one_instant() {
    let rig = filled().await;
    let now = at_millis(0).get();
    let seen = |camera: &str, millis_ago: u64, seq: u32, distance: &str| {
        let at = now - millis_ago * 1_000_000;
        json!({
            "stream": {"tenant": "shop", "prefix": "frames", "camera": camera},
            "frame": {
                "key": format!("shop:frames:{camera}:{at}:{seq:05}"),
                "size": picture(1).len(),
                "expires_at": (at + 60_000_000_000).to_string(),
                "dimensions": {"width": 16, "height": 8},
                "time": framecache::model::time::UnixNanos::new(at).unwrap().to_rfc3339(),
                "url": format!(
                    "/api/v1/cameras/{camera}/frames/{at}-{seq:05}.jpg?tenant=shop&prefix=frames"
                ),
            },
            "distance_nanos": distance,
        })
    };
    let nothing = json!({
        "stream": {"tenant": "shop", "prefix": "frames", "camera": "yard"},
        "frame": null,
        "distance_nanos": null,
    });
    let door = seen("door", 1000, 3, "0");
    let t = (now - 1_000_000_000).to_string();
    for (query, cameras) in [
        ("t=-1s", json!([door, seen("yard", 1200, 1, "-200000000")])),
        ("t=-1s&within=100ms", json!([door, nothing])),
        ("t=-1s&match=after&camera=yard", json!([nothing])),
        ("t=-1s&tenant=other", json!([])),
    ] {
        let expected = json!({"t": t, "cameras": cameras});
        assert_eq!(rig.json(&format!("/api/v1/at?{query}")).await, (200, expected), "{query}");
    }
}
