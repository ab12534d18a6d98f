//! `/api/v1/status`: every camera, exact sums, and alerts that say what to do.

use std::time::Duration;

use framecache::query::Scope;
use framecache::service::status::Viewer;
use serde_json::{Value, json};

use super::{Rig, picture, prefix, tenant};

/// Those of the answer's fields that are compared.
fn of(answer: &Value, fields: &[&str]) -> Value {
    fields.iter().map(|field| ((*field).to_owned(), answer[*field].clone())).collect()
}

#[tokio::test]
async fn the_status_tells_of_every_camera_and_sums_them_up() {
    let rig = Rig::start().await;
    rig.push("door", 1500, picture(1)).await;
    let newest = rig.push("door", 500, picture(2)).await;
    rig.push("gate", 700, picture(3)).await;
    let refused = rig.client.post(rig.url("/api/v1/cameras/door/frames")).body("no jpeg");
    assert_eq!(refused.send().await.unwrap().status(), 400);

    let mut answer = rig.json("/api/v1/status").await.1;
    while answer["totals"]["announced"] != 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        answer = rig.json("/api/v1/status").await.1;
    }
    let bytes = 2 * picture(1).len();
    let counts = json!({
        "captured": 2, "stored": 2, "stored_bytes": bytes, "dropped": {}, "rejected": 1,
        "pending": 0, "announced": 2, "unroutable": 2, "announcements_expired": 0,
    });
    let door = json!({
        "tenant": "shop", "prefix": "frames", "camera": "door", "name": "", "source": "",
        "state": "push", "since": null, "last_error": "", "consecutive_failures": 0,
        "last_frame": newest.at().to_string(), "rate_fps": 0.0, "paused": false,
        "counts": counts, "queue": {"frames": 0, "bytes": 0},
    });
    assert_eq!(answer["cameras"][0], door);
    assert_eq!(answer["cameras"][1]["camera"], "gate");
    assert_eq!(answer["cameras"].as_array().unwrap().len(), 2);
    let fields = ["now", "tenant", "prefix", "ready", "reasons", "warnings", "bus", "alerts"];
    let expected = json!({
        "now": "1731024000000000000", "tenant": "shop", "prefix": "frames", "ready": true,
        "reasons": [], "warnings": [], "alerts": [],
        "bus": {"place": "in process", "state": "ready", "why": null},
    });
    assert_eq!(of(&answer, &fields), expected);
    assert_eq!(answer["totals"]["captured"], 3);
    assert_eq!(
        of(&answer["store"], &["place", "up", "backend", "keys"]),
        json!({
            "place": "embedded", "up": true, "backend": "embedded", "keys": 3,
        })
    );
    assert_eq!(answer["announcements_waiting"], 0);
}

#[tokio::test]
async fn one_camera_or_family_can_be_asked_for() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    rig.push("gate", 700, picture(3)).await;
    let (_, answer) = rig.json("/api/v1/status?camera=gate").await;
    assert_eq!(answer["cameras"].as_array().unwrap().len(), 1);
    assert_eq!(answer["totals"]["stored"], 1);
    let (_, answer) = rig.json("/api/v1/status?tenant=other").await;
    assert_eq!((&answer["cameras"], &answer["totals"]["stored"]), (&json!([]), &json!(0)));
    assert_eq!(rig.get("/api/v1/status?form=short").await.status(), 400);
}

#[tokio::test]
async fn a_bus_that_is_closed_is_an_alert_that_says_what_happens_to_the_frames() {
    let rig = Rig::start().await;
    framecache::bus::Bus::close(rig.bus.as_ref()).await;
    let (_, answer) = rig.json("/api/v1/status").await;
    assert_eq!((&answer["ready"], &answer["bus"]["state"]), (&json!(false), &json!("away")));
    let alert = &answer["alerts"][0];
    assert_eq!((&alert["name"], &alert["severity"]), (&json!("bus_away"), &json!("critical")));
    let said = alert["sentence"].as_str().unwrap();
    assert!(said.contains("stored but not announced") && said.contains("bring the broker back"));
}

#[tokio::test]
async fn who_may_see_one_tenant_only_is_told_nothing_of_the_process() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    framecache::bus::Bus::close(rig.bus.as_ref()).await;
    let seen_by = async |tenant: &str, whole| {
        let scope = Scope { tenant: Some(tenant.parse().unwrap()), ..Scope::default() };
        let viewer = Viewer { tenant: tenant.parse().unwrap(), prefix: prefix(), scope, whole };
        serde_json::to_value(rig.service.status(&viewer).await.unwrap()).unwrap()
    };
    let fields = ["ready", "reasons", "store", "bus", "alerts"];
    let bus = json!({"place": null, "state": "away", "why": null});
    let process = json!({"ready": false, "reasons": [], "store": null, "bus": bus, "alerts": []});
    let own = seen_by(tenant().as_str(), false).await;
    assert_eq!(of(&own, &fields), process);
    assert_eq!(
        (&own["totals"]["stored"], &own["cameras"][0]["camera"]),
        (&json!(1), &json!("door"))
    );
    let other = seen_by("other", false).await;
    assert_eq!(of(&other, &fields), process);
    assert_eq!((&other["totals"]["captured"], &other["cameras"]), (&json!(0), &json!([])));
}
