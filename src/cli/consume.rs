//! `consume`: follows announcements and does with each frame what a consumer does.
//!
//! Each announced frame is fetched and told: key, size, how long after its capture it was here, found
//! or gone. Frames can be saved, or handed one after the other to a command. What was missed in
//! between is counted, never hidden.

mod exec;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;
use serde::Serialize;

use super::exit::Outcome;
use super::output::Folder;
use super::session::{Desk, Session};
use super::signals::stop_token;
use super::times::{shown_bytes, shown_count, shown_span};
use crate::clock::{Clock as _, SystemClock};
use crate::model::event::Announcement;
use crate::model::frame::Frame;
use crate::model::key::FrameKey;
use crate::model::name::CameraId;
use crate::service::Followed;

/// What `help consume` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache consume                                  every announced frame, until Ctrl-C
  framecache consume --camera cam1 --limit 100 -o f   the next hundred of one camera, saved into f/
  framecache consume --exec 'detect --jpeg - --id \"$FRAMECACHE_KEY\"'

The command of --exec gets the picture on stdin and $FRAMECACHE_KEY, $FRAMECACHE_CAMERA,
$FRAMECACHE_TIMESTAMP, $FRAMECACHE_TIMESTAMP_NANO, $FRAMECACHE_SIZE and, with -o, $FRAMECACHE_FILE.
One command runs at a time; frames that are announced meanwhile wait.";

/// Options of `consume`.
#[derive(Debug, Args)]
pub(super) struct ConsumeArgs {
    /// Only this camera; may be given several times.
    #[arg(long = "camera", value_name = "CAMERA")]
    cameras: Vec<CameraId>,
    /// Save the pictures into FOLDER, as CAMERA_TIME.jpg.
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Run this shell command for each frame.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// End after so many announcements.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// One announced frame as JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    key: &'a FrameKey,
    size: usize,
    latency_seconds: f64,
    found: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

/// What was seen.
#[derive(Debug, Default, Serialize)]
struct Tally {
    announced: u64,
    found: u64,
    gone: u64,
    bytes: u64,
    missed: u64,
    failed: u64,
    #[serde(skip)]
    latencies: Duration,
    #[serde(skip)]
    worst: Duration,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: ConsumeArgs) -> anyhow::Result<Outcome> {
    let folder = args.output.as_deref().map(Folder::open).transpose()?;
    let desk = session.open_to_follow()?;
    let stop = stop_token()?;
    let mut followed = tokio::select! {
        () = stop.cancelled() => return Ok(Outcome::Done),
        followed = desk.service.follow() => followed?,
    };
    session.print.note(format_args!("following {}; Ctrl-C ends it", desk.service.place()));
    let mut work =
        Consumer { session, desk: &desk, exec: args.exec, folder, tally: Tally::default() };
    let limit = args.limit.unwrap_or(u64::MAX);
    while work.tally.announced < limit {
        let next = tokio::select! {
            () = stop.cancelled() => break,
            next = followed.next() => next,
        };
        match next {
            None => break,
            Some(Followed::Missed { count }) => work.missed(count),
            Some(Followed::Status { routing_key, body }) => {
                tracing::debug!("{routing_key}: {}", String::from_utf8_lossy(&body));
            }
            Some(Followed::Frame(announcement)) => {
                if meant(&args.cameras, &desk, &announcement) {
                    let done = work.one(&announcement).await;
                    done.inspect_err(|_| work.tell())?;
                }
            }
        }
    }
    Ok(work.summarise(stop.is_cancelled() || args.limit == Some(work.tally.announced)))
}

fn meant(cameras: &[CameraId], desk: &Desk, announcement: &Announcement) -> bool {
    let stream = announcement.key.stream();
    stream.tenant == desk.config.tenant
        && stream.prefix == desk.config.prefix
        && (cameras.is_empty() || cameras.contains(&stream.camera))
}

/// The work of one `consume`.
struct Consumer<'a> {
    session: &'a Session,
    desk: &'a Desk,
    exec: Option<String>,
    folder: Option<Folder>,
    tally: Tally,
}

impl Consumer<'_> {
    fn missed(&mut self, count: Option<u64>) {
        self.tally.missed += count.unwrap_or(1);
        match count {
            Some(count) => {
                let count = shown_count(count, "announcement");
                self.session.print.note(format_args!("{count} missed"));
            }
            None => self.session.print.note("announcements were missed: the connection broke"),
        }
    }

    async fn one(&mut self, announcement: &Announcement) -> anyhow::Result<()> {
        let key = &announcement.key;
        self.tally.announced += 1;
        let frame = self.desk.service.get(key).await?;
        let latency = SystemClock.now().since(key.at());
        let file = match &frame {
            Some(frame) => self.found(frame, latency).await?,
            None => {
                self.tally.gone += 1;
                None
            }
        };
        let size = frame.as_ref().map_or(0, |frame| frame.bytes.len());
        let found = frame.is_some();
        let text = match &frame {
            Some(_) => {
                let size = shown_bytes(u64::try_from(size).unwrap_or(u64::MAX));
                format!("{key}  {size}  {}  found", shown_span(latency))
            }
            None => format!("{key}  -  {}  gone", shown_span(latency)),
        };
        let line = Line { key, size, latency_seconds: latency.as_secs_f64(), found, file };
        self.session.print.either(&line, text)?;
        Ok(())
    }

    /// Counts, saves and hands over a frame; answers where it was saved.
    async fn found(&mut self, frame: &Frame, latency: Duration) -> anyhow::Result<Option<PathBuf>> {
        self.tally.found += 1;
        self.tally.bytes += u64::try_from(frame.bytes.len()).unwrap_or(u64::MAX);
        self.tally.latencies += latency;
        self.tally.worst = self.tally.worst.max(latency);
        let file = match &mut self.folder {
            Some(folder) => Some(folder.save(frame).await?),
            None => None,
        };
        if let Some(command) = &self.exec
            && let Err(error) = exec::run(command, frame, file.as_deref()).await
        {
            self.tally.failed += 1;
            self.session.print.error(format_args!("{}: {error:#}", frame.key));
        }
        Ok(file)
    }

    /// The last line and the outcome; `wanted` says that the user ended it, not the other side.
    fn summarise(&self, wanted: bool) -> Outcome {
        self.tell();
        if !wanted {
            self.session.print.error("the other side ended the announcements");
            return Outcome::Failed;
        }
        if self.tally.failed > 0 { Outcome::Failed } else { Outcome::Done }
    }

    /// What was seen, as one line.
    fn tell(&self) {
        let Tally { announced, found, gone, bytes, missed, failed, .. } = self.tally;
        let mean = self.tally.latencies.checked_div(u32::try_from(found).unwrap_or(u32::MAX));
        let mut said = format!(
            "{} announced: {found} found ({}), {gone} gone; {} missed",
            shown_count(announced, "frame"),
            shown_bytes(bytes),
            shown_count(missed, "announcement")
        );
        if let Some(mean) = mean {
            let (mean, worst) = (shown_span(mean), shown_span(self.tally.worst));
            said.push_str(&format!("; latency {mean} on average, {worst} at most"));
        }
        if failed > 0 {
            said.push_str(&format!("; {} failed", shown_count(failed, "command")));
        }
        self.session.print.note(said);
    }
}
