//! `replay`: plays a recording into a store, as if its cameras were there.
//!
//! A name is a recording of the running `up`, which plays it; what is a path is read and played by this
//! process, into whatever takes pushes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::Args;
use tokio::sync::mpsc;

use super::exit::{Outcome, Usage};
use super::session::Session;
use super::signals::stop_token;
use super::times::{self, TIME_HELP, shown, shown_bytes, shown_count};
use crate::archive::read::Recording;
use crate::archive::replay::{
    Fate, Manner, Player, Progress, ReplayState, ReplayStatus, Sink, SinkError, Speed, StartReplay,
    Times,
};
use crate::archive::{Naming, Rename, Shift};
use crate::clock::SystemClock;
use crate::model::frame::StoredFrame;
use crate::model::recording::RecordingName;
use crate::model::time::{Ttl, UnixNanos};
use crate::service::replays::ReplayOrder;
use crate::service::transfer::RestoredAs;
use crate::service::{ErrorKind, Service};

/// What `help replay` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache replay night                                   a recording of the running `up`, at its pace
  framecache replay night --speed 10 --from 02:10 --wait    a part of it, ten times as fast
  framecache replay old.mcap --camera /cam/front=front      a file, its camera under another name
  framecache replay old.mcap --speed max --original         as fast as it goes, under the recorded times";

/// From one look at a running replay to the next.
const LOOK: Duration = Duration::from_millis(250);

/// Options of `replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A recording of the running `up` by its name, or a file or folder by its path.
    #[arg(value_name = "NAME|FILE")]
    what: String,
    /// A number from 0.1 to 100, or `max`.
    #[arg(long, value_name = "SPEED", default_value = "1")]
    speed: Speed,
    /// First instant of the recording that is played.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
        help = format!("First instant of the recording that is played. {TIME_HELP}"))]
    from: Option<String>,
    /// First instant of the recording that is not played.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Play these cameras only: a name or a glob, repeated; with =NEW under another name.
    #[arg(long = "camera", value_name = "NAME[=NEW]")]
    cameras: Vec<String>,
    /// Begin again at the end.
    #[arg(long = "loop")]
    looped: bool,
    /// Keep the recorded times; else frames bear the time at which they are played.
    #[arg(long, conflicts_with = "looped")]
    original: bool,
    /// How long the frames live; else as they were recorded.
    #[arg(long, value_name = "LENGTH", value_parser = times::span)]
    ttl: Option<Duration>,
    /// Wait until the running `up` has played it, and show how far it is.
    #[arg(long)]
    wait: bool,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: ReplayArgs) -> anyhow::Result<Outcome> {
    let manner = manner(session, &args)?;
    let path = Path::new(&args.what);
    let is_path = args.what.contains('/') || path.exists();
    match RecordingName::new(&args.what) {
        Ok(name) if !is_path => by_name(session, &args, name, manner).await,
        Err(error) if !is_path => Err(Usage(format!("{error}, and there is no such file")).into()),
        _ => from_file(session, &args, path.to_owned(), manner).await,
    }
}

fn manner(session: &Session, args: &ReplayArgs) -> anyhow::Result<Manner> {
    let ttl = args.ttl.map(|life| Ttl::from_secs(life.as_secs())).transpose();
    let bare =
        |text: &String| text.rsplit_once('=').map_or(text.clone(), |(name, _)| name.to_owned());
    Ok(Manner {
        speed: args.speed,
        window: times::window(args.from.as_deref(), args.to.as_deref(), session.now)?,
        cameras: args.cameras.iter().map(bare).collect(),
        looped: args.looped,
        times: if args.original { Times::Original } else { Times::Shifted },
        ttl: ttl.map_err(|error| Usage(error.to_string()))?,
    })
}

fn renames(args: &ReplayArgs) -> anyhow::Result<Vec<Rename>> {
    let pairs = args.cameras.iter().filter(|text| text.contains('='));
    pairs.map(|text| text.parse().map_err(|error| Usage(error).into())).collect()
}

async fn by_name(
    session: &Session,
    args: &ReplayArgs,
    recording: RecordingName,
    manner: Manner,
) -> anyhow::Result<Outcome> {
    let desk = session.open_running()?;
    let globals = &session.globals;
    let start = StartReplay {
        recording,
        manner,
        tenant: globals.tenant.as_ref().map(|_| desk.config.tenant.clone()),
        prefix: globals.prefix.as_ref().map(|_| desk.config.prefix.clone()),
        cameras: renames(args)?,
    };
    let started = desk.service.start_replay(&start, None).await?;
    if !args.wait {
        let said = format!(
            "replay {} of {}: {} to {} at {}; `framecache replays` shows and controls it",
            started.id,
            started.recording,
            shown(started.from),
            shown(started.to),
            pace(started.progress.speed)
        );
        session.print.either(&started, said)?;
        return Ok(Outcome::Done);
    }
    let over = follow(session, &desk.service, started).await?;
    session.print.either(&over, told(&over.progress))?;
    Ok(outcome(&over.progress))
}

