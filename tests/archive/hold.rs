//! Holds over time: what comes later is held too, on the embedded store and on Redis, by whatever
//! process; and what nobody means any more goes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use framecache::clock::{Clock, SystemClock};
use framecache::hold::{HoldOrder, HoldParts, Holds};
use framecache::model::key::{FrameKey, Seq, StreamId, Suffix};
use framecache::model::name::{CameraId, Prefix, Tenant};
use framecache::model::time::{TimeRange, Ttl, UnixNanos};
use framecache::query::{Query, Scope};
use framecache::store::memory::MemoryStore;
use framecache::store::redis::{RedisOptions, RedisStore};
use framecache::store::{FrameStore, HoldStore, PutFrame};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::redis::RedisServer;

const SEC: Duration = Duration::from_secs(1);

/// A store, and holds in it; `follow` is what a process that collects does.
struct Subject {
    store: Arc<dyn FrameStore>,
    holds: Holds,
    stop: CancellationToken,
    following: Option<JoinHandle<()>>,
    server: Option<RedisServer>,
}

impl Subject {
    fn memory(max_bytes: u64) -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(SystemClock), 64 << 20));
        Self::of(&store, max_bytes, None)
    }

    fn redis(max_bytes: u64) -> Self {
        let server = RedisServer::start();
        let store = Arc::new(opened(&server));
        Self::of(&store, max_bytes, Some(server))
    }

    fn of<S: FrameStore + HoldStore + 'static>(
        store: &Arc<S>,
        max_bytes: u64,
        server: Option<RedisServer>,
    ) -> Self {
        let holds = holds(store, max_bytes);
        let store = Arc::<S>::clone(store);
        Self { store, holds, stop: CancellationToken::new(), following: None, server }
    }

    fn follow(&mut self) {
        let (holds, stop) = (self.holds.clone(), self.stop.clone());
        self.following = Some(tokio::spawn(async move { holds.run(stop).await }));
    }

    async fn now(&self) -> UnixNanos {
        self.store.now().await.unwrap()
    }

    async fn put(&self, at: UnixNanos, seq: u32, secs: u64) -> FrameKey {
        self.put_sized(at, seq, secs, 100).await
    }

    async fn put_sized(&self, at: UnixNanos, seq: u32, secs: u64, size: usize) -> FrameKey {
        let suffix = Suffix::Live(Seq::new(seq).unwrap());
        let key = FrameKey::new(cam(), at, suffix).unwrap();
        let ttl = Ttl::from_secs(secs).unwrap();
        let bytes = Bytes::from(vec![7; size]);
        let frame =
            PutFrame { key: key.clone(), bytes, ttl, expires_at: None, new_dimensions: None };
        self.store.put(&[frame]).await.pop().unwrap().unwrap();
        key
    }

    async fn hold(
        &self,
        from: UnixNanos,
        to: UnixNanos,
        keep: Duration,
    ) -> framecache::hold::HoldReport {
        let window = TimeRange::new(from, to).unwrap();
        let order = HoldOrder { stream: cam(), window, keep, note: String::new(), dry_run: false };
        self.holds.begin(order).await.unwrap()
    }

    async fn end_of(&self, key: &FrameKey) -> Option<UnixNanos> {
        let stat = self.store.stat(std::slice::from_ref(key)).await.unwrap().pop().unwrap();
        stat.and_then(|stat| stat.expires_at)
    }

    /// Returns once a frame ends then; fails after a while.
    async fn ends(&self, key: &FrameKey, end: Option<UnixNanos>) {
        let began = tokio::time::Instant::now();
        while self.end_of(key).await != end {
            assert!(began.elapsed() < 20 * SEC, "{key}: {:?}, not {end:?}", self.end_of(key).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn close(mut self) {
        self.stop.cancel();
        if let Some(following) = self.following.take() {
            tokio::time::timeout(10 * SEC, following).await.unwrap().unwrap();
        }
    }
}

fn holds<S: FrameStore + HoldStore + 'static>(store: &Arc<S>, max_bytes: u64) -> Holds {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Holds::new(HoldParts {
        store: Arc::<S>::clone(store),
        holds: Arc::<S>::clone(store),
        query: Query::new(Arc::<S>::clone(store), clock),
        home: (Tenant::new("shop").unwrap(), Prefix::new("frames").unwrap()),
        max_bytes,
    })
}

