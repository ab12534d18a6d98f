//! `export`: the frames of a window as one recording, from whichever store.
//!
//! The bytes are written as they come and judged as they pass (`Meter`), so a bar shows how many frames
//! are in the file, from Redis as from a running `up`, and a file that does not end as it must is an
//! error and never appears. Without `--to` the window ends when the verb starts.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use futures_util::TryStreamExt as _;
use serde::Serialize;

use super::args::ViaArg;
use super::exit::Outcome;
use super::print::Progress;
use super::range::streams;
use super::session::{Desk, Session};
use super::signals::stop_token;
use super::sink::Sink;
use super::times::{self, TIME_HELP, shown_bytes, shown_count};
use crate::archive::format::Meter;
use crate::model::name::CameraId;
use crate::query::{How, RangeRequest, TIMELINE_MAX_STEPS};
use crate::service::TimelineRequest;
use crate::service::transfer::Exported;

/// What `help export` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache export --camera cam1 --from -5m -o cam1.mcap
  framecache export --camera cam1 --camera cam2 --from 14:02:10 --to 14:02:40 -o two.mcap
  framecache export --all --from -1h --every 1s -o hour.mcap      one frame a second of each
  framecache export --all --from -1m -o - | ssh store 'cat > minute.mcap'

`framecache import` puts the frames back; any MCAP viewer shows them.";

/// Options of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// A camera; may be given many times.
    #[arg(long = "camera", value_name = "CAMERA", required_unless_present = "all")]
    cameras: Vec<CameraId>,
    /// Every camera of the tenant and prefix.
    #[arg(long, conflicts_with = "cameras")]
    all: bool,
    /// First instant of the window; else as far back as frames live.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
        help = format!("First instant of the window; else as far back as frames live. {TIME_HELP}"))]
    from: Option<String>,
    /// First instant after the window; else now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Of each camera only the first frame of each step of this length, e.g. 1s.
    #[arg(long, value_name = "LENGTH", value_parser = times::span)]
    every: Option<Duration>,
    /// How frames are found.
    #[arg(long, value_name = "WAY", default_value = "auto")]
    via: ViaArg,
    /// The file, which appears when it is whole; `-` for stdout.
    #[arg(short, long, value_name = "FILE.mcap|-")]
    output: PathBuf,
}

/// What was exported.
#[derive(Debug, Serialize)]
struct Report {
    file: PathBuf,
    frames: u64,
    /// Of the file.
    bytes: u64,
    image_bytes: u64,
    /// Frames that expired before they were read.
    lost: u64,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: ExportArgs) -> anyhow::Result<Outcome> {
    let print = &session.print;
    let to = args.to.as_deref().unwrap_or("now");
    let window = times::window(args.from.as_deref(), Some(to), session.now)?;
    let mut sink = Sink::open(&args.output, print)?;
    let (desk, stop) = (session.open()?, stop_token()?);
    let via = args.via.into();
    let streams = streams(&desk, &args.cameras, via).await?;
    let how = How { via, verify: false };
    let request = RangeRequest { every: args.every, how, ..RangeRequest::new(streams, window) };
    let expected = expected(&desk, &request).await?;
    let Some(bytes) = desk.service.export(&request).await? else {
        print.note("no live frame lies in this window");
        return Ok(Outcome::NothingFound);
    };
    let bar = print.progress(expected, "exporting");
    let copied = tokio::select! {
        copied = copy(bytes, &mut sink, &bar) => Some(copied),
        () = stop.cancelled() => None,
    };
    bar.finish_and_clear();
    let Some(meter) = copied else {
        print.error("stopped: nothing was exported");
        return Ok(Outcome::Failed);
    };
    let report = report(&meter?, args.output)?;
    sink.finish().await?;
    tell(session, &report)?;
    Ok(Outcome::Done)
}

/// Frames that there are before they are copied; `None` where finding out would take long.
async fn expected(desk: &Desk, request: &RangeRequest) -> anyhow::Result<Option<u64>> {
    let RangeRequest { streams, window, every, how, .. } = request;
    let whole = window.to().since(window.from());
    let step = every.unwrap_or(whole).max(Duration::from_millis(1));
    let steps = whole.as_nanos() / step.as_nanos();
    if streams.is_empty() || steps >= u128::from(TIMELINE_MAX_STEPS) {
        return Ok(None);
    }
    let asked: Vec<_> = match every {
        None => vec![streams.clone()],
        Some(_) => streams.iter().map(|stream| vec![stream.clone()]).collect(),
    };
    let mut frames = 0;
    for streams in asked {
        let request = TimelineRequest { streams, window: *window, step, how: *how };
        let steps = desk.service.timeline(&request).await?;
        let of_step = |frames: u64| if every.is_some() { frames.min(1) } else { frames };
        frames += steps.iter().map(|step| of_step(step.frames)).sum::<u64>();
    }
    Ok(Some(frames))
}

async fn copy(mut bytes: Exported, sink: &mut Sink<'_>, bar: &Progress) -> anyhow::Result<Meter> {
    let mut meter = Meter::default();
    while let Some(some) = bytes.try_next().await? {
        meter.pass(&some)?;
        sink.write(&some).await?;
        bar.set_position(meter.frames());
        bar.set_message(format!("exporting {}", shown_bytes(meter.bytes())));
    }
    Ok(meter)
}

/// What the file itself says; one that was cut says nothing.
fn report(meter: &Meter, file: PathBuf) -> anyhow::Result<Report> {
    let result = meter.result();
    let result = result.ok_or_else(|| anyhow::anyhow!("the export broke off before its end"))?;
    let fact = |name: &str| result.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    let (frames, image_bytes, lost) = (fact("frames"), fact("image_bytes"), fact("lost"));
    Ok(Report { file, frames, bytes: meter.bytes(), image_bytes, lost })
}

fn tell(session: &Session, report: &Report) -> anyhow::Result<()> {
    let (print, Report { file, frames, bytes, lost, .. }) = (&session.print, report);
    let said = format!("{} ({})", shown_count(*frames, "frame"), shown_bytes(*bytes));
    if file.as_os_str() == "-" {
        print.note(format_args!("{said} exported"));
    } else {
        print.either(report, format_args!("{said} exported to {}", file.display()))?;
    }
    if *lost > 0 {
        let lost = shown_count(*lost, "frame");
        print.note(format_args!("{lost} expired before they were read; the file says so"));
    }
    Ok(())
}
