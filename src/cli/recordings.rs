//! `recordings`: what a running `up` records: begun, stopped, paused, listed, recovered, deleted.
//!
//! `start`, `stop`, `list` and `info` are short for the verbs of the same name here. A recording that was stopped is
//! waited for, so that its file is there when the verb is done.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::exit::Outcome;
use super::print::Column;
use super::session::{Desk, Session};
use super::times::{TIME_HELP, instant, shown, shown_bytes, shown_count, shown_span};
use crate::archive::record::{Length, MaybeNamed, Order, Phase, Size, Start, Status};
use crate::model::recording::RecordingName;

/// What `help recordings` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache recordings start gate --camera 'gate*' --from -60s
  framecache recordings start all --segment 10m --max-length 24h
  framecache recordings pause gate
  framecache recordings list
  framecache recordings stop gate
  framecache recordings recover

`framecache start`, `stop`, `list` and `info` are short for these. A recording goes on when the `up`
that runs it is started again, and reads what came meanwhile while it still lives.";

/// What `help start` shows below its options.
pub(super) const START_EXAMPLES: &str = "\
Examples:
  framecache start gate --camera 'gate*' --from -60s
  framecache start night --segment 10m --max-length 8h --except lobby";

/// What `help stop` shows below its options.
pub(super) const STOP_EXAMPLES: &str = "\
Examples:
  framecache stop gate
  framecache stop gate --no-wait";

/// What `help list` shows below its options.
pub(super) const LIST_EXAMPLES: &str = "\
Examples:
  framecache list
  framecache list --json | jq -r 'select(.state == \"recording\").name'";

/// From one look at a recording that finishes to the next.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Options of `recordings`.
#[derive(Debug, Args)]
pub(super) struct RecordingsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Begin a recording
    #[command(after_help = START_EXAMPLES)]
    Start(StartArgs),
    /// Record what was captured up to now, and finish
    #[command(after_help = STOP_EXAMPLES)]
    Stop(StopArgs),
    /// Record nothing that is captured from now on
    Pause(NameArgs),
    /// Record again
    Resume(NameArgs),
    /// Show how a recording stands
    Status(NameArgs),
    /// Show what is inside a recording: cameras, frames, bytes, gaps
    Info(NameArgs),
    /// List all recordings, newest first
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Close what a crash or a full disk left open: one recording, or all
    Recover {
        /// Which; all when not given.
        name: Option<RecordingName>,
    },
    /// Delete a recording with all its files
    Delete(NameArgs),
}

/// Which recording.
#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// Its name.
    name: RecordingName,
}

/// Options of `list`: none of its own.
#[derive(Debug, Args)]
pub(super) struct ListArgs {}

/// Options of `stop`.
#[derive(Debug, Args)]
pub(super) struct StopArgs {
    /// Its name.
    name: RecordingName,
    /// Do not wait until its file is complete.
    #[arg(long)]
    no_wait: bool,
}

/// What is recorded.
#[derive(Debug, Args)]
#[command(after_long_help = TIME_HELP)]
pub(super) struct StartArgs {
    /// What it is called: the file is NAME.mcap in the folder of recordings.
    pub(super) name: RecordingName,
    /// A camera by id or by pattern (* and ?); may be repeated. All when not given.
    #[arg(long, value_name = "ID|PATTERN")]
    camera: Vec<String>,
    /// A camera that is left out, in the same way.
    #[arg(long, value_name = "ID|PATTERN")]
    except: Vec<String>,
    /// Also what the store still has from this time on, e.g. -60s.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// End by itself when it is so long, e.g. 10m.
    #[arg(long, value_name = "LENGTH")]
    max_length: Option<Length>,
    /// End by itself when its files are so large, e.g. 2GB.
    #[arg(long, value_name = "SIZE")]
    max_bytes: Option<Size>,
    /// End by itself when no frame came for so long.
    #[arg(long, value_name = "LENGTH")]
    idle: Option<Length>,
    /// Begin a new file after so long, in whole tens of seconds: NAME/START.mcap.
    #[arg(long, value_name = "LENGTH")]
    segment: Option<Length>,
    /// Begin a new file when one is so large.
    #[arg(long, value_name = "SIZE")]
    segment_bytes: Option<Size>,
}

