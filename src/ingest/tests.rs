//! The account and the order of things, on the embedded store and bus.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

use super::queue::{Item, NotQueued, Target};
use super::*;
use crate::bus::memory::MemoryBus;
use crate::bus::{Bus, Event};
use crate::clock::SettableClock;
use crate::metrics::Counts;
use crate::model::event::{Announcement, RoutingKeys};
use crate::model::retention::Tier;
use crate::model::time::{TimeRange, Ttl};
use crate::store::memory::MemoryStore;

#[path = "restored_tests.rs"]
mod restored;

const START: u64 = 1_731_024_000_000_000_000;

struct Rig {
    clock: Arc<SettableClock>,
    store: Arc<MemoryStore>,
    bus: Arc<MemoryBus>,
    whole: Arc<MemoryBus>,
    ingest: Ingest,
}

fn rig(options: IngestOptions) -> Rig {
    rig_of(options, 64 << 20)
}

fn rig_of(options: IngestOptions, store_bytes: u64) -> Rig {
    let settable = Arc::new(SettableClock::at(at(0)));
    let clock: Arc<dyn Clock> = Arc::<SettableClock>::clone(&settable);
    let store = Arc::new(MemoryStore::new(Arc::clone(&clock), store_bytes));
    let [bus, whole] = [(); 2].map(|()| Arc::new(MemoryBus::new(RoutingKeys::default())));
    let metrics = Arc::new(Metrics::default());
    let announcer = Announcer::start(announce::AnnouncerParts {
        store: Arc::<MemoryStore>::clone(&store),
        outbox: Arc::<MemoryStore>::clone(&store),
        bus: Arc::<MemoryBus>::clone(&bus),
        clock: Arc::clone(&clock),
        metrics: Arc::clone(&metrics),
        take_up: true,
        whole_frames: Some(Arc::<MemoryBus>::clone(&whole)),
    });
    let ingest = Ingest::new(Arc::<MemoryStore>::clone(&store), announcer, clock, metrics, options);
    Rig { clock: settable, store, bus, whole, ingest }
}

fn at(millis: u64) -> UnixNanos {
    UnixNanos::new(START + millis * 1_000_000).unwrap()
}

fn stream() -> StreamId {
    let key: FrameKey = "t:frames:cam1:1731024000123456789".parse().unwrap();
    key.stream().clone()
}

fn retention() -> Retention {
    Retention::single(Ttl::from_secs(60).unwrap())
}

fn picture(shade: u8) -> Bytes {
    padded(shade, 1)
}

fn padded(shade: u8, padding: usize) -> Bytes {
    let mut jpeg = Vec::new();
    let pixels = vec![shade; 16 * 8 * 3];
    let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 80);
    encoder.add_app_segment(9, vec![0; padding]).unwrap();
    encoder.encode(&pixels, 16, 8, jpeg_encoder::ColorType::Rgb).unwrap();
    Bytes::from(jpeg)
}

fn counts(rig: &Rig) -> Counts {
    rig.ingest.shared.metrics.total()
}

#[tokio::test]
async fn frames_are_stored_and_then_announced_in_order() {
    let rig = rig(IngestOptions::default());
    let mut events = rig.bus.subscribe().await.unwrap();
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    for n in 0..50 {
        lane.capture(at(n), picture(7));
    }
    for n in 0..50_u64 {
        let Some(Event::Message { routing_key, body }) = events.next().await else {
            panic!("the stream should go on")
        };
        let announced = Announcement::from_json(&body).unwrap();
        assert_eq!(routing_key, "camera.metadata.event");
        assert_eq!(announced.key.to_string(), format!("t:frames:cam1:{}:{:05}", at(n), n + 1));
        assert_eq!(announced.dimensions.map(|d| (d.width, d.height)), Some((16, 8)));
        let bytes = rig.store.fetch(&[announced.key]).await.unwrap();
        assert_eq!(bytes, [Some(picture(7))]);
    }
    rig.ingest.close().await;
    let size = u64::try_from(picture(7).len()).unwrap();
    let expected = Counts {
        captured: 50,
        stored: 50,
        stored_bytes: 50 * size,
        announced: 50,
        whole_frames_sent: 50,
        ..Counts::default()
    };
    assert_eq!(counts(&rig), expected);
}

