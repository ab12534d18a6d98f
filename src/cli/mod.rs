//! Floor 6: the command line. One file per verb; `print` is the only file that prints.
//!
//! [`run`] reads the arguments, hands them to a verb and maps what comes back to an exit code
//! (`exit`). Verbs decide nothing about frames: they ask the `Service` and show the answer. What
//! they share: `args` (options of every verb), `session` (configuration and service), `times`,
//! `output` (pictures as files), `frames` (frames as lines), `logging`.

mod account;
mod acl;
mod args;
mod at;
mod camera;
mod cameras;
mod check;
mod collect;
mod completions;
mod config;
mod consume;
mod convert;
mod delete;
mod exit;
mod export;
mod frames;
mod get;
mod healthcheck;
mod hold;
mod holds;
mod import;
mod info;
mod latest;
mod logging;
mod output;
mod print;
mod push;
mod range;
mod record;
mod recordings;
mod reindex;
mod release;
mod reload;
mod replay;
mod replays;
mod session;
mod signals;
mod sink;
mod stats;
mod timeline;
mod times;
mod token;
mod up;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use self::args::{Cli, Verb};
use self::exit::Outcome;
use self::session::Session;

/// Runs the command line of this process and answers its exit code. Blocks until the verb is done.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            print::clap_says(&error);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(cli) {
        Ok(outcome) => outcome.code(),
        Err(error) => {
            if !exit::is_closed_pipe(&error) {
                print::failure(&exit::sentence(&error));
            }
            ExitCode::from(exit::code_of(&error))
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<Outcome> {
    let session = Session::new(cli.globals);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the worker threads")?;
    let outcome = runtime.block_on(verb(&session, cli.verb.unwrap_or_default()));
    // Reads of stdin cannot be taken back; they must not keep the process alive.
    runtime.shutdown_background();
    let outcome = outcome?;
    session.print.flush()?;
    Ok(outcome)
}

impl Default for Verb {
    fn default() -> Self {
        Self::Up(up::UpArgs::default())
    }
}

async fn verb(session: &Session, verb: Verb) -> anyhow::Result<Outcome> {
    match verb {
        Verb::Up(args) => up::run(session, args).await,
        Verb::Collect(args) => collect::run(session, args).await,
        Verb::Push(args) => push::run(session, args).await,
        Verb::Get(args) => get::run(session, args).await,
        Verb::Latest(args) => latest::run(session, args).await,
        Verb::Range(args) => range::run(session, args).await,
        Verb::At(args) => at::run(session, args).await,
        Verb::Timeline(args) => timeline::run(session, args).await,
        Verb::Camera(args) => camera::run(session, args).await,
        Verb::Cameras(args) => cameras::run(session, args).await,
        Verb::Stats(args) => stats::run(session, args).await,
        Verb::Consume(args) => consume::run(session, args).await,
        Verb::Convert(args) => convert::run(session, args).await,
        Verb::Info(args) => info::run(session, args).await,
        Verb::Import(args) => import::run(session, args).await,
        Verb::Export(args) => export::run(session, args).await,
        Verb::Record(args) => record::run(session, args).await,
        Verb::Recordings(args) => recordings::run(session, args).await,
        Verb::Start(args) => recordings::start(session, args).await,
        Verb::Stop(args) => recordings::stop(session, args).await,
        Verb::List(args) => recordings::list(session, &args).await,
        Verb::Delete(args) => delete::run(session, args).await,
        Verb::Hold(args) => hold::run(session, args).await,
        Verb::Holds(args) => holds::run(session, args).await,
        Verb::Release(args) => release::run(session, args).await,
        Verb::Replay(args) => replay::run(session, args).await,
        Verb::Replays(args) => replays::run(session, args).await,
        Verb::Reindex(args) => reindex::run(session, args).await,
        Verb::Check(args) => check::run(session, args).await,
        Verb::Config(args) => config::run(session, args),
        Verb::Acl(args) => acl::run(session, args),
        Verb::Token(args) => token::run(session, args),
        Verb::Completions(args) => completions::run(session, &args),
        Verb::Healthcheck(args) => healthcheck::run(session, args).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::args::Cli;

    #[test]
    fn the_arguments_fit_together() {
        Cli::command().debug_assert();
    }
}
