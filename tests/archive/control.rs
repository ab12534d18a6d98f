//! Orders by a queue of a real RabbitMQ and by streams of a real Redis: each is carried out and answered,
//! across outages and restarts.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use framecache::bus::amqp::AmqpControl;
use framecache::control::{ControlLine, Orders};
use framecache::store::redis::{ControlStreams, RedisControl, RedisOptions};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::python::Program;
use crate::support::rabbit::RabbitServer;
use crate::support::redis::RedisServer;

const LIMIT: Duration = Duration::from_secs(30);

/// Follows a line, keeps what it was asked, and answers each order with itself.
struct Follower {
    asked: Arc<Mutex<Vec<Orders>>>,
    task: JoinHandle<()>,
}

impl Follower {
    fn start(mut line: impl ControlLine + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            loop {
                let orders = line.next().await;
                kept.lock().unwrap().push(orders.clone());
                let answers = match orders {
                    Ok(orders) => orders.iter().map(|order| json!({"done": order})).collect(),
                    Err(why) => vec![json!({"error": why})],
                };
                line.answer(&answers).await;
            }
        });
        Self { asked, task }
    }

    fn asked(&self) -> Vec<Orders> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits for so many messages in all.
    async fn wait_for(&self, messages: usize) -> Vec<Orders> {
        wait_until(|| self.asked().len() >= messages).await;
        self.asked()
    }

    async fn end(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

pub(crate) async fn wait_until(holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "it did not come about within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn on_redis(server: &RedisServer, by: &str) -> RedisControl {
    let options = RedisOptions::new(&server.url(), by.parse().unwrap());
    let streams = ControlStreams {
        name: "XRECORD:NAME".to_owned(),
        pause: "XRECORD:PAUSE".to_owned(),
        answers: "XRECORD:STATE".to_owned(),
    };
    RedisControl::open(&options, streams).unwrap()
}

/// The answers to an entry: none until there is one.
fn answer_to(server: &RedisServer, id: &str) -> Option<Value> {
    let listed = server.cli(&["XREVRANGE", "XRECORD:STATE", "+", "-"]);
    let lines: Vec<&str> = listed.lines().collect();
    let at = lines.windows(2).position(|pair| pair[0] == "to" && pair[1] == id)?;
    let answers = lines[at..].iter().position(|line| *line == "answers")?;
    serde_json::from_str(lines[at + answers + 1]).ok()
}

pub(crate) async fn answered(server: &RedisServer, id: &str) -> Value {
    wait_until(|| answer_to(server, id).is_some()).await;
    answer_to(server, id).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_start_pause_and_stop_and_each_entry_is_answered() {
    let server = RedisServer::start();
    let follower = Follower::start(on_redis(&server, "host-1"));
    // who listens says so, before anything is asked
    wait_until(|| server.cli(&["XLEN", "XRECORD:STATE"]) == "1").await;
    let add = |stream: &str, id: &str, fields: &[&str]| {
        server.cli(&[&["XADD", stream, id][..], fields].concat())
    };
    let started = add("XRECORD:NAME", "1795168800000-0", &["d", "gate"]);
    let at = "2026-11-20T10:00:00.000000000Z";
    let start = json!({"command": "start", "name": "gate", "from": at});
    assert_eq!(answered(&server, &started).await, json!([{"done": start}]));
    let paused = add("XRECORD:PAUSE", "*", &["d", "1"]);
    let pause = json!({"command": "pause", "name": "gate"});
    assert_eq!(answered(&server, &paused).await, json!([{"done": pause}]));
    let status = add("XRECORD:NAME", "*", &["order", r#"{"command":"status","name":"gate"}"#]);
    let asked = json!({"command": "status", "name": "gate"});
    assert_eq!(answered(&server, &status).await, json!([{"done": asked}]));
    let bad = add("XRECORD:NAME", "*", &["x", "gate"]);
    let why = json!([{"error": "the entry has neither the field d nor the field order"}]);
    assert_eq!(answered(&server, &bad).await, why);
    let stopped = add("XRECORD:NAME", "*", &["d", ""]);
    let stop = json!({"command": "stop", "name": "gate"});
    assert_eq!(answered(&server, &stopped).await, json!([{"done": stop}]));
    let expected = vec![
        Ok(vec![start]),
        Ok(vec![pause]),
        Ok(vec![asked]),
        Err(why[0]["error"].as_str().unwrap().to_owned()),
        Ok(vec![stop]),
    ];
    assert_eq!(follower.asked(), expected);
    follower.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_written_while_nobody_listened_are_carried_out_once_and_in_order() {
    let mut server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    // the state that a newcomer takes: what is wanted now, not how it came about
    for fields in [["d", "old"], ["d", "wanted"]] {
        server.cli(&[&["XADD", "XRECORD:NAME", "*"][..], &fields].concat());
    }
    let names = |asked: &[Orders]| -> Vec<String> {
        let orders = asked.iter().flatten().flatten();
        orders
            .map(|order| format!("{} {}", order["command"], order["name"]).replace('"', ""))
            .collect()
    };
    let first = Follower::start(on_redis(&server, "host-1"));
    assert_eq!(names(&first.wait_for(1).await), ["start wanted"]);
    wait_until(|| server.cli(&["XLEN", "XRECORD:STATE"]) == "2").await;
    first.end().await;

    server.cli(&["XADD", "XRECORD:PAUSE", "*", "d", "1"]);
    server.cli(&["XADD", "XRECORD:NAME", "*", "d", "next"]);
    let second = Follower::start(on_redis(&server, "host-1"));
    let expected = ["pause wanted", "stop wanted", "start next"];
    assert_eq!(names(&second.wait_for(2).await), expected);

    server.kill9();
    server.restart();
    server.cli(&["XADD", "XRECORD:NAME", "*", "d", ""]);
    assert_eq!(names(&second.wait_for(3).await)[3..], ["stop next"]);
    let last = server.cli(&["XADD", "XRECORD:NAME", "*", "d", ""]);
    assert_eq!(answered(&server, &last).await, json!([]));
    second.end().await;
    // another process has its own account of what it did
    let other = Follower::start(on_redis(&server, "host-2"));
    let last = server.cli(&["XADD", "XRECORD:NAME", "*", "d", "both"]);
    answered(&server, &last).await;
    assert_eq!(names(&other.asked()), ["start both"]);
    other.end().await;
}

/// Runs `tests/data/control_caller.py` and answers its lines: `to`, `answer` and `ms` of each order.
pub(crate) async fn call(url: &str, orders: &[&str]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/control_caller.py");
    let arguments: Vec<String> =
        [url, QUEUE].iter().chain(orders).map(|argument| (*argument).to_owned()).collect();
    let running = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Program::start(&script, &arguments, &[], "all answered").output()
    });
    let output = running.await.unwrap();
    let lines = output.lines().filter(|line| *line != "all answered");
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

const QUEUE: &str = "site.orders";

/// What the quickest of some answers must at most take, in milliseconds.
const SOON: f64 = 1000.0;

fn on_amqp(server: &RabbitServer) -> AmqpControl {
    let url = server.amqp_url("/").parse().unwrap();
    AmqpControl::new(url, "framecache host-1", QUEUE).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_carries_orders_and_their_answers_across_restarts_of_both_sides() {
    let mut server = RabbitServer::start();
    let follower = Follower::start(on_amqp(&server));
    wait_until(|| {
        server.ctl(&["list_queues", "name", "consumers"]).contains(&format!("{QUEUE}\t1"))
    })
    .await;
    let url = server.amqp_url("/");
    let order = r#"{"command": "status", "name": "gate"}"#;
    let status: Value = serde_json::from_str(order).unwrap();
    let told = call(&url, &[order, "no json", order]).await;
    assert_eq!(told[0]["answer"], json!({"done": status}));
    let why = told[1]["answer"]["error"].as_str().unwrap();
    assert!(why.starts_with("the message is no JSON ("), "{why}");
    let to: Vec<&Value> = told.iter().map(|line| &line["to"]).collect();
    assert_eq!(to, ["call-0", "call-1", "call-2"]);
    // the first one also opens what the caller needs
    let quickest = told.iter().filter_map(|line| line["ms"].as_f64()).fold(f64::MAX, f64::min);
    assert!(quickest < SOON, "{told:?}");

    // an order waits for whoever serves the queue next, and is not carried out twice
    follower.end().await;
    let waiting = tokio::spawn({
        let url = url.clone();
        async move { call(&url, &[r#"{"command": "stop", "name": "gate"}"#]).await }
    });
    wait_until(|| {
        server.ctl(&["list_queues", "name", "messages"]).contains(&format!("{QUEUE}\t1"))
    })
    .await;
    let second = Follower::start(on_amqp(&server));
    let stop = json!({"command": "stop", "name": "gate"});
    assert_eq!(waiting.await.unwrap()[0]["answer"], json!({"done": stop}));
    assert_eq!(second.asked(), [Ok(vec![stop])]);

    // a killed broker may have forgotten that an order was carried out: that one comes again
    server.restart();
    assert_eq!(call(&url, &[order]).await[0]["answer"], json!({"done": status}));
    assert_eq!(second.asked().last(), Some(&Ok(vec![status])));
    second.end().await;
}
