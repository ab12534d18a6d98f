//! Reading recordings: ours, other programs', cut ones and garbage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use framecache::archive::FileBlob;
use framecache::archive::format::{About, Ending, SnapshotWriter};
use framecache::archive::read::{Entry, Info, Pause, Recording, Select};
use framecache::model::frame::{Frame, StoredFrame};
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, Ttl, UnixNanos};
use futures_util::TryStreamExt as _;
use proptest::prelude::{ProptestConfig, any, proptest};
use serde_json::Value;

/// 2024-11-08T00:00:00Z.
const START: u64 = 1_731_024_000_000_000_000;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/redis-record")
}

/// 14 entries of one millisecond, and one later.
const SAME_MS: &str = "rr_zip_same_ms/cam1/1795160000000-0_1795160000005-0.zip";

fn at(nanos: u64) -> UnixNanos {
    UnixNanos::new(nanos).unwrap()
}

async fn all(recording: &Recording, select: Select) -> Vec<Entry> {
    recording.entries(&select).try_collect().await.unwrap()
}

/// Stream, time and number, fields: as the expected files of the samples have them.
fn told(entry: &Entry) -> Value {
    let mut fields = serde_json::Map::new();
    fields.insert("d".to_owned(), STANDARD.encode(&entry.bytes).into());
    for (name, bytes) in &entry.fields {
        fields.insert(name.clone(), STANDARD.encode(bytes).into());
    }
    let id = format!("{}-{}", entry.at.as_millis(), entry.order);
    serde_json::json!({ "stream": *entry.channel, "id": id, "fields": fields })
}

#[tokio::test]
async fn recordings_of_redis_record_give_exactly_their_entries() {
    for (sample, expected) in [
        ("rr_clean.mcap", "rr_clean"),
        ("rr_zip", "rr_zip"),
        ("rr_zip_same_ms", "rr_zip_same_ms"),
        ("rr_zip_collide", "rr_zip_collide"),
    ] {
        let recording = Recording::open_path(&samples().join(sample)).await.unwrap();
        let mut found: Vec<Value> = all(&recording, Select::ALL).await.iter().map(told).collect();
        let expected = std::fs::read(samples().join(format!("{expected}.expected.json"))).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let mut expected = expected["entries"].as_array().unwrap().clone();
        // The expected files go by stream where times are equal or streams were read one by one.
        let stream = |one: &Value| one["stream"].as_str().unwrap().to_owned();
        found.sort_by_key(stream);
        expected.sort_by_key(stream);
        assert_eq!(found, expected, "{sample}");
        assert_eq!((recording.format(), recording.finished()), ("redis-record", true), "{sample}");
        assert_eq!(recording.warnings(), [] as [String; 0], "{sample}");
    }
}

#[tokio::test]
async fn a_cut_recording_of_redis_record_is_read_to_its_last_whole_chunk() {
    let recording = Recording::open_path(&samples().join("rr_cut.mcap")).await.unwrap();
    let entries = all(&recording, Select::ALL).await;
    assert_eq!(entries.len(), 14);
    assert!(!recording.finished());
    let warning = recording.warnings().join("\n");
    assert!(
        warning.contains("rr_cut.mcap was cut: it is read to its last whole chunk"),
        "{warning}"
    );
}

fn stored(key: &str, bytes: impl Into<Bytes>) -> StoredFrame {
    let key: FrameKey = key.parse().unwrap();
    let ttl = Ttl::from_secs(300).unwrap();
    let expires_at = Some(at(key.at().as_millis() * 1_000_000).plus(ttl.as_duration()));
    StoredFrame { frame: Frame { key, bytes: bytes.into() }, ttl: Some(ttl), expires_at }
}

/// `count` frames of three cameras, 10 ms apart, of `size` bytes.
fn frames(count: u64, size: usize) -> Vec<StoredFrame> {
    let one = |n: u64| {
        let (camera, time, seq) =
            (["a", "b.1", "c"][n as usize % 3], START + n * 10_000_000, n + 1);
        let mut bytes = vec![n as u8; size];
        bytes[..2].copy_from_slice(b"\xff\xd8");
        stored(&format!("t:frames:{camera}:{time}:{seq:05}"), bytes)
    };
    (0..count).map(one).collect()
}

const CAPTURED: u64 = START + 60_000_000_000;

