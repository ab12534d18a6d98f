//! Bad usage, nothing found, and readers that go away: the exit code and one clear sentence.

use std::net::TcpListener;
use std::process::Stdio;

use super::{PUSHED, Place, Up, finished};
use crate::support::port;

#[test]
fn bad_usage_ends_with_2_and_says_what_would_be_right() {
    let place = Place::new();
    for (arguments, said) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'"),
        (&["latest", "--frobnicate"], "unexpected argument '--frobnicate'"),
        (&["latest", "a:b"], "camera id \"a:b\" does not fit: 1 to 64 letters"),
        (&["get", "x"], "\"x\" is no frame key: it should read tenant:prefix:camera"),
        (&["range", "cam1", "--from", "soon"], "\"soon\" is no time: write RFC 3339"),
        (&["range", "cam1", "--from", "now", "--to", "-5s"], "which is not after its start"),
        (&["range", "cam1", "--every", "0s"], "write a length of time above zero"),
        (&["latest", "-n", "5"], "name the camera"),
        (&["push", "cam1", "x.jpg", "--fps", "0"], "write a number above 0 and at most 1000"),
        (&["consume", "--limit", "0"], "0 is not in 1.."),
        (&["push", "cam1", "-", "-"], "can be read only once"),
        (&["latest", "--url", "no url"], "no url"),
        (&["latest", "--tenant", "a:b"], "tenant \"a:b\" does not fit"),
        (&["latest", "--redis", "http://x"], "write redis://[user:password@]host"),
        (&["collect"], "collect needs Redis"),
    ] {
        let ran = place.run(arguments).ended(2);
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn nothing_found_ends_with_3() {
    let place = Place::new();
    let up = Up::start(&place, PUSHED);
    for arguments in [
        &["latest"][..],
        &["latest", "cam9"],
        &["range", "cam1", "--from", "-1h"],
        &["range"],
        &["at", "cam1", "now"],
        &["timeline"],
        &["cameras"],
        &["stats"],
        &["get", "default:frames:cam1:1731024000123456789:00001"],
    ] {
        let ran = place.run(&[arguments, &["--url", &up.url]].concat()).ended(3);
        assert!(!ran.stderr.contains("error"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    for arguments in [&["completions", "bash"][..], &["config", "show"]] {
        let mut child =
            place.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = finished(child).ended(0);
        assert_eq!(ran.stderr, "", "{arguments:?}");
    }
}

#[test]
fn a_configured_port_in_use_is_one_sentence() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    place.write("config.toml", PUSHED.replace(":0", &format!(":{port}")));
    let ran = place.run(&["up"]).ended(1);
    let said = format!("error: port {port} of 127.0.0.1 is in use: end the program that listens");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
}

#[test]
fn a_server_that_is_away_is_one_sentence() {
    let place = Place::new();
    let url = format!("http://127.0.0.1:{}", port::free());
    let redis = format!("redis://:hunter2@127.0.0.1:{}", port::free());
    for arguments in [&["latest", "--url", &url][..], &["latest", "--redis", &redis]] {
        let ran = place.run(arguments).ended(1);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
    let ran = place.run(&["healthcheck", "--url", &url]).ended(1);
    let said = format!("error: nothing answers at {url}/healthz (connection refused)\n");
    assert_eq!(ran.stderr, said);
    let file = place.write("a.jpg", super::jpeg(1));
    let names = [file.to_str().unwrap(); 5];
    let ran = place.run(&[&["push", "cam1", "--url", &url], &names[..]].concat()).ended(1);
    assert!(ran.stderr.ends_with("stopped early: 2 files not tried\n"), "{}", ran.stderr);
}

#[test]
fn completions_know_every_verb() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&["completions", shell]).ended(0).text();
        for verb in super::docs::verbs(&place) {
            assert!(script.contains(&verb), "{shell}: {verb}");
        }
    }
    place.run(&["completions", "csh"]).ended(2);
}
