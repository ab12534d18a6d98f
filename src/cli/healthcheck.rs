//! `healthcheck`: asks `/healthz` of a running `up`, for `HEALTHCHECK` in a container.

use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;

use super::exit::Outcome;
use super::session::{Session, local_url};
use super::times;
use crate::service::remote::{Credentials, client, root};

/// What `help healthcheck` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache healthcheck
  framecache healthcheck --url http://camera-host:8080
  framecache healthcheck --url https://camera-host:8443 --ca ca.pem";

/// Options of `healthcheck`.
#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    /// Longest wait for the answer.
    #[arg(long, value_name = "LENGTH", default_value = "3s", value_parser = times::span)]
    timeout: Duration,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, args: HealthcheckArgs) -> anyhow::Result<Outcome> {
    let url = match session.named_url() {
        Some(url) => url,
        None => local_url(&session.read_config()?.config),
    };
    let url = format!("{}/healthz", url.trim_end_matches('/'));
    // It needs no token, so none is sent to whatever answers there.
    let by = Credentials { token: None, ..session.credentials()? };
    let client = client::build(client::builder(&url, &by)?.timeout(args.timeout))?;
    let answer = client.get(&url).send().await;
    let answer = answer.map_err(|error| anyhow!("nothing answers at {url} ({})", root(&error)))?;
    let status = answer.status();
    if !status.is_success() {
        bail!("{url} answers {status}: this is no healthy framecache");
    }
    session.print.either(&serde_json::json!({ "url": url, "healthy": true }), "healthy")?;
    Ok(Outcome::Done)
}
