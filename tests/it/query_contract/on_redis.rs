//! Queries on a real server: frames of other programs, deleted frames, a damaged index.

use std::sync::Arc;
use std::time::Duration;

use framecache::clock::{Clock, SettableClock, SystemClock};
use framecache::model::key::{FrameKey, StreamId};
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::query::{Kind, Query, RangeRequest, ReindexReport, Scope, Via};
use framecache::store::{FrameStore, Selector};
use futures_util::TryStreamExt;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::cases::{Case, case};
use super::naive::Known;
use super::same::Filled;
use crate::store_contract::{SEC, cam1, frame, key, open};
use crate::support::redis::RedisServer;

const CASES: usize = 16;

/// Waits until the server's clock shows `until`.
pub(crate) async fn wait_until(store: &dyn FrameStore, until: UnixNanos) {
    loop {
        let now = store.now().await.unwrap();
        if now >= until {
            return;
        }
        tokio::time::sleep(until.since(now) + Duration::from_millis(2)).await;
    }
}

fn window_of(from: UnixNanos, to: UnixNanos) -> TimeRange {
    TimeRange::new(from, to).unwrap()
}

/// Writes the last few frames of the case as another program would, the others by the store.
async fn fill(
    server: &RedisServer,
    store: &Arc<dyn FrameStore>,
    case: &Case,
    number: usize,
) -> (Filled, Vec<FrameKey>) {
    let tenant = format!("t{number}");
    let base = store.now().await.unwrap();
    let (puts, mut naive) = case.frames(&tenant, base);
    let (ours, others) = puts.split_at(puts.len() - puts.len().min(3));
    for outcome in store.put(ours).await {
        outcome.unwrap();
    }
    for (one, known) in others.iter().zip(&mut naive.0[ours.len()..]) {
        let (key, size) = (one.key.to_string(), "y".repeat(one.bytes.len()));
        if one.ttl.as_secs() == 7200 {
            server.cli(&["SET", &key, &size]);
            known.expires_at = None;
        } else {
            server.cli(&["SETEX", &key, &one.ttl.as_secs().to_string(), &size]);
            known.expires_at = Some(base.plus(one.ttl.as_duration()));
        }
    }
    let others = others.iter().map(|one| one.key.clone()).collect();
    let (store, now, tolerance, complete) = (store.clone(), base, 10 * SEC, false);
    (Filled { store, tenant, naive, base, now, tolerance, complete }, others)
}

#[tokio::test]
async fn index_scan_and_naive_filter_agree_with_frames_of_other_programs() {
    let server = RedisServer::start();
    let store: Arc<dyn FrameStore> = Arc::new(open(&server));
    let mut runner = TestRunner::deterministic();
    let mut all = Vec::new();
    for number in 0..CASES {
        let case = case().new_tree(&mut runner).unwrap().current();
        let (filled, others) = fill(&server, &store, &case, number).await;
        all.push((case, filled, others));
    }
    let filled = store.now().await.unwrap();
    wait_until(&*store, filled.plus(Duration::from_millis(2200))).await;
    for (case, mut filled, others) in all {
        filled.now = store.now().await.unwrap();
        filled.delete(&case.doomed, Via::Scan).await;
        filled.check(&case.asks, &[Via::Scan]).await;
        reindex_and_compare(&filled, &others).await;
        filled.now = store.now().await.unwrap();
        filled.check(&case.asks, &[Via::Index, Via::Scan, Via::Auto]).await;
    }
}

async fn reindex_and_compare(filled: &Filled, others: &[FrameKey]) {
    let selector = Selector {
        tenant: Some(filled.tenant.parse().unwrap()),
        prefix: None,
        camera: None,
        window: TimeRange::ALL,
    };
    let query = Query::new(filled.store.clone(), Arc::new(SystemClock));
    let live: Vec<&Known> = filled.naive.live(filled.now);
    let found = live.len() as u64;
    let new = live.iter().filter(|one| others.contains(&one.key)).count() as u64;
    let first = ReindexReport { found, known: found - new, indexed: new, foreign: 0 };
    assert_eq!(query.reindex(&selector, true).await.unwrap(), first);
    assert_eq!(query.reindex(&selector, false).await.unwrap(), first);
    let again = ReindexReport { found, known: found, indexed: 0, foreign: 0 };
    assert_eq!(query.reindex(&selector, false).await.unwrap(), again);
}

#[tokio::test]
async fn a_frame_of_2024_written_by_another_program_is_listed_after_reindex() {
    let server = RedisServer::start();
    let store: Arc<dyn FrameStore> = Arc::new(open(&server));
    let text = "supermercado_vhost:frames:cam4:1731024000123456789:00001";
    server.cli(&["SETEX", text, "300", "jpeg"]);
    let key: FrameKey = text.parse().unwrap();
    let cam4 = key.stream().clone();
    let query = Query::new(store.clone(), Arc::new(SystemClock));
    let scanned = query.latest_frame(&cam4, Via::Scan).await.unwrap();
    assert_eq!(scanned.map(|frame| frame.key), Some(key.clone()));
    let by_itself = query.latest_frame(&cam4, Via::Auto).await.unwrap();
    assert_eq!(by_itself.map(|frame| frame.key), Some(key.clone()));
    assert_eq!(query.streams(&Scope::default(), Via::Index).await.unwrap(), []);
    let by_itself = query.streams(&Scope::default(), Via::Auto).await.unwrap();
    assert_eq!(by_itself.iter().collect::<Vec<_>>(), [&cam4]);

    let selector = Selector::stream(&cam4, TimeRange::ALL);
    query.reindex(&selector, false).await.unwrap();
    let request = RangeRequest::new(vec![cam4.clone()], TimeRange::ALL);
    let listed = query.range(request).await.unwrap().frames;
    let shown: Vec<_> = listed.iter().map(|one| (one.key.clone(), one.size)).collect();
    assert_eq!(shown, [(key.clone(), Some(4))]);
    let latest = query.latest_frame(&cam4, Via::Index).await.unwrap().unwrap();
    assert_eq!((&latest.key, &latest.bytes[..]), (&key, &b"jpeg"[..]));
    let cameras = query.cameras(&Scope::default(), false, Via::Index).await.unwrap();
    assert_eq!(cameras[0].newest.as_ref().map(|one| &one.key), Some(&key));
}