impl StartArgs {
    /// The order; a tenant and a prefix only where the user named them.
    pub(super) fn order(self, session: &Session) -> anyhow::Result<Start> {
        let from = self.from.as_deref().map(|text| instant(text, session.now)).transpose()?;
        let name = |text: &Option<String>| text.clone();
        Ok(Start {
            name: self.name,
            cameras: self.camera,
            except: self.except,
            tenant: name(&session.globals.tenant).map(|text| text.parse()).transpose()?,
            prefix: name(&session.globals.prefix).map(|text| text.parse()).transpose()?,
            from: from.map(|from| from.to_rfc3339()),
            max_length: self.max_length,
            max_bytes: self.max_bytes,
            idle: self.idle,
            segment: self.segment,
            segment_bytes: self.segment_bytes,
        })
    }
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: RecordingsArgs) -> anyhow::Result<Outcome> {
    match args.what {
        What::Start(args) => start(session, args).await,
        What::Stop(args) => stop(session, args).await,
        What::List(args) => list(session, &args).await,
        What::Pause(args) => of_one(session, Order::Pause(args.name.into())).await,
        What::Resume(args) => of_one(session, Order::Resume(args.name.into())).await,
        What::Status(args) => of_one(session, Order::Status(args.name.into())).await,
        What::Info(args) => info(session, &args.name).await,
        What::Recover { name } => recover(session, name).await,
        What::Delete(args) => delete(session, args.name).await,
    }
}

/// Runs `start`.
pub(super) async fn start(session: &Session, args: StartArgs) -> anyhow::Result<Outcome> {
    let order = Order::Start(args.order(session)?);
    of_one(session, order).await
}

/// Runs `stop`.
pub(super) async fn stop(session: &Session, args: StopArgs) -> anyhow::Result<Outcome> {
    let desk = session.open_running()?;
    let found = desk.service.record(&Order::Stop(args.name.clone().into())).await?.pop();
    let Some(mut status) = found else { return Ok(nothing(session, &desk, &args.name)) };
    if !args.no_wait {
        status = finished(&desk, status).await?;
    }
    told(session, &status)
}

/// Runs `list`.
pub(super) async fn list(session: &Session, _: &ListArgs) -> anyhow::Result<Outcome> {
    let desk = session.open_running()?;
    let all = desk.service.record(&Order::List).await?;
    show_all(session, &desk, &all)
}

/// Runs `info` of a recording of a running `up`.
pub(super) async fn info(session: &Session, name: &RecordingName) -> anyhow::Result<Outcome> {
    let desk = session.open_running()?;
    let Some(info) = desk.service.contents(name).await? else {
        return Ok(nothing(session, &desk, name));
    };
    super::info::show(session, &info)?;
    Ok(Outcome::Done)
}

async fn recover(session: &Session, name: Option<RecordingName>) -> anyhow::Result<Outcome> {
    let desk = session.open_running()?;
    let mut all = Vec::new();
    for status in desk.service.record(&Order::Recover(MaybeNamed { name })).await? {
        all.push(finished(&desk, status).await?);
    }
    if all.is_empty() {
        session.print.note("nothing was left open");
        return Ok(Outcome::NothingFound);
    }
    show_all(session, &desk, &all)
}

async fn delete(session: &Session, name: RecordingName) -> anyhow::Result<Outcome> {
    let desk = session.open_running()?;
    let Some(status) = desk.service.record(&Order::Delete(name.clone().into())).await?.pop() else {
        return Ok(nothing(session, &desk, &name));
    };
    let size = shown_bytes(status.bytes);
    session.print.either(&status, format_args!("recording {name}: deleted, {size}"))?;
    Ok(Outcome::Done)
}

async fn of_one(session: &Session, order: Order) -> anyhow::Result<Outcome> {
    let desk = session.open_running()?;
    match (desk.service.record(&order).await?.pop(), order.name()) {
        (Some(status), _) => told(session, &status),
        (None, Some(name)) => Ok(nothing(session, &desk, name)),
        (None, None) => Ok(Outcome::NothingFound),
    }
}