#[tokio::test]
async fn whole_frames_go_out_where_they_are_wanted_and_hold_nothing_up_where_not() {
    let rig = rig(IngestOptions::default());
    let mut pictures = rig.whole.subscribe().await.unwrap();
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    lane.push(PushTime::Live(at(0)), picture(1)).await.unwrap();
    let expected = Event::Message { routing_key: "cam1".to_owned(), body: picture(1) };
    assert_eq!(pictures.next().await, Some(expected));
    rig.whole.close().await;
    lane.push(PushTime::Live(at(1)), picture(2)).await.unwrap();
    rig.ingest.close().await;
    let counts = counts(&rig);
    assert_eq!((counts.whole_frames_sent, counts.whole_frames_skipped), (1, 1));
    assert_eq!((counts.stored, counts.announced), (2, 2));
}

#[tokio::test]
async fn every_capture_is_accounted_for_by_its_reason() {
    let options = IngestOptions { max_frame_bytes: 10_000, ..IngestOptions::default() };
    let rig = rig(options);
    let lane = rig.ingest.lane(&stream(), &retention(), Some(FpsLimit::new(10.0).unwrap()));
    lane.capture(at(0), picture(1));
    lane.capture(at(20), picture(2));
    lane.capture(at(100), picture(3));
    lane.capture(at(200), Bytes::from_static(b"GIF89a"));
    let whole = picture(4);
    lane.capture(at(300), whole.slice(..whole.len() - 10));
    lane.capture(at(400), Bytes::from(vec![0xff; 10_001]));
    lane.fragment(DropReason::Truncated);
    rig.ingest.close().await;
    lane.capture(at(500), picture(5));
    let counts = counts(&rig);
    assert_eq!((counts.captured, counts.stored, counts.pending()), (8, 2, 0));
    assert_eq!(
        counts.drops().collect::<Vec<_>>(),
        [
            (DropReason::FpsLimit, 1),
            (DropReason::Truncated, 2),
            (DropReason::NotJpeg, 1),
            (DropReason::TooLarge, 1),
            (DropReason::Shutdown, 1),
        ]
    );
}

#[tokio::test]
async fn the_same_push_again_gives_the_same_key() {
    let rig = rig(IngestOptions::default());
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    let exact = PushTime::Exact(at(0).minus(Duration::from_secs(30)));
    let first = lane.push(exact, picture(1)).await.unwrap();
    let again = lane.push(exact, picture(1)).await.unwrap();
    assert_eq!(again, Pushed { key: first.key.clone(), again: true });
    let other = lane.push(exact, picture(2)).await.unwrap();
    assert_eq!((other.key.at(), other.again), (first.key.at(), false));
    assert_ne!(other.key, first.key);
    let live = lane.push(PushTime::Live(at(0)), picture(3)).await.unwrap();
    assert_eq!(live.key.at(), at(0));
    let answer = rig.store.index(&stream(), TimeRange::ALL).await.unwrap();
    assert_eq!(answer.records.len(), 3);
    rig.ingest.close().await;
    assert_eq!((counts(&rig).captured, counts(&rig).announced), (4, 3));
}

