//! Index answers equal scan answers equal the naive filter, on random frames and questions.

use std::sync::Arc;
use std::time::Duration;

use framecache::clock::{Clock, SettableClock};
use framecache::model::frame::{FrameInfo, StoredFrame};
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::query::{Copied, DeleteReport, DeleteRequest, Query, RangeRequest, Scope, Via};
use framecache::store::FrameStore;
use framecache::store::memory::MemoryStore;
use futures_util::TryStreamExt;
use proptest::prelude::*;

use super::cases::{Ask, Case, case, stream};
use super::naive::Naive;

/// A store with frames in it, what is known of them, and when it is asked.
pub(crate) struct Filled {
    pub(crate) store: Arc<dyn FrameStore>,
    pub(crate) tenant: String,
    pub(crate) naive: Naive,
    /// When the frames arrived; questions count from here.
    pub(crate) base: UnixNanos,
    /// The time of asking.
    pub(crate) now: UnixNanos,
    /// How far an end that the store was asked for may lie from the computed one.
    pub(crate) tolerance: Duration,
    /// Whether the index vouches for everything: not while the server is younger than a lifetime.
    pub(crate) complete: bool,
}

impl Filled {
    /// A fresh query, so that no scan is answered from the one before.
    fn query(&self) -> Query {
        Query::new(self.store.clone(), Arc::new(SettableClock::at(self.now)))
    }

    pub(crate) async fn check(&self, asks: &[Ask], ways: &[Via]) {
        for via in ways {
            for ask in asks {
                self.check_range(ask, *via).await;
                self.check_nearest(ask, *via).await;
                self.check_timeline(ask, *via).await;
            }
            self.check_latest(*via).await;
        }
        if ways.contains(&Via::Index) {
            self.check_stats().await;
        }
    }

    /// Deletes what `ask` names, and takes it off the naive list; a dry run tells the same before.
    pub(crate) async fn delete(&mut self, ask: &Ask, via: Via) {
        let RangeRequest { streams, window, limit, .. } = ask.request(&self.tenant, self.base, via);
        let wanted = RangeRequest { limit, ..RangeRequest::new(streams.clone(), window) };
        let doomed = self.naive.range(&wanted, self.now);
        let request = DeleteRequest { streams, window, limit, via };
        let bytes = doomed.iter().filter_map(|one| one.size).map(u64::from).sum();
        let report = DeleteReport { frames: doomed.len() as u64, bytes, dead: 0, dry_run: true };
        let query = self.query();
        assert_eq!(query.delete(request.clone(), true).await.unwrap(), report, "{request:?}");
        let report = DeleteReport { dry_run: false, ..report };
        assert_eq!(query.delete(request.clone(), false).await.unwrap(), report, "{request:?}");
        self.naive.0.retain(|one| doomed.iter().all(|gone| gone.key != one.key));
    }

    async fn check_range(&self, ask: &Ask, via: Via) {
        let request = ask.request(&self.tenant, self.base, via);
        let expected = self.naive.range(&request, self.now);
        let answer = self.query().range(request.clone()).await.unwrap();
        self.assert_same(&answer.frames, &expected, &format!("{request:?}"));
        let frames: Vec<_> =
            self.query().range_frames(request.clone()).try_collect().await.unwrap();
        let got: Vec<_> = frames.iter().map(|one| (one.key.clone(), one.bytes.len())).collect();
        let size = |info: &FrameInfo| (info.key.clone(), info.size.unwrap() as usize);
        assert_eq!(got, expected.iter().map(size).collect::<Vec<_>>(), "{request:?}");
        let copied: Vec<_> =
            self.query().range_stored(request.clone()).try_collect().await.unwrap();
        let info = |one: Copied| match one {
            Copied::Frame(StoredFrame { frame, expires_at, .. }) => FrameInfo {
                size: Some(frame.bytes.len() as u32),
                key: frame.key,
                expires_at,
                dimensions: None,
            },
            Copied::Lost(key) => panic!("{key} should live"),
        };
        let copied: Vec<_> = copied.into_iter().map(info).collect();
        self.assert_same(&copied, &without_dimensions(expected), &format!("{request:?}"));
    }

    async fn check_nearest(&self, ask: &Ask, via: Via) {
        let stream = stream(&self.tenant, 0);
        let (at, within) = ask.instant(self.base);
        let found = self.query().at(&stream, at, within, via).await.unwrap();
        let found = found.map(|near| (near.frame.key.clone(), near.distance_nanos));
        let signed = |at: UnixNanos| i64::try_from(at.get()).unwrap();
        let expected = self.naive.nearest(&stream, at, within, self.now);
        let expected = expected.map(|key| (key.clone(), signed(key.at()) - signed(at)));
        assert_eq!(found, expected, "{at:?} {within:?} {via:?}");
    }

