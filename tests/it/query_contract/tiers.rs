//! Retention tiers end to end: of each step exactly one frame outlives the short lifetime, with
//! frames arriving out of order, over restarts, on both stores.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use framecache::clock::{Clock, SettableClock, SystemClock};
use framecache::model::frame::FrameInfo;
use framecache::model::key::FrameKey;
use framecache::model::retention::{Elector, Retention, Tier};
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::query::{Query, RangeRequest, Via};
use framecache::store::FrameStore;
use framecache::store::memory::MemoryStore;

use super::on_redis::wait_until;
use crate::store_contract::{SEC, cam1, frame, key, open, ttl};
use crate::support::redis::RedisServer;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// An elector that goes on from what the store has, as after a restart.
async fn restarted(store: &dyn FrameStore, tiers: &Retention) -> Elector {
    let answer = store.index(&cam1(), TimeRange::ALL).await.unwrap();
    let kept = answer.records.iter().map(|one| (one.record.at, one.ttl));
    Elector::resume(tiers.clone(), kept)
}

/// Every live frame of the camera, the same by index and by scan.
async fn living(store: &Arc<dyn FrameStore>, clock: Arc<dyn Clock>) -> Vec<UnixNanos> {
    let query = Query::new(store.clone(), clock);
    let mut request = RangeRequest::new(vec![cam1()], TimeRange::ALL);
    let indexed = query.range(request.clone()).await.unwrap().frames;
    request.how = Via::Scan.into();
    let scanned = query.range(request).await.unwrap().frames;
    let times = |frames: Vec<FrameInfo>| -> Vec<UnixNanos> {
        frames.iter().map(|one| one.key.at()).collect()
    };
    let (indexed, scanned) = (times(indexed), times(scanned));
    assert_eq!(indexed, scanned);
    indexed
}

/// How many of the instants lie in each whole step inside the window.
fn by_step(times: &[UnixNanos], step: Duration, window: TimeRange) -> BTreeMap<u64, usize> {
    let nanos = u64::try_from(step.as_nanos()).unwrap();
    let first = window.from().get().div_ceil(nanos);
    let last = window.to().get() / nanos;
    let mut counts: BTreeMap<u64, usize> = (first..last).map(|number| (number, 0)).collect();
    for at in times {
        if let Some(count) = counts.get_mut(&(at.get() / nanos)) {
            *count += 1;
        }
    }
    counts
}

fn assert_one_in_each(times: &[UnixNanos], step: Duration, window: TimeRange) {
    let counts = by_step(times, step, window);
    let odd: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(odd.is_empty() && !counts.is_empty(), "{} steps, not one in {odd:?}", counts.len());
}

fn window(from: UnixNanos, to: UnixNanos) -> TimeRange {
    TimeRange::new(from, to).unwrap()
}

/// Two days at a frame a second; every eleventh frame arrives 7 s late.
#[tokio::test]
async fn of_each_step_one_frame_outlives_the_short_lifetime_across_two_days() {
    let start = UnixNanos::new(1_731_024_000_000_000_000).unwrap();
    let clock = Arc::new(SettableClock::at(start));
    let store: Arc<dyn FrameStore> = Arc::new(MemoryStore::new(clock.clone(), 1 << 30));
    let tier = |every, secs| Tier { every, ttl: ttl(secs) };
    let tiers =
        Retention::new(&[tier(None, 300), tier(Some(2 * SEC), 7200), tier(Some(MINUTE), 86_400)]);
    let tiers = tiers.unwrap();
    let mut elector = restarted(&*store, &tiers).await;
    let mut late: Option<FrameKey> = None;
    for number in 0..2 * 86_400_u64 {
        let at = start.plus(Duration::from_secs(number));
        clock.set(at);
        let mut arriving = vec![key(&cam1(), at, 1)];
        if number % 11 == 3 {
            late = arriving.pop();
        } else if number % 11 == 10 {
            arriving.extend(late.take());
        }
        for key in arriving {
            let lives = u64::from(elector.elect(key.at()).as_secs());
            store.put(&[frame(&key, b"x", lives)]).await[0].as_ref().unwrap();
        }
        if number % 15_013 == 15_012 {
            elector = restarted(&*store, &tiers).await;
        }
        if number % 28_801 == 28_800 || number == 2 * 86_400 - 1 {
            let times = living(&store, clock.clone()).await;
            let ago = |back| at.minus(back).max(start);
            let short = 6 * MINUTE;
            assert_one_in_each(&times, 2 * SEC, window(ago(2 * HOUR - MINUTE), ago(short)));
            let long = window(ago(24 * HOUR - MINUTE), ago(2 * HOUR + MINUTE));
            assert_one_in_each(&times, MINUTE, long);
            assert!(times.iter().all(|one| at.since(*one) <= 24 * HOUR));
        }
    }
}

/// Two seconds of frames 20 ms apart, each third pair swapped, the second half after a restart.
#[tokio::test]
async fn of_each_step_one_frame_outlives_the_short_lifetime_on_redis() {
    let server = RedisServer::start();
    // of three lifetimes, so far apart that between any two a check is seconds from any expiry
    let tier = |every: u64, secs| Tier {
        every: (every > 0).then(|| Duration::from_millis(every)),
        ttl: ttl(secs),
    };
    let tiers = Retention::new(&[tier(0, 2), tier(100, 6), tier(500, 60)]).unwrap();
    let store: Arc<dyn FrameStore> = Arc::new(open(&server));
    let start = store.now().await.unwrap().minus(Duration::from_millis(1500));
    let mut times: Vec<UnixNanos> =
        (0..100).map(|number| start.plus(Duration::from_millis(20 * number))).collect();
    times.chunks_exact_mut(6).for_each(|six| six.swap(2, 3));
    let (before, after) = times.split_at(50);
    let whole = window(start, start.plus(2 * SEC));
    for half in [before, after] {
        let store: Arc<dyn FrameStore> = Arc::new(open(&server));
        let mut elector = restarted(&*store, &tiers).await;
        let puts = half.iter().map(|at| {
            let lives = u64::from(elector.elect(*at).as_secs());
            frame(&key(&cam1(), *at, 1), b"x", lives)
        });
        for outcome in store.put(&puts.collect::<Vec<_>>()).await {
            outcome.unwrap();
        }
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    wait_until(&*store, start.plus(4 * SEC + SEC / 4)).await;
    let second_tier = living(&store, clock.clone()).await;
    assert_one_in_each(&second_tier, SEC / 10, whole);
    wait_until(&*store, start.plus(8 * SEC + SEC / 4)).await;
    let third_tier = living(&store, clock).await;
    assert_one_in_each(&third_tier, SEC / 2, whole);
    assert!(third_tier.len() <= 5, "{third_tier:?}");
}
