//! `cameras`: who has frames, and how old the newest is.

use clap::Args;

use super::args::ViaArg;
use super::exit::Outcome;
use super::print::Column;
use super::session::Session;
use super::times::{shown, shown_bytes, shown_span};
use crate::model::time::UnixNanos;
use crate::query::CameraSummary;

/// What `help cameras` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache cameras
  framecache cameras --tenant client-a --json | jq -r .stream.camera";

/// Options of `cameras`.
#[derive(Debug, Args)]
pub(super) struct CamerasArgs {
    /// How cameras are found.
    #[arg(long, value_name = "WAY", default_value = "auto")]
    via: ViaArg,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: CamerasArgs) -> anyhow::Result<Outcome> {
    let desk = session.open()?;
    let cameras = desk.service.cameras(&desk.scope(None), args.via.into()).await?;
    if cameras.is_empty() {
        session.print.note(format_args!(
            "no camera of {}/{} has a live frame in {}",
            desk.config.tenant,
            desk.config.prefix,
            desk.service.place()
        ));
        return Ok(Outcome::NothingFound);
    }
    if session.print.json() {
        cameras.iter().try_for_each(|camera| session.print.object(camera))?;
        return Ok(Outcome::Done);
    }
    let columns = [
        Column::Left("CAMERA"),
        Column::Left("NEWEST FRAME"),
        Column::Right("AGE"),
        Column::Right("SIZE"),
        Column::Right("PIXELS"),
    ];
    session
        .print
        .table(&columns, cameras.iter().map(|camera| row(camera, session.now)).collect())?;
    Ok(Outcome::Done)
}

fn row(camera: &CameraSummary, now: UnixNanos) -> Vec<String> {
    let unknown = || "-".to_owned();
    let newest = camera.newest.as_ref();
    vec![
        camera.stream.camera.to_string(),
        newest.map_or_else(unknown, |frame| shown(frame.key.at())),
        newest.map_or_else(unknown, |frame| shown_span(now.since(frame.key.at()))),
        newest.and_then(|frame| frame.size).map_or_else(unknown, |size| shown_bytes(size.into())),
        newest
            .and_then(|frame| frame.dimensions)
            .map_or_else(unknown, |d| format!("{}x{}", d.width, d.height)),
    ]
}
