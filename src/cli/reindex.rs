//! `reindex`: adds frames that other programs wrote to the index.

use clap::Args;

use super::exit::Outcome;
use super::session::Session;
use super::times::shown_count;
use crate::model::name::CameraId;

/// What `help reindex` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache reindex --dry-run    what would be added
  framecache reindex cam4         only one camera";

/// Options of `reindex`.
#[derive(Debug, Args)]
pub(super) struct ReindexArgs {
    /// Which camera; else all of the tenant and prefix.
    camera: Option<CameraId>,
    /// Only say what would be added.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: ReindexArgs) -> anyhow::Result<Outcome> {
    let desk = session.open()?;
    let scope = desk.scope(args.camera.as_ref());
    let report = desk.service.reindex(&scope, args.dry_run).await?;
    let verb = if args.dry_run { "would be added" } else { "added" };
    let text = format!(
        "{} found: {} in the index before, {} {verb}; {} left alone",
        shown_count(report.found, "frame"),
        report.known,
        report.indexed,
        shown_count(report.foreign, "other key")
    );
    session.print.either(&report, text)?;
    Ok(if report.found == 0 { Outcome::NothingFound } else { Outcome::Done })
}