fn opened(server: &RedisServer) -> RedisStore {
    let collector = CameraId::new("host-1").unwrap();
    RedisStore::open(&RedisOptions::new(&server.url(), collector)).unwrap()
}

fn cam() -> StreamId {
    StreamId {
        tenant: Tenant::new("shop").unwrap(),
        prefix: Prefix::new("frames").unwrap(),
        camera: CameraId::new("door").unwrap(),
    }
}

async fn what_comes_into_a_held_window_is_held(mut subject: Subject) {
    subject.follow();
    let now = subject.now().await;
    let before = subject.put(now.minus(SEC), 1, 300).await;
    let (from, to) = (now.minus(40 * SEC), now.plus(3600 * SEC));
    let report = subject.hold(from, to, 7200 * SEC).await;
    let until = report.hold.until();
    assert_eq!((report.frames, report.bytes, report.living), (1, 100, 0));
    assert_eq!(subject.end_of(&before).await, Some(until));

    let fresh = subject.put(subject.now().await, 2, 300).await;
    let late = subject.put(now.minus(30 * SEC), 3, 300).await;
    let outside = subject.put(now.minus(50 * SEC), 4, 300).await;
    let natural = subject.end_of(&outside).await;
    subject.ends(&fresh, Some(until)).await;
    subject.ends(&late, Some(until)).await;
    assert_eq!(subject.end_of(&outside).await, natural);

    let everything = Scope { tenant: None, prefix: None, camera: None };
    let list = subject.holds.list(&everything).await.unwrap();
    assert_eq!((list.holds[0].frames, list.holds[0].bytes, list.bytes), (3, 300, 300));
    let released = subject.holds.release(report.hold.id(), &everything).await.unwrap().unwrap();
    assert_eq!((released.frames, released.kept), (3, 0));
    let expected = fresh.at().as_millis() + 300_000;
    assert_eq!(subject.end_of(&fresh).await.map(UnixNanos::as_millis), Some(expected));
    subject.close().await;
}

async fn a_process_that_starts_later_holds_what_came_meanwhile(mut subject: Subject) {
    let now = subject.now().await;
    let to = now.plus(60 * SEC);
    let until = subject.hold(now, to, 7200 * SEC).await.hold.until();
    let meanwhile = subject.put(subject.now().await, 1, 300).await;
    assert_ne!(subject.end_of(&meanwhile).await, Some(until));
    subject.follow();
    subject.ends(&meanwhile, Some(until)).await;
    subject.close().await;
}

/// Holds two frames of 100 bytes, one of them as it comes, and puts a third: until when the two are held,
/// the third one, and its natural end.
async fn two_held_and_a_third(subject: &mut Subject) -> (UnixNanos, FrameKey, Option<UnixNanos>) {
    let now = subject.now().await;
    subject.put(now, 1, 300).await;
    let until = subject.hold(now, now.plus(60 * SEC), 7200 * SEC).await.hold.until();
    subject.follow();
    let second = subject.put(subject.now().await, 2, 300).await;
    subject.ends(&second, Some(until)).await;
    let third = subject.put(subject.now().await, 3, 300).await;
    let natural = subject.end_of(&third).await;
    (until, third, natural)
}

async fn frames_beyond_the_limit_are_not_held(mut subject: Subject) {
    let (until, third, natural) = two_held_and_a_third(&mut subject).await;
    let small = subject.put_sized(subject.now().await, 4, 300, 50).await;
    subject.ends(&small, Some(until)).await;
    assert_eq!(subject.end_of(&third).await, natural);
    subject.close().await;
}

