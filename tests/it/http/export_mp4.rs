//! A window as video, by the real ffmpeg and judged by ffprobe; and what happens when ffmpeg is
//! missing, fails, is busy, or its client goes away.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;

use super::{Rig, picture};

/// What ffprobe says of a video.
fn probe(video: &Bytes) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clip.mp4");
    std::fs::write(&file, video).unwrap();
    let wanted = "stream=codec_name,pix_fmt,width,height:frame=pts_time";
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_entries", wanted])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// When each picture is shown, in milliseconds.
fn times(probed: &Value) -> Vec<u64> {
    let frames = probed["frames"].as_array().unwrap().iter();
    let millis = |text: &Value| text.as_str().unwrap().parse::<f64>().unwrap() * 1000.0;
    frames.map(|frame| millis(&frame["pts_time"]).round() as u64).collect()
}

/// A JPEG of one shade in this size.
fn sized(width: u16, height: u16) -> Bytes {
    let mut jpeg = Vec::new();
    let pixels = vec![200; usize::from(width) * usize::from(height) * 3];
    jpeg_encoder::Encoder::new(&mut jpeg, 80)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    Bytes::from(jpeg)
}

async fn clip(rig: &Rig, rest: &str) -> Bytes {
    let response = rig.get(&format!("/api/v1/cameras/door/clip.mp4{rest}")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "video/mp4");
    response.bytes().await.unwrap()
}

#[tokio::test]
async fn pictures_are_shown_when_they_were_taken_and_gaps_are_kept() {
    let rig = Rig::start().await;
    for millis_ago in [5000, 4960, 4870, 1000, 967] {
        rig.push("door", millis_ago, sized(64, 48)).await;
    }
    let probed = probe(&clip(&rig, "").await);
    let expected = serde_json::json!(
        [{"codec_name": "h264", "pix_fmt": "yuv420p", "width": 64, "height": 48}]
    );
    assert_eq!(probed["streams"], expected);
    assert_eq!(times(&probed), [0, 40, 130, 4000, 4033]);
    let probed = probe(&clip(&rig, "?from=-4980ms&to=-900ms").await);
    assert_eq!(times(&probed), [0, 90, 3960, 3993]);
}

#[tokio::test]
async fn a_constant_rate_holds_the_last_picture_over_a_gap() {
    let rig = Rig::start().await;
    for millis_ago in [3000, 2900, 1000] {
        rig.push("door", millis_ago, sized(64, 48)).await;
    }
    let shown = times(&probe(&clip(&rig, "?fps=10").await));
    let expected: Vec<u64> = (0..=20).map(|n| n * 100).collect();
    assert_eq!(shown[..21], expected);
    assert!(shown.len() <= 22, "{shown:?}");
}

#[tokio::test]
async fn a_picture_of_another_or_an_odd_size_fits_into_the_first() {
    let rig = Rig::start().await;
    for (millis_ago, width, height) in [(3000, 63, 47), (2000, 128, 96), (1000, 33, 17)] {
        rig.push("door", millis_ago, sized(width, height)).await;
    }
    let probed = probe(&clip(&rig, "").await);
    let stream = &probed["streams"][0];
    assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(64), Some(48)));
    assert_eq!(times(&probed), [0, 1000, 2000]);
}

/// A program in place of ffmpeg, and a server that runs it.
async fn instead(rig: &Rig, script: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ffmpeg");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let address = rig.with_ffmpeg(program).await;
    (folder, format!("http://{address}/api/v1/cameras/door/clip.mp4"))
}

async fn refusal(rig: &Rig, url: &str) -> (u16, Option<String>, String) {
    let response = rig.client.get(url).send().await.unwrap();
    let retry = response.headers().get("retry-after").map(|one| one.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    (status, retry, problem["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_before_any_video() {
    let rig = Rig::start().await;
    let url = rig.url("/api/v1/cameras/door/clip.mp4");
    let nothing = "no frame lives in this window: /api/v1/timeline shows where frames are";
    assert_eq!(refusal(&rig, &url).await, (404, None, nothing.to_owned()));
    rig.push("door", 500, picture(1)).await;
    let missing = rig.with_ffmpeg(PathBuf::from("/nowhere/ffmpeg")).await;
    let missing = format!("http://{missing}/api/v1/cameras/door/clip.mp4");
    let said = "/nowhere/ffmpeg is not there: install ffmpeg (apt-get install ffmpeg), or say under \
                [ingest] ffmpeg where it is";
    assert_eq!(refusal(&rig, &missing).await, (501, None, said.to_owned()));
    let (_folder, failing) = instead(&rig, "echo no such encoder >&2; exit 1").await;
    let said = "ffmpeg failed (exit status: 1): no such encoder";
    assert_eq!(refusal(&rig, &failing).await, (500, None, said.to_owned()));
    let (status, _, said) = refusal(&rig, &format!("{url}?fps=0")).await;
    assert_eq!((status, said.as_str()), (400, "fps=0 is refused: give a number from 0.1 to 120"));
}

/// Waits until it holds, at most 20 s.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 20 s: {what}");
}

/// The ids that the scripts wrote down.
fn pids(folder: &Path) -> Vec<String> {
    let pids = std::fs::read_to_string(folder.join("pids")).unwrap_or_default();
    pids.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn two_videos_at_a_time_and_none_outlives_its_client() {
    let rig = Rig::start().await;
    rig.push("door", 500, picture(1)).await;
    let script = "echo $$ >> \"$(dirname \"$0\")/pids\"; echo begun; exec sleep 1000";
    let (folder, url) = instead(&rig, script).await;
    let mut running = Vec::new();
    for _ in 0..2 {
        let mut response = rig.client.get(&url).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "begun\n");
        running.push(response);
    }
    let said = "2 videos are being made: come again when one is done".to_owned();
    assert_eq!(refusal(&rig, &url).await, (503, Some("1".to_owned()), said));
    let begun = pids(folder.path());
    let lives = |pid: &String| Path::new(&format!("/proc/{pid}/exe")).exists();
    assert_eq!(begun.iter().filter(|pid| lives(pid)).count(), 2);
    drop(running);
    until("both are gone", || !begun.iter().any(lives)).await;
}
