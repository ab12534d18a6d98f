//! `range`: the frames of a window, listed or saved into a folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::args::ViaArg;
use super::exit::Outcome;
use super::frames::{self, FrameLine};
use super::output::Folder;
use super::session::{Desk, Session};
use super::times::{self, TIME_HELP, shown_bytes, shown_count};
use crate::model::frame::FrameInfo;
use crate::model::key::StreamId;
use crate::model::name::CameraId;
use crate::query::{How, RangeAnswer, RangeRequest, Via};

/// What `help range` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache range cam1 --from -30s                      the last half minute
  framecache range --from 14:02:10 --to 14:02:40         of all cameras
  framecache range cam1 cam2 --from -1h --every 1s -o f  one frame a second, saved into f/
  framecache range cam1 --from -5m --json | jq .size     for programs";

/// Frames that are fetched at the same time.
const FETCHES: usize = 8;

/// Options of `range`.
#[derive(Debug, Args)]
pub(super) struct RangeArgs {
    /// Which cameras; else all.
    #[arg(value_name = "CAMERA")]
    cameras: Vec<CameraId>,
    /// First instant of the window; else as far back as frames live.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
        help = format!("First instant of the window; else as far back as frames live. {TIME_HELP}"))]
    from: Option<String>,
    /// First instant after the window; else it stays open.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Of each camera only the first frame of each step of this length, e.g. 1s.
    #[arg(long, value_name = "LENGTH", value_parser = times::span)]
    every: Option<Duration>,
    /// At most so many frames.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Newest first; with --limit the newest ones.
    #[arg(long)]
    reverse: bool,
    /// How frames are found.
    #[arg(long, value_name = "WAY", default_value = "auto")]
    via: ViaArg,
    /// Ask the store for each frame, so that none is listed which another program deleted.
    #[arg(long)]
    verify: bool,
    /// Save the pictures into FOLDER, as CAMERA_TIME.jpg.
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: RangeArgs) -> anyhow::Result<Outcome> {
    let window = times::window(args.from.as_deref(), args.to.as_deref(), session.now)?;
    let desk = session.open()?;
    let via = args.via.into();
    let request = RangeRequest {
        streams: streams(&desk, &args.cameras, via).await?,
        window,
        every: args.every,
        limit: args.limit,
        reverse: args.reverse,
        how: How { via, verify: args.verify },
    };
    let answer = desk.service.range(&request).await?;
    note_oddities(session, &answer, via);
    if answer.frames.is_empty() {
        session.print.note("no live frame lies in this window");
        return Ok(Outcome::NothingFound);
    }
    match &args.output {
        Some(folder) => save_all(session, &desk, &answer.frames, folder).await,
        None => {
            frames::list(&session.print, &answer.frames, session.now)?;
            session.print.flush()?;
            frames::note_total(&session.print, &answer.frames);
            Ok(Outcome::Done)
        }
    }
}

/// The named cameras, or all of the family.
pub(super) async fn streams(
    desk: &Desk,
    cameras: &[CameraId],
    via: Via,
) -> anyhow::Result<Vec<StreamId>> {
    if !cameras.is_empty() {
        return Ok(cameras.iter().map(|camera| desk.stream(camera)).collect());
    }
    let known = desk.service.cameras(&desk.scope(None), via).await?;
    Ok(known.into_iter().map(|camera| camera.stream).collect())
}

fn note_oddities(session: &Session, answer: &RangeAnswer, via: Via) {
    if answer.scanned && !answer.frames.is_empty() {
        frames::note_scan(&session.print, via == Via::Scan);
    }
    if answer.foreign > 0 {
        let count = answer.foreign;
        session.print.note(format_args!(
            "{} passed over: no frame is named like that",
            shown_count(count, "other key")
        ));
    }
}

/// Fetches and saves every frame; the first file that cannot be written ends it, and what was saved
/// before stays.
async fn save_all(
    session: &Session,
    desk: &Desk,
    frames: &[FrameInfo],
    folder: &Path,
) -> anyhow::Result<Outcome> {
    let mut saver = Folder::open(folder)?;
    let print = &session.print;
    let bar = print.progress(u64::try_from(frames.len()).unwrap_or(u64::MAX), "saving");
    let mut fetched =
        stream::iter(frames).map(|info| desk.service.get(&info.key)).buffered(FETCHES);
    let (mut saved, mut bytes, mut gone) = (0_u64, 0_u64, 0_u64);
    while let Some(found) = fetched.try_next().await? {
        bar.inc(1);
        let Some(frame) = found else {
            gone += 1;
            continue;
        };
        let path = saver.save(&frame).await.inspect_err(|_| {
            bar.abandon();
            let all = shown_count(frames.len(), "frame");
            print.note(format_args!("{saved} of {all} saved before that"));
        })?;
        saved += 1;
        bytes += u64::try_from(frame.bytes.len()).unwrap_or(u64::MAX);
        if print.json() {
            let size = Some(frame.bytes.len());
            print.object(&FrameLine::bare(&frame.key, size).saved(&path))?;
        }
    }
    bar.finish_and_clear();
    print.flush()?;
    print.note(format_args!(
        "{}, {} saved into {}",
        shown_count(saved, "frame"),
        shown_bytes(bytes),
        folder.display()
    ));
    if gone > 0 {
        let gone = shown_count(gone, "frame");
        print.note(format_args!("{gone} expired before the fetch"));
    }
    Ok(if saved == 0 { Outcome::NothingFound } else { Outcome::Done })
}
