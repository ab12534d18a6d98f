//! `get`: the picture of a key, to a pipe, a file, or a file with a name of its own.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;

use super::exit::Outcome;
use super::frames::FrameLine;
use super::output::{file_name, write_file};
use super::session::Session;
use super::times::shown_bytes;
use crate::model::frame::Frame;
use crate::model::key::FrameKey;

/// What `help get` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache get client-a:frames:cam4:1731024000123456789:00001
  framecache get client-a:frames:cam4:1731024000123456789:00001 -o a.jpg
  framecache get client-a:frames:cam4:1731024000123456789:00001 | ffprobe -";

/// Options of `get`.
#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// The frame's key, tenant:prefix:camera:unix_nano:seq.
    key: String,
    /// Write the picture to FILE, `-` for stdout; else to stdout when it is piped, and to
    /// CAMERA_TIME.jpg when it is a terminal.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: GetArgs) -> anyhow::Result<Outcome> {
    let key: FrameKey = args.key.parse()?;
    let desk = session.open()?;
    match desk.service.get(&key).await? {
        Some(frame) => {
            hand_out(session, &frame, args.output.as_deref(), None).await?;
            Ok(Outcome::Done)
        }
        None => {
            session.print.note(format_args!("no frame lives under {key}"));
            Ok(Outcome::NothingFound)
        }
    }
}

/// Gives the picture to whom it was asked for: stdout, the named file, or one with its own name.
pub(super) async fn hand_out(
    session: &Session,
    frame: &Frame,
    output: Option<&Path>,
    distance_nanos: Option<i64>,
) -> anyhow::Result<()> {
    let print = &session.print;
    let piped = output.is_none() && !print.is_terminal() && !print.json();
    if piped || output == Some(Path::new("-")) {
        print.bytes(&frame.bytes)?;
        return Ok(print.flush()?);
    }
    let own = PathBuf::from(file_name(&frame.key));
    let path = output.unwrap_or(&own);
    let bytes: Bytes = frame.bytes.clone();
    let size = bytes.len();
    write_file(path, bytes).await?;
    let line = FrameLine::bare(&frame.key, Some(size)).distance(distance_nanos).saved(path);
    let said = format!(
        "{}  {} of {}",
        path.display(),
        shown_bytes(u64::try_from(size).unwrap_or(u64::MAX)),
        frame.key
    );
    Ok(print.either(&line, said)?)
}
