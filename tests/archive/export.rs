//! Exports: every frame of a window with its key, bytes and life, from any store and over any way.

use std::io::Read as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use framecache::archive::export::export;
use framecache::archive::format::Meter;
use framecache::archive::read::{Entry, Recording, Select};
use framecache::clock::{Clock, SettableClock};
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, Ttl, UnixNanos};
use framecache::query::{Query, RangeRequest};
use framecache::store::memory::MemoryStore;
use framecache::store::redis::{RedisOptions, RedisStore};
use framecache::store::{FrameStore, PutFrame};
use futures_util::TryStreamExt as _;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::binary::{Place, Up};
use crate::support::redis::RedisServer;

/// A frame of tenant `t` and prefix `p`, so long before `now`.
pub(crate) fn put(
    camera: &str,
    now: UnixNanos,
    (ago, seq): (Duration, u32),
    bytes: &[u8],
) -> PutFrame {
    let at = now.minus(ago);
    PutFrame {
        key: format!("t:p:{camera}:{at}:{seq:05}").parse().unwrap(),
        bytes: Bytes::copy_from_slice(bytes),
        ttl: Ttl::from_secs(300).unwrap(),
        expires_at: None,
        new_dimensions: None,
    }
}

pub(crate) fn opened(server: &RedisServer) -> RedisStore {
    RedisStore::open(&RedisOptions::new(&server.url(), "test".parse().unwrap())).unwrap()
}

pub(crate) async fn stored(store: &dyn FrameStore, frames: &[PutFrame]) {
    for outcome in store.put(frames).await {
        outcome.unwrap();
    }
}

pub(crate) async fn entries(recording: &Recording) -> Vec<Entry> {
    recording.entries(&Select::ALL).try_collect().await.unwrap()
}

fn jpeg() -> Vec<u8> {
    framecache::testing::jpeg(16, 8).to_vec()
}

/// In time, late, with a given end, no JPEG, two of one nanosecond; two cameras.
pub(crate) async fn fill(store: &dyn FrameStore) -> Vec<PutFrame> {
    let now = store.now().await.unwrap();
    let ms = Duration::from_millis;
    let frames = vec![
        put("cam1", now, (ms(200_000), 1), &jpeg()),
        PutFrame {
            ttl: Ttl::from_secs(7200).unwrap(),
            expires_at: Some(now.plus(ms(9_000_123))),
            ..put("cam.2", now, (ms(100_000), 7), b"\xff\xd8restored\xff\xd9")
        },
        put("cam1", now, (ms(900), 2), b"\xff\xd8in time\xff\xd9"),
        put("cam1", now, (ms(900), 3), b"of the same nanosecond, and no JPEG"),
        put("cam.2", now, (ms(900), 8), &vec![0xff; 3 << 20]),
    ];
    stored(store, &frames).await;
    let mut frames = frames;
    frames.sort_by_key(|one| (one.key.at(), one.key.stream().clone(), one.key.suffix()));
    frames
}

/// Key, bytes, lifetime and end of each frame, as the store has them.
async fn lives(
    store: &dyn FrameStore,
    frames: &[PutFrame],
) -> Vec<(FrameKey, Bytes, Option<Ttl>, Option<UnixNanos>)> {
    let keys: Vec<FrameKey> = frames.iter().map(|one| one.key.clone()).collect();
    let ends =
        store.stat(&keys).await.unwrap().into_iter().map(|stat| whole(stat.unwrap().expires_at));
    let life =
        |(one, end): (&PutFrame, _)| (one.key.clone(), one.bytes.clone(), Some(one.ttl), end);
    frames.iter().zip(ends).map(life).collect()
}

/// Files keep ends to the millisecond, as Redis does.
fn whole(end: Option<UnixNanos>) -> Option<UnixNanos> {
    end.map(framecache::model::bucket::whole_millis)
}

