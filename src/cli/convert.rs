//! `convert`: recordings as videos, zips of redis-record, or pictures.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::exit::{Outcome, Usage};
use super::session::Session;
use super::times::{self, TIME_HELP, shown_bytes, shown_count};
use crate::archive::convert::{Conversion, Converted, Kind, convert};
use crate::archive::read::{Recording, Select};
use crate::archive::{ArchiveError, Naming};
use crate::model::time::UnixNanos;

/// What `help convert` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache convert night.mcap -o night.mp4                     a video; of several cameras one each
  framecache convert night.mcap -o door.mp4 --camera door --from 22:00 --to 23:00
  framecache convert night.mcap -o pictures                      a folder of JPEGs
  framecache convert night.mcap -o night.zip                     a recording of redis-record
  framecache convert old/ -o old.mp4                             from redis-record";

/// What a recording becomes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    /// H.264 of each camera, made by ffmpeg: times and gaps as recorded.
    Mp4,
    /// A folder of zips, as redis-record has them: times to the millisecond.
    Zip,
    /// A folder of pictures.
    Jpeg,
}

/// Options of `convert`.
#[derive(Debug, Args)]
pub(super) struct ConvertArgs {
    /// An MCAP file, a folder of segments, a zip or a folder of redis-record.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What is written: X.mp4 (of several cameras X-CAMERA.mp4), X.zip (a folder of that name), or a
    /// folder of pictures. It must not be there yet.
    #[arg(short, long, value_name = "TARGET")]
    output: PathBuf,
    /// What it becomes; else as the target's name ends.
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<KindArg>,
    /// Only these cameras or channels, by name or glob; else all.
    #[arg(long = "camera", value_name = "NAME")]
    cameras: Vec<String>,
    /// First instant; else from the beginning.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
        help = format!("First instant; else from the beginning. {TIME_HELP}"))]
    from: Option<String>,
    /// First instant after the end; else to the end.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: ConvertArgs) -> anyhow::Result<Outcome> {
    let window = times::window(args.from.as_deref(), args.to.as_deref(), session.now)?;
    let config = session.load()?.config;
    let recording = Recording::open_path(&args.file).await?;
    recording
        .warnings()
        .iter()
        .for_each(|said| session.print.note(format_args!("warning: {said}")));
    let select = Select { window, cameras: args.cameras.clone() };
    let begin = recording.span().map_or(window.from(), |(first, _)| first.max(window.from()));
    let end = recording.span().map_or(begin, |(_, last)| last.min(window.to()));
    let bar = session.print.progress(end.since(begin).as_secs().max(1), "seconds read");
    let shown = bar.clone();
    let conversion = Conversion {
        recording,
        select,
        naming: Naming::recorded(config.tenant.clone(), config.prefix.clone()),
        ffmpeg: config.ingest.ffmpeg.clone(),
    };
    let seen = Arc::new(move |at: UnixNanos| {
        shown.set_position(at.since(begin).as_secs());
    });
    let converted = convert(&conversion, kind(&args), &args.output, seen).await;
    bar.finish_and_clear();
    tell(session, &converted.map_err(as_usage)?)
}

fn kind(args: &ConvertArgs) -> Kind {
    let ends = |ending: &str| {
        args.output.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
    };
    match args.kind {
        Some(KindArg::Mp4) => Kind::Mp4,
        Some(KindArg::Zip) => Kind::Zip,
        Some(KindArg::Jpeg) => Kind::Jpeg,
        None if ends("mp4") => Kind::Mp4,
        None if ends("zip") => Kind::Zip,
        None => Kind::Jpeg,
    }
}

fn as_usage(error: ArchiveError) -> anyhow::Error {
    match error {
        ArchiveError::Naming(said) => Usage(said).into(),
        other => other.into(),
    }
}

fn tell(session: &Session, converted: &Converted) -> anyhow::Result<Outcome> {
    let Converted { files, frames, bytes, not_jpeg, damaged } = converted;
    if session.print.json() {
        session.print.object(converted)?;
    } else {
        files.iter().try_for_each(|file| session.print.line(file.display()))?;
        session.print.flush()?;
    }
    let what = format!("{}, {}", shown_count(*frames, "frame"), shown_bytes(*bytes));
    session.print.note(format_args!("{what} converted"));
    if *not_jpeg > 0 {
        session.print.note(format_args!("{} no JPEG", shown_count(*not_jpeg, "frame")));
    }
    damaged.iter().for_each(|why| session.print.error(why));
    Ok(if damaged.is_empty() { Outcome::Done } else { Outcome::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_says_what_it_becomes_unless_it_is_said() {
        let args = |output: &str, kind| ConvertArgs {
            file: PathBuf::new(),
            output: PathBuf::from(output),
            kind,
            cameras: Vec::new(),
            from: None,
            to: None,
        };
        for (output, said, expected) in [
            ("a.mp4", None, Kind::Mp4),
            ("a.MP4", None, Kind::Mp4),
            ("b/a.zip", None, Kind::Zip),
            ("a", None, Kind::Jpeg),
            ("a.d", None, Kind::Jpeg),
            ("a", Some(KindArg::Zip), Kind::Zip),
            ("a.zip", Some(KindArg::Jpeg), Kind::Jpeg),
        ] {
            assert_eq!(kind(&args(output, said)), expected, "{output}");
        }
    }
}
