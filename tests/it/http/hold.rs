//! Holds by HTTP: begun, listed, released, refused; a remote service does the same.

use std::time::Duration;

use framecache::hold::{HoldOrder, HoldReport};
use framecache::model::name::HoldId;
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::query::Scope;
use framecache::service::remote::RemoteService;
use framecache::service::{ErrorKind, Holds};
use reqwest::Method;
use serde_json::{Value, json};

use super::{HELD_MAX_BYTES, Rig, at_millis, picture, stream};

async fn ask(rig: &Rig, method: Method, path: &str) -> (u16, Value) {
    let request = rig.client.request(method, rig.url(&format!("/api/v1/{path}")));
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn keys(rig: &Rig) -> Vec<String> {
    let (_, answer) = rig.json("/api/v1/frames").await;
    let frames = answer["frames"].as_array().unwrap().iter();
    frames.map(|frame| frame["key"].as_str().unwrap().to_owned()).collect()
}

fn ago(millis: u64) -> UnixNanos {
    at_millis(0).minus(Duration::from_millis(millis))
}

#[tokio::test]
async fn held_frames_live_on_until_they_are_released() {
    let rig = Rig::start().await;
    let mut pushed = Vec::new();
    for millis_ago in [1500, 1000, 500] {
        pushed.push(rig.push("door", millis_ago, picture(1)).await.to_string());
    }
    let begin = "holds?camera=door&from=-1s&to=now&for=2h&note=gate%203";
    let (status, would) = ask(&rig, Method::POST, &format!("{begin}&dry_run")).await;
    let bytes = 2 * picture(1).len();
    assert_eq!((status, &would["frames"], &would["bytes"]), (200, &json!(2), &json!(bytes)));
    assert_eq!(ask(&rig, Method::GET, "holds").await.1["holds"], json!([]));

    let (status, held) = ask(&rig, Method::POST, begin).await;
    let id = held["id"].as_str().unwrap().to_owned();
    let until = at_millis(7_200_000).to_string();
    let mut expected = json!({
        "id": id, "stream": {"tenant": "shop", "prefix": "frames", "camera": "door"},
        "from": ago(1000).to_string(), "to": at_millis(0).to_string(), "until": until,
        "created_at": at_millis(0).to_string(), "note": "gate 3",
        "dry_run": false, "frames": 2, "bytes": bytes, "living": 0,
    });
    assert_eq!((status, &held), (201, &expected));

    rig.clock.advance(Duration::from_secs(3600));
    assert_eq!(keys(&rig).await, pushed[1..]);
    let (status, list) = ask(&rig, Method::GET, "holds?camera=door").await;
    let fields = expected.as_object_mut().unwrap();
    fields.retain(|name, _| !matches!(name.as_str(), "dry_run" | "living"));
    fields.insert("left_seconds".to_owned(), json!(3600));
    let listed = json!({"holds": [expected], "bytes": bytes, "max_bytes": HELD_MAX_BYTES});
    assert_eq!((status, list), (200, listed));
    assert_eq!(ask(&rig, Method::GET, "holds?camera=yard").await.1["holds"], json!([]));

    let (status, released) = ask(&rig, Method::DELETE, &format!("holds/{id}")).await;
    assert_eq!((status, &released["frames"], &released["kept"]), (200, &json!(2), &json!(0)));
    assert_eq!(keys(&rig).await, Vec::<String>::new());
    assert_eq!(ask(&rig, Method::DELETE, &format!("holds/{id}")).await.0, 404);
}

#[tokio::test]
async fn what_cannot_be_held_is_refused_with_what_would_be_right() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    for (query, said) in [
        ("camera=door&to=now&for=1h", "the parameter from is missing: give an instant"),
        ("camera=door&from=-1s", "the parameter for is missing: say for how long"),
        ("from=-1s&for=1h", "give one camera, e.g. camera=cam1"),
        ("camera=door&camera=yard&from=-1s&for=1h", "give one camera"),
        ("camera=door&from=-1s&to=%2B2h&for=1h", "the hold already at 2024-11-08T01:00:00"),
        ("camera=door&from=-1s&for=1ms", "frames cannot be held for 1ms"),
        ("camera=door&from=-1s&for=1h&note=a%0Ab", "the note does not fit: one line"),
        ("camera=bank/frames/door&from=-1s&for=1h", "writes tenant shop only"),
    ] {
        let (status, problem) = ask(&rig, Method::POST, &format!("holds?{query}")).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.contains(said), "{query}: {status} {detail}");
    }
    let (_, list) = ask(&rig, Method::GET, "holds").await;
    assert_eq!(list["holds"], json!([]));
}

