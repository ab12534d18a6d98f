//! `check` against real servers that are right and wrong.

use serde_json::Value;

use super::Place;
use crate::support::port;
use crate::support::rabbit::RabbitServer;
use crate::support::redis::RedisServer;

fn finding<'a>(lines: &'a [Value], what: &str) -> (&'a str, &'a str) {
    let found = lines.iter().find(|line| line["what"] == what);
    let found = found.unwrap_or_else(|| panic!("no finding {what} in {lines:?}"));
    (found["level"].as_str().unwrap(), found["message"].as_str().unwrap())
}

#[test]
fn a_redis_is_judged_by_its_own_facts() {
    let options = ["--maxmemory", "64mb", "--maxmemory-policy", "volatile-ttl"];
    let server = RedisServer::start_with(&options);
    server.cli(&["SET", "default:frames:cam4:1731024000123456789:00001", "endless"]);
    server.cli(&["SETEX", "default:frames:cam4:1731024000123456789:00002", "300", "ends"]);
    server.cli(&["SET", "no frame at all", "endless"]);
    let lines = Place::new().run(&["check", "--redis", &server.url(), "--json"]).ended(0).json();
    assert_eq!(finding(&lines, "redis memory").0, "ok");
    assert_eq!(finding(&lines, "redis password").0, "warn");
    assert_eq!(finding(&lines, "redis disk").0, "ok");
    assert_eq!(finding(&lines, "redis clock").0, "ok");
    assert_eq!(finding(&lines, "redis latency").0, "ok");
    let (level, said) = finding(&lines, "frames without end");
    assert_eq!(level, "warn");
    assert!(said.starts_with("1 of 2 frames looked at never expire"), "{said}");
    // three cameras at a guessed rate and size need more than 64 MB for five minutes
    assert_eq!(finding(&lines, "memory needed").0, "warn");
}

#[test]
fn a_redis_that_is_away_or_refuses_the_password_fails() {
    let server = RedisServer::start_with(&["--requirepass", "right"]);
    let wrong = format!("redis://:wrong@{}", server.address());
    let away = format!("redis://127.0.0.1:{}", port::free());
    for url in [wrong, away] {
        let ran = Place::new().run(&["check", "--redis", &url]).ended(1);
        let lines = ran.text();
        assert!(lines.lines().any(|line| line.starts_with("FAIL  redis ")), "{lines}");
        assert!(!lines.contains("wrong@"), "{lines}");
    }
}

#[test]
fn a_missing_vhost_names_the_amqp_command_that_makes_it() {
    let server = RabbitServer::start();
    let check = |vhost: &str| {
        let place = Place::new();
        let mut command = place.command(&["check", "--json"]);
        command.env("AMQP_URL", server.amqp_url(vhost));
        super::ran(command)
    };
    let lines = check("/").ended(0).json();
    assert_eq!(finding(&lines, "amqp").0, "ok");
    let lines = check("missing").ended(1).json();
    let (level, said) = finding(&lines, "amqp");
    assert_eq!(level, "fail");
    assert!(said.contains("rabbitmqctl add_vhost missing"), "{said}");
    assert!(said.contains("rabbitmqctl set_permissions -p missing"), "{said}");
}
