//! `up`: collects the configured cameras, keeps their frames, serves them, and accounts for all.
//!
//! Puts the faces on the engine: says what runs, waits for Ctrl-C or SIGTERM, then ends the HTTP side
//! and the engine together and prints the account.

mod listen;
mod supervised;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::account::{AccountLine, sentence};
use super::args::Globals;
use super::exit::{Outcome, Usage};
use super::print::Printer;
use super::reload::Reloads;
use super::session::{Session, local_url, reachable};
use super::signals::stop_token;
use super::times::{shown_count, shown_span};
use crate::app::{Cameras, Engine};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::metrics::Counts;
use crate::web::{self, Access, Exports, ServerOptions, Thumbnails, WebState};

/// What `help up` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache                                    ./config.toml, or three synthetic cameras
  framecache up --config fleet.toml
  framecache up --redis redis://127.0.0.1:6379  frames in Redis";

/// Options of `up`: none of its own, all else is configuration.
#[derive(Debug, Default, Args)]
pub(super) struct UpArgs {}

/// What runs, as one JSON object.
#[derive(Debug, Serialize)]
struct Started<'a> {
    event: &'static str,
    version: &'static str,
    address: Option<String>,
    /// `open`: nobody needs a token; `token`: everybody does. Null without an address.
    access: Option<&'static str>,
    store: &'a str,
    bus: &'a str,
    tenant: &'a str,
    prefix: &'a str,
    cameras: Vec<&'a str>,
}

/// Runs the verb.
pub(super) async fn run(session: &Session, _: UpArgs) -> anyhow::Result<Outcome> {
    let loaded = session.load_to_run()?;
    let config = loaded.config.clone();
    let (stop, reloads) = (stop_token()?, Reloads::listen()?);
    // What cannot be served is said before anything starts.
    let options = ServerOptions::new(&config.http).map_err(|error| Usage(error.to_string()))?;
    let listener = listen::listen(&config.http).await?;
    let address = listener.local_addr().context("the listening port has no address")?;
    let engine = Engine::start(&config, Cameras::Configured)?;
    let ended = CancellationToken::new();
    let router = web::router(WebState {
        service: engine.service(),
        tenant: config.tenant.clone(),
        prefix: config.prefix.clone(),
        clock: Arc::new(SystemClock),
        scan: config.index.foreign || !config.redis.enabled,
        max_frame_bytes: config.max_frame_bytes,
        exports: Exports::new(config.ingest.ffmpeg.clone()),
        thumbnails: Thumbnails::default(),
        access: Arc::new(Access::new(&config.http)),
        stop: ended.clone(),
    });
    let mut serving = tokio::spawn(web::serve_with(listener, router, options, ended.clone()));
    let url = reachable(address, config.http.tls.is_some());
    announce_start(session, &config, &engine, Some(url))?;
    supervised::ready();
    let alive = tokio::spawn(supervised::watchdog(ended.clone()));
    let failed = tokio::select! {
        () = stop.cancelled() => None,
        failed = &mut serving => Some(failed),
        () = reloads.follow(session, &engine, &loaded) => None,
    };
    let drain = shown_span(config.shutdown.drain_timeout + Duration::from_secs(1));
    supervised::stopping();
    session.print.note(format_args!("stopping: at most {drain}; Ctrl-C again ends at once"));
    ended.cancel();
    let counts = match failed {
        Some(_) => engine.stop().await,
        None => {
            let (counts, served) = tokio::join!(engine.stop(), serving);
            served.context("the HTTP task ended abnormally")?.context("the HTTP side failed")?;
            counts
        }
    };
    alive.await.context("the watchdog task ended abnormally")?;
    announce_end(&session.print, &counts)?;
    if let Some(failed) = failed {
        failed.context("the HTTP task ended abnormally")?.context("the HTTP side failed")?;
    }
    Ok(Outcome::Done)
}

/// Says what runs; with an address also where to look and what to try.
pub(super) fn announce_start(
    session: &Session,
    config: &Config,
    engine: &Engine,
    address: Option<String>,
) -> std::io::Result<()> {
    let started = Started {
        event: "started",
        version: env!("CARGO_PKG_VERSION"),
        access: address
            .as_ref()
            .map(|_| if config.http.tokens.is_empty() { "open" } else { "token" }),
        address,
        store: engine.store_place(),
        bus: engine.bus_place(),
        tenant: config.tenant.as_str(),
        prefix: config.prefix.as_str(),
        cameras: config.cameras.iter().map(|camera| camera.id.as_str()).collect(),
    };
    let asked = address_options(&session.globals, config, started.address.as_deref());
    session.print.either(&started, describe(&started, config, &asked))
}

