//! A server process that cannot outlive the test which started it.
//!
//! The command runs under a small shell in a process group of its own. The shell holds the read end of a
//! pipe whose write end is here: when this process ends in any way (return, panic, SIGKILL by the test
//! runner), the pipe closes and the shell kills the whole group. When the server ends by itself, the
//! group ends too, which is how `is_running` notices. Daemons that leave the group are not covered.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use std::os::unix::process::CommandExt as _;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Runs "$@" until it ends or stdin ends, then kills its process group, itself included.
const GUARD: &str = r#"("$@"; kill -KILL 0) & read -r _; kill -KILL 0"#;

/// How long `kill9` waits for the last process of the group.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A running command with its output in a file; the drop kills it and all of its children.
pub(crate) struct Guarded {
    guard: Child,
    _lifeline: ChildStdin,
    output: PathBuf,
}

impl Guarded {
    /// A command that runs `program` under the guard: add arguments and environment, then `spawn` it.
    /// Panics with `install`, which says what to install, when the program is missing.
    pub(crate) fn command(program: &Path, install: &str) -> Command {
        assert!(exists(program), "{} is not there: {install}", program.display());
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", GUARD, "guard"]).arg(program);
        shell
    }

    /// Starts a command made by `command`, with stdout and stderr in the file `output`, emptied first.
    pub(crate) fn spawn(mut command: Command, output: &Path) -> Self {
        let file = File::create(output).expect("the output file should be writable");
        let errors = file.try_clone().expect("a file handle should clone");
        let mut guard = command
            .stdin(Stdio::piped())
            .stdout(file)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .expect("/bin/sh should start");
        let lifeline = guard.stdin.take().expect("stdin should be piped");
        Self { guard, _lifeline: lifeline, output: output.to_owned() }
    }

    /// Waits until `ready` holds; panics with the tail of the output when the process ends first or
    /// `limit` passes.
    pub(crate) fn wait_until(&mut self, limit: Duration, ready: impl Fn(&str) -> bool) {
        if let Err(reason) = self.try_wait_until(limit, ready) {
            panic!("{reason}");
        }
    }

    /// As `wait_until`, with the reason instead of a panic.
    pub(crate) fn try_wait_until(
        &mut self,
        limit: Duration,
        ready: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        let start = Instant::now();
        loop {
            if !self.is_running() {
                return Err(format!("the server ended at once:\n{}", self.output_tail()));
            }
            if ready(&self.output()) {
                return Ok(());
            }
            if start.elapsed() > limit {
                return Err(format!(
                    "the server was not ready within {limit:?}:\n{}",
                    self.output_tail()
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// False once the server or its guard has ended.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.guard.try_wait(), Ok(None))
    }

    /// All that the process has written so far.
    pub(crate) fn output(&self) -> String {
        let bytes = fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn output_tail(&self) -> String {
        let text = self.output();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Waits until the process has ended by itself; false when it still runs after `limit`.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        while self.is_running() {
            if start.elapsed() > limit {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// SIGSTOP to the server and its children: connections stay open and nothing answers.
    pub(crate) fn freeze(&self) {
        self.signal_members(Signal::STOP);
    }

    /// SIGCONT after `freeze`.
    pub(crate) fn thaw(&self) {
        self.signal_members(Signal::CONT);
    }

    /// Signals every process of the group but the guard, which must be able to end the others.
    fn signal_members(&self, signal: Signal) {
        let guard = Pid::from_child(&self.guard);
        for pid in members(guard).filter(|pid| *pid != guard) {
            let _ = kill_process(pid, signal);
        }
    }

    /// SIGKILL to the server and all of its children; returns when they are gone.
    pub(crate) fn kill9(&mut self) {
        let group = Pid::from_child(&self.guard);
        if self.is_running() {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.guard.wait();
        }
        let start = Instant::now();
        while members(group).next().is_some() && start.elapsed() < KILL_LIMIT {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// The processes of a group of which a thread runs. A plain signal 0 would also count zombies, which stay
/// for ever where pid 1 does not reap; and a zombie whose other threads still end may still hold its port.
fn members(group: Pid) -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").expect("/proc should be readable");
    entries.flatten().filter_map(move |entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // proc(5): pid (name) state ppid pgrp .. num_threads ..; the name may hold spaces and brackets
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let pgrp: i32 = fields.get(2)?.parse().ok()?;
        let threads: u32 = fields.get(17)?.parse().ok()?;
        let runs = fields[0] != "Z" || threads > 1;
        (pgrp == group.as_raw_nonzero().get() && runs).then(|| Pid::from_raw(pid)).flatten()
    })
}

/// True when `program` is a file, or a file name found in PATH.
fn exists(program: &Path) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
