//! `release`: ends holds, so that their frames end when they would have.

use clap::Args;

use super::exit::Outcome;
use super::session::Session;
use super::times::shown_count;
use crate::model::name::HoldId;

/// What `help release` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache release 3f9a0c1e     a hold that `framecache holds` lists";

/// Options of `release`.
#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    /// Which holds.
    #[arg(value_name = "HOLD", required = true)]
    holds: Vec<HoldId>,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: ReleaseArgs) -> anyhow::Result<Outcome> {
    let desk = session.open()?;
    let scope = desk.scope(None);
    let mut outcome = Outcome::Done;
    for id in &args.holds {
        let Some(released) = desk.service.release(id, &scope).await? else {
            session
                .print
                .error(format_args!("there is no hold {id}: `framecache holds` lists them"));
            outcome = Outcome::NothingFound;
            continue;
        };
        let mut said = format!(
            "hold {id} is released: {} of {} end as they would have",
            shown_count(released.frames, "frame"),
            released.hold.stream().camera
        );
        if released.kept > 0 {
            said.push_str(&format!("; other holds keep {}", released.kept));
        }
        session.print.either(&released, said)?;
    }
    Ok(outcome)
}
