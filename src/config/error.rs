//! What can be wrong with a configuration: one sentence each, with the place and the remedy.
//!
//! No sentence holds a secret: values of secret keys are shown as `***`, URLs without passwords.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::keys::{Key, Secrecy};
use super::secret::{MASK, masked};
use super::settings::Origin;
use super::value::Raw;

/// Why a configuration is refused; its text is for the user.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file that was asked for, or the one in the current folder, cannot be read.
    #[error("cannot read the configuration file {}: {source}; give an existing file with --config or write one with `framecache config init`", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No TOML.
    #[error("{place}: this is not valid TOML: {message}")]
    Syntax {
        /// Where.
        place: Origin,
        /// What the parser says.
        message: String,
    },
    /// A key that does not exist.
    #[error("{place}: unknown key {key:?}{hint}")]
    UnknownKey {
        /// Where.
        place: Origin,
        /// The key with its section.
        key: String,
        /// `: did you mean ...?` or where to find all keys.
        hint: String,
    },
    /// A variable with our prefix that belongs to no key.
    #[error("unknown environment variable {name}{hint}")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// `: did you mean ...?` or where to find all keys.
        hint: String,
    },
    /// A value that does not fit its key.
    #[error("{place}: {key} = {given} does not fit: it must be {expected}")]
    BadValue {
        /// Where.
        place: Origin,
        /// The key with its section.
        key: String,
        /// The value, without secrets.
        given: String,
        /// What would fit.
        expected: String,
    },
    /// Values that do not fit together, or that need more than a type to be judged.
    #[error("{place}: {message}")]
    Refused {
        /// Where.
        place: Origin,
        /// The sentence.
        message: String,
    },
    /// The file that a `..._FILE` variable names cannot be read.
    #[error("environment variable {variable}: cannot read the file {}: {source}; give the path of a file that holds the secret", path.display())]
    SecretFile {
        /// The variable.
        variable: String,
        /// The file it names.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl ConfigError {
    pub(super) fn bad_value(key: &Key, raw: Raw<'_>, place: Origin) -> Self {
        let given = match (key.secrecy, raw) {
            (Secrecy::Secret, _) => MASK.to_owned(),
            (Secrecy::Url, Raw::Quoted(url) | Raw::Bare(url)) => format!("{:?}", masked(url)),
            _ => raw.to_string(),
        };
        Self::BadValue { place, key: key.name.to_owned(), given, expected: key.kind.expected() }
    }

    /// Says of a bad value which list item it stands in.
    pub(super) fn within(mut self, item: &str) -> Self {
        if let Self::BadValue { key, .. } = &mut self {
            *key = format!("{item}.{key}");
        }
        self
    }

    pub(super) fn refused(place: Origin, message: impl Into<String>) -> Self {
        Self::Refused { place, message: message.into() }
    }
}

/// The end of a sentence about an unknown name.
pub(super) fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!(": did you mean {name:?}?"),
        None => {
            "; `framecache config init` writes a file with every key and what it means".to_owned()
        }
    }
}
