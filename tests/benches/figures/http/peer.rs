//! nginx as a plain file server, and `wrk` as the load on either side.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::port;
use crate::support::process::Guarded;

const START: Duration = Duration::from_secs(10);

/// The server, killed on drop.
pub(crate) struct Nginx {
    pub(crate) address: String,
    _process: Guarded,
    _folder: TempDir,
}

/// Whether both programs are installed.
pub(crate) fn is_here() -> bool {
    let answers = |program: &str| Command::new(program).arg("-v").output().is_ok();
    answers("nginx") && answers("wrk")
}

impl Nginx {
    /// Serves `bytes` as `/latest.jpg`, and `/page.html` that shows them, with what nginx does best: sendfile, no log.
    pub(crate) fn start(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, root) = (port::free(), folder.path().display().to_string());
        fs::write(folder.path().join("latest.jpg"), bytes).unwrap();
        let page = "<!doctype html><title>one</title><img class=plain src=latest.jpg>";
        fs::write(folder.path().join("page.html"), page).unwrap();
        let config = format!(
            "daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
             types {{ image/jpeg jpg; text/html html; }} open_file_cache max=10;\n\
             client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};\n\
             uwsgi_temp_path {root}; scgi_temp_path {root};\n\
             server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config).unwrap();
        let mut command = Guarded::command(Path::new("/usr/sbin/nginx"), "install nginx-light");
        command.arg("-c").arg(&file);
        let mut process = Guarded::spawn(command, &folder.path().join("out"));
        process.wait_until(START, |_| port::is_open(port));
        Self { address: format!("127.0.0.1:{port}"), _process: process, _folder: folder }
    }
}

/// What wrk says of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Answers a second.
    pub(crate) rate: f64,
    /// The time in microseconds that 99 of 100 answers took at most.
    pub(crate) p99_micros: f64,
}

/// Asks for `url` over 16 connections for so many seconds; every answer must be a 200.
pub(crate) fn load(url: &str, seconds: u64) -> Load {
    let duration = format!("-d{seconds}s");
    let ran = Command::new("wrk")
        .args(["-t1", "-c16", &duration, "--latency", url])
        .output()
        .expect("wrk should run");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "wrk failed: {said}");
    let odd = said.contains("Non-2xx") || said.contains("Socket errors");
    assert!(!odd, "some answers were none: {said}");
    let after = |name: &str| {
        let line = said.lines().find(|line| line.trim_start().starts_with(name)).expect(name);
        line.split_whitespace().next_back().expect(name).to_owned()
    };
    Load { rate: after("Requests/sec:").parse().unwrap(), p99_micros: micros(&after("99%")) }
}

/// A time as wrk prints it: `310.00us`, `1.25ms`, `1.20s`.
fn micros(text: &str) -> f64 {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    let (number, factor) = units
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .expect("a time of wrk should have a unit");
    number.parse::<f64>().expect("a time of wrk should be a number") * factor
}