#[tokio::test]
async fn refused_pushes_say_why_and_are_not_captured() {
    let rig = rig(IngestOptions { max_frame_bytes: 10_000, ..IngestOptions::default() });
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    let now = PushTime::Live(at(0));
    let early = PushTime::Exact(at(10_001));
    let ancient = PushTime::Exact(UnixNanos::new(5).unwrap());
    for (time, bytes, said) in [
        (now, Bytes::from_static(b"GIF89a"), "refused"),
        (now, Bytes::from(vec![0; 10_001]), "10001 bytes, more than the 10000 allowed"),
        (early, picture(1), "over 10 s in the future"),
        (ancient, picture(1), "is no frame time"),
    ] {
        let error = lane.push(time, bytes).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    rig.ingest.close().await;
    let stopped = lane.push(now, picture(1)).await.unwrap_err();
    assert!(matches!(stopped, PushError::Stopping));
    assert_eq!((counts(&rig).captured, counts(&rig).rejected), (0, 5));
}

#[tokio::test]
async fn a_second_ingest_goes_on_after_the_newest_key() {
    let first = rig(IngestOptions::default());
    let lane = first.ingest.lane(&stream(), &retention(), None);
    lane.push(PushTime::Live(at(500)), picture(1)).await.unwrap();
    first.ingest.close().await;
    let announcer = first.ingest.shared.announcer.clone();
    let second = Ingest::new(
        Arc::<MemoryStore>::clone(&first.store),
        announcer,
        Arc::clone(&first.ingest.shared.clock),
        Arc::default(),
        IngestOptions::default(),
    );
    let lane = second.lane(&stream(), &retention(), None);
    let key = lane.push(PushTime::Live(at(0)), picture(1)).await.unwrap().key;
    assert_eq!(key.to_string(), format!("t:frames:cam1:{}:00002", at(500).get() + 1));
}

#[tokio::test]
async fn a_clock_that_steps_back_is_told_until_it_has_caught_up() {
    let rig = rig(IngestOptions::default());
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    let push = async |ms| {
        rig.clock.set(at(ms));
        lane.push(PushTime::Live(at(ms)), picture(1)).await.unwrap().key.at()
    };
    assert_eq!(push(60_000).await, at(60_000));
    assert_eq!(rig.ingest.clock_trouble(), None);
    assert_eq!(push(40_000).await, at(60_000).next());
    let told = rig.ingest.clock_trouble().unwrap();
    assert!(told.contains("1 camera(s) lie up to 20 s ahead"), "{told}");
    assert_eq!(push(55_000).await, at(60_000).next().next());
    assert_eq!(rig.ingest.clock_trouble(), None);
}

#[test]
fn a_full_queue_drops_its_oldest_and_refuses_pushes() {
    let options = IngestOptions { queue_frames: 2, ..IngestOptions::default() };
    let queue = Queue::new(options, None);
    let item = |ms| Item {
        target: Target::Minted(PushTime::Live(at(ms))),
        bytes: picture(1),
        dimensions: Some(crate::model::frame::Dimensions { width: 16, height: 8 }),
        reply: None,
    };
    let dropped = [0, 1, 2].map(|ms| queue.push_dropping_oldest(item(ms)));
    assert_eq!(dropped, [Ok(0), Ok(0), Ok(1)]);
    let uncounted = || panic!("a refused push is not counted");
    let refused = |item| queue.push_if_room(item, uncounted).map_err(|(why, _)| why);
    assert_eq!(refused(item(3)), Err(NotQueued::Full));
    let time = |item: &Item| match &item.target {
        Target::Minted(time) => Some(time.at()),
        Target::Restored(_) => None,
    };
    let left: Vec<_> = queue.take(10, usize::MAX).iter().filter_map(time).collect();
    assert_eq!(left, [at(1), at(2)]);
    queue.close();
    assert_eq!(refused(item(4)), Err(NotQueued::Closed));
}

#[tokio::test]
async fn a_frame_that_is_let_in_as_the_lane_ends_is_counted() {
    let rig = rig(IngestOptions::default());
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    lane.account.captured();
    let item = lane.admit(at(0), &picture(1)).unwrap();
    rig.ingest.close().await;
    lane.queue_captured(item(picture(1)));
    let counts = counts(&rig);
    assert_eq!((counts.captured, counts.pending()), (1, 0));
    assert_eq!(counts.drops().collect::<Vec<_>>(), [(DropReason::Shutdown, 1)]);
}

#[tokio::test]
async fn equal_pushes_at_the_same_moment_are_stored_once() {
    let rig = rig(IngestOptions::default());
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    let exact = PushTime::Exact(at(0));
    let pushes = (lane.push(exact, picture(1)), lane.push(exact, picture(1)));
    let (first, second) = tokio::join!(pushes.0, pushes.1);
    let key = first.unwrap().key;
    assert_eq!(second.unwrap(), Pushed { key, again: true });
    assert_eq!(rig.store.index(&stream(), TimeRange::ALL).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn dimensions_are_told_with_the_first_frame_that_the_store_takes() {
    let rig = rig_of(IngestOptions::default(), 5_000);
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    let refused = lane.push(PushTime::Live(at(0)), padded(1, 5_000)).await.unwrap_err();
    assert!(matches!(refused, PushError::Store(StoreError::Refused(_))), "{refused}");
    let stored = lane.push(PushTime::Live(at(1)), picture(1)).await.unwrap().key;
    let dimensions = crate::model::frame::Dimensions { width: 16, height: 8 };
    assert_eq!(rig.store.dimensions(&stream()).await.unwrap(), [(stored.at(), dimensions)]);
}

#[tokio::test]
async fn the_first_frame_that_the_store_takes_stands_for_its_step() {
    let rig = rig_of(IngestOptions::default(), 5_000);
    let ttl = |secs| Ttl::from_secs(secs).unwrap();
    let every = Some(Duration::from_secs(1));
    let tiers = [Tier { every: None, ttl: ttl(60) }, Tier { every, ttl: ttl(3600) }];
    let lane = rig.ingest.lane(&stream(), &Retention::new(&tiers).unwrap(), None);
    lane.push(PushTime::Live(at(0)), padded(1, 5_000)).await.unwrap_err();
    let mut ends = Vec::new();
    for millis in 1..=3 {
        let key = lane.push(PushTime::Live(at(millis)), picture(1)).await.unwrap().key;
        ends.push(rig.store.stat(&[key]).await.unwrap()[0].and_then(|stat| stat.expires_at));
    }
    let expected = [3_600_001, 60_002, 60_003].map(|millis| Some(at(millis)));
    assert_eq!(ends, expected);
}

#[tokio::test]
async fn a_changed_lane_loses_nothing_and_stored_frames_keep_their_lives() {
    let rig = rig(IngestOptions::default());
    let lane = rig.ingest.lane(&stream(), &retention(), Some(FpsLimit::new(1.0).unwrap()));
    let push = async |millis| lane.push(PushTime::Live(at(millis)), picture(1)).await.unwrap().key;
    let old = push(0).await;
    for millis in [0, 100, 200] {
        lane.capture(at(millis), picture(2));
    }
    lane.change(&Retention::single(Ttl::from_secs(10).unwrap()), None);
    for millis in [300, 400, 500] {
        lane.capture(at(millis), picture(3));
    }
    let new = push(600).await;
    let ends = rig.store.stat(&[old, new]).await.unwrap();
    let ends: Vec<_> = ends.iter().map(|stat| stat.and_then(|stat| stat.expires_at)).collect();
    assert_eq!(ends, [Some(at(60_000)), Some(at(10_600))]);
    rig.ingest.close().await;
    let counts = counts(&rig);
    assert_eq!((counts.captured, counts.stored, counts.pending()), (8, 6, 0));
    assert_eq!(counts.drops().collect::<Vec<_>>(), [(DropReason::FpsLimit, 2)]);
}

#[tokio::test]
async fn tiers_that_come_later_go_on_after_the_frames_that_are_there() {
    let rig = rig(IngestOptions::default());
    let ttl = |secs| Ttl::from_secs(secs).unwrap();
    let every = Some(Duration::from_secs(1));
    let tiers = [Tier { every: None, ttl: ttl(60) }, Tier { every, ttl: ttl(3600) }];
    let tiers = Retention::new(&tiers).unwrap();
    let lane = rig.ingest.lane(&stream(), &tiers, None);
    let push = async |millis| lane.push(PushTime::Live(at(millis)), picture(1)).await.unwrap().key;
    let mut keys = vec![push(0).await];
    lane.change(&Retention::single(ttl(60)), None);
    keys.push(push(1).await);
    lane.change(&tiers, None);
    keys.extend([push(2).await, push(1000).await]);
    let ends = rig.store.stat(&keys).await.unwrap();
    let ends: Vec<_> = ends.iter().map(|stat| stat.and_then(|stat| stat.expires_at)).collect();
    assert_eq!(ends, [3_600_000, 60_001, 60_002, 3_601_000].map(|millis| Some(at(millis))));
}

#[test]
fn a_limit_of_the_same_rate_goes_on_where_it_stood() {
    let limit = |fps| Some(FpsLimit::new(fps).unwrap());
    let queue = Queue::new(IngestOptions::default(), limit(1.0));
    let mut passed = vec![queue.within_limit(at(0))];
    queue.change_limit(limit(1.0));
    passed.push(queue.within_limit(at(100)));
    queue.change_limit(limit(2.0));
    passed.extend([queue.within_limit(at(200)), queue.within_limit(at(300))]);
    queue.change_limit(None);
    passed.extend([queue.within_limit(at(301)), queue.within_limit(at(302))]);
    assert_eq!(passed, [true, false, true, false, true, true]);
}

#[tokio::test]
async fn a_closed_lane_writes_what_it_took_and_a_new_one_goes_on_after_it() {
    let rig = rig(IngestOptions::default());
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    for millis in 0..40 {
        lane.capture(at(millis), picture(1));
    }
    rig.ingest.close_lane(&stream()).await;
    assert_eq!((rig.ingest.lanes(), counts(&rig).stored), (0, 40));
    lane.capture(at(40), picture(2));
    let refused = lane.push(PushTime::Live(at(41)), picture(2)).await.unwrap_err();
    assert_eq!(refused.to_string(), "camera cam1 is being removed: come again");
    let again = rig.ingest.lane(&stream(), &retention(), None);
    let key = again.push(PushTime::Live(at(0)), picture(3)).await.unwrap().key;
    assert_eq!(key.to_string(), format!("t:frames:cam1:{}:00041", at(39).get() + 1));
    rig.ingest.close().await;
    let counts = counts(&rig);
    assert_eq!((counts.captured, counts.stored, counts.pending(), counts.rejected), (42, 41, 0, 1));
    assert_eq!(counts.drops().collect::<Vec<_>>(), [(DropReason::Shutdown, 1)]);
}
