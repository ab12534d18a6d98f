//! `info`: what is inside recordings, ours or another program's.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::exit::Outcome;
use super::print::Column;
use super::recordings;
use super::session::Session;
use super::times::{shown, shown_bytes, shown_count, shown_span};
use crate::archive::read::{CameraInfo, Info, Recording, Select};
use crate::model::recording::RecordingName;

/// What `help info` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache info night.mcap                 cameras, frames, bytes, gaps
  framecache info recordings/*.mcap --json   for programs
  framecache info old/                       a folder of redis-record, or of segments
  framecache info night                      a recording of the running `up`";

/// Options of `info`.
#[derive(Debug, Args)]
pub(super) struct InfoArgs {
    /// MCAP files, folders of segments, zips or folders of redis-record; or names of recordings of a
    /// running `up`, which reads them there.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: InfoArgs) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Done;
    for (number, file) in args.files.iter().enumerate() {
        if number > 0 && !session.print.json() {
            session.print.line("")?;
        }
        if let Some(name) = named(file) {
            match recordings::info(session, &name).await? {
                Outcome::Done => {}
                other => outcome = other,
            }
            continue;
        }
        match describe(session, file).await {
            Ok(info) => show(session, &info)?,
            Err(error) if args.files.len() > 1 => {
                session.print.error(format_args!("{error:#}"));
                outcome = Outcome::Failed;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcome)
}

/// A recording of a running `up`: no file is called so, and a recording can be.
fn named(file: &Path) -> Option<RecordingName> {
    if file.exists() || file.extension().is_some() {
        return None;
    }
    RecordingName::new(file.to_str()?).ok()
}

async fn describe(session: &Session, file: &Path) -> anyhow::Result<Info> {
    let recording = Recording::open_path(file).await?;
    let (first, last) = recording.span().unzip();
    let begin = first.unwrap_or(session.now);
    let length = last.map_or(0, |last| last.since(begin).as_secs());
    let bar = session.print.progress(length.max(1), "seconds read");
    let told = recording
        .survey(&Select::ALL, |entry| bar.set_position(entry.at.since(begin).as_secs()))
        .await
        .with_context(|| format!("cannot read {}", file.display()));
    bar.finish_and_clear();
    told
}

/// Prints what is known of a recording.
pub(super) fn show(session: &Session, info: &Info) -> anyhow::Result<()> {
    if session.print.json() {
        return Ok(session.print.object(info)?);
    }
    session.print.line(headline(info))?;
    if let (Some(first), Some(last)) = (info.first, info.last) {
        let length = shown_span(last.since(first));
        session.print.line(format_args!("{} to {}, {length}", shown(first), shown(last)))?;
    }
    let columns = [
        Column::Left("CAMERA"),
        Column::Right("FRAMES"),
        Column::Right("BYTES"),
        Column::Left("FIRST"),
        Column::Right("LENGTH"),
        Column::Right("GAPS"),
        Column::Left("LONGEST GAP"),
    ];
    if !info.cameras.is_empty() {
        session.print.table(&columns, info.cameras.iter().map(row).collect())?;
    }
    session.print.flush()?;
    info.warnings.iter().for_each(|warning| session.print.note(format_args!("warning: {warning}")));
    Ok(())
}

fn headline(info: &Info) -> String {
    let state = if info.finished { "finished" } else { "cut" };
    let count = shown_count(info.frames, "frame");
    let mut line =
        format!("{}  {}, {state}, {count}, {}", info.name, info.format, shown_bytes(info.bytes));
    if let Some(lost) = info.lost.filter(|lost| *lost > 0) {
        line.push_str(&format!(", {lost} expired before they were recorded"));
    }
    if info.not_jpeg > 0 {
        line.push_str(&format!(", {} no JPEG", info.not_jpeg));
    }
    line
}

fn row(camera: &CameraInfo) -> Vec<String> {
    let name = match &camera.camera {
        Some(stream) => stream.to_string(),
        None => camera.channel.clone(),
    };
    let longest = camera.gaps.iter().max_by_key(|gap| gap.to.since(gap.from));
    let longest = longest.map_or_else(String::new, |gap| {
        format!("{} from {}", shown_span(gap.to.since(gap.from)), shown(gap.from))
    });
    vec![
        name,
        camera.frames.to_string(),
        shown_bytes(camera.bytes),
        shown(camera.first),
        shown_span(camera.last.since(camera.first)),
        camera.gaps.len().to_string(),
        longest,
    ]
}
