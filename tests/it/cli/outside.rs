//! The same verbs on Redis directly: no `up` runs, and foreign frames are found by a scan.

use serde_json::json;

use super::{Place, jpeg};
use crate::support::port;
use crate::support::redis::RedisServer;

#[test]
fn verbs_work_on_redis_without_an_up() {
    let server = RedisServer::start();
    let (place, url) = (Place::new(), server.url());
    let run = |arguments: &[&str]| place.run(&[arguments, &["--redis", &url]].concat());
    place.write("a.jpg", jpeg(1));
    let pushed = run(&["push", "cam1", "a.jpg", "--tenant", "acme"]).ended(0).text();
    let key = pushed.trim();
    assert!(key.starts_with("acme:frames:cam1:"), "{key}");
    assert_eq!(server.cli(&["--scan", "--pattern", "*/outbox/*"]), "", "all is announced");
    assert_eq!(run(&["get", key]).ended(0).stdout, jpeg(1));
    let latest = run(&["latest", "cam1", "--tenant", "acme", "--json"]).ended(0).json();
    assert_eq!(latest[0]["key"], json!(key));
    let stats = run(&["stats", "--json"]).ended(0).json();
    assert_eq!((&stats[0]["tenant"], &stats[0]["frames"]), (&json!("acme"), &json!(1)));
    assert_eq!(stats[1]["store"]["backend"], "redis");
}

#[test]
fn who_only_asks_hears_nothing_of_a_broker_that_is_away() {
    let server = RedisServer::start();
    let (place, url) = (Place::new(), server.url());
    let broker = format!("amqp://127.0.0.1:{}/default", port::free());
    place.write("config.toml", format!("[amqp]\namqp_url = \"{broker}\"\n"));
    let run = |arguments: &[&str]| place.run(&[arguments, &["--redis", &url]].concat());
    let ran = run(&["cameras"]).ended(3);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    let ran = run(&["check"]).ended(1);
    assert!(ran.text().contains("FAIL  amqp"), "{}", ran.text());
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_frame_of_another_program_is_found_by_scan_and_the_user_hears_of_it() {
    let server = RedisServer::start();
    let (place, url) = (Place::new(), server.url());
    let run = |arguments: &[&str]| place.run(&[arguments, &["--redis", &url]].concat());
    let key = "default:frames:cam4:1731024000123456789:00001";
    server.cli(&["SETEX", key, "300", "picture"]);
    for arguments in [&["latest", "cam4"][..], &["range", "cam4"], &["at", "cam4", "now"]] {
        let ran = run(arguments).ended(0);
        assert!(ran.text().contains(key), "{arguments:?}: {}", ran.text());
        assert!(ran.stderr.contains("a scan was needed"), "{arguments:?}: {}", ran.stderr);
        run(&[arguments, &["--via", "index"]].concat()).ended(3);
    }
    let told = run(&["reindex"]).ended(0).text();
    assert!(
        told.starts_with("1 frame found: 0 in the index before, 1 added; 0 other keys left alone"),
        "{told}"
    );
    let ran = run(&["latest", "cam4", "--via", "index"]).ended(0);
    assert!(ran.text().contains(key) && ran.stderr.is_empty(), "{}", ran.stderr);
}
