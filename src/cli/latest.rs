//! `latest`: the newest frames of a camera, or the newest of each camera.

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::args::ViaArg;
use super::exit::{Outcome, Usage};
use super::frames;
use super::get::hand_out;
use super::session::{Desk, Session};
use crate::model::frame::FrameInfo;
use crate::model::name::CameraId;
use crate::query::{How, Via};

/// What `help latest` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache latest                    the newest frame of each camera
  framecache latest cam1 -n 10         the last ten frames of one
  framecache latest cam1 -o now.jpg    its newest picture as a file
  framecache latest cam1 -o - | feh -  the same, to another program";

/// Options of `latest`.
#[derive(Debug, Args)]
pub(super) struct LatestArgs {
    /// Which camera; else the newest frame of each.
    camera: Option<CameraId>,
    /// How many frames of it.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    count: usize,
    /// Write the newest picture to FILE, `-` for stdout.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How frames are found.
    #[arg(long, value_name = "WAY", default_value = "auto")]
    via: ViaArg,
    /// Ask the store for each frame, so that none is listed which another program deleted.
    #[arg(long)]
    verify: bool,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: LatestArgs) -> anyhow::Result<Outcome> {
    let desk = session.open()?;
    let how = How { via: args.via.into(), verify: args.verify };
    let Some(camera) = &args.camera else {
        if args.output.is_some() || args.count > 1 {
            let said = "name the camera: -o and -n are for the frames of one camera";
            return Err(Usage(said.to_owned()).into());
        }
        return of_each_camera(session, &desk, how.via).await;
    };
    let stream = desk.stream(camera);
    if let Some(output) = &args.output {
        if args.count > 1 {
            let said = "-o writes one picture: leave -n out, or use `range -o FOLDER`";
            return Err(Usage(said.to_owned()).into());
        }
        let Some(frame) = desk.service.latest_frame(&stream, how.via).await? else {
            return Ok(none_of(session, camera));
        };
        hand_out(session, &frame, Some(output), None).await?;
        return Ok(Outcome::Done);
    }
    let found = newest(session, &desk, camera, args.count, how).await?;
    if found.is_empty() {
        return Ok(none_of(session, camera));
    }
    frames::list(&session.print, &found, session.now)?;
    Ok(Outcome::Done)
}

/// By the index first: when a scan has to help, the user hears of it.
async fn newest(
    session: &Session,
    desk: &Desk,
    camera: &CameraId,
    count: usize,
    how: How,
) -> anyhow::Result<Vec<FrameInfo>> {
    let stream = desk.stream(camera);
    if how.via == Via::Auto {
        let indexed = How { via: Via::Index, ..how };
        let found = desk.service.latest(&stream, count, indexed).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let found = desk.service.latest(&stream, count, how).await?;
    if !found.is_empty() {
        frames::note_scan(&session.print, how.via != Via::Auto);
    }
    Ok(found)
}

async fn of_each_camera(session: &Session, desk: &Desk, via: Via) -> anyhow::Result<Outcome> {
    let cameras = desk.service.cameras(&desk.scope(None), via).await?;
    let found: Vec<FrameInfo> = cameras.into_iter().filter_map(|camera| camera.newest).collect();
    if found.is_empty() {
        session.print.note("no camera has a live frame");
        return Ok(Outcome::NothingFound);
    }
    frames::list(&session.print, &found, session.now)?;
    Ok(Outcome::Done)
}

/// Says that a camera has nothing.
pub(super) fn none_of(session: &Session, camera: &CameraId) -> Outcome {
    session.print.note(format_args!("camera {camera} has no live frame"));
    Outcome::NothingFound
}
