//! Frame keys: `<tenant>:<prefix>:<camera>:<unix_nano>:<seq>`, printed, parsed and minted.
//!
//! Printing and parsing are inverse: a text is either refused or printed back letter by letter. The
//! time is 19 digits, so texts sort like times; the sequence number only separates equal times. Two
//! older suffixes are read as well, none and eight hex digits; anything else is foreign and refused.
//! A [`KeyMint`] is the only source of live keys: strictly increasing per camera, whatever the
//! clock does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::name::{CameraId, NameError, Prefix, Tenant};
use super::time::{TimeRange, UnixNanos};

/// Digits of the time in a key.
const TIME_DIGITS: usize = 19;

/// The smallest time with 19 digits, 2001-09-09T01:46:40Z.
pub const KEY_TIME_MIN: u64 = 1_000_000_000_000_000_000;

/// One camera of one tenant and prefix: what frames, buckets and announcements belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId {
    /// Whose camera.
    pub tenant: Tenant,
    /// Which family of frames.
    pub prefix: Prefix,
    /// Which camera.
    pub camera: CameraId,
}

/// `tenant/prefix/camera`, as in index keys and logs.
impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.prefix, self.camera)
    }
}

/// A live sequence number, 1..=99999, printed with five digits. After the last comes the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(u32);

impl Seq {
    /// The number that a camera starts with.
    pub const FIRST: Self = Self(1);
    /// The number after which [`Seq::FIRST`] comes again.
    pub const LAST: Self = Self(99_999);

    /// `number` as a sequence number; `None` outside 1..=99999.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        (Self::FIRST.0..=Self::LAST.0).contains(&number).then_some(Self(number))
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// The number after this one, 1 after 99999.
    #[must_use]
    pub fn next(self) -> Self {
        if self == Self::LAST { Self::FIRST } else { Self(self.0 + 1) }
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}", self.0)
    }
}

/// What follows the time in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suffix {
    /// `:00001`, the live format.
    Live(Seq),
    /// Nothing: an older writer's four-part key.
    None,
    /// `:0a1b2c3d`, an older writer's eight lower-case hex digits.
    Uuid(u32),
}

impl Suffix {
    /// The number behind the suffix: what an index record holds, and what equal times sort by.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Live(seq) => seq.get(),
            Self::None => 0,
            Self::Uuid(bits) => bits,
        }
    }

    /// 0 live, 1 none, 2 uuid: the low bits of an index record's flags.
    #[must_use]
    pub fn kind(self) -> u8 {
        match self {
            Self::Live(_) => 0,
            Self::None => 1,
            Self::Uuid(_) => 2,
        }
    }

    /// The suffix of a record; `None` where kind and number do not fit together.
    #[must_use]
    pub fn from_parts(kind: u8, number: u32) -> Option<Self> {
        match kind {
            0 => Seq::new(number).map(Self::Live),
            1 => (number == 0).then_some(Self::None),
            2 => Some(Self::Uuid(number)),
            _ => None,
        }
    }
}

impl Ord for Suffix {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.number(), self.kind()).cmp(&(other.number(), other.kind()))
    }
}

impl PartialOrd for Suffix {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The key of one frame. Keys of one camera sort by (time, sequence number).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameKey {
    stream: StreamId,
    at: UnixNanos,
    suffix: Suffix,
}

/// A text that is no frame key, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not four or five parts between colons.
    #[error("{0:?} is no frame key: it should read tenant:prefix:camera:unix_nano:seq")]
    Shape(String),
    /// A part of the key is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The fourth part is no time of 19 digits before 2262.
    #[error("{0:?} is no frame time: it should be 19 digits, nanoseconds since 1970")]
    Time(String),
    /// The fifth part is neither 00001 to 99999 nor eight hex digits.
    #[error("{0:?} is no frame sequence: it should be 00001 to 99999")]
    Suffix(String),
}

impl FrameKey {
    /// The key of a frame taken at `at`.
    ///
    /// # Errors
    /// [`KeyError::Time`] when `at` has fewer than 19 digits (before September 2001).
    pub fn new(stream: StreamId, at: UnixNanos, suffix: Suffix) -> Result<Self, KeyError> {
        check_time(at)?;
        Ok(Self { stream, at, suffix })
    }

    /// Whose frame.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// When it was captured.
    #[must_use]
    pub fn at(&self) -> UnixNanos {
        self.at
    }

    /// What separates it from others of the same nanosecond.
    #[must_use]
    pub fn suffix(&self) -> Suffix {
        self.suffix
    }

    /// Its place in its camera, as in URLs: `<unix_nano>-<seq>`, or `<unix_nano>` without a suffix.
    #[must_use]
    pub fn short_id(&self) -> String {
        let at = self.at;
        match self.suffix {
            Suffix::Live(seq) => format!("{at}-{seq}"),
            Suffix::Uuid(bits) => format!("{at}-{bits:08x}"),
            Suffix::None => at.to_string(),
        }
    }
}

impl fmt::Display for FrameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StreamId { tenant, prefix, camera } = &self.stream;
        write!(f, "{tenant}:{prefix}:{camera}:{}", self.at)?;
        match self.suffix {
            Suffix::Live(seq) => write!(f, ":{seq}"),
            Suffix::None => Ok(()),
            Suffix::Uuid(bits) => write!(f, ":{bits:08x}"),
        }
    }
}