/// A recording as it stands once its files are complete; at once where it does not end.
pub(super) async fn finished(desk: &Desk, mut status: Status) -> anyhow::Result<Status> {
    let order = Order::Status(status.name.clone().into());
    while status.state == Phase::Stopping {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(now) = desk.service.record(&order).await?.pop() else { break };
        status = now;
    }
    Ok(status)
}

fn nothing(session: &Session, desk: &Desk, name: &RecordingName) -> Outcome {
    let place = desk.service.place();
    session.print.note(format_args!(
        "{place} has no recording {name}: `framecache list` says which there are"
    ));
    Outcome::NothingFound
}

/// Tells how one recording stands; a failed one is a failure.
pub(super) fn told(session: &Session, status: &Status) -> anyhow::Result<Outcome> {
    session.print.either(status, described(status))?;
    Ok(if status.state == Phase::Failed { Outcome::Failed } else { Outcome::Done })
}

fn show_all(session: &Session, desk: &Desk, all: &[Status]) -> anyhow::Result<Outcome> {
    if all.is_empty() {
        session.print.note(format_args!("{} has no recordings", desk.service.place()));
        return Ok(Outcome::NothingFound);
    }
    if session.print.json() {
        all.iter().try_for_each(|status| session.print.object(status))?;
        return Ok(Outcome::Done);
    }
    let columns = [
        Column::Left("NAME"),
        Column::Left("STATE"),
        Column::Left("FROM"),
        Column::Right("LENGTH"),
        Column::Right("FRAMES"),
        Column::Right("LOST"),
        Column::Right("SIZE"),
        Column::Right("FILES"),
        Column::Left("CAMERAS"),
    ];
    session.print.table(&columns, all.iter().map(row).collect())?;
    Ok(Outcome::Done)
}

/// As it stands in JSON.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

fn state(status: &Status) -> String {
    match status.reason {
        Some(why) if word(&why) != word(&status.state) => {
            format!("{} ({})", word(&status.state), word(&why))
        }
        _ => word(&status.state),
    }
}

fn length(status: &Status) -> String {
    let span = status.first.zip(status.last);
    span.map_or_else(|| "-".to_owned(), |(first, last)| shown_span(last.since(first)))
}

fn cameras(status: &Status) -> String {
    let of = if status.cameras.is_empty() { "*".to_owned() } else { status.cameras.join(" ") };
    match status.except.as_slice() {
        [] => of,
        except => format!("{of} but {}", except.join(" ")),
    }
}

fn row(status: &Status) -> Vec<String> {
    vec![
        status.name.to_string(),
        state(status),
        status.first.or(status.from).map_or_else(|| "-".to_owned(), shown),
        length(status),
        status.frames.map_or_else(|| "-".to_owned(), |frames| frames.to_string()),
        status.lost.to_string(),
        shown_bytes(status.bytes),
        status.files.len().to_string(),
        cameras(status),
    ]
}

fn described(status: &Status) -> String {
    let unknown = || "-".to_owned();
    let mut rows = vec![
        ("state", state(status)),
        ("cameras", cameras(status)),
        ("from", status.from.map_or_else(unknown, shown)),
        ("to", status.to.map_or_else(unknown, shown)),
        ("first frame", status.first.map_or_else(unknown, shown)),
        ("last frame", status.last.map_or_else(unknown, shown)),
        ("frames", status.frames.map_or_else(unknown, |frames| frames.to_string())),
        ("lost", status.lost.to_string()),
        ("size", shown_bytes(status.bytes)),
    ];
    rows.extend(status.detail.clone().map(|detail| ("because", detail)));
    if !status.gaps.is_empty() {
        rows.push(("gaps", shown_count(status.gaps.len(), "span")));
    }
    match status.files.as_slice() {
        [] => {}
        [file] => rows.push(("file", file.clone())),
        [first, .., last] => {
            rows.push(("files", format!("{}, {first} to {last}", status.files.len())));
        }
    }
    let lines: Vec<String> =
        rows.iter().map(|(name, value)| format!("\n  {name:<12}{value}")).collect();
    format!("recording {}{}", status.name, lines.concat())
}
