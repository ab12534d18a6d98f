//! `docs/messages.md` shows the messages exactly as they are sent.

use std::fs;
use std::path::Path;

use framecache::model::event::{Announcement, CameraState, CameraStatus, SystemStatus};
use framecache::model::frame::Dimensions;
use framecache::model::name::CameraId;
use framecache::model::time::{Ttl, UnixNanos};
use serde_json::Value;

#[test]
fn the_documented_messages_are_those_that_are_sent() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/messages.md");
    let page = fs::read_to_string(page).unwrap();
    let shown: Vec<Value> = page
        .split("```json")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split("```").next().unwrap()).unwrap())
        .collect();

    let at = UnixNanos::new(1_731_024_000_000_000_000).unwrap();
    let frame = Announcement {
        key: "client-a:frames:cam4:1731024000123456789:00001".parse().unwrap(),
        size: 50_000,
        dimensions: Some(Dimensions { width: 1920, height: 1080 }),
        ttl: Some(Ttl::from_secs(300).unwrap()),
    };
    let camera = CameraStatus {
        camera: CameraId::new("cam1").unwrap(),
        at,
        state: CameraState::Inactive,
        consecutive_failures: 3,
        last_error: "connection refused".to_owned(),
    };
    let system = SystemStatus { at, total: 5, active: 4 };
    let sent: Vec<Value> = [frame.to_json(), camera.to_json(), system.to_json()]
        .iter()
        .map(|body| serde_json::from_slice(body).unwrap())
        .collect();
    assert_eq!(shown, sent);

    for field in sent.iter().flat_map(|message| message.as_object().unwrap().keys()) {
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        let explained =
            rows.filter(|row| row.split('|').nth(1).unwrap().contains(&format!("`{field}`")));
        assert!(explained.count() > 0, "{field} has no row");
    }
}
