//! `holds`: which holds there are, what they hold and what is left of them.

use std::time::Duration;

use clap::Args;

use super::exit::Outcome;
use super::print::Column;
use super::session::Session;
use super::times::{shown, shown_bytes, shown_span};
use crate::hold::Holding;
use crate::model::name::CameraId;

/// What `help holds` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache holds                        of all cameras of the tenant and prefix
  framecache holds cam1 --json | jq .id   of one camera";

/// Options of `holds`.
#[derive(Debug, Args)]
pub(super) struct HoldsArgs {
    /// Which camera; else all of the tenant and prefix.
    camera: Option<CameraId>,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: HoldsArgs) -> anyhow::Result<Outcome> {
    let desk = session.open()?;
    let list = desk.service.holds(&desk.scope(args.camera.as_ref())).await?;
    let print = &session.print;
    if list.holds.is_empty() {
        print.note("nothing is held");
        return Ok(Outcome::NothingFound);
    }
    if print.json() {
        list.holds.iter().try_for_each(|holding| print.object(holding))?;
        return Ok(Outcome::Done);
    }
    let columns = [
        Column::Left("HOLD"),
        Column::Left("CAMERA"),
        Column::Left("FROM"),
        Column::Left("TO"),
        Column::Right("FRAMES"),
        Column::Right("BYTES"),
        Column::Right("LEFT"),
        Column::Left("NOTE"),
    ];
    print.table(&columns, list.holds.iter().map(row).collect())?;
    print.note(format_args!(
        "{} held of at most {}",
        shown_bytes(list.bytes),
        shown_bytes(list.max_bytes)
    ));
    Ok(Outcome::Done)
}

fn row(holding: &Holding) -> Vec<String> {
    let Holding { hold, left_seconds, frames, bytes } = holding;
    vec![
        hold.id().to_string(),
        hold.stream().camera.to_string(),
        shown(hold.window().from()),
        shown(hold.window().to()),
        frames.to_string(),
        shown_bytes(*bytes),
        shown_span(Duration::from_secs(*left_seconds)),
        hold.note().to_owned(),
    ]
}