fn written(frames: &[StoredFrame], flush_each: usize, finish: bool) -> Vec<u8> {
    let window = TimeRange::new(at(START), at(CAPTURED)).unwrap();
    let about = About { window, captured_at: at(CAPTURED), facts: [].into() };
    let mut writer = SnapshotWriter::begin(&about).unwrap();
    let mut file = Vec::new();
    for (n, frame) in frames.iter().enumerate() {
        writer.add(frame, at(CAPTURED)).unwrap();
        if n % flush_each == flush_each - 1 {
            writer.flush().unwrap();
        }
    }
    writer.flush().unwrap();
    if finish {
        writer.finish(&Ending::default()).unwrap();
    }
    file.extend_from_slice(&writer.written());
    file
}

fn entry(frame: &StoredFrame) -> Entry {
    let key = &frame.frame.key;
    let stream = key.stream();
    Entry {
        channel: format!("/{}/{}/{}/image", stream.tenant, stream.prefix, stream.camera).into(),
        key: Some(key.clone()),
        at: key.at(),
        order: key.suffix().number(),
        bytes: frame.frame.bytes.clone(),
        ttl: frame.ttl,
        expires_at: frame.expires_at,
        recorded_at: Some(at(CAPTURED)),
        fields: Vec::new(),
    }
}

async fn opened(
    folder: &Path,
    bytes: &[u8],
) -> Result<Recording, framecache::archive::ArchiveError> {
    let path = folder.join("x.mcap");
    std::fs::write(&path, bytes).unwrap();
    Recording::open(Arc::new(FileBlob::open(&path).await.unwrap())).await
}

#[tokio::test]
async fn every_frame_comes_back_in_the_order_of_its_key_with_its_life() {
    let mut given = frames(300, 5000);
    given.push(stored(&format!("t:frames:a:{START}:0a1b2c3d"), "no jpeg"));
    given.push(stored(&format!("u:frames:a:{START}"), ""));
    // Two of one nanosecond, and late ones at the end of the file.
    given.push(stored(&format!("t:frames:a:{}:00200", START + 5), "later"));
    given.push(stored(&format!("t:frames:a:{}:00100", START + 5), "sooner"));
    let folder = tempfile::tempdir().unwrap();
    let recording = opened(folder.path(), &written(&given, 7, true)).await.unwrap();
    let mut expected: Vec<Entry> = given.iter().map(entry).collect();
    expected.sort_by_key(|entry| (entry.at, entry.order));
    assert_eq!(all(&recording, Select::ALL).await, expected);
    assert_eq!((recording.format(), recording.finished()), ("framecache", true));
    let last = given.iter().map(|one| one.frame.key.at()).max().unwrap();
    assert_eq!(recording.span(), Some((at(START), last)));
    assert_eq!(recording.metadata().len(), 2);
}

