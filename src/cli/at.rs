//! `at`: the frame nearest to an instant, and how far away it is.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::args::ViaArg;
use super::exit::Outcome;
use super::frames::{self, FrameLine};
use super::get::hand_out;
use super::session::{Desk, Session};
use super::times::{self, TIME_HELP, shown, shown_bytes, shown_distance};
use crate::model::frame::FrameInfo;
use crate::model::jpeg;
use crate::model::key::StreamId;
use crate::model::name::CameraId;
use crate::model::time::UnixNanos;
use crate::query::{Nearest, Via};

/// What `help at` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache at cam1 -10s
  framecache at cam1 'today 14:02:10' --within 500ms -o moment.jpg

A negative distance says that the frame is earlier than the instant.";

/// Options of `at`.
#[derive(Debug, Args)]
pub(super) struct AtArgs {
    /// Which camera.
    camera: CameraId,
    /// The instant.
    #[arg(allow_hyphen_values = true, help = format!("The instant. {TIME_HELP}"))]
    time: String,
    /// Only a frame that is at most so far away, e.g. 500ms.
    #[arg(long, value_name = "LENGTH", value_parser = times::span)]
    within: Option<Duration>,
    /// Write the picture to FILE, `-` for stdout.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How frames are found.
    #[arg(long, value_name = "WAY", default_value = "auto")]
    via: ViaArg,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: AtArgs) -> anyhow::Result<Outcome> {
    let at = times::instant(&args.time, session.now)?;
    let desk = session.open()?;
    let stream = desk.stream(&args.camera);
    let found = nearest(session, &desk, &stream, (at, args.within), args.via.into()).await?;
    let Some(Nearest { frame, distance_nanos, expires_at }) = found else {
        let within = args.within.map_or_else(String::new, |within| {
            format!(" within {} of {}", times::shown_span(within), shown(at))
        });
        session.print.note(format_args!("camera {} has no live frame{within}", args.camera));
        return Ok(Outcome::NothingFound);
    };
    if let Some(output) = &args.output {
        hand_out(session, &frame, Some(output), Some(distance_nanos)).await?;
        session.print.note(format_args!("{} from {}", shown_distance(distance_nanos), shown(at)));
        return Ok(Outcome::Done);
    }
    let size = frame.bytes.len();
    let info = FrameInfo {
        key: frame.key.clone(),
        size: u32::try_from(size).ok(),
        expires_at,
        dimensions: jpeg::inspect(&frame.bytes).ok().map(|info| info.dimensions),
    };
    let line = FrameLine::of(&info).distance(Some(distance_nanos));
    let text = format!(
        "{}  {}  {}  {}",
        shown(frame.key.at()),
        shown_distance(distance_nanos),
        shown_bytes(u64::try_from(size).unwrap_or(u64::MAX)),
        frame.key
    );
    session.print.either(&line, text)?;
    Ok(Outcome::Done)
}

/// By the index first: when a scan has to help, the user hears of it.
async fn nearest(
    session: &Session,
    desk: &Desk,
    stream: &StreamId,
    (at, within): (UnixNanos, Option<Duration>),
    via: Via,
) -> anyhow::Result<Option<Nearest>> {
    if via == Via::Auto
        && let Some(found) = desk.service.at(stream, at, within, Via::Index).await?
    {
        return Ok(Some(found));
    }
    let found = desk.service.at(stream, at, within, via).await?;
    if found.is_some() {
        frames::note_scan(&session.print, via != Via::Auto);
    }
    Ok(found)
}
