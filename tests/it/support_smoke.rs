//! The fixtures themselves: each server starts, answers, survives a SIGKILL and leaves nothing behind.

use crate::support::{port, rabbit::RabbitServer, redis::RedisServer};

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
    let options = [
        "--requirepass",
        "pw",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ];
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
    assert_eq!(
        server.amqp_url("/"),
        format!("amqp://fleet:fleet-secret@127.0.0.1:{port}/%2F")
    );
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
