//! A collector whose cameras come, change and go while it runs: the others never notice.

use std::time::{Duration, Instant};

use framecache::{
    bus::Event,
    collect::{SourceState, synthetic::read_stamp},
    model::name::CameraId,
};
use futures_util::stream::BoxStream;

use crate::support::collect::{Rig, camera, next_json};

const URL: &str = "synthetic:?size=64x48&fps=50";

fn id(id: &str) -> CameraId {
    CameraId::new(id).unwrap()
}

/// Waits for these camera states, and no others, in any order of the cameras.
async fn told(events: &mut BoxStream<'static, Event>, expected: &[&str]) {
    let mut said = Vec::new();
    for _ in expected {
        let status = next_json(events, "events.status").await;
        let text = |name: &str| status[name].as_str().unwrap().to_owned();
        let words = ["camera_id", "state", "last_error"].map(text).join(" ");
        said.push(words.trim_end().to_owned());
    }
    said.sort_by_key(|said| expected.iter().position(|one| one == said));
    assert_eq!(said, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_come_change_and_go_and_the_others_lose_no_frame() {
    let (mut rig, mut events) = Rig::start_listening(vec![camera("stays", URL)]);
    rig.wait_for_frames(5).await;

    rig.collector.run(rig.collected("comes", URL)).unwrap();
    rig.wait_for_frames_of("comes", 5).await;
    told(&mut events, &["stays active", "comes active"]).await;
    rig.collector.halt(&[id("comes")]).await;
    let halted = rig.health_of("comes").unwrap().frames;
    rig.collector.put_aside(&camera("comes", URL));
    assert_eq!(rig.health_of("comes").unwrap().state, SourceState::Paused);
    told(&mut events, &["comes inactive paused"]).await;
    rig.wait_for_frames_of("stays", rig.health_of("stays").unwrap().frames + 10).await;
    assert_eq!(rig.health_of("comes").unwrap().frames, halted);

    rig.collector.run(rig.collected("comes", "synthetic:?size=32x32&fps=50")).unwrap();
    rig.wait_for_frames_of("comes", halted + 5).await;
    told(&mut events, &["comes active"]).await;
    rig.collector.halt(&[id("comes")]).await;
    rig.collector.forget(&id("comes"));
    assert_eq!(rig.health_of("comes"), None);
    told(&mut events, &["comes inactive removed"]).await;
    let comes = rig.collected("comes", URL).lane.stream().clone();
    rig.ingest.close_lane(&comes).await;
    rig.wait_for_frames_of("stays", rig.health_of("stays").unwrap().frames + 10).await;

    let outcome = rig.stop().await;
    let frames = outcome.frames("stays").await;
    let numbers: Vec<u64> =
        frames.iter().map(|frame| read_stamp(&frame.bytes).unwrap().number).collect();
    assert_eq!(numbers, Vec::from_iter(0..u64::try_from(frames.len()).unwrap()));
    assert_eq!(outcome.counts.captured, outcome.counts.stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_with_a_wrong_option_changes_nothing() {
    let mut rig = Rig::start(vec![camera("stays", URL)]);
    let wrong = rig.collected("comes", "synthetic:?fsp=1");
    let error = format!("{:#}", rig.collector.run(wrong).unwrap_err());
    assert!(error.starts_with("camera comes: ") && error.contains("fsp"), "{error}");
    assert_eq!(rig.health_of("comes"), None);
    rig.wait_for_frames(3).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_between_two_attempts_is_halted_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(vec![camera("cam1", &format!("dir:{}", folder.path().display()))]);
    rig.wait("a failure", |health| health.consecutive_failures > 0).await;
    let began = Instant::now();
    rig.collector.halt(&[id("cam1"), id("unknown")]).await;
    rig.collector.halt(&[id("cam1")]).await;
    assert!(began.elapsed() < Duration::from_secs(10));
    rig.stop().await;
}
