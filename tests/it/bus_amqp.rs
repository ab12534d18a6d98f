//! What AMQP adds to the contract of a bus, on a real RabbitMQ.
//!
//! A node takes seconds to start, so each test does several checks on one node, each with an exchange of
//! its own.
#![allow(clippy::unwrap_used, reason = "in tests")]

use std::sync::Arc;
use std::time::Duration;

use framecache::bus::amqp::{AmqpBus, AmqpOptions, AmqpUrl, WholeFrames};
use framecache::bus::{Bus, BusError, BusState, Delivery, Event, Topic, WINDOW};
use framecache::model::event::RoutingKeys;
use framecache::model::name::CameraId;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use lapin::options::{
    BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use tokio::time::Instant;

use crate::bus_contract::{frame, keeps_the_contract, message, next, received, soon};
use crate::support::rabbit::{PASSWORD, RabbitServer};

fn options(url: &str) -> AmqpOptions {
    AmqpOptions::new(url.parse().expect("the server's URL should parse"))
}

async fn open(options: AmqpOptions) -> AmqpBus {
    let bus = AmqpBus::open(options).unwrap();
    soon(bus.ready()).await;
    bus
}

/// A plain client beside the bus, as another program would be.
async fn client(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// Binds a new queue to an exchange.
async fn queue(channel: &Channel, name: &str, exchange: &str, key: &str, arguments: FieldTable) {
    channel.queue_declare(name.into(), QueueDeclareOptions::default(), arguments).await.unwrap();
    let options = QueueBindOptions::default();
    let bound = channel.queue_bind(
        name.into(),
        exchange.into(),
        key.into(),
        options,
        FieldTable::default(),
    );
    bound.await.unwrap();
}

/// The next message of a queue: routing key, content type, delivery mode, header camera_id, body.
async fn get(channel: &Channel, queue: &str) -> (String, String, u8, Option<String>, Vec<u8>) {
    let options = BasicGetOptions { no_ack: true };
    let got = channel.basic_get(queue.into(), options).await.unwrap().expect("a message");
    let properties = &got.delivery.properties;
    let camera = properties.headers().as_ref().and_then(|h| h.inner().get("camera_id"));
    let camera = camera.map(|value| match value {
        AMQPValue::LongString(text) => text.to_string(),
        other => panic!("{other:?}"),
    });
    (
        got.delivery.routing_key.to_string(),
        properties.content_type().as_ref().unwrap().to_string(),
        properties.delivery_mode().unwrap(),
        camera,
        got.delivery.data,
    )
}

/// `name type durable auto_delete` of an exchange, as the broker lists it.
fn listed(server: &RabbitServer, vhost: &str, exchange: &str) -> Vec<String> {
    let columns = ["name", "type", "durable", "auto_delete"];
    let arguments = ["list_exchanges", "-p", vhost, "--no-table-headers"];
    let listed = server.ctl(&[&arguments[..], &columns[..]].concat());
    let lines = listed.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|fields| fields[0] == exchange).flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_amqp_bus_keeps_the_contract_and_suits_existing_exchanges() {
    let server = RabbitServer::start();
    let url = server.amqp_url("/");
    keeps_the_contract(&open(options(&url)).await, &RoutingKeys::default()).await;
    assert_eq!(
        listed(&server, "/", "camera.metadata"),
        ["camera.metadata", "topic", "true", "false"]
    );
    declares_as_told_and_adopts_what_exists(&server, &url).await;
    refuses_an_exchange_of_another_type(&url).await;
    sets_delivery_mode_and_headers(&url).await;
    a_full_queue_is_an_error(&url).await;
    an_unroutable_kind_does_not_taint_another(&url).await;
    close_waits_for_what_is_queued(&url).await;
    explains_refused_logins(&server).await;
    tells_tls_from_plain(&server).await;
}

async fn declares_as_told_and_adopts_what_exists(server: &RabbitServer, url: &str) {
    let mut transient = options(url);
    transient.exchange = "transient".to_owned();
    transient.exchange_durable = false;
    soon(open(transient.clone()).await.close()).await;
    let before = ["transient", "topic", "false", "false"];
    assert_eq!(listed(server, "/", "transient"), before);

    transient.exchange_durable = true;
    let bus = open(transient).await;
    let mut events = soon(bus.subscribe()).await.unwrap();
    assert_eq!(soon(bus.publish(frame(1))).await.unwrap(), Delivery::Routed);
    assert_eq!(next(&mut events).await, received("camera.metadata.event", "1"));
    assert_eq!(listed(server, "/", "transient"), before);
    soon(bus.close()).await;
}

async fn refuses_an_exchange_of_another_type(url: &str) {
    let (_connection, channel) = client(url).await;
    let (kind, declare) = (ExchangeKind::Direct, ExchangeDeclareOptions::default());
    channel.exchange_declare("direct".into(), kind, declare, FieldTable::default()).await.unwrap();
    let mut options = options(url);
    options.exchange = "direct".to_owned();
    let bus = AmqpBus::open(options).unwrap();
    let why = "exchange \"direct\" was declared by another program with type \"direct\", but must be \
               \"topic\": delete it there, or set another exchange in the configuration";
    assert_eq!(refusal(&bus).await, why);
    match soon(bus.publish(frame(1))).await {
        Err(BusError::Refused(said)) => assert_eq!(said, why),
        other => panic!("{other:?}"),
    }
    soon(bus.close()).await;
}

/// Waits until the broker has refused the bus.
async fn refusal(bus: &AmqpBus) -> String {
    let refused = async {
        loop {
            if let BusState::Refused(why) = bus.state() {
                return why;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(refused).await
}

async fn sets_delivery_mode_and_headers(url: &str) {
    let (_connection, channel) = client(url).await;
    for (persistent, mode) in [(false, 1), (true, 2)] {
        let mut options = options(url);
        options.exchange = format!("mode{mode}");
        options.persistent = persistent;
        let routing_key_prefix = "raw-".to_owned();
        let exchange = format!("frames{mode}");
        options.frames = Some(WholeFrames { exchange: exchange.clone(), routing_key_prefix });
        let bus = open(options.clone()).await;
        queue(&channel, "events", &options.exchange, "#", FieldTable::default()).await;
        queue(&channel, "pictures", &exchange, "#", FieldTable::default()).await;
        assert_eq!(soon(bus.publish(frame(1))).await.unwrap(), Delivery::Routed);
        let event = ("camera.metadata.event".to_owned(), "application/json".to_owned());
        assert_eq!(get(&channel, "events").await, (event.0, event.1, mode, None, b"1".into()));

        let picture = vec![0xFF; 300_000];
        let whole = Topic::WholeFrame(CameraId::new("cam4").unwrap());
        soon(bus.publish(message(whole, picture.clone()))).await.unwrap();
        let (kind, camera) = ("application/octet-stream".to_owned(), Some("cam4".to_owned()));
        let got = get(&channel, "pictures").await;
        assert_eq!(got, ("raw-cam4".to_owned(), kind, mode, camera, picture));
        soon(bus.close()).await;
    }
}

async fn a_full_queue_is_an_error(url: &str) {
    let (_connection, channel) = client(url).await;
    let mut options = options(url);
    options.exchange = "full".to_owned();
    let bus = open(options).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    queue(&channel, "full", "full", "#", arguments).await;
    let outcomes: Vec<_> =
        soon(stream::iter(0..20).then(|n| bus.publish(frame(n))).collect::<Vec<_>>()).await;
    assert_eq!(outcomes[0].as_ref().unwrap(), &Delivery::Routed);
    match outcomes.last() {
        Some(Err(BusError::Unavailable(why))) => assert!(why.contains("(nack)"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(bus.state(), BusState::Ready);
    soon(bus.close()).await;
}

/// The usual deployment: consumers bind the frames' key alone.
async fn an_unroutable_kind_does_not_taint_another(url: &str) {
    let (_connection, channel) = client(url).await;
    let mut options = options(url);
    options.exchange = "mixed".to_owned();
    let bus = open(options).await;
    queue(&channel, "mixed", "mixed", "camera.metadata.event", FieldTable::default()).await;
    let topic = |n: usize| if n.is_multiple_of(2) { Topic::Frame } else { Topic::CameraStatus };
    let sent = stream::iter(0..1000).map(|n| bus.publish(message(topic(n), n.to_string())));
    let outcomes: Vec<_> = soon(sent.buffered(WINDOW).map(Result::unwrap).collect()).await;
    assert_eq!(outcomes, [Delivery::Routed, Delivery::Unroutable].repeat(500));
    soon(bus.close()).await;
}

async fn close_waits_for_what_is_queued(url: &str) {
    let (_connection, channel) = client(url).await;
    let mut options = options(url);
    options.exchange = "drain".to_owned();
    let bus = open(options).await;
    queue(&channel, "drain", "drain", "#", FieldTable::default()).await;
    let publishing = futures_util::future::join_all((0..500).map(|n| bus.publish(frame(n))));
    let ((), outcomes) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            bus.close().await;
        },
        publishing
    );
    let confirmed = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Delivery::Routed)));
    assert_eq!(confirmed.count(), 500, "{outcomes:?}");
    for n in 0..500 {
        assert_eq!(get(&channel, "drain").await.4, n.to_string().as_bytes());
    }
}

async fn explains_refused_logins(server: &RabbitServer) {
    let at = format!("amqp://fleet:***@127.0.0.1:{}", server.port());
    let unknown = server.amqp_url("site-x");
    let wrong = server.amqp_url("/").replace(PASSWORD, "n0t-it");
    server.ctl(&["add_vhost", "site-y"]);
    let forbidden = server.amqp_url("site-y");
    let cases = [
        (wrong, "rabbitmqctl change_password fleet <password>", format!("{at}/%2F")),
        (
            unknown,
            "rabbitmqctl add_vhost site-x && rabbitmqctl set_permissions -p site-x fleet '.*' '.*' '.*'",
            format!("{at}/site-x"),
        ),
        (
            forbidden,
            "rabbitmqctl set_permissions -p site-y fleet '.*' '.*' '.*'",
            format!("{at}/site-y"),
        ),
    ];
    for (url, command, shown) in cases {
        let bus = AmqpBus::open(options(&url)).unwrap();
        let why = refusal(&bus).await;
        assert!(why.ends_with(command) && why.contains(&shown), "{why}");
        let subscribed = soon(bus.subscribe()).await.map(|_| ()).unwrap_err().to_string();
        let everything = format!("{bus:?} {why} {subscribed}");
        assert!(!everything.contains("n0t-it") && !everything.contains(PASSWORD), "{everything}");
        soon(bus.close()).await;
    }
}

async fn tells_tls_from_plain(server: &RabbitServer) {
    let url = server.amqp_url("/").replace("amqp://", "amqps://");
    let bus = AmqpBus::open(options(&url)).unwrap();
    let why = soon(bus.subscribe()).await.map(|_| ()).unwrap_err().to_string();
    assert!(why.contains("this port does not speak TLS"), "{why}");
    soon(bus.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_amqp_bus_outlives_its_broker() {
    let mut server = RabbitServer::start();
    let bus = Arc::new(open(options(&server.amqp_url("/"))).await);
    let mut events = soon(bus.subscribe()).await.unwrap();
    assert_eq!(soon(bus.publish(frame(0))).await.unwrap(), Delivery::Routed);
    assert_eq!(next(&mut events).await, received("camera.metadata.event", "0"));

    server.freeze(); // nothing is confirmed from here on
    let in_flight: Vec<_> = (0..WINDOW)
        .map(|n| {
            let bus = Arc::clone(&bus);
            tokio::spawn(async move { bus.publish(frame(n)).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.kill9();
    let killed = Instant::now();
    for outcome in in_flight {
        assert!(matches!(outcome.await.unwrap(), Err(BusError::Unavailable(_))));
    }
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    let BusState::Away(why) = bus.state() else { panic!("{:?}", bus.state()) };
    assert!(!why.contains(PASSWORD), "{why}");
    assert!(soon(bus.publish(frame(0))).await.is_err());
    assert!(soon(bus.subscribe()).await.is_err());

    server.restart();
    soon(bus.ready()).await;
    assert_eq!(bus.reconnects(), 1);
    assert_eq!(next(&mut events).await, Event::Missed { count: None });
    assert_eq!(soon(bus.publish(frame(1))).await.unwrap(), Delivery::Routed);
    assert_eq!(next(&mut events).await, received("camera.metadata.event", "1"));

    an_alarm_is_shown_and_holds_up_no_close(&server, &bus, &mut events).await;
}

async fn an_alarm_is_shown_and_holds_up_no_close(
    server: &RabbitServer,
    bus: &Arc<AmqpBus>,
    events: &mut BoxStream<'static, Event>,
) {
    let held = blocked_publish(server, bus).await;
    assert!(soon(bus.publish(frame(3))).await.is_err());
    server.ctl(&["set_vm_memory_high_watermark", "0.9"]);
    assert_eq!(soon(held).await.unwrap().unwrap(), Delivery::Routed);
    assert_eq!(next(events).await, received("camera.metadata.event", "2"));
    soon(bus.ready()).await;

    let held = blocked_publish(server, bus).await;
    soon(bus.close()).await;
    assert!(matches!(soon(held).await.unwrap(), Err(BusError::Unavailable(_))));
    soon(async { while events.next().await.is_some() {} }).await;
}

/// Raises the memory alarm and publishes into it.
async fn blocked_publish(
    server: &RabbitServer,
    bus: &Arc<AmqpBus>,
) -> tokio::task::JoinHandle<Result<Delivery, BusError>> {
    server.ctl(&["set_vm_memory_high_watermark", "0"]);
    let publisher = Arc::clone(bus);
    let held = tokio::spawn(async move { publisher.publish(frame(2)).await });
    let shown = async {
        loop {
            match bus.state() {
                BusState::Away(why) if why.starts_with("blocked by the broker's alarm") => break,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    soon(shown).await;
    held
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_away_and_named_without_the_password() {
    let port = crate::support::port::free();
    for scheme in ["amqp", "amqps"] {
        let url: AmqpUrl = format!("{scheme}://a:s3cret@127.0.0.1:{port}/v").parse().unwrap();
        let bus = AmqpBus::open(AmqpOptions::new(url)).unwrap();
        let why = soon(bus.subscribe()).await.map(|_| ()).unwrap_err().to_string();
        let said = format!(
            "the broker does not answer: cannot reach {scheme}://a:***@127.0.0.1:{port}/v: IO error: \
             Connection refused (os error 111)"
        );
        assert_eq!(why, said);
        assert!(matches!(bus.state(), BusState::Away(_)));
        soon(bus.close()).await;
    }
}
