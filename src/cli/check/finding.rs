//! One line of `check`.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, but may not be meant, or may end badly.
    Warn,
    /// It does not work.
    Fail,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    what: &'static str,
    message: String,
}

impl Finding {
    pub(super) fn ok(what: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Ok, what, message: message.into() }
    }

    pub(super) fn warn(what: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Warn, what, message: message.into() }
    }

    pub(super) fn fail(what: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Fail, what, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "OK",
            Level::Warn => "WARN",
            Level::Fail => "FAIL",
        };
        write!(f, "{level:<5} {:<16} {}", self.what, self.message)
    }
}
