//! `framecache export` of frames in Redis: megabytes a second, and its memory.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use framecache::clock::{Clock, SystemClock};
use framecache::model::key::FrameKey;
use framecache::store::{FrameStore, PutFrame};

use super::peer;
use crate::options::Scale;
use crate::rig::{self, BATCH, FRAME_BYTES};
use crate::rounds::{Better, Round, Row};
use crate::support::redis::RedisServer;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    let server = RedisServer::start();
    let keys = rig::on_one_thread(fill(&server, scale.frames));
    let folder = tempfile::tempdir().unwrap();
    let megabytes = (scale.frames * FRAME_BYTES) as f64 / 1e6;
    let run = || run(&server, folder.path(), scale.frames);
    let rounds = (0..scale.rounds.min(7)).map(|_| {
        let (get, copy) = rig::on_one_thread(plainly(&server, &keys, folder.path()));
        (run(), get.max(copy))
    });
    let rounds: Vec<(Run, Duration)> = rounds.collect();
    let rate = |took: Duration| megabytes / took.as_secs_f64();
    let row = |what: String, baseline: &str, unit, better, rounds| Row {
        what,
        baseline: baseline.to_owned(),
        unit,
        better,
        rounds,
    };
    let mut rows = vec![
        row(
            format!("export of {megabytes:.0} MB from Redis, 50 kB frames"),
            "the slower of GET, -P 16, and a file copy",
            "MB/s",
            Better::More,
            rounds
                .iter()
                .map(|(run, plain)| Round { ours: rate(run.took), baseline: rate(*plain) })
                .collect(),
        ),
        row(
            format!("memory of an export of {megabytes:.0} MB"),
            "the frames",
            "MB",
            Better::Less,
            rounds
                .iter()
                .map(|(run, _)| Round { ours: run.peak / 1e6, baseline: megabytes })
                .collect(),
        ),
    ];
    let theirs = (0..3).map(|_| {
        let theirs = peer::record(&keys.len().min(2000), folder.path());
        Round { ours: rate(run().took), baseline: theirs }
    });
    rows.push(row(
        "export from Redis, 50 kB frames".to_owned(),
        "redis-record 0.0.6, MCAP, the same pictures",
        "MB/s",
        Better::More,
        theirs.collect(),
    ));
    rows
}

/// Stores frames of four cameras, 15 a second each.
async fn fill(server: &RedisServer, frames: usize) -> Vec<FrameKey> {
    let store = rig::open(server, "bench-export");
    let picture = rig::picture(FRAME_BYTES);
    let streams = ["cam1", "cam2", "cam3", "cam4"].map(rig::stream);
    let begin = SystemClock.now().minus(Duration::from_secs(600));
    let key = |number: usize| {
        let nanos = u64::try_from(number).unwrap() * 1_000_000_000 / 60;
        rig::key(&streams[number % 4], begin.plus(Duration::from_nanos(nanos)))
    };
    let keys: Vec<FrameKey> = (0..frames).map(key).collect();
    for keys in keys.chunks(BATCH) {
        let frame = |key: &FrameKey| PutFrame {
            key: key.clone(),
            bytes: picture.clone(),
            ttl: rig::ttl(7200),
            expires_at: None,
            new_dimensions: None,
        };
        let batch: Vec<PutFrame> = keys.iter().map(frame).collect();
        let store: &dyn FrameStore = store.as_ref();
        rig::put(store, &batch).await;
    }
    keys
}

/// How long all bytes take by GET, 16 commands at a time, and how long to be copied into a file.
async fn plainly(server: &RedisServer, keys: &[FrameKey], folder: &Path) -> (Duration, Duration) {
    let mut client = rig::bare_client(server).await;
    let (mut get, mut copy) = (Duration::ZERO, Duration::ZERO);
    let path = folder.join("copy");
    let mut file = fs::File::create(&path).unwrap();
    for keys in keys.chunks(16) {
        let began = Instant::now();
        let mut pipe = redis::pipe();
        for key in keys {
            pipe.get(key.to_string());
        }
        let found: Vec<Bytes> = pipe.query_async(&mut client).await.unwrap();
        get += began.elapsed();
        let began = Instant::now();
        found.iter().for_each(|bytes| file.write_all(bytes).unwrap());
        copy += began.elapsed();
    }
    let began = Instant::now();
    file.sync_all().unwrap();
    copy += began.elapsed();
    assert_eq!(fs::metadata(&path).unwrap().len(), (keys.len() * FRAME_BYTES) as u64);
    fs::remove_file(&path).unwrap();
    (get, copy)
}

/// One run of the program.
struct Run {
    took: Duration,
    /// The most memory that it had, in bytes.
    peak: f64,
}

fn run(server: &RedisServer, folder: &Path, frames: usize) -> Run {
    let path = folder.join("x.mcap");
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_framecache"))
        .args(["export", "--all", "--quiet", "--tenant", "bench", "--redis", &server.url(), "-o"])
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let peak = succeeded(&mut child);
    let took = began.elapsed();
    assert!(fs::metadata(&path).unwrap().len() > (frames * FRAME_BYTES) as u64);
    fs::remove_file(&path).unwrap();
    Run { took, peak }
}

/// Waits until a program has ended as it should; the most memory that it had, in bytes.
pub(super) fn succeeded(child: &mut Child) -> f64 {
    let mut peak = 0.0_f64;
    loop {
        peak = peak.max(high_water(child.id()).unwrap_or(0.0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `VmHWM` of proc(5), in bytes; `None` once the program has ended.
fn high_water(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0)
}
