//! The contract of a bus: what the backends share. The AMQP tests run it too, on a real RabbitMQ.
#![allow(clippy::unwrap_used, reason = "in tests")]

use std::time::Duration;

use bytes::Bytes;
use framecache::bus::memory::MemoryBus;
use framecache::bus::{Bus, BusError, BusState, Delivery, Event, Message, Topic, WINDOW};
use framecache::model::event::RoutingKeys;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::time::timeout;

/// Far more than any answer here takes, also on a loaded machine.
const SOON: Duration = Duration::from_secs(10);

pub(crate) fn message(topic: Topic, body: impl Into<Bytes>) -> Message {
    Message { topic, body: body.into() }
}

pub(crate) fn frame(n: usize) -> Message {
    message(Topic::Frame, n.to_string())
}

pub(crate) fn received(routing_key: &str, body: impl Into<Bytes>) -> Event {
    Event::Message { routing_key: routing_key.to_owned(), body: body.into() }
}

pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(SOON, work).await.expect("it should not take this long")
}

pub(crate) async fn next(events: &mut BoxStream<'static, Event>) -> Event {
    soon(events.next()).await.expect("the stream should not have ended")
}

/// What every bus does; it is closed afterwards.
pub(crate) async fn keeps_the_contract(bus: &dyn Bus, keys: &RoutingKeys) {
    soon(bus.ready()).await;
    assert_eq!(bus.state(), BusState::Ready);
    assert_eq!(soon(bus.publish(frame(0))).await.unwrap(), Delivery::Unroutable);

    let mut events = soon(bus.subscribe()).await.unwrap();
    let mut second = soon(bus.subscribe()).await.unwrap();
    for (topic, key) in [
        (Topic::Frame, &keys.frame),
        (Topic::CameraStatus, &keys.status),
        (Topic::SystemStatus, &keys.system),
    ] {
        let outcome = soon(bus.publish(message(topic, key.clone()))).await;
        assert_eq!(outcome.unwrap(), Delivery::Routed);
        assert_eq!(next(&mut events).await, received(key, key.clone()));
        assert_eq!(next(&mut second).await, received(key, key.clone()));
    }

    let publishing = stream::iter(0..2000).map(|n| bus.publish(frame(n))).buffered(WINDOW);
    let outcomes: Vec<Delivery> = soon(publishing.map(Result::unwrap).collect()).await;
    assert_eq!(outcomes, vec![Delivery::Routed; 2000]);
    for n in 0..2000 {
        assert_eq!(next(&mut events).await, received(&keys.frame, n.to_string()));
    }

    soon(bus.close()).await;
    assert!(soon(events.next()).await.is_none());
    assert!(matches!(soon(bus.publish(frame(0))).await, Err(BusError::Unavailable(_))));
    assert!(matches!(bus.state(), BusState::Away(_)));
    assert!(soon(bus.subscribe()).await.is_err());
    soon(bus.close()).await;
}

#[tokio::test]
async fn the_local_bus_keeps_the_contract() {
    let keys = RoutingKeys::default();
    keeps_the_contract(&MemoryBus::new(keys.clone()), &keys).await;
}
