//! `replays`: which recordings a running `up` plays, and what they are told.

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::exit::Outcome;
use super::print::Column;
use super::replay::{pace, told};
use super::session::Session;
use super::times::{self, shown};
use crate::archive::replay::{Control, ReplayStatus, Speed};
use crate::model::name::ReplayId;
use crate::service::replays::ReplayOrder;

/// What `help replays` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache replays                              those that run, and the last that ended
  framecache replays pause 3f9a0c1e
  framecache replays seek 3f9a0c1e 02:15:00       an instant of the recording
  framecache replays speed 3f9a0c1e x10
  framecache replays stop 3f9a0c1e";

/// Options of `replays`.
#[derive(Debug, Args)]
pub(super) struct ReplaysArgs {
    #[command(subcommand)]
    order: Option<Order>,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Show one
    Show {
        /// Which replay.
        #[arg(value_name = "REPLAY")]
        id: ReplayId,
    },
    /// Let one stand still
    Pause {
        /// Which replay.
        #[arg(value_name = "REPLAY")]
        id: ReplayId,
    },
    /// Let one go on
    Resume {
        /// Which replay.
        #[arg(value_name = "REPLAY")]
        id: ReplayId,
    },
    /// Let one go on at another instant of its recording
    Seek {
        /// Which replay.
        #[arg(value_name = "REPLAY")]
        id: ReplayId,
        /// Where, in any form that `range --from` takes.
        #[arg(value_name = "TIME", allow_hyphen_values = true)]
        to: String,
    },
    /// Let one go on at another speed
    Speed {
        /// Which replay.
        #[arg(value_name = "REPLAY")]
        id: ReplayId,
        /// A number from 0.1 to 100, or `max`.
        speed: Speed,
    },
    /// End one
    Stop {
        /// Which replay.
        #[arg(value_name = "REPLAY")]
        id: ReplayId,
    },
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: ReplaysArgs) -> anyhow::Result<Outcome> {
    let (id, order) = match args.order {
        None => return list(session).await,
        Some(Order::Show { id }) => (id, ReplayOrder::Show),
        Some(Order::Pause { id }) => (id, ReplayOrder::Control(Control::Pause)),
        Some(Order::Resume { id }) => (id, ReplayOrder::Control(Control::Resume)),
        Some(Order::Speed { id, speed }) => (id, ReplayOrder::Control(Control::Speed(speed))),
        Some(Order::Seek { id, to }) => {
            let to = times::instant(&to, session.now)?;
            (id, ReplayOrder::Control(Control::Seek(to)))
        }
        Some(Order::Stop { id }) => (id, ReplayOrder::Stop),
    };
    let desk = session.open_running()?;
    let Some(status) = desk.service.replay(&id, order, None).await? else {
        session
            .print
            .error(format_args!("there is no replay {id}: `framecache replays` lists them"));
        return Ok(Outcome::NothingFound);
    };
    let position = shown(status.progress.position);
    let said = format!(
        "replay {id} of {}: {}, at {position}, {}; {}",
        status.recording,
        word(&status)?,
        pace(status.progress.speed),
        told(&status.progress)
    );
    session.print.either(&status, said)?;
    Ok(Outcome::Done)
}

async fn list(session: &Session) -> anyhow::Result<Outcome> {
    let list = session.open_running()?.service.replays(None).await?;
    let print = &session.print;
    if list.replays.is_empty() {
        print.note("nothing is played");
        return Ok(Outcome::NothingFound);
    }
    if print.json() {
        list.replays.iter().try_for_each(|status| print.object(status))?;
        return Ok(Outcome::Done);
    }
    let columns = [
        Column::Left("REPLAY"),
        Column::Left("RECORDING"),
        Column::Left("STATE"),
        Column::Right("SPEED"),
        Column::Left("POSITION"),
        Column::Right("FRAMES"),
        Column::Right("REFUSED"),
    ];
    let row = |status: &ReplayStatus| -> anyhow::Result<Vec<String>> {
        let progress = &status.progress;
        Ok(vec![
            status.id.to_string(),
            status.recording.clone(),
            word(status)?,
            progress.speed.to_string(),
            shown(progress.position),
            progress.frames.to_string(),
            progress.refused.to_string(),
        ])
    };
    print.table(&columns, list.replays.iter().map(row).collect::<Result<_, _>>()?)?;
    Ok(Outcome::Done)
}

/// The state as it is written in JSON.
fn word(status: &ReplayStatus) -> anyhow::Result<String> {
    let word = serde_json::to_value(status.progress.state).context("a state should have a word")?;
    Ok(word.as_str().unwrap_or_default().to_owned())
}