/// What a verb in another terminal is given to reach this `up`; nothing where it would look there anyway.
fn address_options(globals: &Globals, config: &Config, address: Option<&str>) -> String {
    let mut options = String::new();
    let mut add = |name: &str, value: &str| {
        options.push_str(&format!(" {name} {}", quoted(value)));
    };
    if let Some(path) = &globals.config {
        add("--config", &path.display().to_string());
    }
    if let Some(tenant) = &globals.tenant {
        add("--tenant", tenant);
    }
    if let Some(prefix) = &globals.prefix {
        add("--prefix", prefix);
    }
    // A Redis that was named here is not known there, and its URL may hold a password.
    let elsewhere = !config.redis.enabled && address != Some(local_url(config).as_str());
    if let (true, Some(address)) = (elsewhere || globals.redis.is_some(), address) {
        add("--url", address);
    }
    options
}

/// As one word of a shell.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:@".contains(letter);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn describe(started: &Started<'_>, config: &Config, options: &str) -> String {
    let lives: Vec<String> =
        config.retention.ttls().map(|ttl| shown_span(ttl.as_duration())).collect();
    let cameras = match started.cameras.len() {
        0 => "none configured; push frames to any id".to_owned(),
        count @ 1..=8 => format!("{count}: {}", started.cameras.join(", ")),
        count => format!("{count}: {}, ...", started.cameras[..8].join(", ")),
    };
    let mut said = format!(
        "framecache {} runs\n  store    {}\n  bus      {}\n  frames   {}:{}:CAMERA:..., each lives {}\n  cameras  {cameras}",
        started.version,
        started.store,
        started.bus,
        started.tenant,
        started.prefix,
        lives.join(" or "),
    );
    if let Some(address) = &started.address {
        let access = match config.http.tokens.len() {
            0 if config.http.listen.ip().is_loopback() => "everyone on this machine".to_owned(),
            0 => "everyone (insecure)".to_owned(),
            count => format!("by token only; {} configured", shown_count(count as u64, "token")),
        };
        let to_try = to_try(started, config, address, options);
        said.push_str(&format!(
            "\n  address  {address}  (in a browser: the live page)\n  access   {access}\n\n{to_try}"
        ));
    }
    said
}

/// Three commands that work as they stand.
fn to_try(started: &Started<'_>, config: &Config, address: &str, options: &str) -> String {
    let camera = started.cameras.first().copied().unwrap_or("cam1");
    let first = if started.cameras.is_empty() {
        format!("framecache push {camera} picture.jpg{options}")
    } else {
        format!("framecache range {camera} --from -30s -o frames{options}")
    };
    let (set, header) = if config.http.tokens.is_empty() {
        ("", "")
    } else {
        ("  export FRAMECACHE_TOKEN=fc_...\n", " -H \"Authorization: Bearer $FRAMECACHE_TOKEN\"")
    };
    format!(
        "Try, in another terminal:\n{set}  framecache latest{options}\n  {first}\n  curl{header} -o now.jpg {address}/api/v1/cameras/{camera}/latest.jpg\nCtrl-C ends it."
    )
}

/// Prints the account of every frame.
pub(super) fn announce_end(print: &Printer, counts: &Counts) -> std::io::Result<()> {
    print.either(&AccountLine::of(counts), sentence(counts))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Cli;
    use crate::config::Environment;

    #[test]
    fn what_is_to_be_tried_reaches_this_up_from_another_terminal() {
        let config = Config::load_with(None, &Environment::new(), &[]).unwrap().config;
        for (arguments, address, options) in [
            (&["up"][..], "http://127.0.0.1:8080", ""),
            (&["up"], "http://127.0.0.1:8081", " --url http://127.0.0.1:8081"),
            (
                &["up", "--config", "my fleet.toml"],
                "http://127.0.0.1:8080",
                " --config 'my fleet.toml'",
            ),
            (
                &["up", "--redis", "redis://:secret@h", "--tenant", "shop"],
                "http://127.0.0.1:8080",
                " --tenant shop --url http://127.0.0.1:8080",
            ),
        ] {
            let cli = Cli::parse_from([&["framecache"], arguments].concat());
            assert_eq!(address_options(&cli.globals, &config, Some(address)), options);
        }
    }
}
