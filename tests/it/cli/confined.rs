//! `acl`, and the whole program as users that it confines, on a real Redis and a real RabbitMQ.

use std::fs;

use serde_json::Value;

use super::{Place, Ran, Up, jpeg};
use crate::support::python::Program;
use crate::support::rabbit::RabbitServer;
use crate::support::redis::RedisServer;

const PASSWORD: &str = "own-secret";

fn acl(place: &Place, arguments: &[&str]) -> Value {
    place.run(&[&["acl", "--json"][..], arguments].concat()).ended(0).json().remove(0)
}

/// Makes a Redis user as the printed line says; answers the URL to log in with.
fn redis_user(server: &RedisServer, place: &Place, arguments: &[&str]) -> String {
    let acl = acl(place, arguments);
    let line = acl["redis"].as_str().unwrap().replace("PASSWORD", PASSWORD);
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(server.cli(&words), "OK");
    format!("redis://{}:{PASSWORD}@{}", acl["user"].as_str().unwrap(), server.address())
}

/// The same with rabbitmqctl; answers the user's name.
fn amqp_user(server: &RabbitServer, place: &Place, arguments: &[&str]) -> String {
    let acl = acl(place, arguments);
    for line in acl["rabbitmq"].as_array().unwrap() {
        let line = line.as_str().unwrap().replace("PASSWORD", PASSWORD);
        let words: Vec<&str> = line.split(' ').map(|word| word.trim_matches('\'')).collect();
        if words[1] != "add_vhost" {
            server.ctl(&words[1..]);
        }
    }
    acl["user"].as_str().unwrap().to_owned()
}

struct Confined {
    server: RedisServer,
    place: Place,
    collector: String,
    reader: String,
}

impl Confined {
    /// A Redis with a frame of `cam1` of the tenant `bank`, and two users of the tenant `shop`.
    fn start() -> Self {
        let (server, place) = (RedisServer::start(), Place::new());
        place.write("a.jpg", jpeg(1));
        let bank = ["push", "cam1", "a.jpg", "--tenant", "bank", "--redis", &server.url()];
        place.run(&bank).ended(0);
        let collector = redis_user(&server, &place, &["--tenant", "shop"]);
        let reader = ["--tenant", "shop", "--role", "reader", "--user", "wall"];
        let reader = redis_user(&server, &place, &reader);
        Self { server, place, collector, reader }
    }

    fn run(&self, url: &str, tenant: &str, verb: &[&str]) -> Ran {
        self.place.run(&[verb, &["--redis", url, "--tenant", tenant, "--json"]].concat())
    }
}

#[test]
fn a_redis_user_of_one_tenant_can_do_all_of_its_own() {
    let own = Confined::start();
    let pushed = own.run(&own.collector, "shop", &["push", "cam1", "a.jpg"]).ended(0);
    assert!(!pushed.stderr.contains("may not"), "{}", pushed.stderr);
    for url in [&own.collector, &own.reader] {
        for verb in [
            &["latest", "cam1"][..],
            &["latest", "cam1", "--via", "index", "--verify"],
            &["range", "cam1", "--from", "-1m"],
            &["at", "cam1", "now"],
            &["timeline", "cam1"],
            &["cameras"],
            &["stats"],
        ] {
            let ran = own.run(url, "shop", verb).ended(0);
            let text = ran.text();
            assert!(text.contains("cam1") || text.contains("frames"), "{verb:?}: {text}");
            assert!(!text.contains("bank") && ran.stderr.is_empty(), "{verb:?} {}", ran.stderr);
        }
    }
    let hold = own.run(&own.collector, "shop", &["hold", "cam1", "--from", "-1m"]).ended(0).json();
    assert_eq!(hold[0]["frames"], 1, "{hold:?}");
    for url in [&own.collector, &own.reader] {
        let listed = own.run(url, "shop", &["holds"]).ended(0).json();
        assert_eq!((&listed[0]["id"], &listed[0]["frames"]), (&hold[0]["id"], &hold[0]["frames"]));
    }
    let id = hold[0]["id"].as_str().unwrap();
    own.run(&own.collector, "shop", &["release", id]).ended(0);
    // every tenant is asked for, and only the own one is told of
    let stats = own.place.run(&["stats", "--redis", &own.collector, "--json"]);
    assert!(!stats.text().contains("bank"), "{}", stats.text());
    let refused = own.run(&own.reader, "shop", &["push", "cam1", "a.jpg"]).ended(1);
    assert!(refused.stderr.contains("the user may not do this"), "{}", refused.stderr);
    assert_eq!(
        own.server.cli(&["ZRANGE", "@framecache/streams", "0", "-1"]),
        "bank/frames\nshop/frames"
    );
}

