//! RTSP cameras from a real server with a digest login: JPEG natively, H.264 by ffmpeg.

use std::time::Duration;

use framecache::{
    clock::{Clock, SystemClock},
    collect::SourceState,
    model::jpeg,
};

use crate::support::{
    collect::{Rig, Stored, camera, decode},
    rtsp::RtspServer,
};

const LOGIN: Option<(&str, &str)> = Some(("viewer", "p@ss word"));

fn assert_pictures(frames: &[Stored]) {
    for frame in frames {
        let size = jpeg::inspect(&frame.bytes).unwrap().dimensions;
        assert_eq!((size.width, size.height), (640, 360));
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(decode(frames, folder.path()), frames.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mjpeg_camera_is_read_natively_and_dated_by_its_own_reports() {
    let server = RtspServer::start(LOGIN);
    let start = SystemClock.now();
    let rig = Rig::start(vec![camera("cam1", &server.url("/mjpeg"))]);
    // The server's first report comes within five seconds.
    rig.wait_for_frames(90).await;
    assert!(!rig.health().source.contains("ss%20word"), "{}", rig.health().source);
    let outcome = rig.stop().await;
    let end = SystemClock.now();
    let frames = outcome.frames("cam1").await;
    assert_eq!(outcome.counts.stored, outcome.counts.captured);
    assert_pictures(&frames);
    let slack = Duration::from_secs(1);
    assert!(frames.iter().all(|frame| start.minus(slack) < frame.at && frame.at < end));
    // Arrivals are a millisecond off here and there; the camera's own clock is not: 15 frames/s.
    let last: Vec<_> = frames[frames.len() - 15..].iter().map(|frame| frame.at).collect();
    for pair in last.windows(2) {
        let frames = pair[1].since(pair[0]).as_secs_f64() * 15.0;
        assert!((frames - frames.round()).abs() < 0.005, "{frames} frames between {pair:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_h264_camera_is_handed_to_ffmpeg() {
    let server = RtspServer::start(LOGIN);
    let rig = Rig::start(vec![camera("cam1", &server.url("/h264"))]);
    rig.wait_for_frames(20).await;
    let outcome = rig.stop().await;
    let frames = outcome.frames("cam1").await;
    assert_eq!(outcome.counts.stored, outcome.counts.captured);
    assert_pictures(&frames);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_switched_off_or_freezes_is_noticed_and_comes_back() {
    let mut server = RtspServer::start(None);
    let mut spec = camera("cam1", &server.url("/mjpeg"));
    spec.stall_timeout = Duration::from_secs(2);
    spec.reconnect_max = Duration::from_secs(1);
    let rig = Rig::start(vec![spec]);
    rig.wait_for_frames(3).await;
    server.kill9();
    rig.wait("the loss", |health| health.state == SourceState::Inactive).await;
    server.restart();
    let frames = rig.health().frames;
    rig.wait_for_frames(frames + 3).await;
    server.freeze();
    rig.wait("the stall", |health| health.state == SourceState::Inactive).await;
    assert_eq!(rig.health().last_error, "no frame came for 2 s");
    server.thaw();
    rig.wait("its return", |health| health.state == SourceState::Active).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_missing_logins_are_told_without_the_password() {
    let server = RtspServer::start(LOGIN);
    let open = server.url_without_login("/mjpeg");
    let wrong = open.replace("rtsp://", "rtsp://viewer:wrong-secret@");
    for (url, said) in [
        (wrong, "the camera refuses the user \"viewer\" or the password"),
        (open, "the camera asks for a login: write user:password@ before its host in the URL"),
    ] {
        let rig = Rig::start(vec![camera("cam1", &url)]);
        rig.wait("the refusal", |health| health.consecutive_failures > 0).await;
        assert_eq!(rig.health().last_error, said);
        rig.stop().await;
    }
}
