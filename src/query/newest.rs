//! What somebody who polls for the newest frame wants of it, and whether a frame is that. Pure.
//!
//! A client that shows live pictures wants none that it has, and none that is old: an old picture
//! that looks live is worse than none.

use std::time::Duration;

use thiserror::Error;

use crate::model::key::{FrameKey, Suffix, parse_suffix, parse_time};
use crate::model::time::UnixNanos;

/// A place in a camera's frames: at an instant, or at one of its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Frames taken at or before this instant are not newer.
    At(UnixNanos),
    /// This frame and those before it are not newer.
    Frame(UnixNanos, Suffix),
}

/// A text that names no place in a camera's frames.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} names no frame: give its time in nanoseconds (X-Frame-Timestamp-Ns) or its ETag, \
     e.g. 1731024000123456789-00007"
)]
pub struct MarkError(pub String);

impl Mark {
    /// Reads a time of 19 digits, or a frame's short id, quoted and with the height of a smaller
    /// picture (`-h180`) or not.
    ///
    /// # Errors
    /// [`MarkError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, MarkError> {
        let refused = || MarkError(text.chars().take(100).collect());
        let bare = text.trim();
        let bare = bare.strip_prefix("W/").unwrap_or(bare).trim_matches('"');
        let bare = match bare.rsplit_once("-h") {
            Some((id, height)) if height.parse::<u32>().is_ok() => id,
            _ => bare,
        };
        let (at, suffix) = match bare.split_once('-') {
            Some((at, suffix)) => (at, Some(suffix)),
            None => (bare, None),
        };
        let at = parse_time(at).map_err(|_| refused())?;
        match suffix {
            None => Ok(Self::At(at)),
            Some(suffix) => {
                parse_suffix(suffix).map(|suffix| Self::Frame(at, suffix)).map_err(|_| refused())
            }
        }
    }

    /// Whether a frame comes after this place.
    #[must_use]
    pub fn is_before(self, key: &FrameKey) -> bool {
        match self {
            Self::At(at) => at < key.at(),
            Self::Frame(at, suffix) => (at, suffix) < (key.at(), key.suffix()),
        }
    }
}

/// What the newest frame must be. The default wants nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// It must come after this place.
    pub newer_than: Option<Mark>,
    /// It must not be older.
    pub max_age: Option<Duration>,
}

/// What the newest frame of a camera turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Newest<T> {
    /// What was wanted.
    Found(T),
    /// None lives.
    Nothing,
    /// It is older than wanted.
    Stale {
        /// When it was taken.
        at: UnixNanos,
        /// How old it is.
        age: Duration,
    },
    /// It is not newer than what the client has.
    NotNewer(FrameKey),
}

impl Wanted {
    /// What `newest` is to somebody who wants this.
    #[must_use]
    pub fn judge<T>(&self, newest: Option<(FrameKey, T)>, now: UnixNanos) -> Newest<T> {
        let Some((key, found)) = newest else { return Newest::Nothing };
        let age = now.since(key.at());
        if self.max_age.is_some_and(|most| age > most) {
            return Newest::Stale { at: key.at(), age };
        }
        if self.newer_than.is_some_and(|mark| !mark.is_before(&key)) {
            return Newest::NotNewer(key);
        }
        Newest::Found(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 1_731_024_000_000_000_000;

    fn instant(nanos: u64) -> UnixNanos {
        UnixNanos::new(AT + nanos).unwrap()
    }

    fn key(nanos: u64, seq: &str) -> FrameKey {
        format!("t:f:c:{}:{seq}", instant(nanos)).parse().unwrap()
    }

    #[test]
    fn a_mark_is_a_time_or_an_etag() {
        let frame = Mark::Frame(instant(0), key(0, "00007").suffix());
        for (text, mark) in [
            ("1731024000000000000", Mark::At(instant(0))),
            ("\"1731024000000000000\"", Mark::At(instant(0))),
            ("1731024000000000000-00007", frame),
            ("\"1731024000000000000-00007\"", frame),
            ("W/\"1731024000000000000-00007-h180\"", frame),
            ("1731024000000000000-0a1b2c3d", Mark::Frame(instant(0), key(0, "0a1b2c3d").suffix())),
        ] {
            assert_eq!(Mark::parse(text), Ok(mark), "{text}");
        }
        for text in ["", "now", "1731024000", "1731024000000000000-7", "*", "-h180"] {
            assert_eq!(Mark::parse(text), Err(MarkError(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn the_newest_frame_is_new_and_fresh_or_neither() {
        let second = Duration::from_secs(1);
        let newer_than = |text: &str| Some(Mark::parse(text).unwrap());
        let (now, five) = (instant(1_000_000_000), key(0, "00005"));
        let found = Newest::Found(5);
        let same = Newest::NotNewer(five.clone());
        let stale = Newest::Stale { at: instant(0), age: second };
        let short = Some(second - Duration::from_nanos(1));
        for (newer_than, max_age, expected) in [
            (None, None, &found),
            (newer_than("1731023999999999999"), None, &found),
            (newer_than("1731024000000000000"), None, &same),
            (newer_than("1731024000000000000-00004"), None, &found),
            (newer_than("1731024000000000000-00005"), None, &same),
            (newer_than("1731024000000000001-00001"), None, &same),
            (None, Some(second), &found),
            (None, short, &stale),
            (newer_than("1731024000000000000-00005"), short, &stale),
        ] {
            let wanted = Wanted { newer_than, max_age };
            assert_eq!(&wanted.judge(Some((five.clone(), 5)), now), expected, "{wanted:?}");
        }
        assert_eq!(Wanted::default().judge(None::<(FrameKey, ())>, now), Newest::Nothing);
        let ahead = Wanted { max_age: Some(Duration::ZERO), newer_than: None };
        assert_eq!(ahead.judge(Some((key(2_000_000_000, "00001"), 1)), now), Newest::Found(1));
    }
}
