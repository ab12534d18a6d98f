//! Programs that know nothing but the keys get our frames, all of them, and nothing else.
//!
//! They walk the keyspace with SCAN and KEYS, take every key they get for a frame, and cut it at its
//! colons: shell pipelines here, Python in `tests/data/keyspace_readers.py`. What they find is compared
//! with what was put. The other way round, frames that such programs write are found by us.
#![allow(clippy::unwrap_used, reason = "a test may end at its first surprise")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use framecache::bus::memory::MemoryBus;
use framecache::clock::{Clock as _, SystemClock};
use framecache::collect::synthetic::{SyntheticCamera, SyntheticOptions};
use framecache::ingest::announce::AnnouncerParts;
use framecache::ingest::{Announcer, Ingest, IngestOptions, PushTime};
use framecache::metrics::Metrics;
use framecache::model::event::RoutingKeys;
use framecache::model::frame::{Dimensions, Frame};
use framecache::model::key::{FrameKey, StreamId};
use framecache::model::retention::Retention;
use framecache::model::time::{TimeRange, Ttl, UnixNanos};
use framecache::query::{Query, RangeRequest, ReindexReport, Via};
use framecache::store::redis::{RedisOptions, RedisStore};
use framecache::store::{FrameStore, Selector};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};

use crate::cli::Place;
use crate::support::digest::sha256;
use crate::support::python;
use crate::support::redis::RedisServer;

/// Every frame has this size, so that estimates from one sample are exact.
const FRAME_BYTES: usize = 40_000;

/// Long enough for frames that are hours old when they are put.
const LIFE: Duration = Duration::from_secs(4 * 3600);

/// What was put, and the server it was put into.
struct Filled {
    redis: RedisServer,
    frames: Vec<Frame>,
}

/// Two tenants with cameras of equal and of similar names, and a third with another prefix: frames of
/// now, of minutes and of hours ago.
async fn filled() -> Filled {
    let redis = RedisServer::start();
    let store = open(&redis);
    let ingest = ingest(&store);
    let put: [(&str, &[u64]); 4] = [
        ("client-a:frames:cam1", &[900, 300, 299, 298, 61, 1, 0]),
        ("client-a:frames:cam10", &[60, 59, 0]),
        ("client-b:frames:cam1", &[120, 0]),
        ("shop:analytics:till", &[7200, 1800, 1]),
    ];
    let now = SystemClock.now();
    let mut frames = Vec::new();
    for (name, ages) in put {
        let stream = stream(name);
        let ttl = Ttl::from_secs(LIFE.as_secs()).unwrap();
        let lane = ingest.lane(&stream, &Retention::single(ttl), None);
        let camera = camera(&stream);
        for (number, age) in (0..).zip(ages) {
            let at = now.minus(Duration::from_secs(*age));
            let bytes = camera.frame(number, at).unwrap();
            let pushed = lane.push(PushTime::Exact(at), bytes.clone()).await.unwrap();
            frames.push(Frame { key: pushed.key, bytes });
        }
    }
    ingest.close().await;
    Filled { redis, frames }
}

fn open(redis: &RedisServer) -> Arc<RedisStore> {
    let options = RedisOptions::new(&redis.url(), "site1".parse().unwrap());
    Arc::new(RedisStore::open(&options).unwrap())
}

fn ingest(store: &Arc<RedisStore>) -> Ingest {
    let metrics = Arc::new(Metrics::default());
    let announcer = Announcer::start(AnnouncerParts {
        store: Arc::<RedisStore>::clone(store),
        outbox: Arc::<RedisStore>::clone(store),
        bus: Arc::new(MemoryBus::new(RoutingKeys::default())),
        clock: Arc::new(SystemClock),
        metrics: Arc::clone(&metrics),
        whole_frames: None,
        take_up: true,
    });
    let store = Arc::<RedisStore>::clone(store);
    Ingest::new(store, announcer, Arc::new(SystemClock), metrics, IngestOptions::default())
}

