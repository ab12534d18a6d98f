//! The real binary with real arguments: what it says, how it ends, and a running `up`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a run of the binary came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    /// Stdout as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Every line of stdout as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).expect("a line should be JSON");
        self.text().lines().map(read).collect()
    }

    /// Panics unless the run ended with `code`.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.text(), self.stderr);
        self
    }
}

/// A folder of its own to run the binary in, without the variables of whoever runs the tests.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder should be creatable") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_framecache"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        let output = command.output().expect("the binary should start");
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Names of what lies in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        names_in(self.folder.path())
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder should be readable");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.flatten().map(name).collect();
    names.sort();
    names
}

/// A running `up`, killed on drop.
pub(crate) struct Up {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    url: String,
}

impl Up {
    /// `up --json` with this configuration; returns once it serves. Its log goes to `up.log`.
    pub(crate) fn start(place: &Place, config: &str) -> Self {
        fs::write(place.path("up.toml"), config).expect("the configuration should be writable");
        let mut command = place.command(&["up", "--config", "up.toml", "--json"]);
        let log = fs::File::create(place.path("up.log")).expect("the log should be writable");
        let spawned = command.stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = spawned.expect("the binary should start");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout should be piped"));
        let mut line = String::new();
        let read = stdout.read_line(&mut line);
        let started: Option<Value> = read.ok().and_then(|_| serde_json::from_str(&line).ok());
        let url = started.and_then(|started| Some(started["address"].as_str()?.to_owned()));
        let log = || fs::read_to_string(place.path("up.log")).unwrap_or_default();
        let url = url.unwrap_or_else(|| panic!("up did not start: {}", log()));
        Self { child, _stdout: stdout, url }
    }

    /// Where it serves, e.g. `http://127.0.0.1:8080`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
