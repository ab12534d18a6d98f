//! A private redis-server: a free loopback port, a unix socket and a temporary folder.
//!
//! It is up in about 20 ms, so each test has its own. It keeps nothing on disk unless the test asks for
//! it (`--appendonly yes`); the folder stays over `kill9` and `restart`.

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::{port, process::Guarded};

const INSTALL: &str = "install Redis 7 (apt-get install redis-server), or run tests/run";
const START_LIMIT: Duration = Duration::from_secs(10);

/// A running redis-server; the drop kills it and removes its folder.
pub(crate) struct RedisServer {
    process: Guarded,
    arguments: Vec<String>,
    port: u16,
    folder: TempDir,
}

impl RedisServer {
    /// A server with the defaults of Redis and no persistence.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with more command-line options, for example `["--maxmemory", "64mb"]`; these win over
    /// the options that the fixture sets.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder should be creatable");
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let mut reason = String::new();
        for _ in 0..3 {
            let port = port::free();
            match launch(folder.path(), port, &arguments) {
                Ok(process) => {
                    return Self { process, arguments, port, folder };
                }
                Err(failure) if failure.contains("Address already in use") => reason = failure,
                Err(failure) => panic!("redis-server did not start: {failure}"),
            }
        }
        panic!("redis-server found no free port: {reason}");
    }

    /// `redis://127.0.0.1:port`, without a password.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The path of the unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        socket_in(self.folder.path())
    }

    /// Runs redis-cli with these arguments and answers what it printed, without the last line end.
    /// Panics on an error reply. A password given by `--requirepass` is used.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(self.socket()).arg("-e");
        if let Some(password) = self.password() {
            command.env("REDISCLI_AUTH", password);
        }
        let output = command
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("redis-cli did not start ({error}): {INSTALL}"));
        assert!(
            output.status.success(),
            "redis-cli {arguments:?} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8_lossy(&output.stdout);
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    /// SIGKILL: clients see their connections reset, and then refused until `restart`.
    pub(crate) fn kill9(&mut self) {
        self.process.kill9();
    }

    /// The server stops in its tracks: connections stay open and nothing answers until `thaw`.
    pub(crate) fn freeze(&self) {
        self.process.freeze();
    }

    pub(crate) fn thaw(&self) {
        self.process.thaw();
    }

    /// Kills the server if it still runs and starts it again on the same port and folder.
    pub(crate) fn restart(&mut self) {
        self.kill9();
        self.process = launch(self.folder.path(), self.port, &self.arguments)
            .unwrap_or_else(|reason| panic!("redis-server did not start again: {reason}"));
    }

    fn password(&self) -> Option<&str> {
        let at = self.arguments.iter().position(|a| a == "--requirepass")?;
        self.arguments.get(at + 1).map(String::as_str)
    }
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("redis.sock")
}

fn launch(folder: &Path, port: u16, arguments: &[String]) -> Result<Guarded, String> {
    let socket = socket_in(folder);
    let mut command = Guarded::command(Path::new("redis-server"), INSTALL);
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .arg("--unixsocket")
        .arg(&socket)
        .arg("--dir")
        .arg(folder)
        .args(["--save", "", "--appendonly", "no"])
        .args(arguments);
    let mut process = Guarded::spawn(command, &folder.join("redis.log"));
    // Redis binds the socket last, and only this server binds it: no foreign listener is mistaken for it
    process.try_wait_until(START_LIMIT, |_| UnixStream::connect(&socket).is_ok())?;
    Ok(process)
}
