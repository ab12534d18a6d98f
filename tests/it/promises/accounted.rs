//! `captured = stored + dropped + pending`, while Redis dies and comes back.

use std::sync::Arc;

use framecache::bus::memory::MemoryBus;
use framecache::ingest::{DropReason, IngestOptions, PushTime};
use framecache::model::event::RoutingKeys;
use framecache::model::frame::Dimensions;
use framecache::model::time::TimeRange;
use framecache::store::FrameStore;

use super::{camera, now, picture, retention, rig, until};
use crate::support::redis::RedisServer;

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_the_oldest_are_dropped_and_counted_and_the_rest_is_stored() {
    let mut redis = RedisServer::start();
    let bus = Arc::new(MemoryBus::new(RoutingKeys::default()));
    let options = IngestOptions { queue_frames: 50, ..IngestOptions::default() };
    let rig = rig(&redis, bus, options);
    let stream = camera("cam1");
    let lane = rig.ingest.lane(&stream, &retention(), None);
    for n in 0..20 {
        lane.capture(now(), picture(n));
    }
    until("the first frames are stored", || lane.account().snapshot().stored == 20).await;

    redis.kill9();
    for n in 20..220 {
        lane.capture(now(), picture(n));
        let counts = lane.account().snapshot();
        let sum = counts.stored + counts.dropped_total() + counts.pending();
        assert_eq!((counts.captured, sum), (u64::from(n) + 1, u64::from(n) + 1));
    }
    until("the store is known to be away", || rig.ingest.store_trouble().is_some()).await;
    let away = lane.account().snapshot();
    assert_eq!(away.stored, 20);
    assert!((50..=66).contains(&away.pending()), "the queue and one batch: {}", away.pending());

    redis.restart();
    until("the queue is stored", || lane.account().snapshot().pending() == 0).await;
    assert_eq!(rig.ingest.store_trouble(), None);
    let pushed = lane.push(PushTime::Live(now()), picture(999)).await.expect("the push is stored");
    rig.ingest.close().await;

    let counts = rig.metrics.total();
    let dropped = 200 - away.pending();
    assert_eq!(counts.drops().collect::<Vec<_>>(), [(DropReason::QueueFull, dropped)]);
    assert_eq!((counts.captured, counts.stored), (221, 221 - dropped));
    assert_eq!(counts.announced, counts.stored);
    // The restarted Redis is empty: it has what was written since.
    let live = rig.store.index(&stream, TimeRange::ALL).await.expect("redis answers").records;
    assert_eq!(u64::try_from(live.len()).ok(), Some(counts.stored - 20));
    assert_eq!(live.last().map(|found| found.record.at), Some(pushed.key.at()));
    let told = rig.store.dimensions(&stream).await.expect("redis answers");
    assert_eq!(told, [(live[0].record.at, Dimensions { width: 16, height: 8 })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_before_the_end_is_counted_by_what_is_known_of_it() {
    let mut redis = RedisServer::start();
    let bus = Arc::new(MemoryBus::new(RoutingKeys::default()));
    let options = IngestOptions {
        drain_timeout: std::time::Duration::from_millis(300),
        ..IngestOptions::default()
    };
    let rig = rig(&redis, bus, options);
    let lane = rig.ingest.lane(&camera("cam1"), &retention(), None);
    lane.capture(now(), picture(0));
    until("the first frame is stored", || lane.account().snapshot().stored == 1).await;
    redis.kill9();
    for n in 1..=40 {
        lane.capture(now(), picture(n));
    }
    rig.ingest.close().await;
    let counts = rig.metrics.total();
    assert_eq!((counts.captured, counts.stored, counts.pending()), (41, 1, 0));
    let reasons: Vec<DropReason> = counts.drops().map(|(reason, _)| reason).collect();
    assert_eq!(reasons, [DropReason::Unknown, DropReason::Shutdown]);
}
