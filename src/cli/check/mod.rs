//! `check`: is everything as it must be, and if not, what to do about it.
//!
//! Each finding is one line: OK, WARN or FAIL, what was looked at, and a sentence. The facts come
//! from the store and the bus themselves; what they mean is decided in pure functions here
//! (`server`, `memory`), so each sentence has a test.

mod finding;
mod memory;
mod probes;
mod server;

use clap::Args;

use self::finding::{Finding, Level};
use super::exit::Outcome;
use super::session::{Session, check_cameras};
use super::times::shown_count;
use crate::config::Loaded;

/// What `help check` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache check
  framecache check --redis redis://127.0.0.1:6379 --json | jq 'select(.level == \"fail\")'

Exit code 1 says that something fails; warnings alone are 0.";

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {}

/// Runs the verb.
pub(super) async fn run(session: &Session, _: CheckArgs) -> anyhow::Result<Outcome> {
    let Loaded { config, warnings, .. } = session.load_unlogged()?;
    check_cameras(&config)?;
    let mut findings = vec![Finding::ok(
        "configuration",
        format!(
            "{}, tenant {}, prefix {}",
            shown_count(config.cameras.len(), "camera"),
            config.tenant,
            config.prefix
        ),
    )];
    findings.extend(warnings.into_iter().map(|text| Finding::warn("configuration", text)));
    show(session, &findings)?;
    let mut failed = false;
    for found in [
        probes::store(&config, session.named_url(), &session.credentials()?).await,
        probes::bus(&config).await,
        probes::ffmpeg(&config).await,
    ] {
        show(session, &found)?;
        failed |= found.iter().any(|finding| finding.level == Level::Fail);
    }
    Ok(if failed { Outcome::Failed } else { Outcome::Done })
}

fn show(session: &Session, findings: &[Finding]) -> std::io::Result<()> {
    findings.iter().try_for_each(|finding| session.print.either(finding, finding))
}
