//! Timelines with gaps and ends, and what each tenant has.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Rig, at_millis, picture};

fn ago(millis: u64) -> String {
    (at_millis(0).get() - millis * 1_000_000).to_string()
}

fn stream(camera: &str) -> Value {
    json!({"tenant": "shop", "prefix": "frames", "camera": camera})
}

/// A step of pictures taken so many milliseconds ago.
fn step(from: u64, taken: &[u64], gap: Option<u64>) -> Value {
    let end =
        taken.iter().max().map(|millis| (at_millis(60_000).get() - millis * 1_000_000).to_string());
    json!({
        "from": ago(from),
        "frames": taken.len(),
        "bytes": taken.len() * picture(1).len(),
        "max_gap_nanos": gap,
        "expires_before": end,
    })
}

fn gap(camera: &str, from: u64, to: u64) -> Value {
    json!({"stream": stream(camera), "from": ago(from), "to": ago(to)})
}

/// Two frames of `door`, 1 s apart, and one of `yard` in between.
async fn filled() -> Rig {
    let rig = Rig::start().await;
    for (camera, millis_ago) in [("door", 1500), ("door", 500), ("yard", 1000)] {
        rig.push(camera, millis_ago, picture(1)).await;
    }
    rig
}

#[tokio::test]
async fn a_timeline_has_frames_bytes_gaps_and_ends() {
    let rig = filled().await;
    let whole = [step(2000, &[1500], None), step(1000, &[1000, 500], Some(1_000_000_000))];
    let timeline = |gaps: Value| json!({"steps": whole, "gaps": gaps, "more_gaps": false});
    let path = "/api/v1/timeline?from=-2s&step=1s";
    assert_eq!(rig.json(path).await, (200, timeline(json!([]))));
    let gaps = json!([gap("yard", 2000, 1000), gap("door", 1500, 500), gap("yard", 1000, 0),]);
    assert_eq!(rig.json(&format!("{path}&gap=999ms")).await, (200, timeline(gaps)));
    let (_, hour) = rig.json("/api/v1/timeline").await;
    assert_eq!(hour["steps"].as_array().map(Vec::len), Some(60));
    let start = json!({"stream": stream("door"), "from": ago(3_600_000), "to": ago(1500)});
    assert_eq!(hour["gaps"][0], start);
}

#[tokio::test]
async fn a_timeline_by_camera_has_the_steps_of_each() {
    let rig = filled().await;
    let (status, answer) = rig.json("/api/v1/timeline?from=-2s&step=1s&by=camera&to=now").await;
    let door = json!({
        "stream": stream("door"),
        "steps": [step(2000, &[1500], None), step(1000, &[500], Some(1_000_000_000))],
    });
    let yard = json!({
        "stream": stream("yard"),
        "steps": [step(2000, &[], None), step(1000, &[1000], None)],
    });
    assert_eq!((status, &answer["cameras"]), (200, &json!([door, yard])));
    assert_eq!(answer["steps"][1]["frames"], 2);
    let (_, only) = rig.json("/api/v1/timeline?from=-2s&step=2s&by=camera&camera=yard").await;
    assert_eq!(only["cameras"][0]["steps"], only["steps"]);
    let (status, many) = rig.json("/api/v1/timeline?from=-50000s&step=1s&by=camera").await;
    let said = "the window has 150000 steps: at most 100000 are answered, so ask for longer \
                steps or a shorter window";
    assert_eq!((status, many["detail"].as_str()), (400, Some(said)));
}

#[tokio::test]
async fn tenants_are_told_with_what_they_have() {
    let rig = filled().await;
    for (key, bytes) in [("other:frames:gate", picture(2)), ("other:extra:gate", picture(3))] {
        let key = format!("{key}:{}:00001", at_millis(0)).parse().unwrap();
        rig.put_foreign(&key, bytes).await;
    }
    let (status, mut answer) = rig.json("/api/v1/tenants").await;
    let mut rates = Vec::new();
    for tenant in answer["tenants"].as_array_mut().unwrap() {
        rates.push(tenant["rate_fps"].take().as_f64().unwrap());
    }
    let sizes = |shades: &[u8]| -> usize { shades.iter().map(|s| Bytes::len(&picture(*s))).sum() };
    let expected = json!({"tenants": [
        {
            "tenant": "other", "prefixes": ["extra", "frames"], "cameras": 2, "frames": 2,
            "bytes": sizes(&[2, 3]), "oldest": ago(0), "newest": ago(0), "rate_fps": null,
        },
        {
            "tenant": "shop", "prefixes": ["frames"], "cameras": 2, "frames": 3,
            "bytes": sizes(&[1, 1, 1]), "oldest": ago(1500), "newest": ago(500), "rate_fps": null,
        },
    ]});
    assert_eq!((status, answer), (200, expected));
    assert_eq!(rates, [2.0, 2.0]);
    let (_, own) = rig.json("/api/v1/tenants?tenant=shop").await;
    assert_eq!(own["tenants"].as_array().map(Vec::len), Some(1));
    assert_eq!(rig.json("/api/v1/tenants?tenant=none").await, (200, json!({"tenants": []})));
}
