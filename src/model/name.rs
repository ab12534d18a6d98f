//! Tenant, prefix and camera ids, the three names that a frame key is made of; ids of holds and replays.
//!
//! One alphabet, 1..=64 of `[A-Za-z0-9._-]` not starting with `.` or `-`, is safe in a Redis key,
//! in a SCAN glob, in a URL, in an MCAP topic and in a file name. A name is parsed once, at the
//! edge; from there on no escaping exists because none is needed, and injection cannot be written.
//! Clones are a reference count: names travel with every frame.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Most bytes a name may have.
pub const NAME_MAX_BYTES: usize = 64;

/// A text that is no valid tenant, prefix or camera id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{what} {given:?} does not fit: 1 to 64 letters, digits, '.', '_' or '-' are allowed, \
     not starting with '.' or '-'"
)]
pub struct NameError {
    /// Which of the names, e.g. "tenant".
    pub what: &'static str,
    /// The refused text, cut after 100 characters.
    pub given: String,
}

fn checked(what: &'static str, text: &str) -> Result<Arc<str>, NameError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let bytes = text.as_bytes();
    let ok = (1..=NAME_MAX_BYTES).contains(&bytes.len())
        && !matches!(bytes[0], b'.' | b'-')
        && bytes.iter().copied().all(fits);
    if ok {
        Ok(Arc::from(text))
    } else {
        Err(NameError { what, given: text.chars().take(100).collect() })
    }
}

/// A text that is checked once, by `$checked`, and cheap to clone.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        name_type!($(#[$doc])* $name, $what, checked, NameError);
    };
    ($(#[$doc:meta])* $name:ident, $what:literal, $checked:path, $error:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` against the one alphabet of names, and what else is asked of this one.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`] with the refused text when it does not fit.")]
            pub fn new(text: &str) -> Result<Self, $error> {
                $checked($what, text).map(Self)
            }

            /// The text as given, 1..=64 ASCII bytes.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(super) use name_type;

name_type!(
    /// Whose frames: the first part of a frame key, taken from the AMQP vhost unless configured.
    Tenant,
    "tenant"
);
name_type!(
    /// Which family of frames: the second part of a frame key, `frames` by default.
    Prefix,
    "prefix"
);
name_type!(
    /// Which camera: the third part of a frame key.
    CameraId,
    "camera id"
);
name_type!(
    /// Which hold: what `holds` lists and `release` takes.
    HoldId,
    "hold id"
);
name_type!(
    /// Which replay: what `replays` lists and controls.
    ReplayId,
    "replay id"
);

impl Tenant {
    /// The tenant of a RabbitMQ virtual host: `/` (the broker's default) becomes `default`.
    ///
    /// `vhost` is the percent-decoded path of the AMQP URL less its one leading `/`; an empty one
    /// counts as the broker's default.
    ///
    /// # Errors
    /// [`NameError`] when the vhost is no valid tenant; the caller asks for `tenant = "..."`.
    pub fn from_vhost(vhost: &str) -> Result<Self, NameError> {
        match vhost {
            "" | "/" => Self::new("default"),
            other => Self::new(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_alphabet_and_refuses_everything_else() {
        let longest = "x".repeat(64);
        for good in ["cam1", "a", "_x", "Store-7.north_2", "0", longest.as_str()] {
            assert_eq!(CameraId::new(good).map(|n| n.to_string()), Ok(good.to_owned()));
        }
        let too_long = "x".repeat(65);
        for bad in [
            "",
            ".",
            "-a",
            ".a",
            "a:b",
            "a b",
            "a*",
            "a?",
            "[a]",
            "a/b",
            "ä",
            "a\n",
            "a{b}",
            "../x",
            too_long.as_str(),
        ] {
            assert!(CameraId::new(bad).is_err(), "{bad:?} should be refused");
        }
    }

    #[test]
    fn a_refusal_says_which_name_and_what_fits() {
        let said = Tenant::new("a:b").unwrap_err().to_string();
        assert_eq!(
            said,
            "tenant \"a:b\" does not fit: 1 to 64 letters, digits, '.', '_' or '-' are allowed, \
             not starting with '.' or '-'"
        );
    }

    #[test]
    fn the_default_vhost_is_the_default_tenant() {
        assert_eq!(Tenant::from_vhost("/").unwrap().as_str(), "default");
        assert_eq!(Tenant::from_vhost("").unwrap().as_str(), "default");
        assert_eq!(Tenant::from_vhost("client-a").unwrap().as_str(), "client-a");
        assert!(Tenant::from_vhost("a/b").is_err());
    }
}
