//! Every refusal: status, problem type and sentence.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MAX_FRAME_BYTES, Rig, at_millis, picture};

/// A problem's kind and its one sentence.
async fn problem(response: reqwest::Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{body}");
    let kind = body["type"].as_str().unwrap().strip_prefix("urn:framecache:error:").unwrap();
    (status, kind.to_owned(), body["detail"].as_str().unwrap().to_owned())
}

/// What follows `/api/v1`, and the sentence that says what was wrong with it.
const WRONG: &[(&str, &str)] = &[
    (
        "/frames?form=-30s",
        "the parameter \"form\" is unknown here: from, to, every, limit, reverse, cursor, via, \
         verify, \
         camera, tenant, prefix are accepted",
    ),
    (
        "/cameras/door/frames/1-2.jpg?count=1",
        "the parameter \"count\" is unknown here: height, download, tenant, prefix are accepted",
    ),
    ("/frames?limit=1&limit=2", "the parameter limit is given twice: give it once"),
    ("/cameras?camera=a&camera=b", "the parameter camera is given twice: give it once"),
    (
        "/frames?from=1731024010&to=1731024000",
        "the range ends at 2024-11-08T00:00:00.000000000Z which is not after its start \
         2024-11-08T00:00:10.000000000Z: give an end that is later",
    ),
    (
        "/frames?from=soon",
        "from: \"soon\" is no time: write RFC 3339 (2024-11-08T00:00:00Z), unix seconds, ms, \
         us or ns, a distance from now (-30s, +5m), now, 'today 14:02', 'yesterday 14:02' or \
         '14:02:30'",
    ),
    (
        "/frames?every=5",
        "every=5 is refused: give a length of time with its unit, e.g. 500ms, 10s or 1h",
    ),
    ("/frames?every=0s", "a step of no time was asked for: it should be at least 1ns"),
    ("/frames?limit=-1", "limit=-1 is refused: give a whole number, or all"),
    (
        "/frames?limit=10001",
        "limit=10001 is refused: give at most 10000 and go on with cursor=, or all",
    ),
    (
        "/frames?cursor=abc",
        "the cursor is not understood: give next_cursor of the page before as it was",
    ),
    ("/cameras/door/at?t=now&match=next", "match=next is refused: give nearest, before or after"),
    ("/timeline?by=tenant", "by=tenant is refused: give camera"),
    ("/frames?reverse=maybe", "reverse=maybe is refused: give true or false"),
    ("/frames?via=magic", "via=magic is refused: give index, scan or auto"),
    ("/cameras/door/latest?count=x", "count=x is refused: give a whole number"),
    (
        "/cameras/a:b/latest",
        "camera id \"a:b\" does not fit: 1 to 64 letters, digits, '.', '_' or '-' are allowed, \
         not starting with '.' or '-'",
    ),
    (
        "/cameras/door/latest.jpg?tenant=*",
        "tenant \"*\" does not fit: 1 to 64 letters, digits, '.', '_' or '-' are allowed, not \
         starting with '.' or '-'",
    ),
    ("/cameras/door/latest.jpg?height=15", "height=15 is refused: give 16 to 2160 pixels"),
    ("/cameras/door/at.jpg?t=now&height=x", "height=x is refused: give a whole number of pixels"),
    (
        "/cameras/door/latest.jpg?wait=61s&newer_than=1731024000000000000",
        "wait is refused: give at most 60s, and ask again",
    ),
    (
        "/cameras/door/latest?wait=1s",
        "wait has nothing to wait for: give newer_than= or max_age= as well",
    ),
    (
        "/cameras/door/latest.jpg?newer_than=-1s",
        "newer_than: \"-1s\" names no frame: give its time in nanoseconds \
         (X-Frame-Timestamp-Ns) or its ETag, e.g. 1731024000123456789-00007",
    ),
    ("/cameras/%ff/latest", "the path is no UTF-8 text"),
    ("/cameras/door/at", "the parameter t is missing: say which instant, e.g. t=-30s"),
    ("/cameras/door/frames/1.png", "1.png should read <unix_nano>-<seq>.jpg"),
    (
        "/cameras/door/frames/12-00001.jpg",
        "\"12\" is no frame time: it should be 19 digits, nanoseconds since 1970",
    ),
    (
        "/timeline?from=0&to=now&step=1s",
        "the window has 1731024000 steps: at most 100000 are answered, so ask for longer \
         steps or a shorter window",
    ),
    (
        "/events?camera=a/b",
        "camera id \"a/b\" does not fit: 1 to 64 letters, digits, '.', '_' or '-' are allowed, \
 not starting with '.' or '-'",
    ),
];

#[tokio::test]
async fn wrong_requests_are_told_what_would_be_right() {
    let rig = Rig::start().await;
    rig.push("door", 0, picture(1)).await;
    for (path, expected) in WRONG {
        let found = problem(rig.get(&format!("/api/v1{path}")).await).await;
        assert_eq!(found, (400, "bad-input".to_owned(), (*expected).to_owned()), "{path}");
    }
}

