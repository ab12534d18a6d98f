//! `record`: a recording in the foreground, until Ctrl-C or until it ends by itself.
//!
//! A running `up` records, where one is named or meant; with Redis this process does it itself, into the
//! folder of its configuration. Either way the file is complete when the verb is done.

use std::time::Duration;

use clap::Args;

use super::exit::Outcome;
use super::recordings::{StartArgs, finished, told};
use super::session::{Desk, Session};
use super::signals::stop_token;
use super::times::{shown_bytes, shown_count};
use crate::archive::record::{Order, Phase, Status};

/// What `help record` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache record test --max-length 30s
  framecache record gate --camera 'gate*' --from -60s
  framecache record night --redis redis://127.0.0.1:6379 --segment 10m

Ctrl-C ends the recording and leaves a complete file. With --redis this process records by
itself, into [recordings] folder; else the running `up` does, and goes on where this verb
is killed: `framecache stop NAME` ends it then.";

/// From one look at the recording to the next.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Options of `record`.
#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    #[command(flatten)]
    start: StartArgs,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: RecordArgs) -> anyhow::Result<Outcome> {
    let stop = stop_token()?;
    let desk = session.open_to_record()?;
    let order = args.start.order(session)?;
    let begun = desk.service.record(&Order::Start(order.clone())).await?.pop();
    let Some(status) = begun else { return Ok(Outcome::NothingFound) };
    session.print.note(format_args!(
        "recording {} from {}; Ctrl-C ends it",
        status.name,
        desk.service.place()
    ));
    let watched = tokio::select! {
        watched = watch(session, &desk, status.clone()) => watched?,
        () = stop.cancelled() => {
            let stopped = desk.service.record(&Order::Stop(status.name.clone().into())).await?;
            stopped.into_iter().next_back().unwrap_or(status)
        }
    };
    let status = finished(&desk, watched).await?;
    desk.close().await;
    told(session, &status)
}

/// Shows how it does until it ends by itself.
async fn watch(session: &Session, desk: &Desk, mut status: Status) -> anyhow::Result<Status> {
    let order = Order::Status(status.name.clone().into());
    let line = session.print.watching();
    while matches!(status.state, Phase::Recording | Phase::Paused) {
        line.set_message(shown(&status));
        line.tick();
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(now) = desk.service.record(&order).await?.pop() else { break };
        status = now;
    }
    line.finish_and_clear();
    Ok(status)
}

fn shown(status: &Status) -> String {
    let frames = shown_count(status.frames.unwrap_or(0), "frame");
    let lost = if status.lost > 0 { format!(", {} lost", status.lost) } else { String::new() };
    format!("{}  {frames}, {}{lost}", status.name, shown_bytes(status.bytes))
}
