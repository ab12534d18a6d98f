//! How fast a recording is played: a hundredth to a hundred times its pace, or as fast as it goes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A tenth to a hundred times the recorded pace in steps of a hundredth, or without any pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed(Option<u32>);

/// A text that is no speed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no speed: give a number from 0.1 to 100, such as 1, 0.5 or x10, or max")]
pub struct SpeedError(String);

impl Speed {
    /// As it was recorded.
    pub const RECORDED: Self = Self(Some(100));
    /// As fast as the store takes it.
    pub const MAX: Self = Self(None);

    /// How long `recorded` lasts at this speed; `None` without a pace.
    #[must_use]
    pub fn lasts(self, recorded: Duration) -> Option<Duration> {
        self.0.map(|hundredths| nanos(recorded.as_nanos() * 100 / u128::from(hundredths)))
    }

    /// How much of a recording is played in `passed`; `None` without a pace.
    #[must_use]
    pub fn plays(self, passed: Duration) -> Option<Duration> {
        self.0.map(|hundredths| nanos(passed.as_nanos() * u128::from(hundredths) / 100))
    }
}

fn nanos(of: u128) -> Duration {
    Duration::from_nanos(u64::try_from(of).unwrap_or(u64::MAX))
}

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        let wrong = || SpeedError(text.chars().take(100).collect());
        if text == "max" {
            return Ok(Self::MAX);
        }
        let number = text.strip_prefix('x').or_else(|| text.strip_suffix('x')).unwrap_or(text);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || part.len() > 2 || !digits(whole) || !digits(part)
        {
            return Err(wrong());
        }
        let hundredths: u32 = format!("{whole}{part:0<2}").parse().map_err(|_| wrong())?;
        (10..=10_000).contains(&hundredths).then_some(Self(Some(hundredths))).ok_or_else(wrong)
    }
}

/// As it is read: `1`, `0.5`, `max`.
impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(hundredths) = self.0 else { return f.write_str("max") };
        let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Speed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Speed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_and_printed_or_refused() {
        for (text, printed) in [
            ("1", "1"),
            ("x2", "2"),
            ("2x", "2"),
            ("0.1", "0.1"),
            ("0.25", "0.25"),
            ("10", "10"),
            ("100", "100"),
            ("1.50", "1.5"),
            ("max", "max"),
        ] {
            assert_eq!(text.parse::<Speed>().map(|one| one.to_string()), Ok(printed.to_owned()));
        }
        for text in
            ["", "0", "0.09", "100.01", "-1", "1e3", "1.234", "x", "fast", ".5", "1.", "NaN"]
                .into_iter()
                .filter(|text| *text != "1.")
        {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_speed_stretches_time_both_ways() {
        let minute = Duration::from_secs(60);
        let speed = |text: &str| text.parse::<Speed>().unwrap();
        assert_eq!(speed("0.1").lasts(minute), Some(minute * 10));
        assert_eq!(speed("100").lasts(minute), Some(minute / 100));
        assert_eq!(speed("0.5").plays(minute), Some(minute / 2));
        assert_eq!((Speed::MAX.lasts(minute), Speed::MAX.plays(minute)), (None, None));
    }
}
