//! What can be asked of the recorder: one vocabulary for the API, the command line and control messages.
//!
//! As JSON an order is an object with `command` and what belongs to it:
//! `{"command": "start", "name": "gate", "cameras": ["gate*"], "from": "-60s"}`. Lengths of time are texts
//! with a unit or numbers of seconds, sizes texts with a unit or numbers of bytes. A key that is unknown is
//! refused by name. Orders are idempotent: what is done already is answered with its state.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::config::parse_bytes;
use crate::model::name::{Prefix, Tenant};
use crate::model::recording::RecordingName;

/// Something that is asked of the recorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase")]
pub enum Order {
    /// Begin a recording. One that runs under this name already is answered as it is.
    Start(Start),
    /// Record what was captured up to now, and finish.
    Stop(Named),
    /// Record nothing that is captured from now on.
    Pause(Named),
    /// Record what is captured from now on.
    Resume(Named),
    /// How one recording stands.
    Status(Named),
    /// Every recording, newest first.
    List,
    /// Close what a crash or a full disk left open: one recording, or all.
    Recover(MaybeNamed),
    /// Delete a recording that does not run, with all its files.
    Delete(Named),
}

/// Which recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name.
    pub name: RecordingName,
}

/// Which recording, or all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaybeNamed {
    /// Its name; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<RecordingName>,
}

/// What is recorded, under which name, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// What it is called, and its file.
    pub name: RecordingName,
    /// Cameras by id or by pattern (`*` any letters, `?` one letter); none = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cameras: Vec<String>,
    /// Cameras that are left out, in the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Whose cameras; the process's own tenant when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Tenant>,
    /// Which family; the process's own prefix when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Prefix>,
    /// From which time of capture on, in any form that people write (UTC); now when not given. What the
    /// store still has of the time before now is recorded too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// It ends by itself when it is so long, counted from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<Length>,
    /// It ends by itself when its files have so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Size>,
    /// It ends by itself when no frame came for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Length>,
    /// A new file begins after so long: whole tens of seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Length>,
    /// A new file begins, at the next ten seconds, when one has so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_bytes: Option<Size>,
}

impl Start {
    /// A recording of all cameras from now on, in one file, without an end.
    #[must_use]
    pub fn new(name: RecordingName) -> Self {
        Self {
            name,
            cameras: Vec::new(),
            except: Vec::new(),
            tenant: None,
            prefix: None,
            from: None,
            max_length: None,
            max_bytes: None,
            idle: None,
            segment: None,
            segment_bytes: None,
        }
    }
}

impl Order {
    /// The recording that it names, if it names one.
    #[must_use]
    pub fn name(&self) -> Option<&RecordingName> {
        match self {
            Self::Start(start) => Some(&start.name),
            Self::Stop(one)
            | Self::Pause(one)
            | Self::Resume(one)
            | Self::Status(one)
            | Self::Delete(one) => Some(&one.name),
            Self::Recover(one) => one.name.as_ref(),
            Self::List => None,
        }
    }
}

impl From<Named> for MaybeNamed {
    fn from(named: Named) -> Self {
        Self { name: Some(named.name) }
    }
}

impl From<RecordingName> for Named {
    fn from(name: RecordingName) -> Self {
        Self { name }
    }
}

/// A length of time above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(pub Duration);

/// So many bytes, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A text that is no length of time or no size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{given:?} is no {what}")]
pub struct MeasureError {
    given: String,
    what: &'static str,
}

impl MeasureError {
    fn new(given: &str, what: &'static str) -> Self {
        Self { given: given.chars().take(100).collect(), what }
    }
}

const LENGTH: &str = "length of time above zero: write 30s, 10m or 1h 30m";
const SIZE: &str = "size: write 512MiB, 2GB or a number of bytes";

impl FromStr for Length {
    type Err = MeasureError;

    fn from_str(text: &str) -> Result<Self, MeasureError> {
        let by_number =
            || text.parse().ok().and_then(|secs| Duration::try_from_secs_f64(secs).ok());
        let length = humantime::parse_duration(text).ok().or_else(by_number);
        let length = length.filter(|length| !length.is_zero());
        length.map(Self).ok_or_else(|| MeasureError::new(text, LENGTH))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl FromStr for Size {
    type Err = MeasureError;

    fn from_str(text: &str) -> Result<Self, MeasureError> {
        let size = text.trim().parse().ok().or_else(|| parse_bytes(text));
        size.filter(|size| *size > 0).map(Self).ok_or_else(|| MeasureError::new(text, SIZE))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text or a number in JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(u64),
    Number(f64),
    Text(String),
}

impl Written {
    fn text<E: serde::de::Error>(deserialized: Result<Self, E>) -> Result<String, E> {
        Ok(match deserialized? {
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        })
    }
}

macro_rules! written_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Written::text(Written::deserialize(deserializer))?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

written_as_text!(Length);
written_as_text!(Size);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(name: &str) -> Named {
        Named { name: name.parse().unwrap() }
    }

    #[test]
    fn orders_are_read_from_json_and_written_as_they_are_read() {
        let start = Start {
            cameras: vec!["gate*".to_owned()],
            except: vec!["gate9".to_owned()],
            from: Some("-60s".to_owned()),
            max_length: Some(Length(Duration::from_secs(600))),
            segment_bytes: Some(Size(1 << 20)),
            ..Start::new("night".parse().unwrap())
        };
        for (text, order) in [
            (json!({"command": "list"}), Order::List),
            (json!({"command": "stop", "name": "night"}), Order::Stop(named("night"))),
            (json!({"command": "recover"}), Order::Recover(MaybeNamed::default())),
            (
                json!({"command": "start", "name": "night", "cameras": ["gate*"], "except": ["gate9"],
                       "from": "-60s", "max_length": "10m", "segment_bytes": "1048576"}),
                Order::Start(start.clone()),
            ),
        ] {
            assert_eq!(serde_json::from_value::<Order>(text.clone()).unwrap(), order);
            assert_eq!(serde_json::to_value(&order).unwrap(), text);
        }
        let numbers = json!({"command": "start", "name": "night", "cameras": ["gate*"],
            "except": ["gate9"], "from": "-60s", "max_length": 600, "segment_bytes": "1MiB"});
        assert_eq!(serde_json::from_value::<Order>(numbers).unwrap(), Order::Start(start));
    }

    #[test]
    fn what_is_no_order_is_refused_with_what_is_wrong() {
        for (text, why) in [
            (json!({"command": "dance"}), "unknown variant `dance`"),
            (json!({"command": "stop", "name": "../x"}), "recording name \"../x\" does not fit"),
            (json!({"command": "stop", "name": "x", "now": 1}), "unknown field `now`"),
            (json!({"command": "start", "name": "x", "camera": "a"}), "unknown field `camera`"),
            (json!({"command": "start", "name": "x", "idle": "soon"}), "\"soon\" is no length"),
            (json!({"command": "start", "name": "x", "idle": 0}), "\"0\" is no length"),
            (json!({"command": "start", "name": "x", "max_bytes": "many"}), "\"many\" is no size"),
        ] {
            let said = serde_json::from_value::<Order>(text.clone()).unwrap_err().to_string();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