/// Five frames a millisecond apart, and a query; the last two and the first are deleted.
async fn with_deleted(server: &RedisServer) -> (Query, Vec<FrameKey>, StreamId) {
    let store: Arc<dyn FrameStore> = Arc::new(open(server));
    let now = store.now().await.unwrap();
    let keys: Vec<FrameKey> =
        (0..5).map(|n| key(&cam1(), now.plus(Duration::from_millis(n)), 1)).collect();
    let frames: Vec<_> = keys.iter().map(|key| frame(key, b"jpeg", 300)).collect();
    for outcome in store.put(&frames).await {
        outcome.unwrap();
    }
    for gone in [0, 3, 4] {
        server.cli(&["DEL", &keys[gone].to_string()]);
    }
    (Query::new(store, Arc::new(SystemClock)), keys, cam1())
}

#[tokio::test]
async fn answers_with_bytes_step_over_deleted_frames_and_count_them() {
    let server = RedisServer::start();
    let (query, keys, cam) = with_deleted(&server).await;
    let latest = query.latest_frame(&cam, Via::Index).await.unwrap();
    assert_eq!(latest.map(|frame| frame.key), Some(keys[2].clone()));
    assert_eq!(query.counts().dead(), 2);
    let near = query.at(&cam, keys[4].at(), None, Via::Index).await.unwrap().unwrap();
    assert_eq!((near.frame.key, near.distance_nanos), (keys[2].clone(), -2_000_000));
    assert_eq!(query.at(&cam, keys[4].at(), Some(SEC / 1000), Via::Index).await.unwrap(), None);
    assert_eq!(query.get(&keys[0]).await.unwrap(), None);
    let counts = query.counts();
    let made = |kind| (counts.lookups(kind, Via::Index), counts.misses(kind));
    assert_eq!([Kind::Latest, Kind::At, Kind::Get].map(made), [(1, 0), (2, 1), (1, 1)]);
    let request = RangeRequest::new(vec![cam], window_of(keys[0].at(), keys[4].at().next()));
    let streamed: Vec<FrameKey> =
        query.range_frames(request).map_ok(|frame| frame.key).try_collect().await.unwrap();
    assert_eq!(streamed, keys[1..3]);
    let fetched: Vec<FrameKey> =
        query.frames(keys.clone()).map_ok(|frame| frame.key).try_collect().await.unwrap();
    assert_eq!(fetched, keys[1..3]);
}

#[tokio::test]
async fn verify_lists_only_frames_that_the_server_has() {
    let server = RedisServer::start();
    let (query, keys, cam) = with_deleted(&server).await;
    let mut request = RangeRequest::new(vec![cam], window_of(keys[0].at(), keys[4].at().next()));
    let listed = query.range(request.clone()).await.unwrap();
    assert_eq!((listed.frames.len(), listed.dead), (5, 0));
    request.how.verify = true;
    let shown = |every, limit, reverse| {
        let mut request = request.clone();
        (request.every, request.limit, request.reverse) = (every, limit, reverse);
        let query = query.clone();
        async move {
            let answer = query.range(request).await.unwrap();
            let keys: Vec<FrameKey> = answer.frames.into_iter().map(|one| one.key).collect();
            (keys, answer.dead)
        }
    };
    assert_eq!(shown(None, None, false).await, (keys[1..3].to_vec(), 3));
    assert_eq!(shown(None, Some(1), true).await, (vec![keys[2].clone()], 2));
    assert_eq!(shown(Some(2 * SEC), None, false).await, (vec![keys[1].clone()], 1));
}

#[tokio::test]
async fn a_damaged_bucket_is_scanned_instead() {
    let server = RedisServer::start();
    let store: Arc<dyn FrameStore> = Arc::new(open(&server));
    let now = store.now().await.unwrap();
    let key = key(&cam1(), now, 1);
    store.put(&[frame(&key, b"jpeg", 300)]).await[0].as_ref().unwrap();
    let bucket = server.cli(&["KEYS", "@framecache/{client-a/frames/cam1}/300/10/*"]);
    server.cli(&["APPEND", &bucket, "x"]);
    let query = Query::new(store, Arc::new(SettableClock::at(SystemClock.now())));
    let window = window_of(now.minus(SEC), now.next());
    let answer = query.range(RangeRequest::new(vec![cam1()], window)).await.unwrap();
    let shown: Vec<_> = answer.frames.iter().map(|one| (&one.key, one.size)).collect();
    assert_eq!((shown, answer.scanned), (vec![(&key, Some(4))], true));
    let latest = query.latest_frame(&cam1(), Via::Index).await.unwrap();
    assert_eq!(latest.map(|frame| frame.key), Some(key));
    assert_eq!((query.counts().scans(), query.counts().scans_reused()), (1, 1));
}
