//! The fixtures themselves: each server starts, answers, survives a SIGKILL and leaves nothing behind.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{port, python, rabbit::RabbitServer, redis::RedisServer, rtsp::RtspServer};

#[test]
fn redis_answers_by_port_and_by_socket_and_is_gone_after_drop() {
    let server = RedisServer::start();
    assert_eq!(server.cli(&["ping"]), "PONG");
    let by_port = server.port().to_string();
    assert_eq!(server.cli(&["-p", &by_port, "echo", "hello"]), "hello");
    let (port, socket) = (server.port(), server.socket());
    drop(server);
    assert!(!port::is_open(port));
    assert!(!socket.exists());
}

#[test]
fn redis_takes_options_and_keeps_its_folder_over_a_kill() {
    let options = ["--requirepass", "pw", "--appendonly", "yes", "--appendfsync", "always"];
    let mut server = RedisServer::start_with(&options);
    assert_eq!(server.cli(&["set", "key", "value"]), "OK");
    let port = server.port();
    server.kill9();
    assert!(!port::is_open(port));
    server.restart();
    assert_eq!(server.cli(&["get", "key"]), "value");
    assert_eq!(server.port(), port);
}

#[test]
fn a_frozen_redis_answers_only_after_the_thaw() {
    use std::io::Write as _;
    let server = RedisServer::start();
    server.freeze();
    let mut client = TcpStream::connect(server.address()).expect("the backlog should accept");
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    let mut reply = [0; 7];
    assert!(client.read_exact(&mut reply).is_err());
    server.thaw();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
}

/// Starts this same test in a process of its own, which holds a server, and kills that process.
#[test]
fn a_test_that_is_killed_leaves_no_server_behind() {
    if std::env::var_os("HOLD_A_SERVER").is_some() {
        let server = RedisServer::start();
        println!("\nport {}", server.port());
        std::thread::sleep(Duration::from_secs(60));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("support_smoke::a_test_that_is_killed_leaves_no_server_behind")
        .env("HOLD_A_SERVER", "1")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port: u16 = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("port ")?.parse().ok())
        .expect("the child should print its port");
    assert!(port::is_open(port));
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while port::is_open(port) {
        assert!(Instant::now() < deadline, "the server is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[should_panic(expected = "ERR unknown command")]
fn redis_cli_panics_on_an_error_reply() {
    RedisServer::start().cli(&["nonsense"]);
}

#[test]
fn rabbit_knows_its_vhosts_over_a_kill_and_is_gone_after_stop() {
    let mut server = RabbitServer::start_with_vhost("site-a");
    server.add_vhost("site-b");
    assert_eq!(vhosts(&server), ["site-a", "site-b"]);
    let port = server.port();
    assert_eq!(server.amqp_url("/"), format!("amqp://fleet:fleet-secret@127.0.0.1:{port}/%2F"));
    server.kill9();
    assert!(!port::is_open(port));
    server.restart();
    assert_eq!(vhosts(&server), ["site-a", "site-b"]);
    server.stop();
    assert!(!port::is_open(port));
}

fn vhosts(server: &RabbitServer) -> Vec<String> {
    let listed = server.ctl(&["list_vhosts", "name", "--no-table-headers"]);
    let mut names: Vec<String> = listed.lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn rtsp_serves_both_payloads_and_refuses_a_wrong_login() {
    let open = RtspServer::start(None);
    assert_eq!(probe(&open.url("/h264")), Ok("h264,640,360".to_owned()));
    assert_eq!(probe(&open.url("/mjpeg")), Ok("mjpeg,640,360".to_owned()));
    let mut closed = RtspServer::start(Some(("viewer", "p@ss word")));
    assert_eq!(probe(&closed.url("/mjpeg")), Ok("mjpeg,640,360".to_owned()));
    let refusal = probe(&closed.url_without_login("/mjpeg")).unwrap_err();
    assert!(refusal.contains("401 Unauthorized"), "{refusal}");
    let before = closed.url("/h264");
    closed.kill9();
    assert!(probe(&before).is_err());
    closed.restart();
    assert_eq!(closed.url("/h264"), before);
    assert_eq!(probe(&before), Ok("h264,640,360".to_owned()));
}

/// What ffprobe says of the stream: codec, width, height.
fn probe(url: &str) -> Result<String, String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-rtsp_transport", "tcp", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=codec_name,width,height", url])
        .output()
        .expect("ffprobe should start: install ffmpeg, or run tests/run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

#[test]
fn python_has_the_clients_that_the_consumers_use() {
    let output = Command::new(python::interpreter())
        .args(["-c", "import redis, pika, requests; print('all there')"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "all there\n");
}