#[tokio::test]
async fn where_requests_must_not_scan_they_are_told_so_and_auto_means_the_index() {
    let rig = Rig::start().await;
    rig.push("door", 0, picture(1)).await;
    let url = rig.without_scans().await;
    let detail = "a request must not scan this store: set [index] foreign = true to allow it, \
                  or use the command line with --redis";
    let expected = (403, "denied".to_owned(), detail.to_owned());
    let get = |path: &str| rig.client.get(format!("{url}/api/v1{path}")).send();
    assert_eq!(problem(get("/frames?via=scan").await.unwrap()).await, expected);
    let post = rig.client.post(format!("{url}/api/v1/reindex")).send().await.unwrap();
    assert_eq!(problem(post).await, expected);
    let auto: Value = get("/frames?via=auto").await.unwrap().json().await.unwrap();
    let (_, indexed) = rig.json("/api/v1/frames?via=index").await;
    assert_eq!((&auto, auto["frames"].as_array().map(Vec::len)), (&indexed, Some(1)));
}

#[tokio::test]
async fn what_is_not_there_is_404_and_unknown_paths_point_to_the_front_page() {
    let rig = Rig::start().await;
    rig.push("door", 0, picture(1)).await;
    let at = at_millis(0);
    let none = "no frame of camera shop/frames/attic lives: /api/v1/cameras lists those that have \
                frames";
    let far = "no frame of camera shop/frames/door lives within 1s of \
               2024-11-07T23:59:00.000000000Z: the nearest was taken 1m later, at \
               2024-11-08T00:00:00.000000000Z";
    let gone = format!("no frame lives under shop:frames:door:{at}:00009");
    for (path, kind, detail) in [
        ("/api/v1/cameras/attic/latest", "not-found", none),
        ("/api/v1/cameras/attic/latest.jpg", "not-found", none),
        ("/api/v1/cameras/door/at?t=-60s&within=1s", "not-found", far),
        ("/api/v1/cameras/door/at.jpg?t=-60s&within=1s", "not-found", far),
        (&format!("/api/v1/cameras/door/frames/{at}-00009.jpg"), "not-found", &gone),
        ("/api/v2", "unknown-path", "nothing is served at /api/v2: / lists what is"),
        ("/api/v1/x/y", "unknown-path", "nothing is served at /api/v1/x/y: / lists what is"),
    ] {
        let found = problem(rig.get(path).await).await;
        assert_eq!(found, (404, kind.to_owned(), detail.to_owned()), "{path}");
    }
    let response = rig.client.delete(rig.url("/api/v1/cameras")).send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET,HEAD");
    let detail = "/api/v1/cameras does not take DELETE: the header Allow says what it takes";
    let expected = (405, "unknown-method".to_owned(), detail.to_owned());
    assert_eq!(problem(response).await, expected);
}

#[tokio::test]
async fn pushes_that_cannot_be_stored_say_why() {
    let rig = Rig::start().await;
    let push = |body: Vec<u8>, query: &str, time: &str| {
        let url = rig.url(&format!("/api/v1/cameras/door/frames{query}"));
        let request = rig.client.request(Method::POST, url).body(body);
        if time.is_empty() { request } else { request.header("x-timestamp", time) }
    };
    let whole = picture(1).to_vec();
    for (request, status, kind, said) in [
        (push(b"GIF89a".to_vec(), "", ""), 400, "bad-input", "the pushed bytes are refused: "),
        (push(Vec::new(), "", ""), 400, "bad-input", "the pushed bytes are refused: "),
        (push(whole.clone(), "", "soon"), 400, "bad-input", "X-Timestamp: \"soon\" is no time: "),
        (
            push(whole.clone(), "", "+11s"),
            400,
            "bad-input",
            "the pushed time 2024-11-08T00:00:11.000000000Z is over 10 s in the future: ",
        ),
        (
            push(whole.clone(), "?tenant=other", ""),
            400,
            "bad-input",
            "this process writes tenant shop only, not other: ",
        ),
        (
            push(vec![0xff; MAX_FRAME_BYTES + 1], "", ""),
            413,
            "too-large",
            "the pushed frame has 10001 bytes, more than the 10000 allowed (max_frame_bytes)",
        ),
        (
            push(vec![0xff; 5_000_000], "", ""),
            413,
            "too-large",
            "the pushed frame has 5000000 bytes, more than the 10000 allowed (max_frame_bytes)",
        ),
    ] {
        let (found, of, detail) = problem(request.send().await.unwrap()).await;
        assert_eq!((found, of.as_str()), (status, kind), "{detail}");
        assert!(detail.starts_with(said), "{detail}");
    }
    for camera in ["a", "b"] {
        rig.push(camera, 0, picture(1)).await;
    }
    let fourth = rig.client.post(rig.url("/api/v1/cameras/c/frames")).body(whole.clone());
    let detail = "camera c would be number 4: [http] max_cameras allows 3".to_owned();
    let expected = (502, "refused".to_owned(), detail);
    assert_eq!(problem(fourth.send().await.unwrap()).await, expected);
    rig.ingest.close().await;
    let late = push(whole, "", "").send().await.unwrap();
    assert_eq!(late.headers()["retry-after"], "1");
    let detail = "this process is shutting down: come again".to_owned();
    assert_eq!(problem(late).await, (503, "unavailable".to_owned(), detail));
    let (_, latest) = rig.json("/api/v1/cameras/door/frames").await;
    assert_eq!(latest["frames"], json!([]));
}
