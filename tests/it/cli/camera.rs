//! `camera` and its HTTP resource: cameras of a real `up` come, change, pause and go, and the camera
//! beside them loses no frame.

use std::time::{Duration, Instant};

use framecache::collect::synthetic::read_stamp;
use framecache::config::TokenHash;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Place, Up, names_in};

/// Longer than anything here should take, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(40);

const URL: &str = "synthetic:?size=64x48&fps=50";

/// One camera that delivers, on a free port.
pub(super) const STAYS: &str = "[http]\nlisten = \"127.0.0.1:0\"\n[[cameras]]\nid = \"stays\"\nurl = \"synthetic:?size=64x48&fps=50\"\n";

/// One camera as the running `up` shows it.
pub(super) fn show(place: &Place, up: &Up, camera: &str) -> Value {
    let arguments = ["camera", "show", camera, "--json", "--url", &up.url];
    place.run(&arguments).ended(0).json().remove(0)
}

/// Waits until a camera is as wished, and answers it.
pub(super) fn wait(place: &Place, up: &Up, camera: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let shown = show(place, up, camera);
        if ready(&shown) {
            return shown;
        }
        assert!(began.elapsed() < LIMIT, "{shown}");
    }
}

/// Waits until a camera has so many frames more.
pub(super) fn wait_for_frames(place: &Place, up: &Up, camera: &str, more: u64) -> Value {
    let frames = |shown: &Value| shown["frames"].as_u64().unwrap();
    let before = frames(&show(place, up, camera));
    wait(place, up, camera, |shown| frames(shown) >= before + more)
}

/// Time and remaining life in whole seconds of each stored frame of a camera, and its sequence number.
fn stored(place: &Place, up: &Up, camera: &str) -> Vec<(u64, u64, u64)> {
    let frames = place.run(&["range", camera, "--json", "--url", &up.url]).ended(0).json();
    let frame = |frame: &Value| {
        let key = frame["key"].as_str().unwrap().to_owned();
        let parts: Vec<&str> = key.split(':').collect();
        let (at, seq): (u64, u64) = (parts[3].parse().unwrap(), parts[4].parse().unwrap());
        let ends: u64 = frame["expires_at"].as_str().unwrap().parse().unwrap();
        (at, (ends - at + 500_000_000) / 1_000_000_000, seq)
    };
    frames.iter().map(frame).collect()
}

/// The numbers that the source gave the stored frames of a camera.
fn numbers(place: &Place, up: &Up, camera: &str) -> Vec<u64> {
    let folder = place.path(&format!("frames of {camera}"));
    let path = folder.to_str().unwrap();
    place.run(&["range", camera, "-o", path, "--url", &up.url]).ended(0);
    let bytes = names_in(&folder).into_iter().map(|name| std::fs::read(folder.join(name)).unwrap());
    bytes.map(|bytes| read_stamp(&bytes).unwrap().number).collect()
}

/// Panics unless no frame of the camera beside is missing and its source never started anew.
pub(super) fn lost_nothing(place: &Place, up: &Up, camera: &str, before: &Value) {
    let after = show(place, up, camera);
    assert_eq!((&after["since"], &after["state"]), (&before["since"], &json!("active")));
    let frames = stored(place, up, camera);
    let sequence: Vec<u64> = frames.iter().map(|(_, _, seq)| *seq).collect();
    assert_eq!(sequence, Vec::from_iter(1..=u64::try_from(frames.len()).unwrap()));
    let numbers = numbers(place, up, camera);
    assert_eq!(numbers, Vec::from_iter(0..u64::try_from(numbers.len()).unwrap()));
}

