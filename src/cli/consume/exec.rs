//! Runs the user's command for a frame: the picture on stdin, what it is in the environment.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::model::frame::Frame;

/// Runs `command` with `/bin/sh -c` and waits for its end. What it prints goes where ours goes.
///
/// # Errors
/// It cannot be started, or ends with another code than 0. That it reads only a part of the picture
/// is none.
pub(super) async fn run(command: &str, frame: &Frame, file: Option<&Path>) -> anyhow::Result<()> {
    let key = &frame.key;
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", command])
        .env("FRAMECACHE_KEY", key.to_string())
        .env("FRAMECACHE_CAMERA", key.stream().camera.as_str())
        .env("FRAMECACHE_TIMESTAMP", key.at().to_rfc3339())
        .env("FRAMECACHE_TIMESTAMP_NANO", key.at().to_string())
        .env("FRAMECACHE_SIZE", frame.bytes.len().to_string())
        .stdin(Stdio::piped())
        .kill_on_drop(true);
    if let Some(file) = file {
        shell.env("FRAMECACHE_FILE", file);
    }
    let mut child = shell.spawn().context("cannot start /bin/sh")?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(&frame.bytes).await {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                return Err(error).context("cannot hand over the picture");
            }
            _ => drop(stdin),
        }
    }
    let status = child.wait().await.context("the command cannot be waited for")?;
    if !status.success() {
        bail!("the command ended with {status}");
    }
    Ok(())
}
