//! HTTP cameras: a small real server that misbehaves the way cameras do.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use digest_auth::{AuthContext, AuthorizationHeader, WwwAuthenticateHeader};
use framecache::{
    clock::{Clock, SystemClock},
    collect::{
        CameraSpec, SourceState,
        synthetic::{SyntheticCamera, SyntheticOptions, read_stamp},
    },
    metrics::DropReason,
    model::name::CameraId,
};
use futures_util::{StreamExt as _, stream};

use crate::support::collect::{Outcome, Rig, camera};

const CHALLENGE: &str =
    r#"Digest realm="cam", nonce="5ccc069c", qop="auth", algorithm=MD5, opaque="0f""#;

/// A camera on a free port of the loopback.
#[derive(Clone)]
struct Device {
    picture: Arc<SyntheticCamera>,
    /// Pictures handed out so far.
    taken: Arc<AtomicU64>,
    on: Arc<AtomicBool>,
    port: u16,
}

impl Device {
    async fn start() -> Self {
        let options = SyntheticOptions::from_url("synthetic:?size=64x48").unwrap();
        let picture = SyntheticCamera::new(CameraId::new("device").unwrap(), options).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let device = Self {
            picture: Arc::new(picture),
            taken: Arc::default(),
            on: Arc::new(AtomicBool::new(true)),
            port: listener.local_addr().unwrap().port(),
        };
        let router = Router::new()
            .route("/stream", get(endless_stream))
            .route("/cut", get(cut_stream))
            .route("/snapshot", get(snapshot))
            .route("/unchanged", get(unchanged_snapshot))
            .route("/closed", get(closed_snapshot))
            .route("/moved", get(|| async { axum::response::Redirect::temporary("/closed") }))
            .route("/page", get(|| async { axum::response::Html("<h1>Welcome</h1>") }))
            .with_state(device.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        device
    }

    fn camera(&self, path: &str) -> CameraSpec {
        camera("cam1", &format!("http://127.0.0.1:{}{path}", self.port))
    }

    /// The next picture, each with its own number.
    fn shoot(&self) -> Bytes {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        self.picture.frame(number, SystemClock.now()).unwrap()
    }

    fn part(&self) -> Bytes {
        let picture = self.shoot();
        let head = format!("--cut\r\nContent-Length: {}\r\n\r\n", picture.len());
        [head.as_bytes(), &picture, b"\r\n"].concat().into()
    }
}

fn multipart(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "multipart/x-mixed-replace; boundary=cut")], body).into_response()
}

/// 50 frames/s until the reader leaves; nothing while the camera is off.
async fn endless_stream(State(device): State<Device>) -> Response {
    if !device.on.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let parts = stream::unfold(device, |device| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let on = device.on.load(Ordering::Relaxed);
        on.then(|| (Ok::<_, Infallible>(device.part()), device))
    });
    multipart(Body::from_stream(parts))
}

/// Two frames and the half of a third; then the connection breaks.
async fn cut_stream(State(device): State<Device>) -> Response {
    let mut parts = vec![Ok(device.part()), Ok(device.part())];
    let third = device.part();
    parts.push(Ok(third.slice(..third.len() / 2)));
    parts.push(Err(std::io::Error::other("the plug is pulled")));
    // One at a time, so that each is on its way before the connection breaks.
    let parts = stream::iter(parts).then(|part| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        part
    });
    multipart(Body::from_stream(parts))
}

async fn snapshot(State(device): State<Device>) -> Response {
    ([(header::CONTENT_TYPE, "image/jpeg")], device.shoot()).into_response()
}

/// One picture; whoever has it is told that it did not change.
async fn unchanged_snapshot(State(device): State<Device>, headers: HeaderMap) -> Response {
    if headers.contains_key(header::IF_NONE_MATCH) {
        device.taken.fetch_add(1, Ordering::Relaxed);
        return StatusCode::NOT_MODIFIED.into_response();
    }
    ([(header::CONTENT_TYPE, "image/jpeg"), (header::ETAG, "\"1\"")], device.shoot())
        .into_response()
}

/// A snapshot for the user "me" with the password "p@ss" by digest.
async fn closed_snapshot(State(device): State<Device>, headers: HeaderMap) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given.is_some_and(answers_challenge) {
        return snapshot(State(device)).await;
    }
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, CHALLENGE)]).into_response()
}