/// The stream of `tenant:prefix:camera`.
fn stream(name: &str) -> StreamId {
    let mut parts = name.split(':');
    let mut part = || parts.next().unwrap();
    StreamId {
        tenant: part().parse().unwrap(),
        prefix: part().parse().unwrap(),
        camera: part().parse().unwrap(),
    }
}

fn camera(stream: &StreamId) -> SyntheticCamera {
    let size = Dimensions { width: 160, height: 96 };
    let options =
        SyntheticOptions { size, bytes: Some(FRAME_BYTES), ..SyntheticOptions::default() };
    SyntheticCamera::new(stream.camera.clone(), options).unwrap()
}

impl Filled {
    /// The frames of what `chosen` says, by key.
    fn expected(&self, chosen: impl Fn(&FrameKey) -> bool) -> Vec<&Frame> {
        let mut frames: Vec<&Frame> = self.frames.iter().filter(|one| chosen(&one.key)).collect();
        frames.sort_by_key(|one| (one.key.at(), one.key.to_string()));
        frames
    }

    /// The keys that are chosen, as texts in the order of time.
    fn keys(&self, chosen: impl Fn(&FrameKey) -> bool) -> Vec<String> {
        self.expected(chosen).iter().map(|one| one.key.to_string()).collect()
    }

    /// What a Python reader makes of the keyspace.
    fn reads(&self, arguments: &[&str]) -> Value {
        read(&self.redis, arguments, b"")
    }

