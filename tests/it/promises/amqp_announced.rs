//! Every stored frame is announced at least once, while the broker dies and while the collector does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use framecache::bus::Bus;
use framecache::bus::amqp::{AmqpBus, AmqpOptions};
use framecache::ingest::IngestOptions;
use framecache::model::event::Announcement;
use framecache::model::key::{FrameKey, StreamId};
use framecache::model::time::TimeRange;
use framecache::store::FrameStore;

use super::{Rig, camera, now, picture, retention, rig, until};
use crate::support::rabbit::RabbitServer;
use crate::support::redis::RedisServer;

pub(super) const VHOST: &str = "client-a";

pub(super) fn open_bus(rabbit: &RabbitServer) -> Arc<AmqpBus> {
    let url = rabbit.amqp_url(VHOST).parse().expect("the fixture's URL should be valid");
    let options = AmqpOptions { persistent: true, ..AmqpOptions::new(url) };
    Arc::new(AmqpBus::open(options).expect("the options should be valid"))
}

/// A durable queue that outlives the broker's death, read at the end by a plain client.
struct DurableQueue {
    channel: lapin::Channel,
    _connection: lapin::Connection,
}

impl DurableQueue {
    const NAME: &str = "everything";

    async fn connect(rabbit: &RabbitServer) -> Self {
        let properties = lapin::ConnectionProperties::default();
        let connection = lapin::Connection::connect(&rabbit.amqp_url(VHOST), properties)
            .await
            .expect("the broker should answer");
        let channel = connection.create_channel().await.expect("a channel should open");
        Self { channel, _connection: connection }
    }

    async fn declare(&self) {
        let exchange =
            lapin::options::ExchangeDeclareOptions { durable: true, ..Default::default() };
        let queue = lapin::options::QueueDeclareOptions { durable: true, ..Default::default() };
        let (channel, none) = (&self.channel, lapin::types::FieldTable::default);
        let topic = lapin::ExchangeKind::Topic;
        channel
            .exchange_declare("camera.metadata".into(), topic, exchange, none())
            .await
            .expect("the exchange should be declared");
        channel
            .queue_declare(Self::NAME.into(), queue, none())
            .await
            .expect("the queue should be declared");
        let (from, key) = ("camera.metadata".into(), "camera.metadata.event".into());
        channel
            .queue_bind(
                Self::NAME.into(),
                from,
                key,
                lapin::options::QueueBindOptions::default(),
                none(),
            )
            .await
            .expect("the queue should be bound");
    }

    /// Everything in the queue, by camera, in order of arrival.
    async fn drain(&self) -> BTreeMap<StreamId, Vec<FrameKey>> {
        let mut keys: BTreeMap<StreamId, Vec<FrameKey>> = BTreeMap::new();
        let acked = lapin::options::BasicGetOptions { no_ack: true };
        while let Some(message) =
            self.channel.basic_get(Self::NAME.into(), acked).await.expect("the queue should answer")
        {
            let key = Announcement::from_json(&message.delivery.data).expect("a frame message").key;
            keys.entry(key.stream().clone()).or_default().push(key);
        }
        keys
    }
}

async fn stored_keys(rig: &Rig, stream: &StreamId) -> Vec<FrameKey> {
    let records = rig.store.index(stream, TimeRange::ALL).await.expect("redis answers").records;
    records.iter().map(|found| found.record.key(stream).expect("a valid time")).collect()
}

/// First announcements in order, repeats left out.
fn first_seen(announced: &[FrameKey]) -> Vec<FrameKey> {
    let mut seen = Vec::new();
    for key in announced {
        if !seen.contains(key) {
            seen.push(key.clone());
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_costs_no_announcement_and_no_order() {
    let redis = RedisServer::start();
    let mut rabbit = RabbitServer::start_with_vhost(VHOST);
    DurableQueue::connect(&rabbit).await.declare().await;
    let bus = open_bus(&rabbit);
    bus.ready().await;
    let rig = rig(&redis, Arc::<AmqpBus>::clone(&bus), IngestOptions::default());
    let streams = [camera("cam1"), camera("cam2")];
    let lanes = streams.each_ref().map(|stream| rig.ingest.lane(stream, &retention(), None));
    let mut number = 0;
    let mut capture = |frames: u32| {
        for _ in 0..frames {
            number += 1;
            lanes.iter().for_each(|lane| lane.capture(now(), picture(number)));
        }
    };
    capture(100);
    until("some are announced", || rig.metrics.total().announced >= 100).await;
    capture(100);
    rabbit.kill9();
    capture(100);
    until("all are stored without a broker", || rig.metrics.total().stored == 600).await;
    assert!(rig.metrics.total().announced < 600);
    rabbit.restart();
    until("all are announced", || rig.ingest.announcements_waiting() == 0).await;
    capture(20);
    until("the cameras are live again", || rig.metrics.total().stored == 640).await;
    let stored = [stored_keys(&rig, &streams[0]).await, stored_keys(&rig, &streams[1]).await];
    rig.ingest.close().await;
    bus.close().await;
    assert_eq!(rig.metrics.total().announcements_expired, 0);

    let announced = DurableQueue::connect(&rabbit).await.drain().await;
    for (stream, stored) in streams.iter().zip(&stored) {
        assert_eq!(stored.len(), 320);
        assert_eq!(first_seen(&announced[stream]), *stored, "{stream}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_vanished_is_made_good_by_the_next_one() {
    let redis = RedisServer::start();
    let mut rabbit = RabbitServer::start_with_vhost(VHOST);
    DurableQueue::connect(&rabbit).await.declare().await;
    rabbit.stop();
    let stream = camera("cam1");
    {
        let bus = open_bus(&rabbit);
        let vanishing = rig(&redis, bus, IngestOptions::default());
        let lane = vanishing.ingest.lane(&stream, &retention(), None);
        (0..40).for_each(|n| lane.capture(now(), picture(n)));
        until("all are stored", || vanishing.metrics.total().stored == 40).await;
        assert_eq!(vanishing.metrics.total().announced, 0);
        // It goes without close, as a killed process would: nothing is saved, nothing is sent.
    }
    rabbit.restart();
    let bus = open_bus(&rabbit);
    let next = rig(&redis, Arc::<AmqpBus>::clone(&bus), IngestOptions::default());
    until("they are announced", || next.metrics.total().from_outbox == 40).await;
    let stored = stored_keys(&next, &stream).await;
    next.ingest.close().await;
    bus.close().await;
    let announced = DurableQueue::connect(&rabbit).await.drain().await;
    assert_eq!(announced[&stream], stored);

    let third = rig(&redis, open_bus(&rabbit), IngestOptions::default());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(third.metrics.total().announced, 0, "what was announced is not owed again");
}
