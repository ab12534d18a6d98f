//! The embedded store against the Redis store: the same frames and the same questions, through the
//! same traits. The embedded one shares the bytes that it is given, so it copies nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use framecache::clock::{Clock, SystemClock};
use framecache::model::frame::Frame;
use framecache::model::key::FrameKey;
use framecache::model::time::TimeRange;
use framecache::query::{Query, RangeAnswer, RangeRequest, Via};
use framecache::store::memory::MemoryStore;
use framecache::store::{FrameStore, PutFrame};

use crate::options::Scale;
use crate::rig::{self, BATCH, FPS, FRAME_BYTES};
use crate::rounds::{Better, Round, Row, Side, in_turn};
use crate::support::redis::RedisServer;

const TTL_SECS: u64 = 300;
const MAX_BYTES: u64 = 8 << 30;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    rig::on_one_thread(measure(scale))
}

async fn measure(scale: &Scale) -> Vec<Row> {
    let server = RedisServer::start();
    let picture = rig::picture(FRAME_BYTES);
    let windowed = usize::try_from(scale.window_secs * FPS).unwrap();
    let mut rounds: [Vec<Round>; 4] = Default::default();
    // the first round only makes the server ask the system for its memory
    for round in 0..=scale.rounds {
        rig::empty(&server);
        let pair = Pair::new(&server).await;
        let frames = frames("cam1", scale.frames / 4, &picture);
        let measured = [
            pair.put(&frames, round).await,
            pair.get(&frames, scale.calls).await,
            pair.latest(&frames, scale.calls).await,
            pair.window(windowed, scale.calls).await,
        ];
        if round > 0 {
            rounds.iter_mut().zip(measured).for_each(|(row, round)| row.push(round));
        }
    }
    let [put, get, latest, window] = rounds;
    vec![
        row("embedded put, 50 kB, 16 a batch".to_owned(), "frames/s", Better::More, put),
        row("embedded get, 50 kB".to_owned(), "us", Better::Less, get),
        row("embedded latest, 50 kB".to_owned(), "us", Better::Less, latest),
        row(format!("embedded keys of {windowed} frames"), "us", Better::Less, window),
    ]
}

fn row(what: String, unit: &'static str, better: Better, rounds: Vec<Round>) -> Row {
    Row { what, baseline: "the Redis store".to_owned(), unit, better, rounds }
}

/// Frames of now, a microsecond apart.
fn frames(camera: &str, count: usize, picture: &Bytes) -> Vec<PutFrame> {
    let (stream, from) = (rig::stream(camera), SystemClock.now());
    let at = |number| from.plus(Duration::from_micros(number));
    let frame = |number| PutFrame {
        key: rig::key(&stream, at(number)),
        bytes: picture.clone(),
        ttl: rig::ttl(TTL_SECS),
        expires_at: None,
        new_dimensions: None,
    };
    (0..).take(count).map(frame).collect()
}

/// Both stores, empty, connected.
struct Pair {
    embedded: Arc<dyn FrameStore>,
    redis: Arc<dyn FrameStore>,
}

impl Pair {
    async fn new(server: &RedisServer) -> Self {
        let embedded = Arc::new(MemoryStore::new(rig::clock(), MAX_BYTES));
        let pair = Self { embedded, redis: rig::open(server, "bench-embedded") };
        for store in [&pair.embedded, &pair.redis] {
            let first = frames("warm-up", BATCH, &Bytes::from_static(b"frame"));
            rig::put(store.as_ref(), &first).await;
        }
        pair
    }

    fn queries(&self) -> [Query; 2] {
        [&self.embedded, &self.redis].map(|store| Query::new(Arc::clone(store), rig::clock()))
    }

    async fn put(&self, frames: &[PutFrame], round: usize) -> Round {
        if round.is_multiple_of(2) {
            let ours = put_all(&self.embedded, frames).await;
            Round { ours, baseline: put_all(&self.redis, frames).await }
        } else {
            let baseline = put_all(&self.redis, frames).await;
            Round { ours: put_all(&self.embedded, frames).await, baseline }
        }
    }

    async fn get(&self, frames: &[PutFrame], calls: usize) -> Round {
        let [ours, baseline] = self.queries().map(|query| {
            let mut wanted = frames.iter().cycle();
            Side {
                call: async move || {
                    let frame = wanted.next().unwrap();
                    (frame, query.get(&frame.key).await.unwrap())
                },
                check: |(frame, found): (&PutFrame, Option<Frame>)| {
                    check_frame(frame, found.as_ref());
                },
            }
        });
        in_turn(calls, ours, baseline).await
    }

    async fn latest(&self, frames: &[PutFrame], calls: usize) -> Round {
        let last = frames.last().unwrap();
        let [ours, baseline] = self.queries().map(|query| Side {
            call: async move || query.latest_frame(last.key.stream(), Via::Index).await.unwrap(),
            check: |found: Option<Frame>| check_frame(last, found.as_ref()),
        });
        in_turn(calls, ours, baseline).await
    }

    async fn window(&self, count: usize, calls: usize) -> Round {
        let frames = frames("window", count, &Bytes::from_static(b"frame"));
        for store in [&self.embedded, &self.redis] {
            put_all(store, &frames).await;
        }
        let keys = &frames.into_iter().map(|frame| frame.key).collect::<Vec<FrameKey>>();
        let window = TimeRange::new(keys[0].at(), keys[count - 1].at().next()).unwrap();
        let request = &RangeRequest::new(vec![keys[0].stream().clone()], window);
        let [ours, baseline] = self.queries().map(|query| Side {
            call: async move || query.range(request.clone()).await.unwrap(),
            check: |answer: RangeAnswer| {
                assert!(answer.frames.iter().map(|one| &one.key).eq(keys));
            },
        });
        in_turn(calls, ours, baseline).await
    }
}

/// Frames a second, a batch after the other.
async fn put_all(store: &Arc<dyn FrameStore>, frames: &[PutFrame]) -> f64 {
    let began = Instant::now();
    for batch in frames.chunks(BATCH) {
        rig::put(store.as_ref(), batch).await;
    }
    u32::try_from(frames.len()).map(f64::from).unwrap() / began.elapsed().as_secs_f64()
}

fn check_frame(put: &PutFrame, found: Option<&Frame>) {
    let put = Frame { key: put.key.clone(), bytes: put.bytes.clone() };
    assert!(found == Some(&put), "{} should come back as it was put", put.key);
}
