//! Sources read by a real ffmpeg: video files, what its failures say, and that it leaves with us.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use framecache::{
    collect::{CameraSpec, SourceState},
    model::jpeg,
};

use crate::support::collect::{Rig, camera, decode, slow_video, video};

/// Where the helper test below finds the video that it shall play.
const VIDEO: &str = "FRAMECACHE_TEST_VIDEO";

/// Processes whose command line holds `text`.
fn running(text: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(text)).collect()
}

fn gone_within(text: &str, limit: Duration) -> bool {
    let start = Instant::now();
    while !running(text).is_empty() {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_of_a_video_file_is_collected_and_decodes() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}?realtime=false", video(folder.path(), 3).display());
    let rig = Rig::start(vec![camera("cam1", &url)]);
    rig.wait("the end", |health| health.state == SourceState::Finished).await;
    let outcome = rig.stop().await;
    let frames = outcome.frames("cam1").await;
    assert_eq!((outcome.counts.captured, outcome.counts.stored, frames.len()), (30, 30, 30));
    for frame in &frames {
        let size = jpeg::inspect(&frame.bytes).unwrap().dimensions;
        assert_eq!((size.width, size.height), (320, 240));
    }
    assert_eq!(decode(&frames, folder.path()), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_looped_video_goes_on_at_its_own_pace_and_ffmpeg_ends_with_the_collector() {
    let folder = tempfile::tempdir().unwrap();
    let video = video(folder.path(), 1);
    let start = Instant::now();
    let rig = Rig::start(vec![camera("cam1", &format!("{}?loop=true", video.display()))]);
    rig.wait_for_frames(25).await;
    assert!(start.elapsed() > Duration::from_secs(2), "10 frames/s took {:?}", start.elapsed());
    let name = video.display().to_string();
    assert!(!running(&name).is_empty());
    rig.stop().await;
    assert_eq!(running(&name), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ffmpeg_said_and_that_it_is_missing_is_told_in_a_sentence() {
    let rig = Rig::start(vec![camera("cam1", "/no/such/video.mp4")]);
    rig.wait("the failure", |health| health.consecutive_failures > 0).await;
    let said = rig.health().last_error;
    assert_eq!(said, "ffmpeg failed: file:/no/such/video.mp4: No such file or directory");
    rig.stop().await;

    let missing = PathBuf::from("/no/such/ffmpeg");
    let spec = camera("cam1", "/no/such/video.mp4");
    let rig = Rig::start(vec![CameraSpec { ffmpeg: missing, ..spec }]);
    rig.wait("the failure", |health| health.consecutive_failures > 0).await;
    let said = rig.health().last_error;
    assert!(said.starts_with("/no/such/ffmpeg is not there: install ffmpeg"), "{said}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_ffmpeg_do_not_show_the_password() {
    let port = crate::support::port::free();
    let url = format!("rtmp://me:hush-hush@127.0.0.1:{port}/live");
    let rig = Rig::start(vec![camera("cam1", &url)]);
    rig.wait("the failure", |health| health.consecutive_failures > 0).await;
    let said = rig.health().last_error;
    assert!(said.contains("Connection refused") && said.contains("me:***@"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    rig.stop().await;
}

#[test]
fn ffmpeg_is_gone_soon_after_a_kill_of_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    // It writes nothing for a minute, so a broken pipe would not end it.
    let video = slow_video(folder.path());
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "collect_ffmpeg::helper_that_collects_until_it_is_killed"])
        .arg("--nocapture")
        .env(VIDEO, &video)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("collecting")), "the helper should start");
    let name = video.display().to_string();
    assert!(running(&name).iter().any(|line| line.starts_with("ffmpeg ")), "{:?}", running(&name));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(gone_within(&name, Duration::from_secs(5)), "{:?}", running(&name));
}

#[test]
#[ignore = "run by the test above, as a process that can be killed"]
fn helper_that_collects_until_it_is_killed() {
    let Ok(video) = std::env::var(VIDEO) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let rig = Rig::start(vec![camera("cam1", &video)]);
        rig.wait_for_frames(1).await;
        println!("collecting");
        std::future::pending::<()>().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_quality_makes_smaller_pictures_of_the_same_video() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}?realtime=false", video(folder.path(), 1).display());
    let mut sizes = Vec::new();
    for quality in [Some(1), Some(50), None, Some(100)] {
        let rig = Rig::start(vec![CameraSpec { quality, ..camera("cam1", &url) }]);
        rig.wait("the end", |health| health.state == SourceState::Finished).await;
        let frames = rig.stop().await.frames("cam1").await;
        assert_eq!(decode(&frames, folder.path()), 10);
        sizes.push(frames.iter().map(|frame| frame.bytes.len()).sum::<usize>());
    }
    assert!(sizes.is_sorted_by(|one, next| one < next), "{sizes:?}");
}
