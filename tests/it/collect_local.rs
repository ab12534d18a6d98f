//! Sources on this machine, from end to end: synthetic pictures, folders, and what becomes of their
//! ends and failures.

use std::{fs, time::Duration};

use framecache::{
    clock::{Clock, SystemClock},
    collect::{
        SourceState,
        synthetic::{SyntheticCamera, SyntheticOptions, read_stamp},
    },
    metrics::DropReason,
    model::name::CameraId,
};
use serde_json::{Value, json};

use crate::support::collect::{Rig, camera, next_json};

/// The numbers in the stamps of frames.
fn numbers<'a>(frames: impl IntoIterator<Item = &'a [u8]>) -> Vec<u64> {
    frames.into_iter().map(|frame| read_stamp(frame).unwrap().number).collect()
}

/// `count` different pictures.
fn pictures(count: u64) -> Vec<Vec<u8>> {
    let options = SyntheticOptions::from_url("synthetic:?size=64x48").unwrap();
    let source = SyntheticCamera::new(CameraId::new("pictures").unwrap(), options).unwrap();
    (0..count).map(|n| source.frame(n, SystemClock.now()).unwrap().to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_synthetic_frame_is_counted_and_stored_under_the_time_in_it() {
    let rig = Rig::start(vec![camera("cam1", "synthetic:?size=64x48&fps=100")]);
    rig.wait_for_frames(60).await;
    let outcome = rig.stop().await;
    let frames = outcome.frames("cam1").await;
    let stamps: Vec<_> = frames.iter().map(|frame| read_stamp(&frame.bytes).unwrap()).collect();
    let produced = stamps.last().unwrap().number + 1;
    assert_eq!(numbers(frames.iter().map(|frame| &frame.bytes[..])), Vec::from_iter(0..produced));
    assert!(stamps.iter().zip(&frames).all(|(stamp, frame)| stamp.unix_nano == frame.at));
    assert!(stamps.iter().all(|stamp| stamp.camera.as_str() == "cam1"));
    assert_eq!((outcome.counts.captured, outcome.counts.stored), (produced, produced));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_read_in_name_order_and_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = pictures(5);
    for (name, picture) in ["c.jpg", "a.JPG", "e.jpeg", "b.jpg", "d.jpg"].iter().zip(&pictures) {
        fs::write(folder.path().join(name), picture).unwrap();
    }
    fs::write(folder.path().join("ab.jpg"), b"<html>no picture</html>").unwrap();
    fs::write(folder.path().join("bb.jpg"), &pictures[0][..pictures[0].len() - 9]).unwrap();
    fs::write(folder.path().join("notes.txt"), b"no picture").unwrap();
    let url = format!("dir:{}?fps=200", folder.path().display());
    let (rig, mut events) = Rig::start_listening(vec![camera("cam1", &url)]);
    rig.wait("the end", |health| health.state == SourceState::Finished).await;
    let told = next_json(&mut events, "events.status").await;
    assert_eq!((&told["state"], &told["camera_id"]), (&json!("inactive"), &json!("cam1")));
    let outcome = rig.stop().await;
    let frames = outcome.frames("cam1").await;
    assert_eq!(numbers(frames.iter().map(|frame| &frame.bytes[..])), [1, 3, 0, 4, 2]);
    let drops: Vec<_> = outcome.counts.drops().collect();
    assert_eq!(drops, [(DropReason::Truncated, 1), (DropReason::NotJpeg, 1)]);
    assert_eq!(outcome.counts.captured, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_comes_late_is_found_and_each_change_is_told_once() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("late");
    let url = format!("dir:{}?fps=50&loop=true", folder.display());
    let (rig, mut events) = Rig::start_listening(vec![camera("cam1", &url)]);
    rig.wait("a second failure", |health| health.consecutive_failures >= 2).await;
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.jpg"), &pictures(1)[0]).unwrap();
    rig.wait_for_frames(3).await;
    let health = rig.health();
    assert_eq!((health.state, health.consecutive_failures), (SourceState::Active, 0));

    let state = |told: &Value| told["state"].as_str().unwrap().to_owned();
    let down = next_json(&mut events, "events.status").await;
    let said = down["last_error"].as_str().unwrap();
    assert!(said.starts_with("the folder ") && said.contains("No such file"), "{said}");
    let up = next_json(&mut events, "events.status").await;
    assert_eq!((state(&down), state(&up)), ("inactive".to_owned(), "active".to_owned()));
    let system = next_json(&mut events, "events.system").await;
    assert_eq!((&system["total_cameras"], &system["active_cameras"]), (&json!(1), &json!(1)));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_others_push_is_left_alone() {
    let rig = Rig::start(vec![camera("cam1", "push:")]);
    rig.wait("its state", |health| health.state == SourceState::Push).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), rig.stop()).await.unwrap();
    assert_eq!(ended.counts.captured, 0);
}
