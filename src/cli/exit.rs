//! How a verb ends: the one place that maps outcomes and errors to exit codes.
//!
//! 0 done, 1 failed, 2 bad usage (of the command line or the configuration), 3 nothing found. A
//! closed stdout, as `| head` leaves it, is no failure: the reader had enough.

use std::io;
use std::process::ExitCode;

use thiserror::Error;

use crate::config::ConfigError;
use crate::model::key::KeyError;
use crate::model::name::NameError;
use crate::model::time::{EmptyRange, TimeTextError};
use crate::service::{ErrorKind, ServiceError};

/// How a verb that met no error ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What was asked is done.
    Done,
    /// Part of it failed; what failed has been said.
    Failed,
    /// The answer is that there is nothing.
    NothingFound,
}

/// A command line that clap takes and a verb does not.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

impl Outcome {
    /// The exit code of this outcome.
    pub(super) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::NothingFound => 3,
        })
    }
}

/// The exit code of an error.
pub(super) fn code_of(error: &anyhow::Error) -> u8 {
    if is_closed_pipe(error) {
        0
    } else if is_usage(error) {
        2
    } else {
        1
    }
}

/// Whether the reader of our output went away.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<Usage>()
            || cause.is::<ConfigError>()
            || cause.is::<NameError>()
            || cause.is::<KeyError>()
            || cause.is::<EmptyRange>()
            || cause.is::<TimeTextError>()
            || cause
                .downcast_ref::<ServiceError>()
                .is_some_and(|error| error.kind == ErrorKind::BadInput)
    })
}

/// The error as one sentence: each cause behind the one that it led to, none twice.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn each_kind_of_error_has_its_code() {
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        for (error, code) in [
            (anyhow!("the disk is full"), 1),
            (anyhow::Error::new(Usage("two of them".to_owned())), 2),
            (anyhow::Error::new(NameError { what: "tenant", given: String::new() }), 2),
            (anyhow::Error::new(ServiceError::new(ErrorKind::BadInput, "no")), 2),
            (anyhow::Error::new(ServiceError::new(ErrorKind::Unavailable, "away")), 1),
            (anyhow::Error::new(pipe).context("cannot write"), 0),
        ] {
            assert_eq!(code_of(&error), code, "{error:#}");
        }
    }

    #[test]
    fn a_chain_of_causes_becomes_one_sentence_without_repeats() {
        let inner: Result<(), _> = Err(anyhow!("no space left"));
        let error = inner.context("cannot write a.jpg").unwrap_err();
        assert_eq!(sentence(&error), "cannot write a.jpg: no space left");
        let twice = anyhow!("away").context("cannot ask: away");
        assert_eq!(sentence(&twice), "cannot ask: away");
    }
}
