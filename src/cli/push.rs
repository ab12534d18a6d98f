//! `push`: frames from files, a folder or stdin into the store, each one accounted for.
//!
//! A frame that is refused is named and the others go on; when the store is away for several frames
//! in a row the rest is not tried, and how much is left is said. What is pushed comes from
//! `PushSource`, one frame at a time, so a folder of any size fits.

mod source;

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::source::{Named, PushSource};
use super::exit::{Outcome, Usage};
use super::print::Progress;
use super::session::{Desk, Session};
use super::signals::stop_token;
use super::times::{self, TIME_HELP, shown_bytes, shown_count};
use crate::model::key::StreamId;
use crate::model::name::CameraId;
use crate::model::time::UnixNanos;
use crate::service::{ErrorKind, ServiceError};

/// What `help push` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache push cam9 a.jpg b.jpg
  framecache push cam9 ./frames --fps 10          a folder by name, ten frames a second
  framecache push cam9 ./frames --at '2026-03-10 14:00' --fps 25
  ffmpeg -i in.mp4 -f mjpeg - | framecache push cam9 -";

/// After so many frames in a row that found the store away the rest is not tried.
const AWAY_LIMIT: u32 = 3;

/// Options of `push`.
#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// Which camera.
    camera: CameraId,
    /// JPEG files, folders of them (by name), or `-` for stdin: one JPEG or a stream of them.
    /// Without any, stdin is read if it is piped.
    #[arg(value_name = "FILE|FOLDER|-")]
    inputs: Vec<String>,
    /// Time of the first frame; the others follow at --fps. Else each is stamped when it is pushed.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
        help = format!("Time of the first frame; the others follow at --fps. Else each is stamped when it is pushed. {TIME_HELP}"))]
    at: Option<String>,
    /// Frames a second: the pace of live pushes, or with --at the distance of their times (else 1).
    #[arg(long, value_name = "N", value_parser = times::fps)]
    fps: Option<f64>,
}

/// When each frame was taken, and when it is pushed.
struct Schedule {
    next: Option<UnixNanos>,
    step: Duration,
    pace: Option<Interval>,
}

impl Schedule {
    fn of(args: &PushArgs, now: UnixNanos) -> anyhow::Result<Self> {
        let next = args.at.as_deref().map(|text| times::instant(text, now)).transpose()?;
        let pace = args.fps.filter(|_| next.is_none()).map(|fps| {
            let mut pace = tokio::time::interval(times::interval(fps));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pace
        });
        Ok(Self { next, step: times::interval(args.fps.unwrap_or(1.0)), pace })
    }

    /// The exact time of the next frame, `None` for "now"; waits until it is its turn.
    async fn turn(&mut self) -> Option<UnixNanos> {
        if let Some(pace) = &mut self.pace {
            pace.tick().await;
        }
        let at = self.next?;
        self.next = Some(at.plus(self.step));
        Some(at)
    }
}

/// What became of the frames so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    pushed: u64,
    bytes: u64,
    again: u64,
    refused: u64,
    /// In a row.
    away: u32,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: PushArgs) -> anyhow::Result<Outcome> {
    let mut schedule = Schedule::of(&args, session.now)?;
    let mut inputs = args.inputs;
    if inputs.is_empty() {
        if source::stdin_is_terminal() {
            let said = "name files, a folder, or - for stdin, e.g. framecache push cam9 *.jpg";
            return Err(Usage(said.to_owned()).into());
        }
        inputs.push("-".to_owned());
    }
    let desk = session.open_to_push()?;
    let mut source = PushSource::open(&inputs, desk.config.max_frame_bytes)?;
    let stream = desk.stream(&args.camera);
    let stop = stop_token()?;
    let bar = session.print.progress(source.known().unwrap_or(0), "pushing");
    let bar = if source.known().is_none_or(|known| known < 2) { None } else { Some(bar) };
    let mut tally = Tally::default();
    let mut push = Push { session, desk: &desk, stream: &stream, tally: &mut tally };
    let pushed = push.all(&mut source, &mut schedule, &stop, bar.as_ref()).await;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    desk.close().await;
    pushed?;
    Ok(summarise(session, &args.camera, &tally, &source, &stop))
}

/// The work of one `push`.
struct Push<'a> {
    session: &'a Session,
    desk: &'a Desk,
    stream: &'a StreamId,
    tally: &'a mut Tally,
}

impl Push<'_> {
    async fn all(
        &mut self,
        source: &mut PushSource,
        schedule: &mut Schedule,
        stop: &CancellationToken,
        bar: Option<&Progress>,
    ) -> anyhow::Result<()> {
        while self.tally.away < AWAY_LIMIT {
            let next = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                next = source.next() => next,
            };
            let Some(Named { name, found }) = next else { return Ok(()) };
            if let Some(bar) = bar {
                bar.inc(1);
            }
            match found {
                Ok(bytes) => {
                    let at = tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        at = schedule.turn() => at,
                    };
                    self.one(&name, at, bytes).await?;
                }
                Err(why) => self.refused(&name, &why),
            }
        }
        Ok(())
    }

    async fn one(&mut self, name: &str, at: Option<UnixNanos>, bytes: Bytes) -> anyhow::Result<()> {
        let size = bytes.len();
        match self.desk.service.push(self.stream, at, bytes).await {
            Ok(pushed) => {
                self.tally.away = 0;
                self.tally.pushed += 1;
                self.tally.again += u64::from(pushed.again);
                self.tally.bytes += u64::try_from(size).unwrap_or(u64::MAX);
                let line = serde_json::json!({
                    "key": pushed.key, "again": pushed.again, "size": size, "source": name,
                });
                Ok(self.session.print.either(&line, &pushed.key)?)
            }
            Err(ServiceError { kind: ErrorKind::Unavailable, message }) => {
                self.tally.away += 1;
                self.refused(name, &message);
                Ok(())
            }
            Err(error) => {
                self.tally.away = 0;
                self.refused(name, &error.message);
                Ok(())
            }
        }
    }

    fn refused(&mut self, name: &str, why: &str) {
        self.tally.refused += 1;
        self.session.print.error(format_args!("{name}: {why}"));
    }
}

fn summarise(
    session: &Session,
    camera: &CameraId,
    tally: &Tally,
    source: &PushSource,
    stop: &CancellationToken,
) -> Outcome {
    let print = &session.print;
    let mut said = format!(
        "{} ({}) pushed to {camera}",
        shown_count(tally.pushed, "frame"),
        shown_bytes(tally.bytes)
    );
    if tally.again > 0 {
        said.push_str(&format!(", {} of them there already", tally.again));
    }
    if tally.refused > 0 {
        said.push_str(&format!(", {} not pushed", tally.refused));
    }
    print.note(said);
    if source.skipped_bytes() > 0 {
        let skipped = shown_count(source.skipped_bytes(), "byte");
        print.note(format_args!("skipped {skipped} between frames"));
    }
    let ended_early = stop.is_cancelled() || tally.away >= AWAY_LIMIT;
    if ended_early {
        match source.known().map(|known| known.saturating_sub(tally.pushed + tally.refused)) {
            Some(0) => print.error("stopped early"),
            Some(left) => {
                let left = shown_count(left, "file");
                print.error(format_args!("stopped early: {left} not tried"));
            }
            None => print.error("stopped early: the rest of stdin was not read"),
        }
    }
    if ended_early || tally.refused > 0 {
        return Outcome::Failed;
    }
    if tally.pushed == 0 {
        print.error("there was no frame to push");
        return Outcome::NothingFound;
    }
    Outcome::Done
}