/// Ends the `up`; panics unless its account is exact.
pub(super) fn ends_exactly(up: Up) {
    let (code, last) = up.terminate();
    let count = |name: &str| last[name].as_u64().unwrap();
    let dropped: u64 =
        last["dropped"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!((code, count("captured"), count("pending")), (0, count("stored") + dropped, 0));
}

#[test]
fn cameras_come_change_and_go_and_the_one_beside_loses_no_frame() {
    let place = Place::new();
    let up = Up::start(&place, STAYS);
    let does = |arguments: &[&str]| {
        let arguments = [&["camera"], arguments, &["--url", &up.url]].concat();
        place.run(&arguments).ended(0).text()
    };
    let beside = wait(&place, &up, "stays", |shown| shown["state"] == "active");

    assert_eq!(does(&["add", "comes", URL, "--name", "Door"]), "camera comes: added\n");
    let added = wait_for_frames(&place, &up, "comes", 20);
    assert_eq!((&added["name"], &added["origin"]), (&json!("Door"), &json!("api")));

    assert_eq!(does(&["set", "comes", "--fps", "5", "--ttl", "60"]), "camera comes: changed\n");
    let changed = wait_for_frames(&place, &up, "comes", 100);
    assert_eq!((&changed["since"], &changed["fps"]), (&added["since"], &json!(5.0)));
    let frames = stored(&place, &up, "comes");
    let lives: Vec<u64> = frames.iter().map(|(_, life, _)| *life).collect();
    assert!(lives.is_sorted_by(|one, next| one >= next), "{lives:?}");
    let (old, new): (Vec<_>, Vec<_>) = frames.iter().partition(|(_, life, _)| *life == 300);
    assert!(old.len() >= 15 && new.iter().all(|(_, life, _)| *life == 60), "{lives:?}");
    let per_second = |frames: &[(u64, u64, u64)]| {
        let nanos = frames.last().unwrap().0 - frames[0].0;
        (u64::try_from(frames.len()).unwrap() - 1) * 1_000_000_000 / nanos
    };
    // the limit came a moment before the lives, and lets the first frame pass at once
    assert!((2..=7).contains(&per_second(&new[1..])), "{frames:?}");
    let numbers = numbers(&place, &up, "comes");
    assert!(numbers.is_sorted_by(|one, next| one < next), "its source started anew: {numbers:?}");

    assert_eq!(does(&["pause", "comes"]), "camera comes: paused\n");
    let paused = show(&place, &up, "comes");
    assert_eq!((&paused["state"], &paused["paused"]), (&json!("paused"), &json!(true)));
    wait_for_frames(&place, &up, "stays", 20);
    assert_eq!(show(&place, &up, "comes")["frames"], paused["frames"]);
    assert_eq!(does(&["resume", "comes"]), "camera comes: resumed\n");
    wait_for_frames(&place, &up, "comes", 5);

    let gone = "camera comes: collected no more; its frames stay until their lives end\n";
    assert_eq!(does(&["remove", "comes"]), gone);
    place.run(&["camera", "show", "comes", "--url", &up.url]).ended(3);
    assert!(stored(&place, &up, "comes").len() >= frames.len());
    lost_nothing(&place, &up, "stays", &beside);
    ends_exactly(up);
}

#[tokio::test]
async fn a_camera_that_is_removed_before_its_first_frame_is_forgotten() {
    let place = Place::new();
    let up = Up::start(&place, STAYS);
    let url = ["--url", up.url.as_str()];
    let run = |verb: &[&str]| place.run(&[&["camera"], verb, &url[..]].concat()).ended(0);
    run(&["add", "typo", "rtsp://127.0.0.1:9/none"]);
    framecache::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let cameras = async || {
        let status = client.get(format!("{}/api/v1/status", up.url)).send().await.unwrap();
        let status: Value = status.json().await.unwrap();
        let cameras = status["cameras"].as_array().unwrap().iter();
        cameras.map(|one| one["camera"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(cameras().await, ["stays", "typo"]);
    run(&["remove", "typo"]);
    assert_eq!(cameras().await, ["stays"]);
}

#[test]
fn what_cannot_be_done_is_said() {
    let place = Place::new();
    let up = Up::start(&place, STAYS);
    let pushed = ["camera", "add", "pushed", "push:", "--url", &up.url];
    place.run(&pushed).ended(0);
    for (arguments, code, said) in [
        (&["add", "stays", URL][..], 2, "camera stays is collected already: change it with"),
        (&["add", "new", "gopher://h"], 2, "(new): its url has the unknown scheme \"gopher\""),
        (&["add", "new", "synthetic:?fsp=1"], 2, "camera new: "),
        (&["add", "new", "push:", "--quality", "50"], 2, "none has another quality: remove"),
        (&["set", "stays", "--fps=-1"], 2, "it must be a number from 0.01 to 1000, or 0"),
        (&["set", "stays"], 2, "nothing is to be changed: name a setting"),
        (&["set", "new", "--fps", "1"], 3, "collects no camera new: `framecache camera list`"),
        (&["remove", "new"], 3, "collects no camera new"),
        (&["pause", "pushed"], 2, "camera pushed is pushed by others, so there is nothing"),
        (&["list", "--tenant", "a/b"], 2, "a/b"),
    ] {
        let arguments = [&["camera"], arguments, &["--url", &up.url]].concat();
        let ran = place.run(&arguments).ended(code);
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
    let listed = place.run(&["camera", "list", "--json", "--url", &up.url]).ended(0).json();
    let ids: Vec<&str> = listed.iter().map(|one| one["camera"].as_str().unwrap()).collect();
    assert_eq!(ids, ["stays", "pushed"]);
    let redis = place.run(&["camera", "list", "--redis", "redis://127.0.0.1:1"]).ended(2);
    assert!(redis.stderr.contains("only a running `up` can do this"), "{}", redis.stderr);
    let away = place.run(&["camera", "list", "--url", "http://127.0.0.1:1"]).ended(1);
    assert!(away.stderr.contains("no framecache answers at"), "{}", away.stderr);
    let add = ["camera", "add", "a", "rtsp://u:p@h/1", "--fps", "5", "--toml"];
    let expected = "[[cameras]]\nid = \"a\"\nurl = \"rtsp://u:p@h/1\"\nfps = 5.0\n";
    assert_eq!(place.run(&add).ended(0).text(), expected);
}

/// Requests of the test below that are refused, each with its status and part of the sentence.
fn refusals() -> Vec<(&'static str, &'static str, Value, u16, &'static str)> {
    vec![
        (
            "PUT",
            "cameras/cam1",
            json!({"url": "push:", "fsp": 1}),
            400,
            "unknown key \"fsp\": did you mean \"fps\"?",
        ),
        ("PATCH", "cameras/cam1", json!({"quality": 50}), 400, "add mode = \"ffmpeg\""),
        ("PATCH", "cameras/cam1", json!([1]), 400, "the body is no JSON object"),
        ("PATCH", "cameras/cam9", json!({"fps": 1}), 404, "camera cam9 is not collected here"),
        ("PUT", "cameras/cam9", json!({"url": "push:"}), 502, "[http] max_cameras allows 2"),
        ("PUT", "cameras/cam9?tenant=other", json!({"url": "push:"}), 404, "not collected here"),
        (
            "PUT",
            "cameras/cam1?fps=5",
            json!({"url": "push:"}),
            400,
            "the parameter \"fps\" is unknown",
        ),
    ]
}

#[tokio::test]
async fn the_api_says_what_it_did_and_shows_no_secret() {
    let place = Place::new();
    let up = Up::start(&place, &STAYS.replace("[http]", "[http]\nmax_cameras = 2"));
    framecache::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async |method: &str, path: &str, body: Option<Value>| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/api/v1/{path}", up.url);
        let request = client.request(method, url);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let url = "http://me:secret@127.0.0.1:1/a?token=hidden";
    let (status, made) = send("PUT", "cameras/cam1", Some(json!({"url": url, "fps": 5}))).await;
    assert_eq!((status, &made["created"]), (201, &json!(true)));
    assert_eq!(made["url"], "http://me:***@127.0.0.1:1/a?token=***");
    let expected = json!({
        "camera": "cam1", "name": "Door", "url": "http://me:***@127.0.0.1:1/a?token=***",
        "mode": "auto", "interval": null, "fps": 5.0, "ttl_seconds": 60, "quality": null,
        "origin": "api", "paused": true, "state": "paused", "last_error": "",
        "consecutive_failures": 0, "last_frame": null, "frames": 0,
    });
    send("PATCH", "cameras/cam1", Some(json!({"name": "Door", "ttl_seconds": 60}))).await;
    let (status, mut paused) = send("POST", "cameras/cam1/pause", None).await;
    assert!(paused.as_object_mut().unwrap().remove("since").is_some());
    assert_eq!((status, paused), (200, expected));

    for (method, path, body, status, said) in refusals() {
        let (given, problem) = send(method, path, Some(body)).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(given == status && detail.contains(said), "{method} {path}: {given} {detail}");
    }

    let (status, again) = send("PUT", "cameras/cam1", Some(json!({"url": "push:"}))).await;
    assert_eq!((status, &again["created"], &again["paused"]), (200, &json!(false), &json!(false)));
    let (_, fleet) = send("GET", "fleet", None).await;
    let ids: Vec<_> =
        fleet["cameras"].as_array().unwrap().iter().map(|one| &one["camera"]).collect();
    assert_eq!(ids, ["stays", "cam1"]);
    let (_, elsewhere) = send("GET", "fleet?tenant=other", None).await;
    assert_eq!(elsewhere, json!({"cameras": []}));
    let (status, removed) = send("DELETE", "cameras/cam1", None).await;
    let detail = "the camera is collected no more; its frames stay until their lives end";
    assert_eq!((status, &removed["detail"]), (200, &json!(detail)));
    assert_eq!(send("GET", "cameras/cam1", None).await.0, 404);
}

#[tokio::test]
async fn a_token_of_one_tenant_names_no_files_and_another_tenants_sees_nothing() {
    let place = Place::new();
    let token = |(name, tenant, access): (&str, &str, &str)| {
        let hash = TokenHash::of(name);
        format!(
            "[[tokens]]\nname = \"{name}\"\nhash = \"{hash}\"\ntenant = \"{tenant}\"\naccess = \"{access}\"\n"
        )
    };
    let (all, own) = (("all", "*", "write"), ("own", "default", "write"));
    let (other, eyes) = (("other", "bank", "write"), ("eyes", "default", "read"));
    let up = Up::start(&place, &(STAYS.to_owned() + &[all, own, other, eyes].map(token).concat()));
    framecache::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (token, method, path, url, status) in [
        ("own", Method::PUT, "cameras/new", "file:/etc/passwd", 403),
        ("own", Method::PATCH, "cameras/stays", "/etc/passwd", 403),
        ("own", Method::PUT, "cameras/new", "dir:/srv", 403),
        ("own", Method::PUT, "cameras/new", "push:", 201),
        ("all", Method::PUT, "cameras/new", "dir:/nowhere", 200),
        ("eyes", Method::GET, "cameras/stays", "", 200),
        ("eyes", Method::PUT, "cameras/new", "push:", 403),
        ("eyes", Method::POST, "cameras/stays/pause", "", 403),
        ("eyes", Method::DELETE, "cameras/stays", "", 403),
        ("other", Method::GET, "cameras/stays", "", 404),
        ("other", Method::PUT, "cameras/new", "push:", 404),
        ("other", Method::DELETE, "cameras/stays", "", 404),
        ("other", Method::GET, "cameras/stays?tenant=default", "", 404),
        ("nobody", Method::GET, "cameras/stays", "", 401),
    ] {
        let request = client.request(method.clone(), format!("{}/api/v1/{path}", up.url));
        let request = request.bearer_auth(token).json(&json!({ "url": url }));
        let given = request.send().await.unwrap().status().as_u16();
        assert_eq!(given, status, "{token}: {method} {path} {url}");
    }
    let fleet = client.get(format!("{}/api/v1/fleet", up.url)).bearer_auth("other");
    let seen: Value = fleet.send().await.unwrap().json().await.unwrap();
    assert_eq!(seen, json!({"cameras": []}));
}
