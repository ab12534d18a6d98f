//! `hold`: lets the frames of an incident live longer, where they are.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::exit::{Outcome, Usage};
use super::session::Session;
use super::times::{self, TIME_HELP, shown, shown_bytes, shown_count};
use crate::hold::{HoldOrder, HoldReport};
use crate::model::name::CameraId;
use crate::model::time::{TimeRange, UnixNanos};

/// What `help hold` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache hold cam1 --from -10m --for 24h --note 'gate 3'     the last ten minutes
  framecache hold cam1 cam2 --from 14:00 --to 14:30 --for 7d     of two cameras
  framecache hold cam1 --from -1m --to +1h --for 2d              and what comes in the next hour
  framecache hold cam1 --from all --for 1h --dry-run             only shows what would be held";

/// Options of `hold`.
#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    /// Which cameras; each gets a hold of its own.
    #[arg(value_name = "CAMERA", required = true)]
    cameras: Vec<CameraId>,
    /// First instant of the window, or `all` for as far back as frames live.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
        help = format!("First instant of the window, or `all`. {TIME_HELP}"))]
    from: String,
    /// First instant after the window, or `all` for as long as the hold lasts.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "now")]
    to: String,
    /// How long the frames are kept, from now on.
    #[arg(long = "for", value_name = "LENGTH", value_parser = times::span, default_value = "24h")]
    keep: Duration,
    /// Why, for whoever reads the list.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Only show what would be held.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: HoldArgs) -> anyhow::Result<Outcome> {
    let window = window(&args, session.now)?;
    let desk = session.open()?;
    for camera in &args.cameras {
        let order = HoldOrder {
            stream: desk.stream(camera),
            window,
            keep: args.keep,
            note: args.note.clone(),
            dry_run: args.dry_run,
        };
        let report = desk.service.hold(&order).await;
        let report = report.with_context(|| format!("camera {camera} is not held"))?;
        session.print.either(&report, said(&report))?;
        if report.frames == 0 && report.living == 0 && window.to() <= session.now {
            session.print.note(format_args!("no frame of {camera} lives in this window"));
        }
    }
    Ok(Outcome::Done)
}

fn window(args: &HoldArgs, now: UnixNanos) -> anyhow::Result<TimeRange> {
    let bound = |text: &str| (text != "all").then(|| text.to_owned());
    let (from, to) = (bound(&args.from), bound(&args.to));
    if to.is_none() && args.from == "all" {
        let said = "--from all --to all holds everything of a camera: give one end of the window";
        return Err(Usage(said.to_owned()).into());
    }
    times::window(from.as_deref(), to.as_deref(), now)
}

fn said(report: &HoldReport) -> String {
    let HoldReport { hold, dry_run, frames, bytes, living } = report;
    let (camera, until) = (&hold.stream().camera, shown(hold.until()));
    let (frames, bytes) = (shown_count(*frames, "frame"), shown_bytes(*bytes));
    let mut said = match dry_run {
        true => format!("{frames} ({bytes}) of {camera} would be held until {until}"),
        false => format!("hold {}: {frames} ({bytes}) of {camera} live until {until}", hold.id()),
    };
    if *living > 0 {
        said.push_str(&format!("; {living} more live so long anyway"));
    }
    said
}
