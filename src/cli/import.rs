//! `import`: the frames of a recording back into a store, ours or another program's recording.
//!
//! Frames keep their keys unless they are renamed or moved in time, and their bytes whatever they are.
//! They go in small batches, each acknowledged before the next one, so memory is bounded, and whatever
//! ends the verb early leaves whole frames: the same line again goes on, because frames that are there
//! already are found out. Without `--tenant` a store that is used directly is written as the recording's
//! own tenant.

mod tally;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use self::tally::{Report, Tally};
use super::exit::Outcome;
use super::print::Progress;
use super::session::{Desk, Session};
use super::signals::stop_token;
use super::times::{self, TIME_HELP, shown_bytes, shown_count};
use crate::archive::read::{Entry, Recording, Select};
use crate::archive::{ArchiveError, Lives, Names, Naming, Rename, Shift};
use crate::clock::{Clock as _, SystemClock};
use crate::model::frame::{Frame, StoredFrame};
use crate::model::name::{Prefix, Tenant};
use crate::model::time::UnixNanos;
use crate::service::transfer::{RESTORE_BYTES, RESTORE_FRAMES, RestoredAs};

/// What `help import` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache import cam1.mcap                             as it was, for what was left of each life
  framecache import cam1.mcap --dry-run                   only shows what would be
  framecache import old.mcap --prefix test --ttl 1h       beside the live frames, for an hour
  framecache import bag.mcap --camera /front/image=front --shift-to now
  framecache import ./rr_recording --tenant client-a      a folder of redis-record";

/// What is done about a key that holds other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum OnConflict {
    /// Leave it, go on, and fail at the end.
    #[default]
    Report,
    /// Leave it and go on.
    Skip,
    /// Leave it and end.
    Stop,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// An MCAP file of framecache, Foxglove or ROS, a folder of segments, or an MCAP file, zip or folder
    /// of redis-record.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Camera or channel OLD becomes the camera NEW; may be given many times.
    #[arg(long = "camera", value_name = "OLD=NEW")]
    cameras: Vec<Rename>,
    /// Only this camera or channel, a name or a glob; may be given many times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Only frames from this instant on.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
        help = format!("Only frames from this instant on. {TIME_HELP}"))]
    from: Option<String>,
    /// Only frames before this instant.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Move all times so that the last frame gets this one, e.g. now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    shift_to: Option<String>,
    /// How long frames live: `remaining`, what was left when they were recorded; `original`, the lifetime
    /// that they had, anew; `absolute`, until the end that they had; or a lifetime, e.g. 1h.
    #[arg(long, value_name = "LIFE", default_value = "remaining")]
    ttl: Lives,
    /// What to do about a key that holds other bytes; these are never overwritten.
    #[arg(long, value_name = "WHAT", default_value = "report")]
    on_conflict: OnConflict,
    /// Only show what would be imported.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: ImportArgs) -> anyhow::Result<Outcome> {
    let select = Select {
        window: times::window(args.from.as_deref(), args.to.as_deref(), session.now)?,
        cameras: args.only.clone(),
    };
    let recording = Recording::open_path(&args.file).await?;
    for warning in recording.warnings() {
        session.print.note(format_args!("warning: {warning}"));
    }
    let desk = session.of_tenant(tenant_of(&recording, &select)).open_to_push()?;
    let names =
        naming(session, &args, &recording, &desk)?.settle(&recording.channels_of(&select))?;
    let stop = stop_token()?;
    let (first, last) = recording.span().unzip();
    let begin = first.unwrap_or(session.now).max(select.window.from());
    let length = last.map_or(0, |last| last.min(select.window.to()).since(begin).as_secs());
    let bar = session.print.progress(length.max(1), "importing");
    let mut import = Import { session, desk: &desk, args: &args, names, tally: Tally::default() };
    let done = import.all(&recording, &select, (&bar, begin), &stop).await;
    bar.finish_and_clear();
    let tally = import.tally;
    desk.close().await;
    if let Err(error) = done {
        let so_far = shown_count(tally.stored + tally.again, "frame");
        session
            .print
            .note(format_args!("{so_far} imported before that; the same line again goes on"));
        return Err(error);
    }
    let report = tally.report(args.file, args.dry_run);
    tell(session, &report)?;
    Ok(outcome(session, &report, args.on_conflict, stop.is_cancelled()))
}

/// The one tenant of what is selected, where it has one.
fn tenant_of(recording: &Recording, select: &Select) -> Option<Tenant> {
    let channels = recording.channels_of(select);
    let mut tenants: Vec<_> =
        channels.into_iter().filter_map(|(_, stream)| Some(stream?.tenant)).collect();
    tenants.dedup();
    if let [tenant] = &tenants[..] { Some(tenant.clone()) } else { None }
}

