//! `config`: writes a commented file, checks one, shows what is in force and where it comes from.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::exit::Outcome;
use super::print::Column;
use super::session::{Session, check_cameras};
use super::times::shown_count;
use crate::config::{Config, Loaded, SHIPPED};

/// What `help config` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache config init                  writes ./config.toml
  framecache config check                 is it right, and what will run
  framecache config show | grep redis     what is in force, and where it comes from";

/// Options of `config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a commented file to start from
    Init {
        /// Where to; else --config, else ./config.toml.
        path: Option<PathBuf>,
        /// Replace a file that is already there.
        #[arg(long)]
        force: bool,
    },
    /// Check the configuration without starting anything
    Check,
    /// Show every key, its value and where that comes from; secrets as ***
    Show,
}

/// Runs the verb.
pub(super) fn run(session: &Session, args: ConfigArgs) -> anyhow::Result<Outcome> {
    match args.action {
        Action::Init { path, force } => {
            let path = path.or_else(|| session.globals.config.clone());
            init(session, &path.unwrap_or_else(|| PathBuf::from("config.toml")), force)
        }
        Action::Check => check(session),
        Action::Show => show(session),
    }
}

fn init(session: &Session, path: &Path, force: bool) -> anyhow::Result<Outcome> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{} is already there: replace it with --force", path.display())
        }
        opened => opened.with_context(|| format!("cannot write {}", path.display()))?,
    };
    file.write_all(SHIPPED.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    let line = serde_json::json!({ "file": path });
    let name = path.display();
    session
        .print
        .either(&line, format_args!("{name} written; start it with: framecache --config {name}"))?;
    Ok(Outcome::Done)
}

fn check(session: &Session) -> anyhow::Result<Outcome> {
    let Loaded { config, warnings, .. } = session.read_config()?;
    check_cameras(&config)?;
    let line = serde_json::json!({
        "ok": true,
        "tenant": config.tenant,
        "prefix": config.prefix,
        "cameras": config.cameras.len(),
        "warnings": warnings,
    });
    session.print.either(&line, summary(&config))?;
    for warning in warnings {
        session.print.note(format_args!("warning: {warning}"));
    }
    Ok(Outcome::Done)
}

/// What would run, in one sentence.
fn summary(config: &Config) -> String {
    let store = if config.redis.enabled { "Redis" } else { "the embedded store" };
    let bus = match &config.amqp {
        Some(amqp) if config.metadata.enabled => format!("announced over {}", amqp.url),
        _ => "announced in process".to_owned(),
    };
    format!(
        "the configuration is right: {} of {}/{} into {store}, {bus}",
        shown_count(config.cameras.len(), "camera"),
        config.tenant,
        config.prefix
    )
}

fn show(session: &Session) -> anyhow::Result<Outcome> {
    let Loaded { settings, .. } = session.read_config()?;
    if session.print.json() {
        for shown in settings {
            let origin = shown.origin.to_string();
            let line =
                serde_json::json!({ "key": shown.key, "value": shown.value, "origin": origin });
            session.print.object(&line)?;
        }
        return Ok(Outcome::Done);
    }
    let columns = [Column::Left("KEY"), Column::Left("VALUE"), Column::Left("FROM")];
    let row = |shown: crate::config::Shown| {
        vec![shown.key, shown.value.unwrap_or_default(), shown.origin.to_string()]
    };
    session.print.table(&columns, settings.into_iter().map(row).collect())?;
    Ok(Outcome::Done)
}