#[tokio::test]
async fn more_than_the_limit_is_not_held_and_a_frame_of_two_holds_counts_once() {
    let rig = Rig::start().await;
    let small = rig.push("door", 500, picture(1)).await;
    let fill = usize::try_from(HELD_MAX_BYTES).unwrap() - picture(1).len();
    let wide = format!("shop:frames:wide:{}:00001", at_millis(0));
    rig.put_foreign(&wide.parse().unwrap(), vec![7; fill + 1].into()).await;
    let begin = async |camera: &str| {
        ask(&rig, Method::POST, &format!("holds?camera={camera}&from=-1s&to=all&for=1h")).await
    };
    assert_eq!(begin("door").await.0, 201);
    assert_eq!(begin("door").await.0, 201);
    let (status, problem) = begin("wide").await;
    let said = format!(
        "{} more bytes would be held, {} are already, and [hold] max_bytes allows {HELD_MAX_BYTES}: \
         release a hold, hold a shorter window, or raise the limit",
        fill + 1,
        picture(1).len()
    );
    assert_eq!((status, problem["detail"].as_str()), (502, Some(said.as_str())));
    let (_, list) = ask(&rig, Method::GET, "holds").await;
    assert_eq!(
        (&list["holds"][1]["frames"], &list["bytes"]),
        (&json!(1), &json!(picture(1).len()))
    );
    rig.clock.advance(Duration::from_secs(600));
    assert_eq!(keys(&rig).await, [small.to_string()]);

    let id = list["holds"][0]["id"].as_str().unwrap();
    let (_, released) = ask(&rig, Method::DELETE, &format!("holds/{id}")).await;
    assert_eq!((&released["frames"], &released["kept"]), (&json!(0), &json!(1)));
    assert_eq!(keys(&rig).await, [small.to_string()]);
}

#[tokio::test]
async fn a_remote_service_holds_lists_and_releases_as_the_local_one() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    let remote = RemoteService::connect(&rig.url("")).unwrap();
    let order = HoldOrder {
        stream: stream("door"),
        window: TimeRange::new(ago(1000), at_millis(60_000)).unwrap(),
        keep: Duration::from_secs(7200),
        note: "caf\u{e9} & co".to_owned(),
        dry_run: false,
    };
    let HoldReport { hold, frames, bytes, .. } = remote.hold(&order).await.unwrap();
    assert_eq!((frames, bytes), (1, picture(1).len() as u64));
    assert_eq!((hold.note(), hold.window()), ("caf\u{e9} & co", order.window));
    let scope = Scope { tenant: None, prefix: None, camera: None };
    let list = remote.holds(&scope).await.unwrap();
    assert_eq!(list, rig.service.holds(&scope).await.unwrap());
    assert_eq!(list.holds.len(), 1);
    let unknown = HoldId::new("nothing").unwrap();
    assert_eq!(remote.release(&unknown, &scope).await, Ok(None));
    let elsewhere = Scope { tenant: Some("bank".parse().unwrap()), ..scope.clone() };
    assert_eq!(remote.release(hold.id(), &elsewhere).await, Ok(None));
    let released = remote.release(hold.id(), &scope).await.unwrap().unwrap();
    assert_eq!((&released.hold, released.frames), (&hold, 1));
    let wrong = HoldOrder { keep: Duration::from_millis(1), ..order };
    assert_eq!(remote.hold(&wrong).await.unwrap_err().kind, ErrorKind::BadInput);
}
