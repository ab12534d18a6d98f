//! The types of configuration values, and the texts that people write for them.
//!
//! A file is read strictly: a number in quotes is refused, so that a mistake is seen at once. The
//! environment knows only text, so there the same value is read from its text. Durations and byte
//! sizes are text in both (`10s`, `512MiB`), or a plain number of seconds or bytes.

use std::time::Duration;

use crate::model::time::Ttl;

use super::keys::Key;
use super::settings::Settings;

/// What values a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds.
    Whole {
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
    },
    /// A number within bounds.
    Number {
        /// Smallest allowed.
        least: f64,
        /// Largest allowed.
        most: f64,
        /// Whether 0 is allowed too, for "no limit".
        or_zero: bool,
    },
    /// Any text; an empty one counts as unset.
    Text,
    /// Some texts: a list, or one text with commas between them.
    Words,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A size in bytes within bounds: `512MiB`, `2GB` or a whole number.
    Bytes {
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
    },
    /// A duration within bounds: `10s`, `1m 30s`, or a number of seconds.
    Span {
        /// Shortest allowed.
        least: Duration,
        /// Longest allowed.
        most: Duration,
    },
    /// A lifetime in whole seconds.
    Ttl,
    /// A list of tables with these keys.
    Items(&'static [Key]),
}

/// A value that fits its key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Whole(u64),
    Number(f64),
    Text(String),
    Bytes(u64),
    Span(Duration),
    Ttl(Ttl),
    Words(Vec<String>),
    Items(Vec<Settings>),
}

/// A value as it was written, before it is held against a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw<'a> {
    Bool(bool),
    Whole(i64),
    Number(f64),
    /// In quotes, in a file.
    Quoted(&'a str),
    /// Bare text: from the environment, from the command line or from the table of defaults.
    Bare(&'a str),
    /// A list of texts in a file, one a line.
    List(&'a str),
    /// Something else, named.
    Other(&'static str),
}

impl std::fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(given) => write!(f, "{given}"),
            Self::Whole(given) => write!(f, "{given}"),
            Self::Number(given) => write!(f, "{given}"),
            Self::Quoted(given) | Self::Bare(given) => {
                write!(f, "{:?}", given.chars().take(100).collect::<String>())
            }
            Self::List(lines) => write!(f, "{:?}", lines.lines().take(20).collect::<Vec<_>>()),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl Kind {
    /// What a value must be, to follow "it must be".
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Whole { least, most } => format!("a whole number from {least} to {most}"),
            Self::Number { least, most, or_zero } => {
                let or = if *or_zero { ", or 0" } else { "" };
                format!("a number from {least} to {most}{or}")
            }
            Self::Text => "text".to_owned(),
            Self::Choice(words) => {
                format!("{:?}", words).replace(", ", " or ").replace(['[', ']'], "")
            }
            Self::Bytes { least, most } => {
                format!("a size from {} to {}", bytes_text(*least), bytes_text(*most))
            }
            Self::Span { least, most } => {
                format!("a duration from {} to {}", span_text(*least), span_text(*most))
            }
            Self::Ttl => format!(
                "a whole number of seconds from 1 to {} (frames that never expire would fill the store)",
                Ttl::MAX_SECS
            ),
            Self::Words => "a list of texts".to_owned(),
            Self::Items(_) => "a list of tables".to_owned(),
        }
    }

    /// Reads a single value; `None` when it is empty, which means unset.
    ///
    /// # Errors
    /// `()` when it does not fit; [`Kind::expected`] says what would.
    pub(super) fn read(&self, raw: Raw<'_>) -> Result<Option<Value>, ()> {
        if matches!(raw, Raw::Quoted("") | Raw::Bare("") | Raw::List("")) {
            return Ok(None);
        }
        let value = match self {
            Self::Bool => boolean(raw).map(Value::Bool),
            Self::Whole { least, most } => {
                whole(raw).filter(|n| (least..=most).contains(&n)).map(Value::Whole)
            }
            Self::Number { least, most, or_zero } => number(raw)
                .filter(|n| (least..=most).contains(&n) || *or_zero && *n == 0.0)
                .map(Value::Number),
            Self::Text => text(raw).map(|text| Value::Text(text.to_owned())),
            Self::Choice(words) => text(raw)
                .filter(|text| words.contains(text))
                .map(|text| Value::Text(text.to_owned())),
            Self::Bytes { least, most } => whole(raw)
                .or_else(|| parse_bytes(text(raw)?))
                .filter(|n| (least..=most).contains(&n))
                .map(Value::Bytes),
            Self::Span { least, most } => {
                span(raw).filter(|span| (least..=most).contains(&span)).map(Value::Span)
            }
            Self::Ttl => whole(raw).and_then(|secs| Ttl::from_secs(secs).ok()).map(Value::Ttl),
            Self::Words => words(raw).map(Value::Words),
            Self::Items(_) => None,
        };
        value.map(Some).ok_or(())
    }
}

fn boolean(raw: Raw<'_>) -> Option<bool> {
    match raw {
        Raw::Bool(given) => Some(given),
        Raw::Bare("true" | "1") => Some(true),
        Raw::Bare("false" | "0") => Some(false),
        _ => None,
    }
}

fn whole(raw: Raw<'_>) -> Option<u64> {
    match raw {
        Raw::Whole(given) => u64::try_from(given).ok(),
        Raw::Bare(given) => given.parse().ok(),
        _ => None,
    }
}

fn number(raw: Raw<'_>) -> Option<f64> {
    match raw {
        Raw::Number(given) => Some(given),
        Raw::Bare(given) => given.parse().ok(),
        _ => whole(raw).and_then(|given| u32::try_from(given).ok()).map(f64::from),
    }
}

fn text(raw: Raw<'_>) -> Option<&str> {
    match raw {
        Raw::Quoted(given) | Raw::Bare(given) => Some(given),
        _ => None,
    }
}

/// The texts of a list, without blanks around them; none of them may be empty.
fn words(raw: Raw<'_>) -> Option<Vec<String>> {
    let parts: Vec<&str> = match raw {
        Raw::List(lines) => lines.split('\n').collect(),
        _ => text(raw)?.split(',').collect(),
    };
    let words: Vec<String> = parts.iter().map(|part| part.trim().to_owned()).collect();
    words.iter().all(|word| !word.is_empty()).then_some(words)
}

fn span(raw: Raw<'_>) -> Option<Duration> {
    match number(raw) {
        Some(secs) => Duration::try_from_secs_f64(secs).ok(),
        None => humantime::parse_duration(text(raw)?).ok(),
    }
}

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KIB", 1 << 10),
    ("MIB", 1 << 20),
    ("GIB", 1 << 30),
    ("TIB", 1 << 40),
];

/// A size in bytes: digits and a unit (`KiB`, `MiB`, `GiB`, `TiB`, or the decimal `kB`, `MB`, ...).
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_uppercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The shortest exact text for a size: `512MiB`, `16777214 bytes`.
pub(super) fn bytes_text(bytes: u64) -> String {
    let unit = [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        .into_iter()
        .find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    match unit {
        Some((name, factor)) => format!("{}{name}", bytes / factor),
        None => format!("{bytes} bytes"),
    }
}

/// A duration as it would be written: `1m 30s`; whole days are not turned into months and years.
pub(super) fn span_text(span: Duration) -> String {
    let days = span.as_secs() / 86_400;
    if days > 1 && span == Duration::from_secs(days * 86_400) {
        return format!("{days} days");
    }
    humantime::format_duration(span).to_string()
}
