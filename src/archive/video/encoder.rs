//! An ffmpeg that is fed while its output is taken, and that ends with whoever takes it.
//!
//! One future drives all of it: bytes go in only while bytes are taken out, so a slow client slows
//! ffmpeg and nothing piles up, and a client that goes away drops the child, which is killed. Were this
//! process killed itself, the child would find its input ended and its output closed, and end too.

use std::io;
use std::path::Path;
use std::process::Stdio;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

const CHUNK_BYTES: usize = 64 << 10;

/// Bytes of its complaints that are kept.
const TAIL_BYTES: usize = 4 << 10;

/// A running ffmpeg.
pub(super) struct Encoder {
    child: Child,
    stdout: ChildStdout,
    stderr: ChildStderr,
    feed: Option<BoxFuture<'static, io::Result<()>>>,
    buffer: BytesMut,
    said: Vec<u8>,
    complains: bool,
}

impl Encoder {
    /// Starts `program`, a path or a name looked up in `PATH`; `feed` is given its standard input.
    pub(super) fn start(
        program: &Path,
        arguments: &[String],
        feed: impl FnOnce(ChildStdin) -> BoxFuture<'static, io::Result<()>>,
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C on the terminal reaches this process alone.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let gone = || io::Error::other("a pipe to the child is missing");
        Ok(Self {
            feed: Some(feed(child.stdin.take().ok_or_else(gone)?)),
            stdout: child.stdout.take().ok_or_else(gone)?,
            stderr: child.stderr.take().ok_or_else(gone)?,
            child,
            buffer: BytesMut::new(),
            said: Vec::new(),
            complains: true,
        })
    }

    /// The next bytes of its output; `None` at a good end.
    ///
    /// # Errors
    /// What feeding failed with, or the last that ffmpeg said.
    pub(super) async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let mut complaint = [0; 1024];
        loop {
            self.buffer.reserve(CHUNK_BYTES);
            tokio::select! {
                read = self.stdout.read_buf(&mut self.buffer) => return match read {
                    Ok(0) => self.end().await,
                    Ok(_) => Some(Ok(self.buffer.split().freeze())),
                    Err(error) => Some(Err(error)),
                },
                fed = fed(&mut self.feed) => {
                    self.feed = None;
                    // A child that no longer reads says why by its end.
                    if let Err(error) = fed && error.kind() != io::ErrorKind::BrokenPipe {
                        return Some(Err(error));
                    }
                }
                read = self.stderr.read(&mut complaint), if self.complains => {
                    let length = read.unwrap_or(0);
                    self.complains = length > 0;
                    self.said.extend_from_slice(&complaint[..length]);
                    let old = self.said.len().saturating_sub(TAIL_BYTES);
                    self.said.drain(..old);
                }
            }
        }
    }

    async fn end(&mut self) -> Option<io::Result<Bytes>> {
        let status = match self.child.wait().await {
            Ok(status) if status.success() => return None,
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let mut rest = Vec::new();
        let _ = self.stderr.read_to_end(&mut rest).await;
        self.said.extend(rest);
        let said = String::from_utf8_lossy(&self.said);
        let lines: Vec<&str> =
            said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(5)..].join("; ");
        Some(Err(io::Error::other(format!("ffmpeg failed ({status}): {last}"))))
    }
}

/// The end of feeding; never, once it was told.
async fn fed(feed: &mut Option<BoxFuture<'static, io::Result<()>>>) -> io::Result<()> {
    match feed {
        Some(feed) => feed.await,
        None => std::future::pending().await,
    }
}