#[test]
fn a_redis_user_of_one_tenant_sees_nothing_of_another() {
    let own = Confined::start();
    own.run(&own.collector, "shop", &["push", "cam1", "a.jpg"]).ended(0);
    for url in [&own.collector, &own.reader] {
        for verb in [
            &["latest", "cam1"][..],
            &["range", "cam1"],
            &["at", "cam1", "now"],
            &["cameras"],
            &["stats"],
        ] {
            let ran = own.run(url, "bank", verb).ended(1);
            assert!(ran.text().is_empty(), "{verb:?}: {}", ran.text());
            assert!(ran.stderr.contains("the user may not do this"), "{verb:?}: {}", ran.stderr);
        }
        let scan = own.run(url, "shop", &["range", "cam1", "--via", "scan"]).ended(1);
        assert!(
            scan.stderr.contains("scans are off: the user may not list keys"),
            "{}",
            scan.stderr
        );
        let login = ["-u", url.as_str(), "--no-auth-warning"];
        for command in [
            &["KEYS", "*"][..],
            &["SCAN", "0"],
            &["DBSIZE"],
            &["RANDOMKEY"],
            &["INFO"],
            &["PSUBSCRIBE", "*"],
            &["FLUSHALL"],
            &["CONFIG", "GET", "*"],
            &["MONITOR"],
            &["ZRANGE", "@framecache/streams", "0", "-1"],
            &["ZRANGE", "@framecache/{bank/frames}/cameras", "0", "-1"],
            &["SET", "bank:frames:cam1:1731024000123456789:00001", "x"],
            &["ACL", "LIST"],
        ] {
            let mut redis_cli = std::process::Command::new("redis-cli");
            let said = output_of(redis_cli.args(login).args(command));
            assert!(said.contains("NOPERM"), "{command:?}: {said}");
        }
    }
}

