//! Recordings as videos, zips and pictures, judged by ffprobe, redis-record's own reader and by bytes.

use std::path::Path;
use std::process::{Command, Output};

use framecache::archive::format::{About, Ending, SnapshotWriter};
use framecache::archive::read::{Recording, Select};
use framecache::model::frame::{Frame, StoredFrame};
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::testing::jpeg;
use futures_util::TryStreamExt as _;
use serde_json::Value;

use crate::support::python;

/// 2024-11-08T00:00:00Z.
const START: u64 = 1_731_024_000_000_000_000;

/// Milliseconds of the frames: uneven, with a gap, and twelve in one millisecond.
fn times() -> Vec<u64> {
    let even = (0..10).map(|n| n * 100_000_000);
    let burst = (0..12).map(|n| 1_500_000_000 + n * 1000);
    even.chain(burst).chain([9_000_000_000, 9_040_000_000]).collect()
}

fn recording(folder: &Path) -> Vec<StoredFrame> {
    let mut frames = Vec::new();
    for (n, time) in times().into_iter().enumerate() {
        for camera in ["door", "yard"] {
            let key: FrameKey =
                format!("t:frames:{camera}:{}:{:05}", START + time, n + 1).parse().unwrap();
            let bytes = jpeg(if camera == "door" { 64 } else { 33 }, 48);
            frames.push(StoredFrame { frame: Frame { key, bytes }, ttl: None, expires_at: None });
        }
    }
    let at = |nanos| UnixNanos::new(nanos).unwrap();
    let window = TimeRange::new(at(START), at(START + 10_000_000_000)).unwrap();
    let about = About { window, captured_at: at(START), facts: [].into() };
    let mut writer = SnapshotWriter::begin(&about).unwrap();
    frames.iter().for_each(|frame| writer.add(frame, at(START)).unwrap());
    writer.finish(&Ending::default()).unwrap();
    std::fs::write(folder.join("night.mcap"), writer.written()).unwrap();
    frames
}

fn program(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_framecache")).current_dir(folder).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What lies in a folder, hidden or not.
fn names(folder: &Path) -> Vec<String> {
    let found = std::fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name());
    let mut names: Vec<String> = found.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_camera_becomes_a_video_with_its_times_and_gaps() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let ran = program(folder.path(), &["convert", "night.mcap", "-o", "night.mp4"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    assert_eq!(text(&ran.stdout), "night-door.mp4\nnight-yard.mp4\n");
    assert_eq!(names(folder.path()), ["night-door.mp4", "night-yard.mp4", "night.mcap"]);
    for (video, size) in [("night-door.mp4", (64, 48)), ("night-yard.mp4", (34, 48))] {
        let probed = Command::new("ffprobe")
            .args(["-v", "error", "-of", "json", "-show_entries"])
            .arg("packet=pts_time:stream=width,height,codec_name")
            .arg(folder.path().join(video))
            .output()
            .unwrap();
        let told: Value = serde_json::from_slice(&probed.stdout).unwrap();
        let stream = &told["streams"][0];
        assert_eq!(
            (&stream["codec_name"], &stream["width"], &stream["height"]),
            (&"h264".into(), &size.0.into(), &size.1.into())
        );
        let packets = told["packets"].as_array().unwrap();
        let shown =
            packets.iter().map(|one| one["pts_time"].as_str().unwrap().parse::<f64>().unwrap());
        let shown: Vec<u64> = shown.map(|secs| (secs * 1000.0).round() as u64).collect();
        // Frames within 100 us of each other are moved apart by so much.
        let expected: Vec<u64> = times().iter().map(|nanos| nanos / 1_000_000).collect();
        let near = shown.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 2);
        assert!(near && shown.len() == expected.len(), "{shown:?} should be {expected:?}");
    }
    let again = program(folder.path(), &["convert", "night.mcap", "-o", "night.mp4"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        text(&again.stderr).contains("night-door.mp4 is there already"),
        "{}",
        text(&again.stderr)
    );
    let one = ["convert", "night.mcap", "-o", "d.mp4", "--camera", "door", "--json"];
    let ran = program(folder.path(), &one);
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&told["files"], &told["frames"]), (&serde_json::json!(["d.mp4"]), &24.into()));
}

/// What redis-record 0.0.6 reads: streams, names and bytes in its order.
const PLAYER: &str = "
import hashlib, json, sys
from redis_record.storage.replay import get_player
with get_player('night.zip', '.', type='zip', raw_timestamp=True) as player:
    for stream, name, fields in player:
        print(json.dumps([stream, name, hashlib.sha256(fields['d']).hexdigest()]))
";

#[tokio::test]
async fn zips_are_played_by_redis_record_in_order_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let frames = recording(folder.path());
    let ran = program(folder.path(), &["convert", "night.mcap", "-o", "night.zip"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    assert_eq!(names(folder.path()), ["night.mcap", "night.zip"]);
    let zips = folder.path().join("night.zip");
    assert_eq!(names(&zips), ["door", "yard"]);
    let name = "1731024000000-00000_1731024009040-00000.zip";
    assert_eq!(names(&zips.join("door")), [name]);

    let recording = Recording::open_path(&zips).await.unwrap();
    let entries: Vec<_> = recording.entries(&Select::ALL).try_collect().await.unwrap();
    let read = |camera: &str| -> Vec<_> {
        let of = entries.iter().filter(|one| &*one.channel == camera);
        of.map(|one| (one.at.as_millis(), one.bytes.clone())).collect()
    };
    let given = |camera: &str| -> Vec<_> {
        let of = frames.iter().filter(|one| one.frame.key.stream().camera.as_str() == camera);
        of.map(|one| (one.frame.key.at().as_millis(), one.frame.bytes.clone())).collect()
    };
    for camera in ["door", "yard"] {
        assert_eq!(read(camera), given(camera));
    }

    let played = python::run(PLAYER, folder.path());
    let played: Vec<Value> =
        played.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let door: Vec<&str> = played
        .iter()
        .filter(|one| one[0] == "door")
        .map(|one| one[1].as_str().unwrap().split_once('-').unwrap().0)
        .collect();
    let expected: Vec<String> =
        given("door").iter().map(|(millis, _)| millis.to_string()).collect();
    assert_eq!(door, expected);
    assert_eq!(played.len(), frames.len());
    let ids: Vec<String> =
        played.iter().filter(|one| one[0] == "yard").map(|one| one[1].to_string()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
}

#[test]
fn pictures_of_chosen_cameras_and_times_are_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let frames = recording(folder.path());
    let words = [
        "convert",
        "night.mcap",
        "-o",
        "pictures",
        "--camera",
        "d*",
        "--from",
        "2024-11-08T00:00:09Z",
    ];
    let ran = program(folder.path(), &words);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let pictures = folder.path().join("pictures");
    let expected =
        ["door_2024-11-08T00:00:09.000000000Z.jpg", "door_2024-11-08T00:00:09.040000000Z.jpg"];
    assert_eq!(names(&pictures), expected);
    assert_eq!(std::fs::read(pictures.join(expected[0])).unwrap(), frames[0].frame.bytes);
    assert_eq!(names(folder.path()), ["night.mcap", "pictures"]);
    let nobody = ["convert", "night.mcap", "-o", "other", "--camera", "nobody"];
    let ran = program(folder.path(), &nobody);
    assert_eq!(ran.status.code(), Some(1));
    assert!(text(&ran.stderr).contains("has no such frames"), "{}", text(&ran.stderr));
    assert_eq!(names(folder.path()), ["night.mcap", "pictures"]);
}
