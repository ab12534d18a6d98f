//! A running `framecache up`, and what the kernel says of its processor time and memory.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::port;
use crate::support::process::Guarded;

/// How long the program may take to start.
const START: Duration = Duration::from_secs(20);

/// Clock ticks a second in `/proc/PID/stat` (proc(5)); 100 on every Linux of today.
const TICKS: f64 = 100.0;

/// The program, killed on drop.
pub(crate) struct Up {
    pub(crate) address: String,
    pub(crate) pid: u32,
    _process: Guarded,
    _folder: TempDir,
}

impl Up {
    /// Starts `framecache up` with this configuration; `[http]` is written here.
    pub(crate) fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, file) = (port::free(), folder.path().join("config.toml"));
        fs::write(&file, format!("{config}\n[http]\nlisten = \"127.0.0.1:{port}\"\n")).unwrap();
        let mut command = Guarded::command(Path::new(env!("CARGO_BIN_EXE_framecache")), "cargo");
        command.args(["up", "--config"]).arg(&file);
        let mut process = Guarded::spawn(command, &folder.path().join("out"));
        process.wait_until(START, |_| port::is_open(port));
        let pid = pid_of(&file);
        Self { address: format!("127.0.0.1:{port}"), pid, _process: process, _folder: folder }
    }

    /// Seconds of processor time so far, in user and system mode.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // fields 14 and 15 of proc(5), counted from the state, which is field 3
        let ticks = |field: usize| fields[field - 3].parse::<f64>().unwrap();
        (ticks(14) + ticks(15)) / TICKS
    }

    /// Resident bytes: `VmRSS` now, `VmHWM` the most so far.
    pub(crate) fn memory(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
    }

    /// Forgets the most memory so far (proc(5), `clear_refs`).
    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5").unwrap();
    }
}

/// The program whose arguments name this file: the shell that guards it names it too.
fn pid_of(config: &Path) -> u32 {
    let found = Command::new("pgrep")
        .args(["-f", &format!("framecache up --config {}", config.display())])
        .output()
        .unwrap();
    let is_program = |pid: &u32| {
        let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        exe == Path::new(env!("CARGO_BIN_EXE_framecache"))
    };
    let pids = String::from_utf8_lossy(&found.stdout).into_owned();
    pids.lines().filter_map(|pid| pid.parse().ok()).find(is_program).unwrap()
}
