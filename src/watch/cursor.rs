//! Where a follower is: the instant up to which it was sent everything that the store has.
//!
//! Written as base64url of a version byte and the instant's big-endian nanoseconds, by the store's
//! clock. It names no camera, so it holds for any filter, and it is opaque: only the version is
//! promised to be checked.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use crate::model::time::UnixNanos;

const VERSION: u8 = 1;

/// An instant of the store's clock before which everything was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(UnixNanos);

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no cursor: give the id of an event as it was sent, or none to follow from now on"
)]
pub struct CursorError(String);

impl Cursor {
    /// How much before its instant is sent again. A frame in time may arrive up to 2 s after its
    /// capture, and its write may be on its way to the store for some more.
    pub const MARGIN: Duration = Duration::from_secs(5);

    /// Everything that arrived before `instant` was sent.
    #[must_use]
    pub fn at(instant: UnixNanos) -> Self {
        Self(instant)
    }

    /// Before when everything was sent.
    #[must_use]
    pub fn instant(self) -> UnixNanos {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [VERSION; 9];
        bytes[1..].copy_from_slice(&self.0.get().to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let bytes: [u8; 9] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
            let (version, nanos) = bytes.split_first_chunk::<1>()?;
            let nanos = UnixNanos::new(u64::from_be_bytes(nanos.try_into().ok()?))?;
            (*version == [VERSION]).then_some(Self(nanos))
        };
        read().ok_or_else(|| CursorError(text.chars().take(100).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let at = UnixNanos::new(1_731_024_000_123_456_789).unwrap();
        let text = Cursor::at(at).to_string();
        assert_eq!(text, "ARgF1SghCM0V");
        assert_eq!(text.parse(), Ok(Cursor::at(at)));
        for odd in [
            "",
            "0",
            "ARgF1SghCM0",
            "ARgF1SghCM0VAA",
            "AhgF1SghCM0V",
            "Af__________",
            "AR F1SghCM0V",
        ] {
            assert_eq!(odd.parse::<Cursor>(), Err(CursorError(odd.to_owned())), "{odd}");
        }
        let said = "7".repeat(1000).parse::<Cursor>().unwrap_err().to_string();
        assert!(said.len() < 250 && said.contains("give the id of an event"), "{said}");
    }
}
