//! `completions`: what a shell needs to complete verbs and options.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::args::Cli;
use super::exit::Outcome;
use super::session::Session;

/// What `help completions` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache completions bash > /etc/bash_completion.d/framecache
  framecache completions zsh  > ~/.zfunc/_framecache
  framecache completions fish > ~/.config/fish/completions/framecache.fish";

/// Options of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Which shell.
    shell: Shell,
}

/// Runs the verb.
pub(super) fn run(session: &Session, args: &CompletionsArgs) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "framecache", &mut script);
    session.print.bytes(&script)?;
    Ok(Outcome::Done)
}
