//! Instants, windows and lifetimes, and the texts that people write for them.
//!
//! Time is unsigned nanoseconds since the Unix epoch, as in the frame key, never a float: a double
//! steps by 256 ns today. Human text is read against a given now and a given time zone, so the same
//! words always mean the same thing in a test. Windows are half-open, `from <= t < to`, and cannot
//! be empty, so two windows side by side neither share nor lose a frame.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Nanoseconds in a second.
pub const NANOS_PER_SEC: u64 = 1_000_000_000;

/// An instant: nanoseconds since the Unix epoch, `0..=i64::MAX` (year 1970 to 2262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixNanos(u64);

impl UnixNanos {
    /// The first instant.
    pub const MIN: Self = Self(0);
    /// The last instant, `i64::MAX` nanoseconds: 2262-04-11.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// An instant from `nanos`; `None` past [`UnixNanos::MAX`].
    #[must_use]
    pub fn new(nanos: u64) -> Option<Self> {
        (nanos <= Self::MAX.0).then_some(Self(nanos))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// `self + by`, stopping at [`UnixNanos::MAX`].
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(by).min(Self::MAX.0))
    }

    /// `self - by`, stopping at the epoch.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(by))
    }

    /// How long from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The next nanosecond, stopping at [`UnixNanos::MAX`].
    #[must_use]
    pub fn next(self) -> Self {
        Self((self.0 + 1).min(Self::MAX.0))
    }

    /// RFC 3339 in UTC with nine fraction digits, e.g. `2024-11-08T00:00:00.123456789Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.to_utc().to_rfc3339_opts(SecondsFormat::Nanos, true)
    }

    /// The same instant as a chrono value.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        let nanos = i64::try_from(self.0).expect("an instant should fit i64 by construction");
        DateTime::from_timestamp_nanos(nanos)
    }

    /// The instant of a chrono value; `None` outside 1970..=2262.
    #[must_use]
    pub fn from_chrono<Z: TimeZone>(at: &DateTime<Z>) -> Option<Self> {
        at.timestamp_nanos_opt().and_then(|nanos| u64::try_from(nanos).ok()).and_then(Self::new)
    }
}

impl fmt::Display for UnixNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// As a string, because JSON numbers in JavaScript end at 2^53.
impl Serialize for UnixNanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UnixNanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no time in nanoseconds")))
    }
}

/// A window of time, `from <= t < to`, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    from: UnixNanos,
    to: UnixNanos,
}

/// A window whose end is not after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the range ends at {} which is not after its start {}: give an end that is later",
    to.to_rfc3339(),
    from.to_rfc3339()
)]
pub struct EmptyRange {
    /// The given start.
    pub from: UnixNanos,
    /// The given end.
    pub to: UnixNanos,
}

impl TimeRange {
    /// All of time but its last nanosecond.
    pub const ALL: Self = Self { from: UnixNanos::MIN, to: UnixNanos::MAX };

    /// The window `from <= t < to`.
    ///
    /// # Errors
    /// [`EmptyRange`] unless `from < to`.
    pub fn new(from: UnixNanos, to: UnixNanos) -> Result<Self, EmptyRange> {
        if from < to { Ok(Self { from, to }) } else { Err(EmptyRange { from, to }) }
    }

    /// First instant inside.
    #[must_use]
    pub fn from(self) -> UnixNanos {
        self.from
    }

    /// First instant after the window.
    #[must_use]
    pub fn to(self) -> UnixNanos {
        self.to
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn contains(self, at: UnixNanos) -> bool {
        self.from <= at && at < self.to
    }

    /// The part that both windows share, if any.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.to.min(other.to)).ok()
    }
}

/// How long a frame lives: whole seconds, 1..=[`Ttl::MAX_SECS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Ttl(NonZeroU32);

/// A lifetime outside 1 second to ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a lifetime of {0} s is not allowed: give 1 to 315360000 whole seconds (frames without an end would fill the store)"
)]
pub struct TtlError(pub u64);

impl Ttl {
    /// Ten years.
    pub const MAX_SECS: u32 = 315_360_000;

    /// A lifetime of `secs` seconds.
    ///
    /// # Errors
    /// [`TtlError`] for 0 and for more than ten years.
    pub fn from_secs(secs: u64) -> Result<Self, TtlError> {
        u32::try_from(secs)
            .ok()
            .filter(|secs| *secs <= Self::MAX_SECS)
            .and_then(NonZeroU32::new)
            .map(Self)
            .ok_or(TtlError(secs))
    }

    /// Whole seconds.
    #[must_use]
    pub fn as_secs(self) -> u32 {
        self.0.get()
    }

    /// The same as a std duration.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        Duration::from_secs(u64::from(self.as_secs()))
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_secs(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A text that names no instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no time: write RFC 3339 (2024-11-08T00:00:00Z), unix seconds, ms, us or ns, \
     a distance from now (-30s, +5m), now, 'today 14:02', 'yesterday 14:02' or '14:02:30'"
)]
pub struct TimeTextError(pub String);

/// Reads the text of an instant against `now` and the reader's time zone.
///
/// Accepted: RFC 3339; integers as unix s, ms, us or ns by magnitude (below 10^11, 10^14, 10^17,
/// else); `now`; `-30s`, `+1h 5m`, `now-30s` (units of the `humantime` crate); `today`,
/// `yesterday`, with or without a time of day; a time of day alone (today); a date with or without
/// a time of day, in `zone`.
///
/// # Errors
/// [`TimeTextError`] with the refused text.
pub fn parse_instant<Z: TimeZone>(
    text: &str,
    now: UnixNanos,
    zone: &Z,
) -> Result<UnixNanos, TimeTextError> {
    let trimmed = text.trim();
    parse_number(trimmed)
        .or_else(|| parse_relative(trimmed, now))
        .or_else(|| {
            DateTime::parse_from_rfc3339(trimmed).ok().and_then(|at| UnixNanos::from_chrono(&at))
        })
        .or_else(|| parse_local(trimmed, now, zone))
        .ok_or_else(|| TimeTextError(text.chars().take(100).collect()))
}