fn output_of(command: &mut std::process::Command) -> String {
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn up_collects_and_announces_as_redis_and_amqp_users_of_one_tenant() {
    let own = Confined::start();
    let rabbit = RabbitServer::start_with_vhost("shop");
    rabbit.add_vhost("bank");
    let user = amqp_user(&rabbit, &own.place, &["--tenant", "shop"]);
    let amqp =
        |vhost: &str| format!("amqp://{user}:{PASSWORD}@127.0.0.1:{}/{vhost}", rabbit.port());
    let config = |vhost: &str, exchange: &str| {
        format!(
            "tenant = \"shop\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redis]\nenabled = true\nurl = {:?}\n\
             [amqp]\namqp_url = {:?}\n[metadata]\nexchange = {exchange:?}\n\
             [[cameras]]\nid = \"cam1\"\nurl = \"push:\"\n",
            own.collector,
            amqp(vhost)
        )
    };
    let up = Up::start(&own.place, &config("shop", "camera.metadata"));
    for _ in 0..5 {
        own.place.run(&["push", "cam1", "a.jpg", "--url", &up.url, "--tenant", "shop"]).ended(0);
    }
    let latest = ["latest", "cam1", "--url", &up.url, "--tenant", "shop", "--json"];
    assert_eq!(own.place.run(&latest).ended(0).json().len(), 1);
    let (code, account) = up.terminate();
    let log = fs::read_to_string(own.place.path("up.log")).unwrap();
    assert!(!log.contains("may not") && !log.contains("refuse"), "{log}");
    let told = (code, &account["stored"], &account["announced"]);
    assert_eq!(told, (0, &Value::from(5), &Value::from(5)), "{account}\n{log}");

    for (vhost, exchange) in [("bank", "camera.metadata"), ("shop", "other.exchange")] {
        let path = own.place.write("check.toml", config(vhost, exchange));
        let ran = own.place.run(&["check", "--config", path.to_str().unwrap()]).ended(1);
        assert!(ran.text().contains("FAIL  amqp"), "{vhost} {exchange}: {}", ran.text());
        assert!(!ran.text().contains("FAIL  redis"), "{}", ran.text());
    }
}

#[test]
fn up_takes_orders_as_redis_and_amqp_users_of_one_tenant() {
    let (redis, rabbit, place) =
        (RedisServer::start(), RabbitServer::start_with_vhost("shop"), Place::new());
    let config = |redis_url: &str, amqp_url: &str| {
        format!(
            "tenant = \"shop\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [redis]\nenabled = true\nurl = {redis_url:?}\n[amqp]\namqp_url = {amqp_url:?}\n\
             [control]\namqp = true\nredis = true\nredis_stream = \"shop.orders\"\n"
        )
    };
    let admin = rabbit.amqp_url("shop");
    let path = place.write("acl.toml", config(&redis.url(), &admin));
    let arguments = ["--config", path.to_str().unwrap()];
    let redis_url = redis_user(&redis, &place, &arguments);
    let user = amqp_user(&rabbit, &place, &arguments);
    let amqp_url = format!("amqp://{user}:{PASSWORD}@127.0.0.1:{}/shop", rabbit.port());
    let up = Up::start(&place, &config(&redis_url, &amqp_url));

    // waits in the stream and in the queue until they are listened to
    redis.cli(&["XADD", "shop.orders", "*", "order", r#"{"command":"list"}"#]);
    redis.cli(&["XADD", "shop.orders", "*", "d", "night"]);
    let answers = || redis.cli(&["XREVRANGE", "XRECORD:STATE", "+", "-"]);
    let start = std::time::Instant::now();
    while !answers().contains(r#""command":"start""#) {
        let log = fs::read_to_string(place.path("up.log")).unwrap();
        assert!(start.elapsed().as_secs() < 30, "no answer: {}\n{log}", answers());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let script =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/control_caller.py");
    let order = r#"{"command": "status", "name": "night"}"#;
    let caller =
        Program::start(&script, &[&admin, "framecache.control", order], &[], "all answered");
    let answer: Value = serde_json::from_str(caller.output().lines().next().unwrap()).unwrap();
    let log = fs::read_to_string(place.path("up.log")).unwrap();
    assert_eq!(answer["answer"]["recordings"][0]["state"], "recording", "{answer}\n{log}");
    assert_eq!(up.terminate().0, 0);
    let log = fs::read_to_string(place.path("up.log")).unwrap();
    assert!(!log.contains("may not") && !log.contains("refuse"), "{log}");
}

#[test]
fn the_lines_are_printed_for_people_and_name_the_user_and_the_vhost() {
    let place = Place::new();
    let ran = place.run(&["acl", "--tenant", "shop", "--user", "me", "--vhost", "v"]).ended(0);
    let text = ran.text();
    let redis = "\nACL SETUSER me reset on >PASSWORD resetkeys resetchannels -@all ~shop:* \
                 ~@framecache/{shop/* ~@framecache/format %W~@framecache/streams +auth ";
    assert!(text.contains(redis), "{text}");
    let rabbit = "\nrabbitmqctl set_permissions -p 'v' me '^(camera\\.metadata|amq\\.gen.*)$' ";
    assert!(text.contains(rabbit), "{text}");
    assert_eq!(acl(&place, &[])["user"], "default-collector");
}
