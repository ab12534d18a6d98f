//! `collect`: what `up` does, without HTTP: for a machine that only feeds Redis.

use clap::Args;

use super::exit::{Outcome, Usage};
use super::reload::Reloads;
use super::session::Session;
use super::signals::stop_token;
use super::up::{announce_end, announce_start};
use crate::app::{Cameras, Engine};

/// What `help collect` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache collect --redis redis://127.0.0.1:6379
  FRAMECACHE_REDIS__ENABLED=true framecache collect --config fleet.toml";

/// Options of `collect`: none of its own, all else is configuration.
#[derive(Debug, Args)]
pub(super) struct CollectArgs {}

/// Runs the verb.
pub(super) async fn run(session: &Session, _: CollectArgs) -> anyhow::Result<Outcome> {
    let loaded = session.load_to_run()?;
    let config = &loaded.config;
    if !config.redis.enabled {
        let said = "collect needs Redis, because nobody could read the embedded store of a process \
                    without HTTP: give --redis URL, set redis.enabled = true, or use `up`";
        return Err(Usage(said.to_owned()).into());
    }
    if config.cameras.is_empty() {
        let said = "there is no camera to collect: add [[cameras]] to the configuration";
        return Err(Usage(said.to_owned()).into());
    }
    let (stop, reloads) = (stop_token()?, Reloads::listen()?);
    let engine = Engine::start(config, Cameras::Configured)?;
    announce_start(session, config, &engine, None)?;
    tokio::select! {
        () = stop.cancelled() => {}
        () = reloads.follow(session, &engine, &loaded) => {}
    }
    session.print.note("stopping; Ctrl-C again ends at once");
    let counts = engine.stop().await;
    announce_end(&session.print, &counts)?;
    Ok(Outcome::Done)
}
