//! Deleting by HTTP: what goes, what stays, what is refused, and that a remote service does the same.

use std::time::Duration;

use framecache::model::time::TimeRange;
use framecache::query::{DeleteReport, DeleteRequest, Via};
use framecache::service::remote::RemoteService;
use framecache::service::{ErrorKind, Service};
use serde_json::{Value, json};

use super::{Rig, at_millis, picture, stream};

async fn delete(rig: &Rig, path: &str) -> (u16, Value) {
    let response = rig.client.delete(rig.url(&format!("/api/v1{path}"))).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn keys(rig: &Rig) -> Vec<String> {
    let (_, answer) = rig.json("/api/v1/frames").await;
    let frames = answer["frames"].as_array().unwrap().iter();
    frames.map(|frame| frame["key"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_window_goes_and_its_neighbours_stay() {
    let rig = Rig::start().await;
    let mut pushed = Vec::new();
    for millis_ago in [2500, 1500, 500] {
        pushed.push(rig.push("door", millis_ago, picture(1)).await.to_string());
    }
    let yard = rig.push("yard", 1500, picture(2)).await.to_string();
    let size = picture(1).len();
    let window = "/cameras/door/frames?from=-1500ms&to=-500ms";
    let would = json!({"frames": 1, "bytes": size, "dead": 0, "dry_run": true});
    assert_eq!(delete(&rig, &format!("{window}&dry_run")).await, (200, would));
    assert_eq!(keys(&rig).await.len(), 4);
    let gone = json!({"frames": 1, "bytes": size, "dead": 0, "dry_run": false});
    assert_eq!(delete(&rig, window).await, (200, gone));
    assert_eq!(keys(&rig).await, [pushed[0].clone(), yard.clone(), pushed[2].clone()]);
    let nothing = json!({"frames": 0, "bytes": 0, "dead": 0, "dry_run": false});
    assert_eq!(delete(&rig, window).await, (200, nothing));
    let one = json!({"frames": 1, "bytes": size, "dead": 0, "dry_run": false});
    let limited = "/cameras/door/frames?from=all&to=all&limit=1&via=scan";
    assert_eq!(delete(&rig, limited).await, (200, one));
    assert_eq!(keys(&rig).await, [yard, pushed[2].clone()]);
    let (status, _) = rig.json("/api/v1/frames?camera=door&via=scan").await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_forgotten_end_deletes_nothing() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    for (query, said) in [
        ("", "the parameter from is missing: give an instant, or from=all for no bound"),
        ("?from=-1m", "the parameter to is missing: give an instant, or to=all for no bound"),
        (
            "?from=all&to=now&verify",
            "the parameter \"verify\" is unknown here: from, to, dry_run, limit, via, tenant, \
             prefix are accepted",
        ),
        (
            "?from=all&to=all&tenant=other",
            "this process writes tenant shop only, not other: use one that is configured for it",
        ),
    ] {
        let (status, problem) = delete(&rig, &format!("/cameras/door/frames{query}")).await;
        assert_eq!((status, problem["detail"].as_str()), (400, Some(said)), "{query}");
    }
    assert_eq!(keys(&rig).await.len(), 1);
}

#[tokio::test]
async fn a_remote_service_deletes_as_the_local_one_does() {
    let rig = Rig::start().await;
    let remote = RemoteService::connect(&format!("http://{}", rig.address)).unwrap();
    for (camera, millis_ago) in [("door", 2500), ("door", 1500), ("door", 500), ("yard", 1500)] {
        rig.push(camera, millis_ago, picture(1)).await;
    }
    let from = at_millis(0).minus(Duration::from_millis(1500));
    let window = TimeRange::new(from, at_millis(0)).unwrap();
    let streams = vec![stream("yard"), stream("door"), stream("yard")];
    let mut request = DeleteRequest { streams, window, limit: None, via: Via::Index };
    let here = rig.service.delete(&request, true).await.unwrap();
    assert_eq!(here.frames, 3);
    assert_eq!(remote.delete(&request, true).await.unwrap(), here);
    request.limit = Some(2);
    let bytes = 2 * picture(1).len() as u64;
    let done = DeleteReport { frames: 2, bytes, dead: 0, dry_run: false };
    assert_eq!(remote.delete(&request, false).await.unwrap(), done);
    request.limit = None;
    let rest = DeleteReport { frames: 1, bytes: bytes / 2, ..done };
    assert_eq!(remote.delete(&request, false).await.unwrap(), rest);
    assert_eq!(keys(&rig).await.len(), 1);
    request.streams[0].tenant = "other".parse().unwrap();
    let refused = rig.service.delete(&request, true).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::BadInput);
}