async fn what_was_refused_stays_refused_after_a_restart(mut subject: Subject) {
    let (until, third, natural) = two_held_and_a_third(&mut subject).await;
    subject.stop.cancel();
    subject.following.take().unwrap().await.unwrap();

    subject.stop = CancellationToken::new();
    subject.follow();
    let small = subject.put_sized(subject.now().await, 4, 300, 50).await;
    subject.ends(&small, Some(until)).await;
    assert_eq!(subject.end_of(&third).await, natural);
    subject.close().await;
}

async fn a_frame_of_two_holds_is_kept_for_the_other(subject: Subject) {
    let now = subject.now().await;
    let alone = subject.put(now, 1, 300).await;
    let natural = subject.end_of(&alone).await;
    let meant = subject.put(now.minus(SEC), 2, 300).await;
    let everything = Scope { tenant: None, prefix: None, camera: None };
    let both = subject.hold(now.minus(10 * SEC), now.plus(SEC), 7200 * SEC).await;
    let one = subject.hold(now.minus(SEC), now, 3600 * SEC).await;
    assert_eq!((both.frames, one.frames), (2, 1));
    let released = subject.holds.release(both.hold.id(), &everything).await.unwrap().unwrap();
    assert_eq!((released.frames, released.kept), (1, 1));
    assert_eq!(subject.end_of(&meant).await, Some(one.hold.until()));
    assert_eq!(subject.end_of(&alone).await, natural);
}

macro_rules! on_both {
    ($($name:ident($max_bytes:expr)),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Subject::memory($max_bytes)).await;
            })+
        }
        mod on_redis {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Subject::redis($max_bytes)).await;
            })+
        }
    };
}

on_both!(
    what_comes_into_a_held_window_is_held(1 << 20),
    a_process_that_starts_later_holds_what_came_meanwhile(1 << 20),
    frames_beyond_the_limit_are_not_held(250),
    what_was_refused_stays_refused_after_a_restart(250),
    a_frame_of_two_holds_is_kept_for_the_other(1 << 20),
);

/// As `release` of one process while another is about to lengthen for the same hold.
#[tokio::test]
async fn frames_of_a_hold_that_is_gone_are_freed_by_whoever_collects() {
    let mut subject = Subject::redis(1 << 20);
    let now = subject.now().await;
    let frame = subject.put(now, 1, 300).await;
    let natural = subject.end_of(&frame).await;
    let late = opened(subject.server.as_ref().unwrap());
    late.lengthen(std::slice::from_ref(&frame), now.plus(9000 * SEC)).await.unwrap();
    assert_ne!(subject.end_of(&frame).await, natural);
    subject.follow();
    subject.ends(&frame, natural).await;
    subject.close().await;
}

#[tokio::test]
async fn another_process_sees_the_same_holds_and_can_release_them() {
    let subject = Subject::redis(1 << 20);
    let now = subject.now().await;
    let frame = subject.put(now, 1, 300).await;
    let natural = subject.end_of(&frame).await;
    let report = subject.hold(now, now.plus(SEC), 7200 * SEC).await;
    let other = holds(&Arc::new(opened(subject.server.as_ref().unwrap())), 1 << 20);
    let scope = Scope { tenant: None, prefix: None, camera: None };
    assert_eq!(other.list(&scope).await.unwrap(), subject.holds.list(&scope).await.unwrap());
    let elsewhere = Scope { camera: Some(CameraId::new("yard").unwrap()), ..scope.clone() };
    assert_eq!(other.release(report.hold.id(), &elsewhere).await.unwrap(), None);
    assert_eq!(other.release(report.hold.id(), &scope).await.unwrap().unwrap().frames, 1);
    assert_eq!(subject.end_of(&frame).await, natural);
    assert_eq!(subject.holds.release(report.hold.id(), &scope).await.unwrap(), None);
}