impl FromStr for FrameKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let parts: Vec<&str> = text.split(':').collect();
        let (names, time, suffix) = match parts.as_slice() {
            [tenant, prefix, camera, time] => ([tenant, prefix, camera], time, Suffix::None),
            [tenant, prefix, camera, time, suffix] => {
                ([tenant, prefix, camera], time, parse_suffix(suffix)?)
            }
            _ => return Err(KeyError::Shape(text.chars().take(300).collect())),
        };
        let stream = StreamId {
            tenant: Tenant::new(names[0])?,
            prefix: Prefix::new(names[1])?,
            camera: CameraId::new(names[2])?,
        };
        Self::new(stream, parse_time(time)?, suffix)
    }
}

/// Whether an instant can stand in a key.
///
/// # Errors
/// [`KeyError::Time`] when it has fewer than 19 digits (before September 2001).
pub fn check_time(at: UnixNanos) -> Result<(), KeyError> {
    if at.get() < KEY_TIME_MIN { Err(KeyError::Time(at.to_string())) } else { Ok(()) }
}

/// Reads a key's time: exactly 19 digits, as [`FrameKey`] prints it.
///
/// # Errors
/// [`KeyError::Time`] for anything else.
pub fn parse_time(text: &str) -> Result<UnixNanos, KeyError> {
    let refused = || KeyError::Time(text.chars().take(100).collect());
    if text.len() != TIME_DIGITS || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refused());
    }
    let at = text.parse().ok().and_then(UnixNanos::new).ok_or_else(refused)?;
    if at.get() < KEY_TIME_MIN { Err(refused()) } else { Ok(at) }
}

/// Reads a key's suffix: `00001`..=`99999` or eight lower-case hex digits.
///
/// # Errors
/// [`KeyError::Suffix`] for anything else.
pub fn parse_suffix(text: &str) -> Result<Suffix, KeyError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match text.len() {
        5 if digits => text.parse().ok().and_then(Seq::new).map(Suffix::Live),
        8 if hex => u32::from_str_radix(text, 16).ok().map(Suffix::Uuid),
        _ => None,
    }
    .ok_or_else(|| KeyError::Suffix(text.chars().take(100).collect()))
}

impl Serialize for FrameKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FrameKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A glob for SCAN MATCH that is as narrow as the digits common to both ends of `window` allow.
///
/// Names need no escaping: their alphabet has no glob characters. `None` for a name means any.
#[must_use]
pub fn scan_pattern(
    tenant: Option<&Tenant>,
    prefix: Option<&Prefix>,
    camera: Option<&CameraId>,
    window: TimeRange,
) -> String {
    let part = |name: Option<&str>| name.unwrap_or("*").to_owned();
    let digits = common_digits(window);
    format!(
        "{}:{}:{}:{digits}*",
        part(tenant.map(Tenant::as_str)),
        part(prefix.map(Prefix::as_str)),
        part(camera.map(CameraId::as_str)),
    )
}

fn common_digits(window: TimeRange) -> String {
    let first = window.from().get().max(KEY_TIME_MIN);
    let last = window.to().get() - 1;
    let (first, last) = (format!("{first:019}"), format!("{last:019}"));
    first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(digit, _)| digit).collect()
}

/// Hands out the live keys of one camera, strictly increasing.
#[derive(Debug, Clone)]
pub struct KeyMint {
    stream: StreamId,
    last: Option<(UnixNanos, Seq)>,
}

impl KeyMint {
    /// A mint that goes on after `newest`, the newest key that the store has of this camera.
    #[must_use]
    pub fn resume(stream: StreamId, newest: Option<(UnixNanos, Suffix)>) -> Self {
        let last = newest.map(|(at, suffix)| match suffix {
            Suffix::Live(seq) => (at, seq),
            Suffix::None | Suffix::Uuid(_) => (at, Seq::LAST),
        });
        Self { stream, last }
    }

    /// A key at `captured`, or one nanosecond after the last key where that is later.
    ///
    /// # Errors
    /// [`KeyError::Time`] when the time is before September 2001.
    pub fn mint(&mut self, captured: UnixNanos) -> Result<FrameKey, KeyError> {
        let at = match self.last {
            Some((last, _)) => captured.max(last.next()),
            None => captured,
        };
        let key = self.key_at(at)?;
        self.last = Some((at, self.next_seq()));
        Ok(key)
    }

    /// A key at exactly `at`, however late, with the next sequence number: for `push --at`, import.
    ///
    /// # Errors
    /// [`KeyError::Time`] when the time is before September 2001.
    pub fn mint_at(&mut self, at: UnixNanos) -> Result<FrameKey, KeyError> {
        let key = self.key_at(at)?;
        let last = self.last.map_or(at, |(last, _)| last.max(at));
        self.last = Some((last, self.next_seq()));
        Ok(key)
    }

    /// Goes on after a key that somebody else made, where it is the newest.
    pub fn saw(&mut self, key: &FrameKey) {
        if self.last.is_none_or(|(last, _)| key.at() > last) {
            *self = Self::resume(self.stream.clone(), Some((key.at(), key.suffix())));
        }
    }

    /// The newest time handed out or resumed from.
    #[must_use]
    pub fn last(&self) -> Option<UnixNanos> {
        self.last.map(|(at, _)| at)
    }

    fn next_seq(&self) -> Seq {
        self.last.map_or(Seq::FIRST, |(_, seq)| seq.next())
    }

    fn key_at(&self, at: UnixNanos) -> Result<FrameKey, KeyError> {
        FrameKey::new(self.stream.clone(), at, Suffix::Live(self.next_seq()))
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
