//! A child process that cannot outlive this one, however this one ends.
//!
//! The program runs beside a small shell that holds the read end of a pipe; the write end is here.
//! When it closes, because the handle is dropped or because the kernel closes it for a process that
//! was killed, the shell kills the program. This needs no unsafe code between fork and exec (which
//! would also make every start copy the page tables of a large process), and no particular libc. Both
//! run in a process group of their own: Ctrl-C on the terminal reaches this process alone, which then
//! ends its children in order.
//!
//! The program should end at once when killed; nothing is asked of it before.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Runs "$@" with nothing to read, until it or the standard input ends; passes on its exit status.
const GUARD: &str =
    r#""$@" </dev/null & exec >/dev/null 2>&1; read -r _; kill -KILL $!; wait $!; exit $?"#;

/// How long the end of a killed child is waited for.
const END_LIMIT: Duration = Duration::from_secs(5);

/// How long the rest of its errors is waited for: what it started itself may hold the pipe open.
const REST_LIMIT: Duration = Duration::from_millis(200);

/// Bytes of standard error that are kept.
const TAIL_BYTES: usize = 8 << 10;

/// Lines of standard error that are shown.
const TAIL_LINES: usize = 20;

const CHUNK_BYTES: usize = 64 << 10;

/// A running child.
#[derive(Debug)]
pub(super) struct GuardedChild {
    guard: Child,
    lifeline: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
    buffer: BytesMut,
    tail: Tail,
}

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its exit status as the shell tells it: 127 when there is no such program.
    pub(super) code: Option<i32>,
    /// The last lines of its standard error.
    pub(super) said: String,
}

impl GuardedChild {
    /// Starts `program`, a path or a name looked up in `PATH`.
    pub(super) fn start(program: &Path, arguments: &[OsString]) -> io::Result<Self> {
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let gone = || io::Error::other("a pipe to the child is missing");
        let lifeline = guard.stdin.take().ok_or_else(gone)?;
        let stdout = guard.stdout.take().ok_or_else(gone)?;
        let stderr = guard.stderr.take().ok_or_else(gone)?;
        let (buffer, tail) = (BytesMut::new(), Tail::default());
        Ok(Self { guard, lifeline, stdout, stderr, buffer, tail })
    }

    /// The next bytes of its standard output; empty at the end. May be dropped while it waits.
    pub(super) async fn read(&mut self) -> io::Result<Bytes> {
        let mut errors = true;
        loop {
            self.buffer.reserve(CHUNK_BYTES);
            tokio::select! {
                read = self.stdout.read_buf(&mut self.buffer) => {
                    read?;
                    return Ok(self.buffer.split().freeze());
                }
                more = self.tail.read(&mut self.stderr), if errors => errors = more?,
            }
        }
    }

    /// Kills it, if it still runs, and waits until it is gone.
    pub(super) async fn end(mut self) -> Ended {
        drop(self.lifeline);
        drop(self.stdout);
        let status = timeout(END_LIMIT, self.guard.wait()).await;
        let rest = async { while self.tail.read(&mut self.stderr).await.unwrap_or(false) {} };
        let _ = timeout(REST_LIMIT, rest).await;
        let code = status.ok().and_then(Result::ok).and_then(|status: ExitStatus| status.code());
        Ended { code, said: self.tail.lines() }
    }
}

/// The end of a text that may be long.
#[derive(Debug, Default)]
struct Tail(Vec<u8>);

impl Tail {
    /// Reads some of it; false at its end.
    async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<bool> {
        let mut chunk = [0; 1024];
        let length = from.read(&mut chunk).await?;
        self.0.extend_from_slice(&chunk[..length]);
        let old = self.0.len().saturating_sub(TAIL_BYTES);
        self.0.drain(..old);
        Ok(length > 0)
    }

    fn lines(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> GuardedChild {
        GuardedChild::start(Path::new("sh"), &["-c".into(), script.into()]).unwrap()
    }

    async fn output(child: &mut GuardedChild) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let chunk = child.read().await.unwrap();
            if chunk.is_empty() {
                return all;
            }
            all.extend_from_slice(&chunk);
        }
    }

    #[tokio::test]
    async fn output_errors_and_exit_status_come_through() {
        let mut child = shell("seq 3; for n in $(seq 30); do echo line $n >&2; done; exit 3");
        assert_eq!(output(&mut child).await, b"1\n2\n3\n");
        let last: Vec<String> = (11..=30).map(|n| format!("line {n}")).collect();
        assert_eq!(child.end().await, Ended { code: Some(3), said: last.join("; ") });
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_code_127() {
        let mut child = GuardedChild::start(Path::new("no-such-program"), &[]).unwrap();
        assert_eq!(output(&mut child).await, b"");
        assert_eq!(child.end().await.code, Some(127));
    }

    #[tokio::test]
    async fn a_child_that_never_ends_is_killed() {
        let mut child = shell("echo $$; exec sleep 1000");
        let pid = String::from_utf8(child.read().await.unwrap().to_vec()).unwrap();
        let program = format!("/proc/{}/exe", pid.trim());
        assert!(std::fs::read_link(&program).is_ok());
        assert_eq!(child.end().await.code, Some(128 + 9));
        assert!(std::fs::read_link(&program).is_err());
    }
}
