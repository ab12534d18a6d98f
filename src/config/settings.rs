//! The values in force, one for each key that is set, each with its origin.
//!
//! Layers are put on top of each other: defaults, file, well-known variables, own variables, command
//! line; the last one wins. What the values mean together is decided in `build`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::model::time::Ttl;

use super::error::ConfigError;
use super::keys::{KEYS, Key, Secrecy};
use super::secret::{MASK, masked};
use super::value::{Raw, Value, bytes_text, span_text};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of keys.
    Default,
    /// A line of a file, counted from 1.
    File {
        /// The path as it was given; `built-in config.toml` for the built-in one.
        path: String,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// An option of the command line.
    Flag(String),
    /// A request to a running process.
    Request,
}

impl Origin {
    /// Which of two origins wins; `FRAMECACHE_...` above variables that other programs share.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Variable(name) if name.starts_with(super::keys::PREFIX) => 3,
            Self::Variable(_) => 2,
            Self::Flag(_) | Self::Request => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => f.write_str(name),
            Self::Request => f.write_str("the request"),
        }
    }
}

/// One value and its origin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// One line of `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The key; items of lists are counted from 1, e.g. `cameras[1].url`.
    pub key: String,
    /// Its value as TOML, with `***` for secrets; `None` when unset.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// The values of the keys of one table: of the whole configuration, or of one list item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    map: BTreeMap<&'static str, Setting>,
    /// Where this table begins.
    pub(super) origin: Origin,
}

impl Settings {
    pub(super) fn empty(origin: Origin) -> Self {
        Self { map: BTreeMap::new(), origin }
    }

    /// Every key of the table at its default.
    pub(super) fn defaults() -> Result<Self, ConfigError> {
        let mut settings = Self::empty(Origin::Default);
        for key in KEYS {
            settings.read(key, Raw::Bare(key.default), Origin::Default)?;
        }
        Ok(settings)
    }

    /// Sets a key from a value as it was written; an empty one leaves it as it was.
    pub(super) fn read(
        &mut self,
        key: &'static Key,
        raw: Raw<'_>,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        match key.kind.read(raw) {
            Ok(Some(value)) => self.put(key, value, origin),
            Ok(None) => {}
            Err(()) => return Err(ConfigError::bad_value(key, raw, origin)),
        }
        Ok(())
    }

    pub(super) fn put(&mut self, key: &'static Key, value: Value, origin: Origin) {
        self.map.insert(key.name, Setting { value, origin });
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.map.remove(name);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        self.map.get(name)
    }

    /// Whether both hold the same values, wherever they were set.
    pub(super) fn has_values_of(&self, other: &Self) -> bool {
        let values = |settings: &Self| -> Vec<(&'static str, Value)> {
            settings.map.iter().map(|(name, setting)| (*name, setting.value.clone())).collect()
        };
        values(self) == values(other)
    }

    /// Where `name` was set; where the whole table begins if it was not.
    pub(super) fn origin(&self, name: &str) -> Origin {
        self.get(name).map_or_else(|| self.origin.clone(), |setting| setting.origin.clone())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match &self.get(name)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Setting { value: Value::Bool(true), .. }))
    }

    pub(super) fn whole(&self, name: &str) -> Option<u64> {
        match self.get(name)?.value {
            Value::Whole(number) | Value::Bytes(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn span(&self, name: &str) -> Option<Duration> {
        match self.get(name)?.value {
            Value::Span(span) => Some(span),
            _ => None,
        }
    }

    pub(super) fn ttl(&self, name: &str) -> Option<Ttl> {
        match self.get(name)?.value {
            Value::Ttl(ttl) => Some(ttl),
            _ => None,
        }
    }

    pub(super) fn words(&self, name: &str) -> &[String] {
        match self.get(name) {
            Some(Setting { value: Value::Words(words), .. }) => words,
            _ => &[],
        }
    }

    pub(super) fn items(&self, name: &str) -> &[Self] {
        match self.get(name) {
            Some(Setting { value: Value::Items(items), .. }) => items,
            _ => &[],
        }
    }

    /// Every key with its value and origin, in the order of the table of keys.
    pub(super) fn show(&self, keys: &'static [Key], within: &str) -> Vec<Shown> {
        let mut lines = Vec::new();
        for key in keys {
            let name = format!("{within}{}", key.name);
            let items = self.items(key.name);
            if let (super::value::Kind::Items(inner), false) = (key.kind, items.is_empty()) {
                for (number, item) in (1..).zip(items) {
                    lines.extend(item.show(inner, &format!("{name}[{number}].")));
                }
                continue;
            }
            let setting = self.get(key.name);
            // what a list item leaves out is no line of its own
            if setting.is_none() && !within.is_empty() {
                continue;
            }
            lines.push(Shown {
                key: name,
                value: setting.map(|setting| shown(key, &setting.value)),
                origin: setting.map_or(Origin::Default, |setting| setting.origin.clone()),
            });
        }
        lines
    }
}

fn shown(key: &Key, value: &Value) -> String {
    match (key.secrecy, value) {
        (Secrecy::Secret, _) => format!("{MASK:?}"),
        (Secrecy::Url, Value::Text(url)) => format!("{:?}", masked(url)),
        (_, Value::Text(text)) => format!("{text:?}"),
        (_, Value::Bool(given)) => given.to_string(),
        (_, Value::Whole(given)) => given.to_string(),
        (_, Value::Number(given)) => given.to_string(),
        (_, Value::Bytes(given)) if bytes_text(*given).ends_with("bytes") => given.to_string(),
        (_, Value::Bytes(given)) => format!("{:?}", bytes_text(*given)),
        (_, Value::Span(given)) => format!("{:?}", span_text(*given)),
        (_, Value::Ttl(given)) => given.as_secs().to_string(),
        (_, Value::Words(words)) => format!("{words:?}"),
        (_, Value::Items(_)) => "[]".to_owned(),
    }
}
