//! Imports: a store that was exported and wiped is the same again, wherever it lies; other programs'
//! recordings become frames; nothing is overwritten and twice is the same as once.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::store::redis::RedisStore;
use framecache::store::{FrameStore, PutFrame, Selector};
use serde_json::{Value, json};

use crate::export::{fill, opened, put, stored};
use crate::support::binary::{Place, Ran, Up};
use crate::support::redis::RedisServer;

/// Every key of a store with its bytes and end, found by a scan, not by the index.
async fn everything(store: &dyn FrameStore) -> Vec<(FrameKey, Bytes, Option<UnixNanos>)> {
    let all = Selector { tenant: None, prefix: None, camera: None, window: TimeRange::ALL };
    let keys = store.scan(&all).await.unwrap().keys;
    let mut found = Vec::new();
    for some in keys.chunks(16) {
        let stats = store.stat(some).await.unwrap();
        let bytes = store.fetch(some).await.unwrap();
        let lives = stats.into_iter().map(|stat| stat.unwrap().expires_at);
        let each = some.iter().zip(bytes).zip(lives);
        found.extend(each.map(|((key, bytes), end)| (key.clone(), bytes.unwrap(), end)));
    }
    found
}

/// A server, frames in it, a file of all of them, and how it was before.
struct Exported {
    server: RedisServer,
    store: RedisStore,
    place: Place,
    before: Vec<(FrameKey, Bytes, Option<UnixNanos>)>,
}

impl Exported {
    async fn new() -> Self {
        let (server, place) = (RedisServer::start(), Place::new());
        let store = opened(&server);
        fill(&store).await;
        let redis = server.url();
        let export = ["export", "--all", "--redis", &redis, "--tenant", "t", "--prefix", "p"];
        place.run(&[&export[..], &["-o", "all.mcap"]].concat()).ended(0);
        let before = everything(&store).await;
        Self { server, store, place, before }
    }

    fn wipe(&self) {
        self.server.cli(&["FLUSHALL"]);
    }

    fn import(&self, more: &[&str]) -> Ran {
        let redis = self.server.url();
        let import = ["import", "all.mcap", "--redis", &redis, "--json"];
        self.place.run(&[&import[..], more].concat())
    }

    async fn now(&self) -> Vec<(FrameKey, Bytes, Option<UnixNanos>)> {
        everything(&self.store).await
    }
}

