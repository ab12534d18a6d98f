//! Replays: how late frames are handed on at the recorded pace, how soon a seek has its first frame, and
//! memory while a file is played.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use framecache::archive::Naming;
use framecache::archive::format::{About, Ending, SnapshotWriter};
use framecache::archive::read::Recording;
use framecache::archive::replay::{Control, Fate, Manner, Player, Sink, SinkError, Told};
use framecache::clock::{Clock, SystemClock};
use framecache::model::frame::{Frame, StoredFrame};
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, UnixNanos};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::export::succeeded;
use crate::options::Scale;
use crate::rig::{self, FRAME_BYTES};
use crate::rounds::{Better, Round, Row};
use crate::support::redis::RedisServer;

/// Frames a second of the recording.
const RATE: u64 = 30;

/// 2024-11-08T00:00:00Z.
const START: u64 = 1_731_024_000_000_000_000;

/// Looks at the share of 99 of 100 frames.
const P99: usize = 99;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    let (rounds, seconds) = if scale.rounds > 5 { (5, 60) } else { (1, 3) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paced.mcap");
    write(&path, seconds * RATE);
    let megabytes = fs::metadata(&path).unwrap().len() as f64 / 1e6;
    let (mut pace, mut seeks, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let server = RedisServer::start();
    for _ in 0..rounds {
        let (ours, bare) =
            on_all_threads(async { (played(&path).await, timer(seconds * RATE).await) });
        pace.push(Round { ours, baseline: bare });
        let (ours, read) =
            on_all_threads(async { (sought(&path, seconds).await, read_chunk(&path)) });
        seeks.push(Round { ours, baseline: read });
        memory.push(Round { ours: peak(&path, &server) / 1e6, baseline: megabytes });
    }
    let row = |what: String, baseline: &str, unit, rounds| Row {
        what,
        baseline: baseline.to_owned(),
        unit,
        better: Better::Less,
        rounds,
    };
    vec![
        row(
            format!("replay at x1, {RATE} frames/s for {seconds} s: late, p99"),
            "a bare timer of the runtime",
            "ms",
            pace,
        ),
        row(
            format!("seek in {megabytes:.0} MB until its first frame, median"),
            "one read of 1 MiB in it",
            "ms",
            seeks,
        ),
        row(
            format!("memory of a replay of {megabytes:.0} MB, max speed"),
            "the file",
            "MB",
            memory,
        ),
    ]
}

fn on_all_threads<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

fn at(number: u64) -> UnixNanos {
    UnixNanos::new(START + number * 1_000_000_000 / RATE).unwrap()
}

fn write(path: &Path, frames: u64) {
    let about = About { window: TimeRange::ALL, captured_at: at(0), facts: [].into() };
    let mut writer = SnapshotWriter::begin(&about).unwrap();
    let mut file = File::create(path).unwrap();
    let picture = rig::picture(FRAME_BYTES);
    for number in 0..frames {
        let frame =
            Frame { key: rig::key(&rig::stream("cam1"), at(number)), bytes: picture.clone() };
        writer
            .add(&StoredFrame { frame, ttl: Some(rig::ttl(300)), expires_at: None }, at(0))
            .unwrap();
        file.write_all(&writer.written()).unwrap();
    }
    writer.finish(&Ending::default()).unwrap();
    file.write_all(&writer.written()).unwrap();
}

/// Notes when frames come and what their keys say of when they were due.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<(UnixNanos, FrameKey)>>);

#[async_trait]
impl Sink for Noted {
    async fn store(&self, frames: Vec<StoredFrame>) -> Result<Vec<Fate>, SinkError> {
        let now = SystemClock.now();
        let fates = frames.iter().map(|_| Fate::Stored).collect();
        self.0.lock().unwrap().extend(frames.into_iter().map(|one| (now, one.frame.key)));
        Ok(fates)
    }
}

async fn player(path: &Path) -> Player {
    let recording = Recording::open_path(path).await.unwrap();
    let stream = rig::stream("cam1");
    let naming = Naming::recorded(stream.tenant, stream.prefix);
    Player::new(recording, Manner::default(), &naming, Arc::new(SystemClock)).unwrap()
}

/// How late frames are, in milliseconds, at the 99th percentile: a shifted frame bears when it was due.
async fn played(path: &Path) -> f64 {
    let noted = Arc::new(Noted::default());
    let (_orders, waiting) = mpsc::channel(1);
    player(path).await.play(noted.clone(), waiting, CancellationToken::new()).await;
    let noted = noted.0.lock().unwrap();
    assert!(noted.is_sorted_by_key(|(_, key)| key.at()));
    p99(noted.iter().map(|(came, key)| came.since(key.at())))
}

/// The same times kept by nothing but sleeping until them.
async fn timer(frames: u64) -> f64 {
    let began = Instant::now();
    let mut late = Vec::new();
    for number in 0..frames {
        let due = began + Duration::from_nanos(number * 1_000_000_000 / RATE);
        tokio::time::sleep_until(due).await;
        late.push(due.elapsed());
    }
    p99(late.into_iter())
}

fn p99(late: impl Iterator<Item = Duration>) -> f64 {
    let mut late: Vec<f64> = late.map(|late| late.as_secs_f64() * 1e3).collect();
    late.sort_by(f64::total_cmp);
    late[(late.len() * P99 / 100).min(late.len() - 1)]
}

/// Milliseconds from an order to seek until the frame that lies there comes, in the middle of 50.
async fn sought(path: &Path, seconds: u64) -> f64 {
    let (noted, stop) = (Arc::new(Noted::default()), CancellationToken::new());
    let (orders, waiting) = mpsc::channel(1);
    let playing = tokio::spawn(player(path).await.play(noted.clone(), waiting, stop.clone()));
    let mut random = fastrand::Rng::with_seed(3);
    let mut took = Vec::new();
    for _ in 0..50 {
        let wanted = at(random.u64(..(seconds - 1) * RATE));
        noted.0.lock().unwrap().clear();
        let (told, followed) = Told::new(Control::Seek(wanted));
        let began = Instant::now();
        orders.send(told).await.unwrap();
        followed.await.unwrap();
        noted.0.lock().unwrap().clear();
        while noted.0.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    stop.cancel();
    playing.await.unwrap();
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

fn read_chunk(path: &Path) -> f64 {
    use std::os::unix::fs::FileExt as _;
    let file = File::open(path).unwrap();
    let mut bytes = vec![0; 1 << 20];
    let began = std::time::Instant::now();
    file.read_exact_at(&mut bytes, 1 << 20).unwrap();
    began.elapsed().as_secs_f64() * 1e3
}

/// The most memory that the program has while it plays the file into Redis, in bytes.
fn peak(path: &Path, server: &RedisServer) -> f64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_framecache"))
        .args([
            "replay",
            "--speed",
            "max",
            "--quiet",
            "--tenant",
            "bench",
            "--redis",
            &server.url(),
        ])
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    succeeded(&mut child)
}
