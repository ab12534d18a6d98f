//! One frame at an instant out of a long recording, against one plain read of a chunk's size.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use framecache::archive::format::{About, Ending, SnapshotWriter};
use framecache::archive::read::{Recording, Select};
use framecache::model::frame::{Frame, StoredFrame};
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, UnixNanos};
use futures_util::TryStreamExt as _;

use crate::options::Scale;
use crate::rig::{self, FRAME_BYTES};
use crate::rounds::{Better, Row, Side, in_turn};

/// Frames of 50 kB: 10 GB of them, 15 a second.
const FRAMES: u64 = 200_000;

/// One frame in so many for the smoke run.
const QUICK: u64 = 100;

/// 2024-11-08T00:00:00Z.
const START: u64 = 1_731_024_000_000_000_000;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    let frames = if scale.rounds > 5 { FRAMES } else { FRAMES / QUICK };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.mcap");
    write(&path, frames);
    let gigabytes = std::fs::metadata(&path).unwrap().len() as f64 / 1e9;
    let row = |what: &str, rounds| Row {
        what: format!("{what} of {gigabytes:.1} GB"),
        baseline: "one read of 1 MiB in it".to_owned(),
        unit: "us",
        better: Better::Less,
        rounds,
    };
    rig::on_one_thread(async {
        let recording = Recording::open_path(&path).await.unwrap();
        let (mut open, mut cold) = (Vec::new(), Vec::new());
        for _ in 0..scale.rounds {
            let calls = scale.calls.min(100);
            open.push(in_turn(calls, at(frames, async || recording.clone()), read(&path)).await);
            let opened = async || Recording::open_path(&path).await.unwrap();
            cold.push(in_turn(calls.min(20), at(frames, opened), read(&path)).await);
        }
        vec![row("one frame at an instant", open), row("the same, and opening the file", cold)]
    })
}

fn key(number: u64) -> FrameKey {
    let at = UnixNanos::new(START + number * 1_000_000_000 / 15).unwrap();
    rig::key(&rig::stream("cam1"), at)
}

fn write(path: &Path, frames: u64) {
    let at = UnixNanos::new(START).unwrap();
    let window = TimeRange::new(at, at.plus(Duration::from_secs(100_000))).unwrap();
    let about = About { window, captured_at: at, facts: [].into() };
    let mut writer = SnapshotWriter::begin(&about).unwrap();
    let mut file = BufWriter::new(File::create(path).unwrap());
    let picture = rig::picture(FRAME_BYTES);
    for number in 0..frames {
        let frame = Frame { key: key(number), bytes: picture.clone() };
        writer.add(&StoredFrame { frame, ttl: None, expires_at: None }, at).unwrap();
        file.write_all(&writer.written()).unwrap();
    }
    writer.finish(&Ending::default()).unwrap();
    file.write_all(&writer.written()).unwrap();
    file.flush().unwrap();
}

/// Which frame was wanted, and which was found.
type Look = (FrameKey, Option<FrameKey>);

/// The first frame from an instant on; another instant each time.
fn at(
    frames: u64,
    mut recording: impl AsyncFnMut() -> Recording,
) -> Side<impl AsyncFnMut() -> Look, impl FnMut(Look)> {
    let mut random = fastrand::Rng::with_seed(7);
    Side {
        call: async move || {
            let wanted = key(random.u64(..frames));
            let window = TimeRange::new(wanted.at(), UnixNanos::MAX).unwrap();
            let mut entries = recording().await.entries(&Select::window(window));
            let found = entries.try_next().await.unwrap();
            (wanted, found.and_then(|entry| entry.key))
        },
        check: |(wanted, found)| assert_eq!(found, Some(wanted)),
    }
}

fn read(path: &Path) -> Side<impl AsyncFnMut() -> usize, impl FnMut(usize)> {
    const CHUNK: usize = 1 << 20;
    let file = File::open(path).unwrap();
    let places = (file.metadata().unwrap().len() / (1 << 20)).saturating_sub(1).max(1);
    let mut random = fastrand::Rng::with_seed(11);
    Side {
        call: async move || {
            let mut bytes = vec![0; CHUNK];
            file.read_at(&mut bytes, random.u64(..places) << 20).unwrap()
        },
        check: |read| assert_eq!(read, CHUNK),
    }
}