/// Shows how far it is until it is over.
async fn follow(
    session: &Session,
    service: &Arc<dyn Service>,
    mut status: ReplayStatus,
) -> anyhow::Result<ReplayStatus> {
    let bar = session.print.progress(millis(status.from, status.to), "playing, ms");
    while !status.progress.state.is_over() {
        tokio::time::sleep(LOOK).await;
        let seen = service.replay(&status.id, ReplayOrder::Show, None).await?;
        status =
            seen.with_context(|| format!("replay {} was ended by somebody else", status.id))?;
        bar.set_position(millis(status.from, status.progress.position));
    }
    bar.finish_and_clear();
    Ok(status)
}

async fn from_file(
    session: &Session,
    args: &ReplayArgs,
    path: PathBuf,
    manner: Manner,
) -> anyhow::Result<Outcome> {
    let desk = session.open_to_push()?;
    let recording = Recording::open_path(&path).await?;
    for warning in recording.warnings() {
        session.print.note(format_args!("warning: {warning}"));
    }
    let globals = &session.globals;
    let naming = Naming {
        family: (desk.config.tenant.clone(), desk.config.prefix.clone()),
        tenant: globals.tenant.as_ref().map(|_| desk.config.tenant.clone()),
        prefix: globals.prefix.as_ref().map(|_| desk.config.prefix.clone()),
        cameras: renames(args)?,
        shift: Shift::NONE,
    };
    let player = Player::new(recording, manner, &naming, Arc::new(SystemClock))
        .map_err(|error| Usage(error.to_string()))?;
    let (progress, span) = (player.progress(), player.span());
    let now = || progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let bar = session.print.progress(millis(span.from(), span.to()), "playing, ms");
    let (_orders, waiting) = mpsc::channel(1);
    let sink = Arc::new(ServiceSink(Arc::clone(&desk.service)));
    let playing = player.play(sink, waiting, stop_token()?);
    tokio::pin!(playing);
    loop {
        tokio::select! {
            () = &mut playing => break,
            () = tokio::time::sleep(LOOK) => {
                bar.set_position(millis(span.from(), now().position));
            }
        }
    }
    bar.finish_and_clear();
    desk.close().await;
    let over = now();
    session.print.either(&over, told(&over))?;
    Ok(outcome(&over))
}

/// Plays into whatever takes pushes.
#[derive(Debug)]
struct ServiceSink(Arc<dyn Service>);

#[async_trait]
impl Sink for ServiceSink {
    async fn store(&self, frames: Vec<StoredFrame>) -> Result<Vec<Fate>, SinkError> {
        let restored = self.0.restore(frames).await.map_err(|error| SinkError {
            fatal: !matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Refused),
            message: error.message,
        })?;
        let fate = |outcome, message: Option<String>| match outcome {
            RestoredAs::Stored => Fate::Stored,
            RestoredAs::Again => Fate::Again,
            _ => Fate::Refused(message.unwrap_or_default()),
        };
        Ok(restored.into_iter().map(|one| fate(one.outcome, one.message)).collect())
    }
}

fn millis(from: UnixNanos, to: UnixNanos) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

/// For people: a speed.
pub(super) fn pace(speed: Speed) -> String {
    if speed == Speed::MAX { "full speed".to_owned() } else { format!("x{speed}") }
}

/// For people: what became of the frames.
pub(super) fn told(progress: &Progress) -> String {
    let Progress { frames, bytes, again, refused, late, error, .. } = progress;
    let mut said = format!("{} played ({})", shown_count(*frames, "frame"), shown_bytes(*bytes));
    if *again > 0 {
        said.push_str(&format!(", {again} lay there already"));
    }
    if *late > 0 {
        said.push_str(&format!(", {late} over 100 ms late"));
    }
    if *refused > 0 {
        said.push_str(&format!(", {refused} not stored: {error}"));
    } else if !error.is_empty() {
        said.push_str(&format!(": {error}"));
    }
    said
}

fn outcome(progress: &Progress) -> Outcome {
    match progress {
        Progress { state: ReplayState::Failed, .. } => Outcome::Failed,
        Progress { refused: 1.., .. } => Outcome::Failed,
        Progress { frames: 0, again: 0, .. } => Outcome::NothingFound,
        _ => Outcome::Done,
    }
}
