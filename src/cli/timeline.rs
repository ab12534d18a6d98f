//! `timeline`: frames and bytes per step of time, as bars or as JSON lines.

use std::time::Duration;

use clap::Args;

use super::args::ViaArg;
use super::exit::Outcome;
use super::print::Column;
use super::range::streams;
use super::session::Session;
use super::times::{self, shown, shown_bytes, shown_span};
use crate::model::name::CameraId;
use crate::model::time::TimeRange;
use crate::query::{How, TimelineStep};
use crate::service::TimelineRequest;

/// What `help timeline` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache timeline                            all cameras, the last 5 minutes
  framecache timeline cam1 --from -1h --step 1m  one bar a minute";

/// Characters of the longest bar.
const BAR: usize = 40;

/// Steps that a window is cut into unless the user says so.
const STEPS: u64 = 30;

/// Lengths of steps that people think in, in seconds.
const NICE: [u64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 21_600];

/// Options of `timeline`.
#[derive(Debug, Args)]
pub(super) struct TimelineArgs {
    /// Which cameras, added up; else all.
    #[arg(value_name = "CAMERA")]
    cameras: Vec<CameraId>,
    /// First instant of the window, in any form that `range --from` takes.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "-5m")]
    from: String,
    /// First instant after the window.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "now")]
    to: String,
    /// Length of a step, e.g. 10s; else about a thirtieth of the window.
    #[arg(long, value_name = "LENGTH", value_parser = times::span)]
    step: Option<Duration>,
    /// How frames are found.
    #[arg(long, value_name = "WAY", default_value = "auto")]
    via: ViaArg,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: TimelineArgs) -> anyhow::Result<Outcome> {
    let window = times::window(Some(&args.from), Some(&args.to), session.now)?;
    let desk = session.open()?;
    let via = args.via.into();
    let request = TimelineRequest {
        streams: streams(&desk, &args.cameras, via).await?,
        window,
        step: args.step.unwrap_or_else(|| nice_step(window)),
        how: How::from(via),
    };
    let steps = desk.service.timeline(&request).await?;
    if steps.iter().all(|step| step.frames == 0) {
        session.print.note("no live frame lies in this window");
        return Ok(Outcome::NothingFound);
    }
    if session.print.json() {
        steps.iter().try_for_each(|step| session.print.object(step))?;
        return Ok(Outcome::Done);
    }
    let most = steps.iter().map(|step| step.frames).max().unwrap_or(0);
    let columns = [
        Column::Left("FROM"),
        Column::Right("FRAMES"),
        Column::Right("BYTES"),
        Column::Right("LONGEST GAP"),
        Column::Left(""),
    ];
    session.print.table(&columns, steps.iter().map(|step| row(step, most)).collect())?;
    Ok(Outcome::Done)
}

fn row(step: &TimelineStep, most: u64) -> Vec<String> {
    vec![
        shown(step.from),
        step.frames.to_string(),
        shown_bytes(step.bytes),
        step.max_gap_nanos
            .map_or_else(|| "-".to_owned(), |gap| shown_span(Duration::from_nanos(gap))),
        bar(step.frames, most),
    ]
}

/// A bar of eighths of a character; anything above zero is seen.
fn bar(count: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if most == 0 || count == 0 {
        return String::new();
    }
    let length = (count as f64 / most as f64 * (BAR * 8) as f64).round() as usize;
    let length = length.max(1);
    format!("{}{}", "█".repeat(length / 8), EIGHTHS[length % 8])
}

/// The shortest step that people think in of which at most [`STEPS`] fill the window.
fn nice_step(window: TimeRange) -> Duration {
    let secs = window.to().since(window.from()).as_secs();
    let nice = NICE.into_iter().find(|step| secs.div_ceil(*step) <= STEPS);
    Duration::from_secs(nice.unwrap_or_else(|| secs.div_ceil(STEPS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::UnixNanos;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(10, 10), "█".repeat(40));
        assert_eq!(bar(1, 16), "██▌");
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(0, 0), "");
    }

    #[test]
    fn a_window_gets_at_most_thirty_steps_of_a_round_length() {
        for (secs, step) in [(1, 1), (30, 1), (31, 2), (300, 10), (3600, 120), (86_400, 3600)] {
            let to = UnixNanos::MIN.plus(Duration::from_secs(secs));
            let window = TimeRange::new(UnixNanos::MIN, to).unwrap();
            assert_eq!(nice_step(window), Duration::from_secs(step), "{secs}");
        }
    }
}