    /// What a pipeline of the shell prints, by line, without empty ones (redis-cli prints one for an
    /// empty list); `redis-cli` in it speaks to this server.
    fn sh(&self, pipeline: &str) -> Vec<String> {
        let here = format!("redis-cli -p {}", self.redis.port());
        let pipeline = format!("set -e; {}", pipeline.replace("redis-cli", &here));
        let output = Command::new("/bin/sh").args(["-c", &pipeline]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{pipeline}: {said}");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

fn read(redis: &RedisServer, arguments: &[&str], input: &[u8]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/keyspace_readers.py");
    let mut command = Command::new(python::interpreter());
    command.arg(script).arg(redis.port().to_string()).args(arguments).env("TZ", "UTC");
    serde_json::from_slice(&run(command, input)).unwrap()
}

/// Runs a command that reads `input`; answers what it printed, panics where it fails.
fn run(mut command: Command, input: &[u8]) -> Vec<u8> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn camera_is(key: &FrameKey, name: &str) -> bool {
    *key.stream() == stream(name)
}

fn second(key: &FrameKey) -> u64 {
    key.at().get() / 1_000_000_000
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_programs_that_walk_the_keyspace_are_right() {
    let filled = filled().await;
    let totals = filled.reads(&["tenants", "client-a", "client-b", "client-c"]);
    let megabytes = |frames: u32| {
        let megabytes = f64::from(frames) * FRAME_BYTES as f64 / f64::from(1 << 20);
        (megabytes * 100.0).round() / 100.0
    };
    let expected = json!({
        "client-a": {
            "frames": 10, "memory_mb": megabytes(10), "cameras": 2, "camera_ids": ["cam1", "cam10"],
        },
        "client-b": {"frames": 2, "memory_mb": megabytes(2), "cameras": 1, "camera_ids": ["cam1"]},
        "client-c": {"frames": 0, "memory_mb": 0, "cameras": 0},
    });
    assert_eq!(totals, expected);

    let minutes = filled.reads(&["minutes", "cam1", "10"]);
    let recent = SystemClock.now().minus(Duration::from_secs(600));
    let chosen = |key: &FrameKey| key.stream().camera.as_str() == "cam1" && key.at() > recent;
    let mut expected: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for key in sorted(filled.keys(chosen)) {
        let at = key.parse::<FrameKey>().unwrap();
        let minute = at.at().to_utc().format("%Y-%m-%d %H:%M").to_string();
        let found = json!({"key": key, "timestamp": second(&at), "size": FRAME_BYTES});
        expected.entry(minute).or_default().push(found);
    }
    assert_eq!(minutes, json!(expected));
    assert_eq!(expected.values().map(Vec::len).sum::<usize>(), 8);

    let hour = filled.reads(&["hour", "shop:analytics:till:*"]);
    let recent = SystemClock.now().minus(Duration::from_secs(3600));
    let frames = filled.expected(|key| camera_is(key, "shop:analytics:till") && key.at() > recent);
    let expected: Vec<Value> = frames
        .iter()
        .map(|one| {
            let (key, at) = (one.key.to_string(), second(&one.key));
            json!({"key": key, "timestamp": at, "sha256": sha256(&one.bytes)})
        })
        .collect();
    assert_eq!(hour, json!(expected));
    assert_eq!(expected.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shell_pipelines_over_the_keys_are_right() {
    let filled = filled().await;
    let cam1 = filled.keys(|key| camera_is(key, "client-a:frames:cam1"));
    let time_of = |key: &str| key.split(':').nth(3).unwrap().to_owned();

    let (from, to) = (time_of(&cam1[1]), time_of(&cam1[3]));
    let window = format!(
        "redis-cli --scan --pattern 'client-a:frames:cam1:*' \
         | awk -F: '{{if ($4 >= {from} && $4 <= {to}) print}}'"
    );
    assert_eq!(sorted(filled.sh(&window)), cam1[1..=3]);

    let newest = "redis-cli KEYS 'client-a:frames:cam1:*' | sort -t: -k4 -n | tail";
    assert_eq!(filled.sh(&format!("{newest} -4")), cam1[3..]);
    assert_eq!(filled.sh(&format!("{newest} -1")), cam1[6..]);

    let recent = "start=$(($(date +%s) - 30)); redis-cli --scan --pattern 'client-a:frames:*' \
                  | awk -F: -v s=\"${start}000000000\" '{if ($4 >= s) print}'";
    let since = SystemClock.now().minus(Duration::from_secs(30));
    let expected =
        filled.keys(|key| key.stream().tenant.as_str() == "client-a" && key.at() > since);
    assert_eq!(sorted(filled.sh(recent)), sorted(expected));

    let digits = &time_of(&cam1[6])[..6];
    let count = format!("redis-cli KEYS 'client-a:frames:*:{digits}*' | wc -l");
    let same = |key: &FrameKey| key.at().to_string().starts_with(digits);
    let same = filled.keys(|key| key.stream().tenant.as_str() == "client-a" && same(key));
    assert_eq!(filled.sh(&count), [same.len().to_string()]);

    let mean = "redis-cli --scan --pattern 'client-a:frames:*' | xargs -n1 redis-cli TTL \
                | awk '{sum+=$1; count++} END {print sum/count}'";
    let mean: f64 = filled.sh(mean)[0].parse().unwrap();
    let life = LIFE.as_secs_f64();
    assert!((life - 60.0..=life).contains(&mean), "{mean} of {life}");
}

/// What lies beside the frames must never be taken for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_pattern_in_use_matches_anything_but_frames() {
    let filled = filled().await;
    let every: Vec<String> = filled.sh("redis-cli KEYS '*'");
    let beside = every.iter().filter(|key| key.starts_with("@framecache/")).count();
    assert_eq!(every.len(), filled.frames.len() + beside);
    assert!(beside >= 10, "the index should lie beside the frames: {every:?}");

    let tenant = |name: &'static str| move |key: &FrameKey| key.stream().tenant.as_str() == name;
    let cam1 = |key: &FrameKey| key.stream().camera.as_str() == "cam1";
    assert_eq!(filled.sh("redis-cli KEYS 'frames:*:*:*:*'"), Vec::<String>::new());
    for (pattern, expected) in [
        ("client-a:*", filled.keys(tenant("client-a"))),
        ("client-b:frames:*", filled.keys(tenant("client-b"))),
        ("shop:analytics:*", filled.keys(tenant("shop"))),
        ("*:frames:cam1:*", filled.keys(cam1)),
        ("client-a:frames:cam1:*", filled.keys(|key| camera_is(key, "client-a:frames:cam1"))),
        ("*:*", filled.keys(|_| true)),
    ] {
        for command in ["redis-cli KEYS", "redis-cli --scan --pattern"] {
            let found = filled.sh(&format!("{command} '{pattern}'"));
            assert_eq!(sorted(found), sorted(expected.clone()), "{command} {pattern}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_other_programs_are_scanned_at_once_and_indexed_by_reindex() {
    let redis = RedisServer::start();
    let store = open(&redis);
    let gate = stream("client-a:frames:gate");
    let now = SystemClock.now();
    let made = |number: u64| {
        let at = now.minus(Duration::from_secs(10 - number));
        let bytes = camera(&gate).frame(number, at).unwrap();
        Frame {
            key: format!("client-a:frames:gate:{at}:{:05}", number + 1).parse().unwrap(),
            bytes,
        }
    };
    let query = Query::new(Arc::<RedisStore>::clone(&store), Arc::new(SystemClock));

    let by_shell = made(0);
    setex_by_shell(&redis, &by_shell);
    assert_eq!(found(&query, &gate, Via::Scan).await, std::slice::from_ref(&by_shell));

    let by_python = made(1);
    let key = by_python.key.to_string();
    assert_eq!(read(&redis, &["setex", &key, "300"], &by_python.bytes), json!(true));
    // a scan's answer may be 10 s old, so a new process asks
    let query = Query::new(Arc::<RedisStore>::clone(&store), Arc::new(SystemClock));
    let both = [by_shell, by_python];
    assert_eq!(found(&query, &gate, Via::Scan).await, both);
    assert_eq!(indexed(store.as_ref(), &gate).await, Vec::<UnixNanos>::new());

    let keys = both.each_ref().map(|one| one.key.to_string());
    assert_eq!(listed(&redis, "scan"), keys);
    assert_eq!(listed(&redis, "index"), Vec::<String>::new());

    let everything = Selector::stream(&gate, TimeRange::ALL);
    let report = query.reindex(&everything, false).await.unwrap();
    assert_eq!(report, ReindexReport { found: 2, known: 0, indexed: 2, foreign: 0 });
    assert_eq!(indexed(store.as_ref(), &gate).await, both.each_ref().map(|one| one.key.at()));
    assert_eq!(found(&query, &gate, Via::Index).await, both);
    assert_eq!(listed(&redis, "index"), keys);
    let again = query.reindex(&everything, false).await.unwrap();
    assert_eq!(again, ReindexReport { found: 2, known: 2, indexed: 0, foreign: 0 });
}

fn setex_by_shell(redis: &RedisServer, frame: &Frame) {
    let mut command = Command::new("redis-cli");
    let port = redis.port().to_string();
    // -x: the last argument comes from stdin
    command.args(["-e", "-x", "-p", &port, "SETEX", &frame.key.to_string(), "300"]);
    assert_eq!(run(command, &frame.bytes), b"OK\n");
}

/// The keys that `framecache range` lists by this way.
fn listed(redis: &RedisServer, via: &str) -> Vec<String> {
    let range = ["range", "gate", "--via", via, "--json", "--tenant", "client-a"];
    let ran = Place::new().run(&[&range[..], &["--redis", &redis.url()]].concat());
    let nothing = ran.text().is_empty();
    let frames = ran.ended(if nothing { 3 } else { 0 }).json();
    frames.iter().map(|frame| frame["key"].as_str().unwrap().to_owned()).collect()
}

async fn found(query: &Query, stream: &StreamId, via: Via) -> Vec<Frame> {
    let mut request = RangeRequest::new(vec![stream.clone()], TimeRange::ALL);
    request.how = via.into();
    query.range_frames(request).try_collect().await.unwrap()
}

/// What the index itself lists, without any scan.
async fn indexed(store: &RedisStore, stream: &StreamId) -> Vec<UnixNanos> {
    let answer = store.index(stream, TimeRange::ALL).await.unwrap();
    answer.records.iter().map(|one| one.record.at).collect()
}