#[tokio::test]
async fn a_window_and_cameras_are_cut_out_exactly() {
    let given = frames(300, 5000);
    let folder = tempfile::tempdir().unwrap();
    let recording = opened(folder.path(), &written(&given, 7, true)).await.unwrap();
    let window = TimeRange::new(given[100].frame.key.at(), given[200].frame.key.at()).unwrap();
    for (globs, cameras) in [
        (vec![], vec!["a", "b.1", "c"]),
        (vec!["a"], vec!["a"]),
        (vec!["b*", "c"], vec!["b.1", "c"]),
        (vec!["t/frames/c"], vec!["c"]),
        (vec!["/t/frames/c/image"], vec!["c"]),
        (vec!["nobody"], vec![]),
    ] {
        let globs = globs.into_iter().map(str::to_owned).collect();
        let found = all(&recording, Select { window, cameras: globs }).await;
        let wanted = given[100..200].iter();
        let wanted = wanted.filter(|one| cameras.contains(&one.frame.key.stream().camera.as_str()));
        assert_eq!(found, wanted.map(entry).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn segments_are_read_as_one() {
    let given = frames(90, 500);
    let folder = tempfile::tempdir().unwrap();
    for (n, part) in given.chunks(30).enumerate() {
        std::fs::write(folder.path().join(format!("{n}.mcap")), written(part, 9, true)).unwrap();
    }
    let recording = Recording::open_path(folder.path()).await.unwrap();
    let expected: Vec<Entry> = given.iter().map(entry).collect();
    assert_eq!(all(&recording, Select::ALL).await, expected);
    assert_eq!(recording.channels().len(), 3);
}

#[tokio::test]
async fn a_file_that_is_cut_anywhere_gives_the_frames_of_its_whole_chunks() {
    let given = frames(12, 40);
    let whole = written(&given, 3, true);
    let data = written(&given, 3, false).len();
    let folder = tempfile::tempdir().unwrap();
    let mut counts = Vec::new();
    for length in (8..data).step_by(5).chain([data]) {
        let recording = opened(folder.path(), &whole[..length]).await.unwrap();
        assert!(!recording.finished());
        assert_eq!(recording.warnings().len(), 1);
        let entries = all(&recording, Select::ALL).await;
        let expected: Vec<Entry> = given[..entries.len()].iter().map(entry).collect();
        assert_eq!(entries, expected);
        counts.push(entries.len());
    }
    counts.dedup();
    assert_eq!(counts, [0, 3, 6, 9, 12]);
    // Power loss can leave zeros behind what was written.
    let mut zeros = whole[..data].to_vec();
    zeros.resize(data + 5000, 0);
    let recording = opened(folder.path(), &zeros).await.unwrap();
    assert_eq!((all(&recording, Select::ALL).await.len(), recording.finished()), (12, false));
}

#[tokio::test]
async fn damage_costs_its_chunk_and_no_other_frame() {
    let given = frames(12, 4000);
    let mut bytes = written(&given, 3, true);
    let place = bytes.windows(50).position(|window| window == [4_u8; 50]).unwrap();
    bytes[place] ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let recording = opened(folder.path(), &bytes).await.unwrap();
    let told: Vec<_> =
        futures_util::StreamExt::collect::<Vec<_>>(recording.entries(&Select::ALL)).await;
    let (good, bad): (Vec<_>, Vec<_>) = told.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (9, 1));
    let why = bad[0].as_ref().unwrap_err().to_string();
    assert!(why.contains("is damaged: its checksum is"), "{why}");
    // The same in a file without an end: the damaged chunk is told of and left out.
    let data = written(&given, 3, false).len();
    let recording = opened(folder.path(), &bytes[..data]).await.unwrap();
    assert_eq!(all(&recording, Select::ALL).await.len(), 9);
    assert!(
        recording.warnings()[1].contains("is damaged and left out"),
        "{:?}",
        recording.warnings()
    );
}

#[tokio::test]
async fn what_is_no_recording_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let refused = opened(folder.path(), b"no recording").await.unwrap_err().to_string();
    assert!(refused.ends_with("is no MCAP file: it does not start like one"), "{refused}");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let refused = Recording::open_path(&empty).await.unwrap_err().to_string();
    assert!(refused.contains("neither MCAP files nor STREAM/*.zip"), "{refused}");
    let missing = Recording::open_path(&folder.path().join("no.mcap")).await.unwrap_err();
    assert!(missing.to_string().starts_with("cannot open "), "{missing}");
}

#[tokio::test]
async fn a_zip_that_was_cut_or_damaged_gives_what_is_whole() {
    let whole = std::fs::read(samples().join(SAME_MS)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cam1/x.zip");
    std::fs::create_dir(folder.path().join("cam1")).unwrap();
    let mut counts = Vec::new();
    for length in (30..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let Ok(recording) = Recording::open_path(folder.path()).await else { continue };
        let entries = all(&recording, Select::ALL).await;
        assert_eq!((recording.finished(), recording.warnings().len()), (false, 1));
        let wanted: Vec<String> = (0..entries.len()).map(|n| format!("frame {n:02}")).collect();
        let found: Vec<_> = entries.iter().take(14).map(|one| one.bytes.clone()).collect();
        assert_eq!(found, wanted[..found.len()]);
        counts.push(entries.len());
    }
    counts.dedup();
    assert_eq!(counts, (1..=15).collect::<Vec<_>>());
    // What looks like a zip's end inside a picture does not make a cut file whole.
    let picture = whole.windows(8).position(|window| window == b"frame 03").unwrap();
    let mut cut = whole[..picture + 1000.min(whole.len() - picture)].to_vec();
    cut[picture..picture + 4].copy_from_slice(b"PK\x05\x06");
    cut.truncate(picture + 30);
    std::fs::write(&path, &cut).unwrap();
    let recording = Recording::open_path(folder.path()).await.unwrap();
    assert_eq!((recording.finished(), recording.span().is_some()), (false, true));
    let mut damaged = whole.clone();
    let place = damaged.windows(8).position(|window| window == b"frame 05").unwrap();
    damaged[place] = b'F';
    std::fs::write(&path, &damaged).unwrap();
    let recording = Recording::open_path(folder.path()).await.unwrap();
    let told: Result<Vec<_>, _> = recording.entries(&Select::ALL).try_collect().await;
    let why = told.unwrap_err().to_string();
    assert!(why.contains("is damaged: the checksum of 1795160000000-5 is "), "{why}");
}

/// Reads whatever a file gives, by the name that says what it is.
async fn read_garbage(bytes: &[u8], name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    if let Ok(recording) = Recording::open_path(&path).await {
        let mut entries = recording.entries(&Select::ALL);
        let mut count = 0;
        while let Some(entry) = futures_util::StreamExt::next(&mut entries).await {
            drop(entry);
            count += 1;
            assert!(count < 10_000, "a small file does not go on for ever");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_change_of_a_file_makes_its_reader_panic(
        which in 0..5_usize, changes in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<u32>()),
    ) {
        let mut bytes = match which {
            0 => written(&frames(9, 30), 3, true),
            1 => written(&frames(9, 30), 3, false),
            2 => std::fs::read(samples().join("rr_clean.mcap")).unwrap(),
            3 => std::fs::read(samples().join("rr_cut.mcap")).unwrap(),
            _ => std::fs::read(samples().join(SAME_MS)).unwrap(),
        };
        let name = if which == 4 { "x.zip" } else { "x.mcap" };
        let length = bytes.len() as u32;
        for (place, byte) in changes {
            // Half of them where lengths and opcodes are dense: near the ends.
            let place = if place % 2 == 0 { place % length } else { length - 1 - place % length.min(1500) };
            bytes[place as usize] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate((cut % length) as usize);
        }
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(read_garbage(&bytes, name));
    }
}

#[tokio::test]
async fn a_recording_is_described_with_its_gaps_and_losses() {
    let mut given = frames(30, 100);
    // Camera a is silent for 5 s; b.1 delivers something else.
    let late = |n: u64| stored(&format!("t:frames:a:{}:00900", START + 5_200_000_000 + n), "\u{0}");
    given.extend([late(0), late(10_000_000)]);
    let folder = tempfile::tempdir().unwrap();
    let recording = opened(folder.path(), &written(&given, 9, true)).await.unwrap();
    let info = recording.info().await.unwrap();
    assert_eq!((info.frames, info.bytes, info.not_jpeg), (32, 3002, 2));
    assert_eq!((info.lost, info.finished, &info.warnings), (Some(0), true, &vec![]));
    assert_eq!((info.first, info.last), (Some(at(START)), Some(at(START + 5_210_000_000))));
    let counts: Vec<_> = info.cameras.iter().map(|one| (one.frames, one.bytes)).collect();
    assert_eq!(counts, [(12, 1002), (10, 1000), (10, 1000)]);
    let gaps: Vec<_> = info.cameras.iter().flat_map(|one| &one.gaps).copied().collect();
    let gap = Pause { from: at(START + 270_000_000), to: at(START + 5_200_000_000) };
    assert_eq!(gaps, [gap]);
    let text = serde_json::to_string(&info).unwrap();
    assert_eq!(serde_json::from_str::<Info>(&text).unwrap(), info);
}

#[test]
fn info_shows_every_kind_of_recording_and_fails_where_there_is_none() {
    let program = |words: &[&str]| {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_framecache"))
            .current_dir(samples())
            .args(words)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    };
    let (code, out, said) = program(&["info", "rr_clean.mcap", "rr_cut.mcap", "rr_zip"]);
    assert_eq!(code, Some(0), "{said}");
    for expected in [
        "rr_clean.mcap  redis-record, finished, 16 frames, 24.0 kB",
        "rr_cut.mcap  redis-record, cut, 14 frames, 840.0 kB",
        "rr_zip  redis-record, finished, 16 frames",
        "cam2         8  12.0 kB  2026-11-20T07:33:20.007Z   700ms     0",
    ] {
        assert!(out.contains(expected), "{expected:?} is not in\n{out}");
    }
    assert!(said.contains("warning: rr_cut.mcap was cut"), "{said}");
    let (code, out, _) = program(&["info", "--json", "rr_zip_collide"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["frames"], &told["bytes"]), (Some(0), &10.into(), &20.into()));
    assert_eq!(told["cameras"][1]["first"], "1795159999999000000");
    let (code, out, said) = program(&["info", "nothing.mcap"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(said.starts_with("error: cannot open nothing.mcap: No such file"), "{said}");
}
