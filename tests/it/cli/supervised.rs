//! What `up` tells systemd, on a socket of ours, and the unit that asks for it.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{PUSHED, Place};

/// Longer than any of its messages may take by far.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn up_says_when_it_serves_that_it_lives_and_that_it_stops() {
    let place = Place::new();
    let path = place.path("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut bytes = [0; 200];
        let length = socket.recv(&mut bytes).expect("up should tell something");
        String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
    };
    let config = place.write("up.toml", PUSHED);
    let mut command = place.command(&["up", "--json", "--config", config.to_str().unwrap()]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    let mut up = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let told = [next(), next(), next()];
    kill_process(Pid::from_child(&up), Signal::TERM).unwrap();
    let mut last = next();
    while last == "WATCHDOG=1" {
        last = next();
    }
    assert!(up.wait().unwrap().success());
    assert_eq!(told, ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
    assert_eq!(last, "STOPPING=1");
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_leaves_little_to_an_intruder() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/framecache.service");
    let analyze = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze").args(arguments).arg(unit).output();
        let output = output.expect("install systemd (apt-get install systemd), or run tests/run");
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8(said).unwrap()
    };
    // The program is not installed where the tests run; nothing else may be said.
    let said = analyze(&["verify"]);
    let others = said.lines().filter(|line| line.contains("framecache.service"));
    let others: Vec<&str> = others.filter(|line| !line.contains("is not executable")).collect();
    assert!(others.is_empty(), "{others:?}");
    let judged = analyze(&["security", "--offline=true", "--threshold=20"]);
    let level = judged.split("exposure level for framecache.service: ").nth(1).unwrap();
    let level: f64 = level.split(' ').next().unwrap().parse().unwrap();
    assert!(level <= 2.0, "{level}");
}