/// Counts of a report that are not zero, but for bytes and cameras.
fn counts(ran: &Ran) -> Value {
    let mut report = ran.json().pop().unwrap();
    let counts = report.as_object_mut().unwrap();
    counts.retain(|name, value| {
        !["file", "bytes", "cameras"].contains(&name.as_str()) && *value != 0
    });
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_redis_is_identical_again_and_a_second_import_changes_nothing() {
    let exported = Exported::new().await;
    exported.wipe();
    let first = exported.import(&["--ttl", "absolute"]).ended(0);
    assert_eq!(counts(&first), json!({"dry_run": false, "frames": 5, "stored": 5, "not_jpeg": 4}));
    assert_eq!(exported.now().await, exported.before);
    let dbsize = exported.server.cli(&["DBSIZE"]);
    let again = exported.import(&["--ttl", "absolute"]).ended(0);
    assert_eq!(counts(&again), json!({"dry_run": false, "frames": 5, "again": 5, "not_jpeg": 4}));
    assert_eq!(exported.now().await, exported.before);
    assert_eq!(exported.server.cli(&["DBSIZE"]), dbsize);
    // the index tells the same as the scan, camera by camera
    for camera in ["cam1", "cam.2"] {
        let key: FrameKey = format!("t:p:{camera}:1731024000000000000").parse().unwrap();
        let index = exported.store.index(key.stream(), TimeRange::ALL).await.unwrap();
        let listed: Vec<FrameKey> =
            index.records.iter().map(|one| one.record.key(key.stream()).unwrap()).collect();
        let scanned = exported.before.iter().map(|(key, ..)| key.clone());
        let scanned: Vec<FrameKey> = scanned.filter(|one| one.stream() == key.stream()).collect();
        assert_eq!(listed, scanned);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_frames_live_for_what_was_left_when_they_were_copied() {
    let exported = Exported::new().await;
    exported.wipe();
    let waited = Duration::from_millis(1500);
    let until = exported.store.now().await.unwrap().plus(waited);
    while exported.store.now().await.unwrap() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    exported.import(&[]).ended(0);
    let after = exported.now().await;
    let keys = |all: &[(FrameKey, Bytes, Option<UnixNanos>)]| -> Vec<(FrameKey, Bytes)> {
        all.iter().map(|(key, bytes, _)| (key.clone(), bytes.clone())).collect()
    };
    assert_eq!(keys(&after), keys(&exported.before));
    for ((_, _, before), (key, _, after)) in exported.before.iter().zip(&after) {
        let later = after.unwrap().since(before.unwrap());
        // at least as much later as was waited, and no more than the whole test took
        assert!(later >= waited && later < Duration::from_secs(60), "{key}: {later:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_of_one_up_goes_into_that_of_another() {
    let place = Place::new();
    let config = "tenant = \"t\"\n[redis]\nprefix = \"p\"\n[http]\nlisten = \"127.0.0.1:0\"\n";
    let redis = Exported::new().await;
    let [one, other] = [Place::new(), Place::new()];
    let [one, other] = [Up::start(&one, config), Up::start(&other, config)];
    let file = redis.place.path("all.mcap");
    let into_one = ["import", file.to_str().unwrap(), "--ttl", "absolute", "--url", one.url()];
    place.run(&into_one).ended(0);
    let export = ["export", "--all", "-o", "one.mcap", "--tenant", "t", "--prefix", "p"];
    place.run(&[&export[..], &["--url", one.url()]].concat()).ended(0);
    place.run(&["import", "one.mcap", "--ttl", "absolute", "--url", other.url()]).ended(0);
    let listed = |up: &Up| {
        let list = ["range", "--url", up.url(), "--tenant", "t", "--prefix", "p", "--json"];
        place.run(&list).ended(0).json()
    };
    assert_eq!(listed(&one), listed(&other));
    assert_eq!(listed(&one).len(), 5);
    for (key, bytes, end) in &redis.before {
        let got = place.run(&["get", &key.to_string(), "-o", "-", "--url", other.url()]).ended(0);
        assert_eq!(got.stdout, *bytes);
        let listed = listed(&other);
        let line = listed.iter().find(|line| line["key"] == key.to_string()).unwrap();
        assert_eq!(line["expires_at"], end.unwrap().to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_renamed_chosen_and_moved_in_time() {
    let exported = Exported::new().await;
    let before = exported.store.now().await.unwrap();
    let moved = ["--tenant", "u", "--prefix", "q", "--camera", "cam1=front", "--only", "cam1"];
    let more = ["--shift-to", "now", "--ttl", "1h"];
    let report = exported.import(&[&moved[..], &more].concat()).ended(0).json();
    let after = exported.store.now().await.unwrap();
    let all = exported.now().await;
    let new: Vec<_> = all.iter().filter(|(key, ..)| key.stream().tenant.as_str() == "u").collect();
    let old: Vec<_> =
        exported.before.iter().filter(|(key, ..)| key.to_string().contains(":cam1:")).collect();
    assert_eq!((new.len(), all.len()), (3, exported.before.len() + 3));
    let shift = new[0].0.at().since(old[0].0.at());
    for ((new, bytes, end), (old, same, _)) in new.iter().zip(&old) {
        assert_eq!(new.stream().to_string(), "u/q/front");
        assert_eq!((new.at(), new.suffix(), bytes), (old.at().plus(shift), old.suffix(), same));
        let left = end.unwrap().since(before);
        assert!(Duration::from_secs(3590) < left && left < Duration::from_secs(3660), "{left:?}");
    }
    // the last of the recording is now, as it was when the verb began
    let last = exported.before.iter().map(|(key, ..)| key.at()).max().unwrap().plus(shift);
    assert!(before.minus(Duration::from_secs(1)) <= last && last <= after, "{last}");
    assert_eq!(report[0]["cameras"]["u/q/front"]["frames"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_under_a_key_are_never_overwritten() {
    let exported = Exported::new().await;
    let key = exported.before[0].0.to_string();
    exported.server.cli(&["SET", &key, "other", "KEEPTTL"]);
    let taken = format!(
        "error: {key} holds other bytes: delete it first, or restore under another camera or prefix\n"
    );
    let told = |ran: &Ran| ran.stderr.lines().next().map(|line| format!("{line}\n"));
    let reported = exported.import(&[]).ended(1);
    let expected = json!({"dry_run": false, "frames": 5, "again": 4, "taken": 1, "not_jpeg": 4});
    assert_eq!((counts(&reported), told(&reported)), (expected.clone(), Some(taken.clone())));
    let skipped = exported.import(&["--on-conflict", "skip"]).ended(0);
    assert_eq!(counts(&skipped), expected);
    assert!(!skipped.stderr.contains("error"), "{}", skipped.stderr);
    let stopped = exported.import(&["--on-conflict", "stop"]).ended(1);
    assert!(stopped.stderr.contains("a frame is not as it was recorded"), "{}", stopped.stderr);
    assert_eq!(exported.server.cli(&["GET", &key]), "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_and_changes_nothing() {
    let exported = Exported::new().await;
    exported.wipe();
    let ran = exported.import(&["--dry-run"]).ended(0);
    assert_eq!(counts(&ran), json!({"dry_run": true, "frames": 5, "not_jpeg": 4}));
    assert_eq!(exported.now().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_whose_end_is_past_are_counted_and_not_stored() {
    let (server, place) = (RedisServer::start(), Place::new());
    let store = opened(&server);
    let now = store.now().await.unwrap();
    let ends = [now.plus(Duration::from_millis(1200)), now.plus(Duration::from_secs(900))];
    let frames = [1, 2].map(|seq| put("cam1", now, (Duration::from_secs(9), seq), b"jpeg"));
    let frames: Vec<PutFrame> = frames
        .into_iter()
        .zip(ends)
        .map(|(one, end)| PutFrame { expires_at: Some(end), ..one })
        .collect();
    stored(&store, &frames).await;
    let redis = server.url();
    let who = ["--tenant", "t", "--prefix", "p", "--redis", &redis, "--json"];
    place.run(&[&["export", "--all", "-o", "x.mcap"][..], &who].concat()).ended(0);
    while store.now().await.unwrap() < ends[0].plus(Duration::from_millis(5)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.cli(&["FLUSHALL"]);
    let import = ["import", "x.mcap", "--ttl", "absolute"];
    let ran = place.run(&[&import[..], &who].concat()).ended(0);
    let expected = json!({"dry_run": false, "frames": 2, "stored": 1, "expired": 1, "not_jpeg": 2});
    assert_eq!(counts(&ran), expected);
    let said = "1 frame had expired: --ttl original or a lifetime gives them a new life";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let left = everything(&store).await;
    assert_eq!(left, [(frames[1].key.clone(), frames[1].bytes.clone(), Some(whole(ends[1])))]);
}

fn whole(end: UnixNanos) -> UnixNanos {
    framecache::model::bucket::whole_millis(end)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_was_to_expire_gets_the_life_of_a_new_frame() {
    let (server, place) = (RedisServer::start(), Place::new());
    let (store, redis) = (opened(&server), server.url());
    let key = "t:p:foreign:1731024000123456789:0a1b2c3d";
    server.cli(&["SET", key, "of another program"]);
    let who = ["--tenant", "t", "--prefix", "p", "--redis", &redis, "--json"];
    let export = ["export", "--camera", "foreign", "--via", "scan", "-o", "x.mcap"];
    place.run(&[&export[..], &who].concat()).ended(0);
    server.cli(&["FLUSHALL"]);
    std::fs::write(place.path("config.toml"), "[redis]\nttl_seconds = 77\n").unwrap();
    let before = store.now().await.unwrap();
    place.run(&[&["import", "x.mcap"][..], &who].concat()).ended(0);
    let after = store.now().await.unwrap();
    let found = everything(&store).await;
    let (found_key, bytes, end) = &found[0];
    assert_eq!(
        (found.len(), found_key.to_string(), &bytes[..]),
        (1, key.to_owned(), &b"of another program"[..])
    );
    let life = Duration::from_secs(77);
    let bounds = whole(before).plus(life)..=after.plus(life);
    assert!(bounds.contains(&end.unwrap()), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_of_redis_record_become_frames_of_the_family_in_use() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/redis-record");
    for sample in ["rr_clean.mcap", "rr_zip", "rr_zip_same_ms"] {
        let (server, place) = (RedisServer::start(), Place::new());
        let expected = samples.join(format!("{}.expected.json", sample.trim_end_matches(".mcap")));
        let expected: Value = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
        let entries = expected["entries"].as_array().unwrap();
        let (file, redis) = (samples.join(sample), server.url());
        let import =
            ["import", file.to_str().unwrap(), "--redis", &redis, "--tenant", "rr", "--json"];
        place.run(&[&import[..], &["--prefix", "old", "--ttl", "10m"]].concat()).ended(0);
        let mut told: Vec<(String, u64, u64, Bytes)> = entries.iter().map(expected_frame).collect();
        let mut found: Vec<(String, u64, u64, Bytes)> = everything(&opened(&server))
            .await
            .into_iter()
            .map(|(key, bytes, _)| {
                let StreamOf { camera, millis, order } = StreamOf::of(&key);
                (camera, millis, order, bytes)
            })
            .collect();
        told.sort();
        found.sort();
        assert_eq!(found, told, "{sample}");
    }
}

/// Camera, milliseconds and place among equal times, of a key of family `rr/old`.
struct StreamOf {
    camera: String,
    millis: u64,
    order: u64,
}

impl StreamOf {
    fn of(key: &FrameKey) -> Self {
        let stream = key.stream();
        assert_eq!((stream.tenant.as_str(), stream.prefix.as_str()), ("rr", "old"));
        let order = u64::from(key.suffix().number()) - 1;
        Self { camera: stream.camera.to_string(), millis: key.at().as_millis(), order }
    }
}

fn expected_frame(entry: &Value) -> (String, u64, u64, Bytes) {
    use base64::Engine as _;
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    let data = entry["fields"]["d"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
    let id = text("id");
    let (millis, order) = id.split_once('-').unwrap();
    let fits = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let camera = text("stream").chars().map(fits).collect::<String>();
    let camera = camera.trim_start_matches(['.', '-']).trim_end_matches('-').to_owned();
    (camera, millis.parse().unwrap(), order.parse().unwrap(), bytes.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_file_gives_its_whole_chunks_and_garbage_a_sentence() {
    let (server, place) = (RedisServer::start(), Place::new());
    let (store, redis) = (opened(&server), server.url());
    let now = store.now().await.unwrap();
    let big = vec![7; 400_000];
    let frame = |n: u64| put("cam1", now, (Duration::from_millis(1000 - n), 1), &big);
    stored(&store, &(0..10).map(frame).collect::<Vec<_>>()).await;
    let who = ["--tenant", "t", "--prefix", "p", "--redis", &redis, "--json"];
    place.run(&[&["export", "--all", "-o", "x.mcap"][..], &who].concat()).ended(0);
    let before = everything(&store).await;
    let whole = std::fs::read(place.path("x.mcap")).unwrap();
    std::fs::write(place.path("x.mcap"), &whole[..whole.len() * 6 / 10]).unwrap();
    server.cli(&["FLUSHALL"]);
    let import = |more: &[&str]| place.run(&[&["import", "x.mcap"][..], more, &who].concat());
    let ran = import(&["--ttl", "absolute"]).ended(0);
    assert!(ran.stderr.starts_with("warning: ") && ran.stderr.contains("cut"), "{}", ran.stderr);
    let after = everything(&store).await;
    assert!((3..=6).contains(&after.len()), "{}", after.len());
    assert_eq!(after, before[..after.len()]);
    std::fs::write(place.path("x.mcap"), b"no recording at all").unwrap();
    let ran = import(&[]).ended(1);
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("x.mcap"), "{}", ran.stderr);
    let ran = import(&["--ttl", "forever"]).ended(2);
    assert!(ran.stderr.contains("remaining, original, absolute"), "{}", ran.stderr);
}
