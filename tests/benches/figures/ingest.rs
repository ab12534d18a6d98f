//! Ingest of four cameras into Redis, frame and index record, against `redis-benchmark` with the
//! bare frames: one connection, 16 commands a write.
//!
//! Both write new keys that end after the same time into a server that was just emptied. Ours is the
//! whole way in: JPEG check, queue, key, transaction of frames and records, announcement.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use bytes::Bytes;
use framecache::clock::{Clock, SystemClock};
use framecache::ingest::{Lane, PushTime};
use framecache::model::time::TimeRange;
use framecache::query::{Query, RangeRequest};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use crate::options::Scale;
use crate::rig::{self, BATCH, FRAME_BYTES, IngestRig};
use crate::rounds::{Better, Round, Row};
use crate::support::redis::RedisServer;

const CAMERAS: [&str; 4] = ["cam1", "cam2", "cam3", "cam4"];
const TTL_SECS: u64 = 300;

/// Frames of a camera that wait for their answer: one batch on its way, one in the queue.
const IN_FLIGHT: usize = 2 * BATCH;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    let server = RedisServer::start();
    let frame = rig::picture(FRAME_BYTES);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut rounds = Vec::new();
    // the first round only makes the server ask the system for its memory
    for round in 0..=scale.rounds {
        let ours = || runtime.block_on(ingest(&server, &frame, scale.frames));
        let bare = || redis_benchmark(&server, scale.frames);
        let (ours, baseline) = if round.is_multiple_of(2) {
            let ours = ours();
            (ours, bare())
        } else {
            let bare = bare();
            (ours(), bare)
        };
        rounds.push(Round { ours, baseline });
    }
    vec![Row {
        what: "ingest into Redis, 4 cameras, 50 kB".to_owned(),
        baseline: "redis-benchmark PSETEX, -c 1 -P 16".to_owned(),
        unit: "frames/s",
        better: Better::More,
        rounds: rounds.split_off(1),
    }]
}

/// Frames a second by ingest, from the first push to the last acknowledged one.
async fn ingest(server: &RedisServer, frame: &Bytes, frames: usize) -> f64 {
    rig::empty(server);
    let store = rig::open(server, "bench-ingest");
    let rig = IngestRig::new(&store);
    let lanes = CAMERAS.map(|camera| rig.lane(camera, TTL_SECS));
    let each = frames / lanes.len();
    for lane in &lanes {
        feed(lane.clone(), frame.clone(), 1).await;
    }
    let began = Instant::now();
    let feeding: JoinSet<()> =
        lanes.iter().map(|lane| feed(lane.clone(), frame.clone(), each)).collect();
    feeding.join_all().await;
    let took = began.elapsed();
    rig.ingest.close().await;
    check(&Query::new(store, rig::clock()), &rig, frame, each + 1).await;
    rate(each * lanes.len(), took.as_secs_f64())
}

async fn feed(lane: Lane, frame: Bytes, count: usize) {
    let pushes =
        stream::iter(0..count).map(|_| lane.push(PushTime::Live(SystemClock.now()), frame.clone()));
    pushes.buffer_unordered(IN_FLIGHT).try_for_each(async |_| Ok(())).await.unwrap();
}

/// Every frame was stored, announced, and is found by the index and read back byte by byte.
async fn check(query: &Query, rig: &IngestRig, frame: &Bytes, each: usize) {
    let (counts, all) = (rig.metrics.total(), (each * CAMERAS.len()) as u64);
    assert_eq!((counts.captured, counts.stored, counts.announced), (all, all, all));
    for camera in CAMERAS {
        let request = RangeRequest::new(vec![rig::stream(camera)], TimeRange::ALL);
        let found = query.range_frames(request).try_fold(0, async |count, found| {
            assert_eq!(found.bytes, frame);
            Ok(count + 1)
        });
        assert_eq!(found.await.unwrap(), each, "{camera}");
    }
}

/// Frames a second as `redis-benchmark` reports them.
fn redis_benchmark(server: &RedisServer, frames: usize) -> f64 {
    rig::empty(server);
    let mut child = Command::new("redis-benchmark")
        .args(["-h", "127.0.0.1", "-p", &server.port().to_string(), "-c", "1"])
        .args(["-P", &BATCH.to_string(), "-n", &frames.to_string(), "-r", "2000000000"])
        .args(["--csv", "-x", "PSETEX", "key:__rand_int__", &(TTL_SECS * 1000).to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-benchmark should start: it comes with redis-tools");
    // text, since it sends an argument up to its first zero byte only
    child.stdin.take().unwrap().write_all(&[b'x'; FRAME_BYTES]).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let line = told.lines().last().unwrap_or_default();
    let rate = line.split("\",\"").nth(1).and_then(|rate| rate.parse().ok());
    let stored: usize = server.cli(&["DBSIZE"]).parse().unwrap();
    // keys are drawn from 2 * 10^9, so a few may be drawn twice
    assert!(stored <= frames && stored + 5 > frames, "{stored} of {frames} were stored");
    let any = server.cli(&["RANDOMKEY"]);
    assert_eq!(server.cli(&["STRLEN", &any]), FRAME_BYTES.to_string());
    rate.unwrap_or_else(|| panic!("redis-benchmark answered {told:?}"))
}

fn rate(frames: usize, secs: f64) -> f64 {
    u32::try_from(frames).map(f64::from).unwrap() / secs
}