fn told(entries: Vec<Entry>) -> Vec<(FrameKey, Bytes, Option<Ttl>, Option<UnixNanos>)> {
    let told = |one: Entry| (one.key.unwrap(), one.bytes, one.ttl, one.expires_at);
    let mut told: Vec<_> = entries.into_iter().map(told).collect();
    told.sort_by_key(|(key, ..)| (key.at(), key.stream().clone(), key.suffix()));
    told
}

const WHO: [&str; 4] = ["--tenant", "t", "--prefix", "p"];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_holds_every_frame_of_the_window_with_its_key_bytes_and_life() {
    let (server, place) = (RedisServer::start(), Place::new());
    let store = opened(&server);
    let frames = fill(&store).await;
    let redis = server.url();
    let export = ["export", "--all", "--redis", &redis, "-o", "all.mcap", "--json"];
    let report = place.run(&[&export[..], &WHO].concat()).ended(0).json();
    let recording = Recording::open_path(&place.path("all.mcap")).await.unwrap();
    assert_eq!(told(entries(&recording).await), lives(&store, &frames).await);
    assert!(recording.finished());
    let bytes = std::fs::metadata(place.path("all.mcap")).unwrap().len();
    let image_bytes: usize = frames.iter().map(|one| one.bytes.len()).sum();
    let expected = serde_json::json!({
        "file": "all.mcap", "frames": 5, "bytes": bytes, "image_bytes": image_bytes, "lost": 0,
    });
    assert_eq!(report, [expected]);
    assert_eq!(place.names(), ["all.mcap"]);
    let facts = &recording.metadata()[0].1;
    let told = ["tenant", "prefix", "cameras", "via"].map(|name| facts[name].as_str());
    assert_eq!(told, ["t", "p", "t/p/cam.2,t/p/cam1", "auto"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_window_and_steps_are_chosen() {
    let (server, place) = (RedisServer::start(), Place::new());
    let store = opened(&server);
    let now = store.now().await.unwrap();
    let ms = Duration::from_millis;
    let mut frames = Vec::new();
    for n in 0..10 {
        for camera in ["cam1", "cam2", "cam3"] {
            frames.push(put(camera, now, (ms(10_000 - n * 500), 1), b"jpeg"));
        }
    }
    stored(&store, &frames).await;
    let redis = server.url();
    let (from, to) = (now.minus(ms(9_000)).to_string(), now.minus(ms(6_000)).to_string());
    let chosen = ["export", "--camera", "cam1", "--camera", "cam3", "--from", &from, "--to", &to];
    let more = ["--every", "1s", "--redis", &redis, "-o", "some.mcap"];
    place.run(&[&chosen[..], &more, &WHO].concat()).ended(0);
    let recording = Recording::open_path(&place.path("some.mcap")).await.unwrap();
    let keys: Vec<String> =
        entries(&recording).await.into_iter().map(|one| one.key.unwrap().to_string()).collect();
    let expected: Vec<String> = [9_000, 8_000, 7_000]
        .iter()
        .flat_map(|ago| {
            ["cam1", "cam3"].map(|camera| format!("t:p:{camera}:{}:00001", now.minus(ms(*ago))))
        })
        .collect();
    assert_eq!(keys, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_a_download_and_a_running_up_give_the_same_frames() {
    let (server, place) = (RedisServer::start(), Place::new());
    let store = opened(&server);
    let frames = fill(&store).await;
    let config = format!(
        "tenant = \"t\"\n[redis]\nenabled = true\nurl = \"{}\"\nprefix = \"p\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n",
        server.url()
    );
    let up = Up::start(&place, &config);
    let redis = server.url();
    let piped = place.run(&[&["export", "--all", "-o", "-", "--redis", &redis][..], &WHO].concat());
    let asked = place.run(&[&["export", "--all", "-o", "-", "--url", up.url()][..], &WHO].concat());
    framecache::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/v1/export.mcap", up.url());
    let response = client.get(&url).send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/x-mcap");
    assert_eq!(header("content-disposition"), "attachment; filename=\"frames.mcap\"");
    let sent = response.bytes().await.unwrap().to_vec();
    for (name, bytes) in [("a", piped.ended(0).stdout), ("b", asked.ended(0).stdout), ("c", sent)] {
        let path = place.path(name);
        std::fs::write(&path, bytes).unwrap();
        let recording = Recording::open_path(&path).await.unwrap();
        assert_eq!(told(entries(&recording).await), lives(&store, &frames).await, "{name}");
    }
    let nothing = client.get(format!("{url}?camera=cam9")).send().await.unwrap();
    let (status, problem) = (nothing.status().as_u16(), nothing.json::<Value>().await.unwrap());
    let said = "no frame lives in this window: /api/v1/timeline shows where frames are";
    assert_eq!((status, problem["detail"].as_str()), (404, Some(said)));
}

#[test]
fn an_empty_window_and_a_place_that_cannot_be_written_leave_no_file() {
    let (server, place) = (RedisServer::start(), Place::new());
    let redis = server.url();
    let ran =
        place.run(&["export", "--camera", "cam1", "--redis", &redis, "-o", "x.mcap"]).ended(3);
    assert_eq!(ran.stderr, "no live frame lies in this window\n");
    assert_eq!(place.names(), [] as [&str; 0]);
    let ran = place.run(&["export", "--all", "--redis", &redis, "-o", "no/x.mcap"]).ended(1);
    assert_eq!(
        ran.stderr,
        "error: cannot write no/x.mcap: No such file or directory (os error 2)\n"
    );
    let ran = place.run(&["export", "--redis", &redis, "-o", "x.mcap"]).ended(2);
    assert!(ran.stderr.contains("--camera"), "{}", ran.stderr);
}

#[tokio::test]
async fn frames_that_die_while_they_are_copied_are_counted_in_the_file() {
    let clock = Arc::new(SettableClock::at(UnixNanos::new(1_731_024_000_000_000_000).unwrap()));
    let store = Arc::new(MemoryStore::new(Arc::<SettableClock>::clone(&clock), 256 << 20));
    let big = vec![7; 1 << 20];
    for n in 0..80 {
        let frame = put("cam1", clock.now(), (Duration::from_millis(100 - n), 1), &big);
        stored(store.as_ref(), &[frame]).await;
    }
    let query = Query::new(Arc::<MemoryStore>::clone(&store), Arc::<SettableClock>::clone(&clock));
    let stream = "t:p:cam1:1731024000000000000".parse::<FrameKey>().unwrap().stream().clone();
    let request = RangeRequest::new(vec![stream], TimeRange::ALL);
    let mut bytes = export(&query, &request, Default::default()).await.unwrap().unwrap();
    let mut meter = Meter::default();
    meter.pass(&bytes.try_next().await.unwrap().unwrap()).unwrap();
    clock.advance(Duration::from_secs(301));
    while let Some(some) = bytes.try_next().await.unwrap() {
        meter.pass(&some).unwrap();
    }
    let result = meter.result().unwrap();
    let [frames, lost] = ["frames", "lost"].map(|name| result[name].parse::<u64>().unwrap());
    assert_eq!(frames + lost, 80);
    assert!((16..=64).contains(&frames), "{frames} were read before the rest died");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_whose_store_goes_away_fails_and_is_no_whole_file() {
    let (mut server, place) = (RedisServer::start(), Place::new());
    let store = opened(&server);
    let now = store.now().await.unwrap();
    let picture = vec![7; 300_000];
    for n in 0..50 {
        let one = |k: u64| put("cam1", now, (Duration::from_millis(1900 - n * 8 - k), 1), &picture);
        stored(&store, &(0..8).map(one).collect::<Vec<_>>()).await;
    }
    let redis = server.url();
    let export = ["export", "--all", "-o", "-", "--redis", &redis];
    let mut command = place.command(&[&export[..], &WHO].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut bytes = vec![0; 1 << 20];
    stdout.read_exact(&mut bytes).unwrap();
    server.kill9();
    stdout.read_to_end(&mut bytes).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: the store does not answer"), "{said}");
    let mut meter = Meter::default();
    meter.pass(&bytes).unwrap();
    assert!(bytes.len() < 100_000_000 && meter.result().is_none(), "{}", bytes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_follow_the_size_of_an_export() {
    let (server, place) = (RedisServer::start(), Place::new());
    let store = opened(&server);
    let now = store.now().await.unwrap();
    let picture = vec![7; 300_000];
    for n in 0..100_u64 {
        let one = |k: u64| put("cam1", now, (Duration::from_millis(1900 - n * 8 - k), 1), &picture);
        stored(&store, &(0..8).map(one).collect::<Vec<_>>()).await;
    }
    let redis = server.url();
    let export = ["export", "--all", "-o", "-", "--redis", &redis];
    let mut command = place.command(&[&export[..], &WHO].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut buffer, mut read, mut peak) = (vec![0; 1 << 20], 0, 0);
    loop {
        let some = stdout.read(&mut buffer).unwrap();
        if some == 0 {
            break;
        }
        read += some;
        peak = peak_kib(child.id()).unwrap_or(peak).max(peak);
    }
    assert!(child.wait().unwrap().success());
    assert!(read > 240_000_000, "{read}");
    assert!((1..120 << 10).contains(&peak), "it took {peak} KiB for {read} bytes");
}

/// The most memory that a process has had, from proc(5); `None` once it has ended.
fn peak_kib(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// How far apart, which camera and number, in which order they arrive, and how long they live.
fn arrivals() -> impl Strategy<Value = Vec<(u64, usize, u32, u64, usize)>> {
    let gaps =
        prop::sample::select(vec![0, 0, 1, 2, 40_000_000, 61_000_000_000, 86_400_000_000_000]);
    let one =
        (gaps, 0..3_usize, 1..4_u32, prop::sample::select(vec![60, 3600, 200_000_u64]), 1..9_usize);
    prop::collection::vec(one, 1..60).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn gaps_equal_nanos_and_late_arrivals_are_exported_in_order_and_none_is_missing(specs in arrivals()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(exported_in_order(&specs));
    }
}

async fn exported_in_order(specs: &[(u64, usize, u32, u64, usize)]) {
    let now = UnixNanos::new(1_731_024_000_123_456_789).unwrap();
    let clock = Arc::new(SettableClock::at(now));
    let store = Arc::new(MemoryStore::new(Arc::<SettableClock>::clone(&clock), 64 << 20));
    let mut frames: Vec<PutFrame> = Vec::new();
    for (gap, camera, seq, secs, size) in specs {
        let camera = format!("cam{camera}");
        let frame = put(&camera, now, (Duration::from_nanos(*gap), *seq), &vec![1; *size]);
        if frames.iter().all(|one| one.key != frame.key) {
            frames.push(PutFrame { ttl: Ttl::from_secs(*secs).unwrap(), ..frame });
            stored(store.as_ref(), &frames[frames.len() - 1..]).await;
        }
    }
    frames.sort_by_key(|one| (one.key.at(), one.key.stream().clone(), one.key.suffix()));
    let mut streams: Vec<_> = frames.iter().map(|one| one.key.stream().clone()).collect();
    streams.dedup();
    let query = Query::new(Arc::<MemoryStore>::clone(&store), Arc::<SettableClock>::clone(&clock));
    let request = RangeRequest::new(streams, TimeRange::ALL);
    let bytes = export(&query, &request, Default::default()).await.unwrap().unwrap();
    let file: Vec<Bytes> = bytes.try_collect().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mcap");
    let file = file.concat();
    let messages = mcap::MessageStream::new(&file).unwrap().map(Result::unwrap);
    let order: Vec<_> = messages.map(|one| (one.log_time, one.channel.topic.clone())).collect();
    assert!(order.is_sorted_by_key(|(at, _)| *at), "{order:?}");
    std::fs::write(&path, file).unwrap();
    let recording = Recording::open_path(&path).await.unwrap();
    let mut expected = Vec::new();
    for some in frames.chunks(16) {
        expected.extend(lives(store.as_ref(), some).await);
    }
    assert_eq!(told(entries(&recording).await), expected);
}
