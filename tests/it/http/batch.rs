//! Pushes of many frames in one form: what becomes of each part, and of the whole.

use reqwest::Response;
use reqwest::header;
use serde_json::{Value, json};

use super::{MAX_FRAME_BYTES, Rig, at_millis, picture};

/// A form of these parts: headers and bytes.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (headers, bytes) in parts {
        let disposition = "Content-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"";
        body.extend_from_slice(format!("--b0\r\n{disposition}\r\n{headers}\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b0--\r\n");
    body
}

async fn push(rig: &Rig, body: Vec<u8>) -> Response {
    let request = rig.client.post(rig.url("/api/v1/cameras/door/frames"));
    let kind = "multipart/form-data; boundary=b0";
    request.header(header::CONTENT_TYPE, kind).body(body).send().await.unwrap()
}

async fn answered(rig: &Rig, parts: &[(&str, &[u8])]) -> (u16, Value) {
    let response = push(rig, form(parts)).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

fn stored(status: u16, millis_ago: u64, seq: u32) -> Value {
    let at = at_millis(0).get() - millis_ago * 1_000_000;
    json!({
        "status": status,
        "key": format!("shop:frames:door:{at}:{seq:05}"),
        "url": format!("/api/v1/cameras/door/frames/{at}-{seq:05}.jpg?tenant=shop&prefix=frames"),
    })
}

fn failed(status: u16, kind: &str, title: &str, detail: &str) -> Value {
    let problem = json!({
        "type": format!("urn:framecache:error:{kind}"),
        "title": title,
        "status": status,
        "detail": detail,
    });
    json!({"status": status, "problem": problem})
}

#[tokio::test]
async fn each_part_is_stored_at_its_own_time() {
    let rig = Rig::start().await;
    let (one, two) = (picture(1), picture(2));
    let parts: [(&str, &[u8]); 2] = [
        ("X-Timestamp: -2s\r\n", &one),
        ("Content-Type: image/jpeg\r\nx-timestamp: -1s\r\n", &two),
    ];
    let new = json!({"frames": [stored(201, 2000, 1), stored(201, 1000, 2)]});
    assert_eq!(answered(&rig, &parts).await, (201, new.clone()));
    for (frame, bytes) in [(0, &one), (1, &two)] {
        let url = new["frames"][frame]["url"].as_str().unwrap();
        assert_eq!(rig.get(url).await.bytes().await.unwrap(), bytes);
    }
    let again = json!({"frames": [stored(200, 2000, 1), stored(200, 1000, 2)]});
    assert_eq!(answered(&rig, &parts).await, (200, again));
    let third: [(&str, &[u8]); 2] = [parts[0], ("", &two)];
    let mixed = json!({"frames": [stored(200, 2000, 1), stored(201, 0, 3)]});
    assert_eq!(answered(&rig, &third).await, (207, mixed));
}

#[tokio::test]
async fn a_part_that_is_refused_does_not_hold_up_the_others() {
    let rig = Rig::start().await;
    let (good, large) = (picture(1), vec![0xff; MAX_FRAME_BYTES + 7]);
    let (status, answer) = answered(
        &rig,
        &[("", &large), ("X-Timestamp: +11s\r\n", &good), ("X-Timestamp: -1s\r\n", &good)],
    )
    .await;
    let long = "the pushed frame has 10007 bytes, more than the 10000 allowed (max_frame_bytes)";
    assert_eq!((status, &answer["frames"][2]), (207, &stored(201, 1000, 1)));
    assert_eq!(answer["frames"][0], failed(413, "too-large", "Too large", long));
    let future = answer["frames"][1]["problem"]["detail"].as_str().unwrap();
    assert!(future.contains("is over 10 s in the future"), "{future}");
}

#[tokio::test]
async fn once_the_store_is_away_the_rest_is_not_tried() {
    let rig = Rig::start().await;
    rig.ingest.close().await;
    let one = picture(1);
    let response = push(&rig, form(&[("", &one), ("", &one)])).await;
    assert_eq!(response.status(), 207);
    assert_eq!(response.headers()["retry-after"], "1");
    let answer: Value = response.json().await.unwrap();
    let problem = |detail| failed(503, "unavailable", "Come again", detail);
    let expected = json!({"frames": [
        problem("this process is shutting down: come again"),
        problem("not tried, because the store was away for a part before it: come again"),
    ]});
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_form_that_breaks_off_tells_what_was_stored() {
    let rig = Rig::start().await;
    let one = picture(1);
    let mut body = form(&[("X-Timestamp: -1s\r\n", &one), ("", &one)]);
    body.truncate(body.len() - 30);
    let response = push(&rig, body).await;
    assert_eq!(response.status(), 207);
    let answer: Value = response.json().await.unwrap();
    let broken = "the body ends before its last boundary";
    let expected = [stored(201, 1000, 1), failed(400, "bad-input", "Bad request", broken)];
    assert_eq!(answer, json!({ "frames": expected }));
}

#[tokio::test]
async fn what_is_no_form_of_frames_is_refused() {
    let rig = Rig::start().await;
    let url = rig.url("/api/v1/cameras/door/frames");
    for (kind, body, said) in [
        (
            "multipart/form-data; boundary=b0",
            "--b0--\r\n",
            "the form has no part: send one file for each frame",
        ),
        ("multipart/form-data; boundary=b0", "", "the body ends before its last boundary"),
        (
            "multipart/form-data",
            "--b0--\r\n",
            "a form should be multipart/form-data and name its boundary",
        ),
        (
            "multipart/mixed; boundary=b0",
            "--b0--\r\n",
            "a form should be multipart/form-data and name its boundary",
        ),
    ] {
        let request = rig.client.post(&url).header(header::CONTENT_TYPE, kind).body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400, "{kind}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["detail"], said, "{kind}");
    }
}

#[tokio::test]
async fn a_form_may_have_a_thousand_parts() {
    let rig = Rig::start().await;
    let one = picture(1);
    let parts = vec![("", &one[..]); 1001];
    let (status, answer) = answered(&rig, &parts).await;
    let frames = answer["frames"].as_array().unwrap();
    let stored = frames.iter().filter(|one| one["status"] == 201).count();
    assert_eq!((status, frames.len(), stored), (207, 1001, 1000));
    let said = "a form may have at most 1000 parts: this one and those after it were not read";
    assert_eq!(frames[1000], failed(400, "bad-input", "Bad request", said));
}
