//! `delete`: removes the frames of a window for good, after showing what would go.
//!
//! Both ends of the window and the cameras must be named. What goes is counted first; on a terminal
//! the verb asks, elsewhere it wants `--yes`. Then frames go in steps, so that a bar can tell how far
//! it is, and whatever ends it early leaves whole frames only.

use clap::Args;

use super::args::ViaArg;
use super::exit::{Outcome, Usage};
use super::session::{Desk, Session};
use super::times::{self, TIME_HELP, shown_bytes, shown_count};
use crate::model::name::CameraId;
use crate::query::{DeleteReport, DeleteRequest};

/// What `help delete` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache delete cam1 --from 14:02:10 --to 14:02:40            shows, asks, deletes
  framecache delete cam1 cam2 --from all --to -1h --dry-run       only shows what would go
  framecache delete cam1 --from all --to all --yes                everything of a camera";

/// Frames that go in one step.
const STEP: usize = 10_000;

/// Options of `delete`.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// Which cameras.
    #[arg(value_name = "CAMERA", required = true)]
    cameras: Vec<CameraId>,
    /// First instant of the window, or `all` for as far back as frames live.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
        help = format!("First instant of the window, or `all`. {TIME_HELP}"))]
    from: String,
    /// First instant after the window, or `all` for an open end.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: String,
    /// Only show what would be deleted.
    #[arg(long)]
    dry_run: bool,
    /// Delete without asking.
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// How frames are found; by scan those too that other programs wrote.
    #[arg(long, value_name = "WAY", default_value = "auto")]
    via: ViaArg,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: DeleteArgs) -> anyhow::Result<Outcome> {
    let print = &session.print;
    if !args.dry_run && !args.yes && !print.can_ask() {
        let said = "delete asks before it deletes, and nobody is there to answer: \
                    give --yes, or --dry-run to only look";
        return Err(Usage(said.to_owned()).into());
    }
    let bound = |text: &'_ str| (text != "all").then(|| text.to_owned());
    let (from, to) = (bound(&args.from), bound(&args.to));
    let window = times::window(from.as_deref(), to.as_deref(), session.now)?;
    let desk = session.open()?;
    let streams = args.cameras.iter().map(|camera| desk.stream(camera)).collect();
    let request = DeleteRequest { streams, window, limit: None, via: args.via.into() };
    let would = desk.service.delete(&request, true).await?;
    if would.frames == 0 {
        print.note("no live frame of these cameras lies in this window");
        return Ok(Outcome::NothingFound);
    }
    if args.dry_run {
        print.either(&would, format_args!("{} would be deleted", shown(&would)))?;
        return Ok(Outcome::Done);
    }
    let cameras: Vec<&str> = args.cameras.iter().map(CameraId::as_str).collect();
    let question = format!("delete {} of {} for good?", shown(&would), cameras.join(", "));
    if !args.yes && !print.ask(question)? {
        print.note("nothing was deleted");
        return Ok(Outcome::Failed);
    }
    let done = delete_all(session, &desk, request, would.frames).await?;
    print.either(&done, format_args!("{} deleted", shown(&done)))?;
    Ok(Outcome::Done)
}

/// Deletes step by step; an error tells how far it came.
async fn delete_all(
    session: &Session,
    desk: &Desk,
    mut request: DeleteRequest,
    expected: u64,
) -> anyhow::Result<DeleteReport> {
    request.limit = Some(STEP);
    let bar = session.print.progress(expected, "deleting");
    let mut all = DeleteReport::default();
    loop {
        let step = desk.service.delete(&request, false).await.inspect_err(|_| {
            bar.abandon();
            session.print.note(format_args!("{} deleted before that", shown(&all)));
        })?;
        all.frames += step.frames;
        all.bytes += step.bytes;
        all.dead += step.dead;
        bar.inc(step.frames);
        if step.frames + step.dead < u64::try_from(STEP).unwrap_or(u64::MAX) {
            bar.finish_and_clear();
            return Ok(all);
        }
    }
}

fn shown(report: &DeleteReport) -> String {
    format!("{} ({})", shown_count(report.frames, "frame"), shown_bytes(report.bytes))
}
