//! Random frames and random questions, as data: what proptest makes and shrinks.

use std::time::Duration;

use bytes::Bytes;
use framecache::model::bucket::{expiry, whole_millis};
use framecache::model::key::{FrameKey, Seq, StreamId, Suffix};
use framecache::model::name::{CameraId, Prefix, Tenant};
use framecache::model::time::{TimeRange, Ttl, UnixNanos};
use framecache::query::{How, RangeRequest, Via};
use framecache::store::PutFrame;
use proptest::prelude::*;
use proptest::sample::select;

use super::naive::{Known, Naive};

/// A frame: how long before its arrival it was taken, and how it lives.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    camera: usize,
    lag: Duration,
    seq: u32,
    ttl: u64,
    /// Its given end, counted from its arrival.
    exact: Option<Duration>,
    size: usize,
}

/// Frames in order of arrival, and questions.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) frames: Vec<Spec>,
    pub(crate) asks: Vec<Ask>,
    /// What is deleted before the questions.
    pub(crate) doomed: Ask,
}

/// A question; instants are distances back from the moment of asking.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    cameras: Vec<usize>,
    from: Duration,
    length: Duration,
    every: Option<Duration>,
    limit: Option<usize>,
    reverse: bool,
    verify: bool,
}

/// Far enough apart that no frame is both in time and late, whatever the machine does meanwhile.
fn lag() -> impl Strategy<Value = Duration> {
    let coarse = [0, 100, 400, 30_000, 700_000, 86_400_000, 400 * 86_400_000_u64];
    (select(coarse.to_vec()), 0..3_u64)
        .prop_map(|(millis, nanos)| Duration::from_millis(millis) + Duration::from_nanos(nanos))
}

fn spec() -> impl Strategy<Value = Spec> {
    let ttl = select(vec![1, 60, 3600, 7200_u64]);
    let exact = select(vec![None, None, Some(90_000), Some(900_000_000_u64)]);
    (0..2_usize, lag(), 1..4_u32, (ttl, exact), 1..40_usize).prop_map(
        |(camera, lag, seq, (ttl, exact), size)| Spec {
            camera,
            lag,
            seq,
            ttl,
            exact: exact.map(Duration::from_millis),
            size,
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    let cameras = select(vec![vec![0], vec![1], vec![0, 1], vec![]]);
    let length = select(vec![1_u64, 2, 1_000_000_000, 60_000_000_000, i64::MAX as u64]);
    let every =
        select(vec![None, Some(1), Some(2), Some(500_000_000), Some(3_600_000_000_000_u64)]);
    let limit = select(vec![None, None, Some(0), Some(1), Some(2), Some(7)]);
    (cameras, lag(), length, every, limit, any::<bool>(), any::<bool>()).prop_map(
        |(cameras, from, length, every, limit, reverse, verify)| Ask {
            cameras,
            from,
            length: Duration::from_nanos(length),
            every: every.map(Duration::from_nanos),
            limit,
            reverse,
            verify,
        },
    )
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    (prop::collection::vec(spec(), 0..40), prop::collection::vec(ask(), 1..12), ask())
        .prop_map(|(frames, asks, doomed)| Case { frames, asks, doomed })
}

pub(crate) fn stream(tenant: &str, camera: usize) -> StreamId {
    StreamId {
        tenant: Tenant::new(tenant).unwrap(),
        prefix: Prefix::new("frames").unwrap(),
        camera: CameraId::new(&format!("cam{camera}")).unwrap(),
    }
}

impl Spec {
    /// The frame, arriving at `now`, and what the naive list knows of it.
    pub(crate) fn frame(&self, tenant: &str, now: UnixNanos) -> (PutFrame, Known) {
        let at = now.minus(self.lag);
        let suffix = Suffix::Live(Seq::new(self.seq).unwrap());
        let key = FrameKey::new(stream(tenant, self.camera), at, suffix).unwrap();
        let ttl = Ttl::from_secs(self.ttl).unwrap();
        let bytes = Bytes::from(vec![b'x'; self.size]);
        let exact = self.exact.map(|after| whole_millis(now.plus(after)));
        let expires_at = Some(exact.unwrap_or_else(|| expiry(at, ttl, now).end(now)));
        let size = u32::try_from(self.size).unwrap();
        let known = Known { key: key.clone(), size, expires_at, dimensions: None };
        (PutFrame { key, bytes, ttl, expires_at: exact, new_dimensions: None }, known)
    }
}

impl Case {
    /// The frames arriving one after the other, each key once.
    pub(crate) fn frames(&self, tenant: &str, now: UnixNanos) -> (Vec<PutFrame>, Naive) {
        let mut naive = Naive::default();
        let mut puts = Vec::new();
        for spec in &self.frames {
            let (put, known) = spec.frame(tenant, now);
            if naive.0.iter().all(|one| one.key != known.key) {
                puts.push(put);
                naive.0.push(known);
            }
        }
        (puts, naive)
    }
}

impl Ask {
    pub(crate) fn request(&self, tenant: &str, base: UnixNanos, via: Via) -> RangeRequest {
        let from = base.minus(self.from);
        let to = from.plus(self.length);
        RangeRequest {
            streams: self.cameras.iter().map(|camera| stream(tenant, *camera)).collect(),
            window: TimeRange::new(from, to).unwrap(),
            every: self.every,
            limit: self.limit,
            reverse: self.reverse,
            how: How { via, verify: self.verify },
        }
    }

    /// An instant to find the nearest frame to, and the distance allowed.
    pub(crate) fn instant(&self, base: UnixNanos) -> (UnixNanos, Option<Duration>) {
        let within = (self.length < Duration::from_secs(3600)).then_some(self.length);
        (base.minus(self.from).plus(Duration::from_nanos(u64::from(self.reverse))), within)
    }

    /// A window of a hundred steps from here.
    pub(crate) fn steps(&self, base: UnixNanos) -> (TimeRange, Duration) {
        let from = base.minus(self.from);
        let step = self.every.unwrap_or(Duration::from_secs(10));
        (TimeRange::new(from, from.plus(step * 99 + Duration::from_nanos(1))).unwrap(), step)
    }
}