fn answers_challenge(given: &str) -> bool {
    let Ok(given) = AuthorizationHeader::parse(given) else { return false };
    let mut context = AuthContext::new("me", "p@ss", "/closed");
    context.set_custom_cnonce(given.cnonce.clone().unwrap_or_default());
    let mut challenge = WwwAuthenticateHeader::parse(CHALLENGE).unwrap();
    challenge.nc = given.nc - 1;
    challenge.respond(&context).unwrap().response == given.response
}

async fn numbers(outcome: &Outcome) -> Vec<u64> {
    let frames = outcome.frames("cam1").await;
    frames.iter().map(|frame| read_stamp(&frame.bytes).unwrap().number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_loses_no_frame_and_the_camera_is_found_again_after_it_was_off() {
    let device = Device::start().await;
    let rig = Rig::start(vec![device.camera("/stream")]);
    rig.wait_for_frames(20).await;
    device.on.store(false, Ordering::Relaxed);
    rig.wait("a failed attempt", |health| health.consecutive_failures >= 2).await;
    assert_eq!(rig.health().last_error, "the camera answers 503 Service Unavailable");
    let sent = device.taken.load(Ordering::Relaxed);
    assert_eq!(rig.health().frames, sent);
    device.on.store(true, Ordering::Relaxed);
    rig.wait_for_frames(sent + 10).await;
    let outcome = rig.stop().await;
    let numbers = numbers(&outcome).await;
    assert_eq!(numbers, Vec::from_iter(0..outcome.counts.captured));
    assert_eq!(outcome.counts.stored, outcome.counts.captured);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_cut_by_a_lost_connection_is_counted_and_not_stored() {
    let device = Device::start().await;
    let rig = Rig::start(vec![device.camera("/cut")]);
    rig.wait("the break", |health| health.consecutive_failures == 1).await;
    let said = rig.health().last_error;
    assert!(said.starts_with("the stream broke off"), "{said}");
    let outcome = rig.stop().await;
    assert_eq!(numbers(&outcome).await, [0, 1]);
    assert_eq!(outcome.counts.drops().collect::<Vec<_>>(), [(DropReason::Truncated, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_one_every_interval() {
    let device = Device::start().await;
    let interval = Some(Duration::from_millis(50));
    let spec = CameraSpec { snapshot_interval: interval, ..device.camera("/snapshot") };
    let rig = Rig::start(vec![spec]);
    rig.wait_for_frames(10).await;
    let outcome = rig.stop().await;
    let frames = outcome.frames("cam1").await;
    let span = frames[9].at.since(frames[0].at);
    assert!(span > Duration::from_millis(300), "ten snapshots took {span:?}");
    assert_eq!(numbers(&outcome).await, Vec::from_iter(0..outcome.counts.stored));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_did_not_change_is_not_taken_again() {
    let device = Device::start().await;
    let interval = Some(Duration::from_millis(20));
    let spec = CameraSpec { snapshot_interval: interval, ..device.camera("/unchanged") };
    let rig = Rig::start(vec![spec]);
    rig.wait("some requests", |_| device.taken.load(Ordering::Relaxed) > 5).await;
    assert_eq!(rig.health().state, SourceState::Active);
    assert_eq!(numbers(&rig.stop().await).await, [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_login_is_answered_and_a_wrong_password_is_told_but_not_shown() {
    let device = Device::start().await;
    let interval = Some(Duration::from_millis(20));
    let at = |login: &str, path: &str| {
        let spec = camera("cam1", &format!("http://{login}127.0.0.1:{}{path}", device.port));
        CameraSpec { snapshot_interval: interval, ..spec }
    };
    for path in ["/closed", "/moved"] {
        let rig = Rig::start(vec![at("me:p@ss@", path)]);
        rig.wait_for_frames(3).await;
        assert_eq!(rig.health().source, format!("http://me:***@127.0.0.1:{}{path}", device.port));
        rig.stop().await;
    }
    for (login, said) in [
        ("me:wrong@", "the camera refuses the user \"me\" or the password"),
        ("", "the camera asks for a login: write user:password@ before its host in the URL"),
    ] {
        let rig = Rig::start(vec![at(login, "/closed")]);
        rig.wait("the refusal", |health| health.consecutive_failures > 0).await;
        assert_eq!(rig.health().last_error, said);
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_instead_of_a_picture_is_explained() {
    let device = Device::start().await;
    let rig = Rig::start(vec![device.camera("/page")]);
    rig.wait("the failure", |health| health.consecutive_failures > 0).await;
    let said = rig.health().last_error;
    assert!(said.starts_with("the camera sends text/html: give the URL of"), "{said}");
    assert_eq!(rig.stop().await.counts.captured, 0);
}