fn naming(
    session: &Session,
    args: &ImportArgs,
    recording: &Recording,
    desk: &Desk,
) -> anyhow::Result<Naming> {
    let (tenant, prefix) = (desk.config.tenant.clone(), desk.config.prefix.clone());
    let mut naming = Naming::recorded(tenant, prefix);
    naming.tenant = session.globals.tenant.as_deref().map(Tenant::new).transpose()?;
    naming.prefix = session.globals.prefix.as_deref().map(Prefix::new).transpose()?;
    naming.cameras.clone_from(&args.cameras);
    if let Some(to) = &args.shift_to {
        let to = times::instant(to, session.now)?;
        let end = times::window(args.from.as_deref(), args.to.as_deref(), session.now)?.to();
        let last = recording.span().map_or(to, |(_, last)| last);
        let before = UnixNanos::new(end.get().saturating_sub(1)).unwrap_or(end);
        naming.shift = Shift::between(last.min(before), to);
    }
    Ok(naming)
}

/// The work of one `import`.
struct Import<'a> {
    session: &'a Session,
    desk: &'a Desk,
    args: &'a ImportArgs,
    names: Names,
    tally: Tally,
}

impl Import<'_> {
    async fn all(
        &mut self,
        recording: &Recording,
        select: &Select,
        (bar, begin): (&Progress, UnixNanos),
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut entries = recording.entries(select);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(entry) = entries.next().await {
            if stop.is_cancelled() {
                break;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error @ ArchiveError::Format(_)) => {
                    self.damaged(&error);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            bar.set_position(entry.at.since(begin).as_secs());
            let Some(stored) = self.prepared(entry) else { continue };
            if batch.len() == RESTORE_FRAMES || bytes + stored.frame.bytes.len() > RESTORE_BYTES {
                self.restore(std::mem::take(&mut batch)).await?;
                bytes = 0;
                let (frames, read) = (self.tally.frames, shown_bytes(self.tally.bytes));
                bar.set_message(format!("importing {frames} frames, {read}"));
            }
            bytes += stored.frame.bytes.len();
            batch.push(stored);
        }
        self.restore(batch).await
    }

    /// The frame that an entry becomes; `None` for one that can have no key.
    fn prepared(&mut self, entry: Entry) -> Option<StoredFrame> {
        let key = match self.names.key(&entry) {
            Ok(key) => key,
            Err(error) => {
                self.tally.refused += 1;
                self.complain(&error.to_string());
                return None;
            }
        };
        self.tally.read(&key, &entry);
        let (ttl, expires_at) = self.args.ttl.of(&entry, SystemClock.now());
        Some(StoredFrame { frame: Frame { key, bytes: entry.bytes }, ttl, expires_at })
    }

    async fn restore(&mut self, batch: Vec<StoredFrame>) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if self.args.dry_run {
            let now = SystemClock.now();
            let past = |one: &&StoredFrame| one.expires_at.is_some_and(|end| end <= now);
            self.tally.expired += u64::try_from(batch.iter().filter(past).count()).unwrap_or(0);
            return Ok(());
        }
        for one in self.desk.service.restore(batch).await? {
            match one.outcome {
                RestoredAs::Stored => self.tally.stored += 1,
                RestoredAs::Again => self.tally.again += 1,
                RestoredAs::Expired => self.tally.expired += 1,
                RestoredAs::Taken => self.tally.taken += 1,
                RestoredAs::Refused => self.tally.refused += 1,
            }
            let told = matches!(one.outcome, RestoredAs::Taken | RestoredAs::Refused);
            let said = one.message.unwrap_or_default();
            if one.outcome == RestoredAs::Taken && self.args.on_conflict == OnConflict::Stop {
                return Err(anyhow::Error::msg(said)).context("a frame is not as it was recorded");
            }
            if told && self.args.on_conflict != OnConflict::Skip {
                self.complain(&said);
            }
        }
        Ok(())
    }

    fn damaged(&mut self, error: &ArchiveError) {
        self.tally.damaged += 1;
        self.complain(&error.to_string());
    }

    /// Tells of the first few; the report counts all.
    fn complain(&mut self, said: &str) {
        if self.tally.may_complain() {
            self.session.print.error(said);
        }
    }
}

fn tell(session: &Session, report: &Report) -> anyhow::Result<()> {
    session.print.either(report, report.sentence())?;
    let notes = [
        (report.expired, "had expired: --ttl original or a lifetime gives them a new life"),
        (report.taken, "not imported: other bytes lie under their keys"),
        (report.refused, "refused"),
        (report.damaged, "damaged in the file"),
        (report.not_jpeg, "no JPEG, imported as they are"),
    ];
    for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
        session.print.note(format_args!("{} {what}", shown_count(count, "frame")));
    }
    Ok(())
}

fn outcome(session: &Session, report: &Report, on: OnConflict, stopped: bool) -> Outcome {
    if stopped {
        session.print.error("stopped early: the same line again goes on");
        return Outcome::Failed;
    }
    if report.frames == 0 && report.damaged + report.refused == 0 {
        session.print.note("no frame in the recording is selected");
        return Outcome::NothingFound;
    }
    let taken = if on == OnConflict::Skip { 0 } else { report.taken };
    let none_lives = report.expired > 0 && report.expired == report.frames;
    if taken + report.refused + report.damaged > 0 || none_lives {
        return Outcome::Failed;
    }
    Outcome::Done
}
