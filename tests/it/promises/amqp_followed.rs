//! A follower is told of every frame, late ones too, while the broker dies and while it was away itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use framecache::bus::Bus;
use framecache::bus::amqp::AmqpBus;
use framecache::clock::SystemClock;
use framecache::ingest::{IngestOptions, Lane, PushTime};
use framecache::model::event::Announcement;
use framecache::model::frame::Dimensions;
use framecache::model::key::FrameKey;
use framecache::query::Query;
use framecache::store::redis::RedisStore;
use framecache::watch::{Cursor, Followed, Happening, Interest, Watch, WatchParts};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::amqp_announced::{VHOST, open_bus};
use super::{Rig, camera, now, picture, retention, rig};
use crate::support::rabbit::RabbitServer;
use crate::support::redis::RedisServer;

fn watch(rig: &Rig, bus: &Arc<AmqpBus>) -> Watch {
    let store = Arc::<RedisStore>::clone(&rig.store);
    Watch::new(WatchParts {
        query: Query::new(Arc::<RedisStore>::clone(&store), Arc::new(SystemClock)),
        store,
        bus: Arc::<AmqpBus>::clone(bus),
        clock: Arc::new(SystemClock),
        tenant: camera("cam1").tenant,
    })
}

/// Stores live and late frames; answers what the bus tells, or would tell, of each.
async fn store(lane: &Lane, numbers: std::ops::Range<u32>) -> BTreeMap<FrameKey, Announcement> {
    let mut stored = BTreeMap::new();
    for number in numbers {
        let time = match number % 3 {
            // None is older than the first: what size pictures had before that is not known.
            0 => PushTime::Exact(now().minus(Duration::from_secs(60))),
            _ => PushTime::Live(now()),
        };
        let bytes = picture(number);
        let size = u32::try_from(bytes.len()).unwrap();
        let key = lane.push(time, bytes).await.unwrap().key;
        let dimensions = Some(Dimensions { width: 16, height: 8 });
        let ttl = framecache::model::time::Ttl::from_secs(120).ok();
        stored.insert(key.clone(), Announcement { key, size, dimensions, ttl });
    }
    stored
}

/// Follows until all of these frames were told of, for 20 s at most; answers the last cursor, and how
/// many frames were told of that are not among them.
async fn told(
    happenings: &mut BoxStream<'static, Happening>,
    mut wanted: BTreeMap<FrameKey, Announcement>,
) -> (Cursor, usize) {
    let (mut last, mut others) = (None, 0);
    let told = async {
        while !wanted.is_empty() {
            let Happening { cursor, followed } = happenings.next().await.expect("it should go on");
            last = Some(cursor);
            if let Followed::Frame(announcement) = followed {
                match wanted.remove(&announcement.key) {
                    Some(expected) => assert_eq!(announcement, expected),
                    None => others += 1,
                }
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), told).await;
    in_time.unwrap_or_else(|_| panic!("within 20 s these were not told of: {:?}", wanted.keys()));
    (last.expect("something should be told"), others)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_misses_nothing_while_the_broker_dies_and_while_it_is_away() {
    let redis = RedisServer::start();
    let mut rabbit = RabbitServer::start_with_vhost(VHOST);
    let bus = open_bus(&rabbit);
    bus.ready().await;
    let rig = rig(&redis, Arc::<AmqpBus>::clone(&bus), IngestOptions::default());
    let watch = watch(&rig, &bus);
    let lane = rig.ingest.lane(&camera("cam1"), &retention(), None);
    let (_, mut happenings) = watch.follow(Interest::default(), None).await;

    let stored = store(&lane, 0..30).await;
    assert_eq!(told(&mut happenings, stored).await.1, 0);

    rabbit.kill9();
    let stored = store(&lane, 30..60).await;
    let (cursor, others) = told(&mut happenings, stored).await;
    assert_eq!(others, 0, "each is told once to who was there all the time");

    drop(happenings);
    let stored = store(&lane, 60..90).await;
    let one = Interest::camera(&camera("cam1"));
    let (_, mut happenings) = watch.follow(one, Some(cursor)).await;
    told(&mut happenings, stored).await;

    rabbit.restart();
    bus.ready().await;
    let stored = store(&lane, 90..120).await;
    told(&mut happenings, stored).await;
    watch.close().await;
    while happenings.next().await.is_some() {}
    rig.ingest.close().await;
    bus.close().await;
}