    async fn check_timeline(&self, ask: &Ask, via: Via) {
        let streams = [stream(&self.tenant, 0), stream(&self.tenant, 1)];
        let (window, step) = ask.steps(self.base);
        let steps = self.query().timeline(streams.to_vec(), window, step, via).await.unwrap();
        let expected = self.naive.timeline(&streams, window, step, self.now);
        assert_eq!(steps, expected, "{window:?} {step:?} {via:?}");
    }

    async fn check_latest(&self, via: Via) {
        for camera in [0, 1] {
            let stream = stream(&self.tenant, camera);
            let mut request = RangeRequest::new(vec![stream.clone()], TimeRange::ALL);
            request.reverse = true;
            for n in [0, 1, 3, 100] {
                request.limit = Some(n);
                let expected = self.naive.range(&request, self.now);
                let found = self.query().latest(&stream, n, via).await.unwrap();
                self.assert_same(&found, &expected, &format!("latest {n} {via:?}"));
            }
            let newest = self.naive.range(&request, self.now).first().map(|one| one.key.clone());
            let found = self.query().latest_frame(&stream, via).await.unwrap();
            assert_eq!(found.map(|frame| frame.key), newest, "latest frame {via:?}");
        }
    }

    async fn check_stats(&self) {
        let scope = Scope { tenant: Some(self.tenant.parse().unwrap()), ..Scope::default() };
        let mut families = self.query().stats(&scope).await.unwrap().families;
        families.retain(|stats| stats.frames > 0 || self.complete);
        let mean = families.first_mut().and_then(|stats| stats.mean_ttl_left_seconds.take());
        let mut expected = self.naive.stats(self.now);
        let bound = self.tolerance.as_secs_f64() + 1e-6;
        for (one, other) in families.iter_mut().zip(&mut expected) {
            // Measured over a second at least, so that it is off by no more than the clocks are.
            let off = (one.rate_fps - other.rate_fps).abs();
            assert!(off <= other.rate_fps * bound, "{one:?}, expected {other:?}");
            one.rate_fps = other.rate_fps;
        }
        for stats in families.iter_mut().filter(|_| !self.complete) {
            stats.complete = true;
        }
        assert_eq!(families, expected.into_iter().collect::<Vec<_>>());
        let expected = self.naive.mean_ttl_left_seconds(self.now);
        let off = mean.unwrap_or(-1.0) - expected.unwrap_or(-1.0);
        assert!(off.abs() < bound, "mean {mean:?}, expected {expected:?}");
        let cameras = self.query().cameras(&scope, false, Via::Index).await.unwrap();
        let ids: Vec<_> = cameras.into_iter().map(|one| one.stream.camera).collect();
        let expected = self.naive.stats(self.now).map(|stats| stats.cameras).unwrap_or_default();
        assert_eq!(ids, expected);
    }

    fn assert_same(&self, found: &[FrameInfo], expected: &[FrameInfo], asked: &str) {
        let mut found = found.to_vec();
        for (one, other) in found.iter_mut().zip(expected) {
            if let (Some(end), Some(computed)) = (one.expires_at, other.expires_at)
                && end.since(computed).max(computed.since(end)) <= self.tolerance
            {
                one.expires_at = other.expires_at;
            }
        }
        assert_eq!(found, expected, "{asked}");
    }
}

fn without_dimensions(frames: Vec<FrameInfo>) -> Vec<FrameInfo> {
    frames.into_iter().map(|one| FrameInfo { dimensions: None, ..one }).collect()
}

/// The case's frames put one by one while the clock moves on, then asked for after `wait`.
async fn on_memory(case: &Case, pause: Duration, wait: Duration) {
    let clock = Arc::new(SettableClock::at(UnixNanos::new(1_731_024_000_123_456_789).unwrap()));
    let store = Arc::new(MemoryStore::new(clock.clone(), 1 << 24));
    let mut naive = Naive::default();
    for spec in &case.frames {
        let (put, known) = spec.frame("t", clock.now());
        if naive.0.iter().all(|one| one.key != known.key) {
            store.put(&[put]).await[0].as_ref().unwrap();
            naive.0.push(known);
        }
        clock.advance(pause);
    }
    let base = clock.now();
    clock.advance(wait);
    let now = base.plus(wait);
    let (tenant, tolerance) = ("t".to_owned(), Duration::ZERO);
    let mut filled = Filled { store, tenant, naive, base, now, tolerance, complete: true };
    filled.delete(&case.doomed, Via::Index).await;
    filled.check(&case.asks, &[Via::Index, Via::Scan, Via::Auto]).await;
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn index_scan_and_naive_filter_agree_on_the_embedded_store(
        case in case(),
        pause in proptest::sample::select(vec![0, 1, 1_000_000_000, 7_000_000_000_u64]),
        wait in proptest::sample::select(vec![0, 1_500, 59_900, 3_600_000, 8_000_000_u64]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (pause, wait) = (Duration::from_nanos(pause), Duration::from_millis(wait));
        runtime.block_on(on_memory(&case, pause, wait));
    }
}