fn parse_number(text: &str) -> Option<UnixNanos> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = text.parse().ok()?;
    let scale = match number {
        0..100_000_000_000 => NANOS_PER_SEC,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    number.checked_mul(scale).and_then(UnixNanos::new)
}

fn parse_relative(text: &str, now: UnixNanos) -> Option<UnixNanos> {
    if text == "now" {
        return Some(now);
    }
    let signed = text.strip_prefix("now").map_or(text, str::trim_start);
    let (sign, distance) = signed.split_at_checked(1)?;
    let distance = humantime::parse_duration(distance.trim()).ok()?;
    match sign {
        "-" => Some(now.minus(distance)),
        "+" => Some(now.plus(distance)),
        _ => None,
    }
}

fn parse_local<Z: TimeZone>(text: &str, now: UnixNanos, zone: &Z) -> Option<UnixNanos> {
    let today = now.to_utc().with_timezone(zone).date_naive();
    let (day, rest) = if let Some(rest) = text.strip_prefix("today") {
        (today, rest)
    } else if let Some(rest) = text.strip_prefix("yesterday") {
        (today.checked_sub_days(Days::new(1))?, rest)
    } else if let Some(time) = parse_time_of_day(text) {
        return resolve(zone, today.and_time(time));
    } else {
        let (date, rest) = text.split_at_checked(10)?;
        (date.parse().ok()?, rest.strip_prefix('T').unwrap_or(rest))
    };
    let rest = rest.trim();
    let time = if rest.is_empty() { NaiveTime::MIN } else { parse_time_of_day(rest)? };
    resolve(zone, day.and_time(time))
}

fn parse_time_of_day(text: &str) -> Option<NaiveTime> {
    ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())
}

/// The earlier of two readings where clocks go back; none where they skip the given time.
fn resolve<Z: TimeZone>(zone: &Z, local: NaiveDateTime) -> Option<UnixNanos> {
    zone.from_local_datetime(&local).earliest().and_then(|at| UnixNanos::from_chrono(&at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;

    fn at(text: &str) -> UnixNanos {
        UnixNanos::from_chrono(&DateTime::parse_from_rfc3339(text).unwrap()).unwrap()
    }

    #[test]
    fn reads_every_accepted_form_of_an_instant() {
        let now = at("2026-03-10T12:00:00.5Z");
        let zone = FixedOffset::west_opt(3 * 3600).unwrap();
        for (text, expected) in [
            ("2024-11-08T00:00:00.123456789Z", "2024-11-08T00:00:00.123456789Z"),
            ("2024-11-07T21:00:00-03:00", "2024-11-08T00:00:00Z"),
            ("1731024000", "2024-11-08T00:00:00Z"),
            ("1731024000123", "2024-11-08T00:00:00.123Z"),
            ("1731024000123456", "2024-11-08T00:00:00.123456Z"),
            ("1731024000123456789", "2024-11-08T00:00:00.123456789Z"),
            ("now", "2026-03-10T12:00:00.5Z"),
            ("-30s", "2026-03-10T11:59:30.5Z"),
            ("now-1h 30m", "2026-03-10T10:30:00.5Z"),
            ("+250ms", "2026-03-10T12:00:00.75Z"),
            ("today 14:02", "2026-03-10T17:02:00Z"),
            ("today", "2026-03-10T03:00:00Z"),
            ("yesterday 23:59:59.25", "2026-03-10T02:59:59.25Z"),
            ("14:02:30", "2026-03-10T17:02:30Z"),
            ("2026-01-02", "2026-01-02T03:00:00Z"),
            ("2026-01-02 03:04", "2026-01-02T06:04:00Z"),
            ("2026-01-02T03:04:05", "2026-01-02T06:04:05Z"),
        ] {
            assert_eq!(parse_instant(text, now, &zone), Ok(at(expected)), "{text}");
        }
    }

    #[test]
    fn refuses_texts_that_name_no_instant() {
        for text in [
            "",
            "-",
            "soon",
            "-30",
            "1.5",
            "12e3",
            "99999999999999999999",
            "2024-13-01",
            "25:00",
            "today 9",
            "-5 parsecs",
            "2024-11-08T00:00:00+99:00",
            "−30s",
            "äöü",
        ] {
            assert_eq!(
                parse_instant(text, UnixNanos(1), &Utc),
                Err(TimeTextError(text.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_window_is_half_open_and_never_empty() {
        let (one, two) = (UnixNanos(1), UnixNanos(2));
        let window = TimeRange::new(one, two).unwrap();
        assert!(window.contains(one) && !window.contains(two));
        assert_eq!(TimeRange::new(two, two), Err(EmptyRange { from: two, to: two }));
        let said = TimeRange::new(two, one).unwrap_err().to_string();
        assert!(said.contains("ends at 1970-01-01T00:00:00.000000001Z"), "{said}");
    }

    #[test]
    fn lifetimes_are_one_second_to_ten_years() {
        assert_eq!(Ttl::from_secs(300).map(Ttl::as_secs), Ok(300));
        assert_eq!(Ttl::from_secs(0), Err(TtlError(0)));
        assert_eq!(Ttl::from_secs(315_360_001), Err(TtlError(315_360_001)));
    }
}
