//! Sets up logs: on stderr, for people on a terminal and as JSON elsewhere unless configured.
//!
//! What is logged: `-v`, `-vv`, `-q` first, then `RUST_LOG`, then `[log] level` for the verbs that
//! run on, and warnings only for the verbs that answer once. The AMQP library's own lines are left
//! out unless they are asked for by name: the bus says the same in a sentence, and they print whole
//! messages.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Takes the AMQP library's lines away.
const WITHOUT_LAPIN: &str = "lapin=off";

/// How much is asked for on the command line: positive for `-v`, negative for `-q`.
pub(super) fn directives(loudness: i8, rust_log: Option<&str>, configured: &str) -> String {
    match (loudness, rust_log.filter(|text| !text.trim().is_empty())) {
        (..=-1, _) => scoped("error"),
        (1, _) => scoped("debug"),
        (2.., _) => format!("info,{WITHOUT_LAPIN},framecache=trace"),
        (0, Some(text)) => text.to_owned(),
        (0, None) => scoped(configured),
    }
}

/// A level alone is meant for this program; libraries then speak of failures only.
fn scoped(configured: &str) -> String {
    match configured {
        "info" | "debug" | "trace" => format!("warn,{WITHOUT_LAPIN},framecache={configured}"),
        other if other.contains("lapin") => other.to_owned(),
        other => format!("{other},{WITHOUT_LAPIN}"),
    }
}

/// Starts logging; to be called once.
///
/// # Errors
/// Directives that are no filter, with what they should look like.
pub(super) fn start(format: LogFormat, directives: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(directives).with_context(|| {
        format!("log filter {directives:?} does not fit: write a level, or module=level,...")
    })?;
    let terminal = io::stderr().is_terminal();
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !terminal,
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours);
    let started =
        if json { builder.json().flatten_event(true).try_init() } else { builder.try_init() };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins_over_rust_log_and_that_over_the_configuration() {
        for (loudness, rust_log, expected) in [
            (0, None, "warn,lapin=off,framecache=info"),
            (0, Some(""), "warn,lapin=off,framecache=info"),
            (0, Some("lapin=trace"), "lapin=trace"),
            (1, Some("lapin=trace"), "warn,lapin=off,framecache=debug"),
            (3, None, "info,lapin=off,framecache=trace"),
            (-1, Some("lapin=trace"), "error,lapin=off"),
        ] {
            assert_eq!(directives(loudness, rust_log, "info"), expected);
        }
        for (configured, expected) in [
            ("warn", "warn,lapin=off"),
            ("off", "off,lapin=off"),
            ("warn,framecache::bus=trace", "warn,framecache::bus=trace,lapin=off"),
            ("warn,lapin=error", "warn,lapin=error"),
        ] {
            assert_eq!(directives(0, None, configured), expected);
        }
    }
}
