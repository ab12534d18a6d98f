//! How long frames live that come out of a recording. Pure.
//!
//! The end that a recording tells is mostly past when it is needed, so by default a frame gets what was
//! left of its life when it was copied. What a recording does not tell is left to the store's own
//! lifetimes: frames of other programs, and frames that never were to expire.

use std::str::FromStr;
use std::time::Duration;

use super::read::Entry;
use crate::model::time::{Ttl, UnixNanos};

/// Which lives frames get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lives {
    /// What was left when they were copied, from now on.
    #[default]
    Remaining,
    /// The lifetime that they were given once, as if they were pushed now.
    Original,
    /// Until the end that they had, which may be past.
    Absolute,
    /// This lifetime, as if they were pushed now.
    Given(Ttl),
}

impl FromStr for Lives {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "remaining" => return Ok(Self::Remaining),
            "original" => return Ok(Self::Original),
            "absolute" => return Ok(Self::Absolute),
            _ => {}
        }
        let given = humantime::parse_duration(text).map_err(|_| {
            "write remaining, original, absolute, or a lifetime with its unit, e.g. 10m".to_owned()
        })?;
        let secs = given.as_secs() + u64::from(given.subsec_nanos() > 0);
        Ttl::from_secs(secs).map(Self::Given).map_err(|error| error.to_string())
    }
}

impl Lives {
    /// The lifetime and the exact end that an entry gets `now`, as
    /// [`crate::model::frame::StoredFrame`] takes them.
    #[must_use]
    pub fn of(self, entry: &Entry, now: UnixNanos) -> (Option<Ttl>, Option<UnixNanos>) {
        match self {
            Self::Given(ttl) => (Some(ttl), None),
            Self::Original => (entry.ttl, None),
            Self::Absolute => (entry.ttl, entry.expires_at),
            Self::Remaining => {
                let left = entry.expires_at.zip(entry.recorded_at);
                (entry.ttl, left.map(|(end, copied)| now.plus(whole_millis(end.since(copied)))))
            }
        }
    }
}

fn whole_millis(left: Duration) -> Duration {
    Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn at(millis: u64) -> UnixNanos {
        UnixNanos::new(1_731_024_000_000_000_000 + millis * 1_000_000).unwrap()
    }

    fn ttl(secs: u64) -> Ttl {
        Ttl::from_secs(secs).unwrap()
    }

    fn entry(life: Option<(Ttl, UnixNanos)>) -> Entry {
        Entry {
            channel: "/x".into(),
            key: None,
            at: at(0),
            order: 0,
            bytes: Bytes::new(),
            ttl: life.map(|(ttl, _)| ttl),
            expires_at: life.map(|(_, end)| end),
            recorded_at: life.map(|_| at(100_000)),
            fields: Vec::new(),
        }
    }

    #[test]
    fn each_policy_gives_the_life_that_its_name_says() {
        let now = at(9_000_000);
        let (ours, foreign) = (entry(Some((ttl(300), at(300_123)))), entry(None));
        for (text, lives, end) in [
            ("remaining", Some(ttl(300)), Some(at(9_200_123))),
            ("original", Some(ttl(300)), None),
            ("absolute", Some(ttl(300)), Some(at(300_123))),
            ("10m", Some(ttl(600)), None),
            ("1500ms", Some(ttl(2)), None),
        ] {
            assert_eq!(text.parse::<Lives>().unwrap().of(&ours, now), (lives, end), "{text}");
        }
        assert_eq!(Lives::default().of(&foreign, now), (None, None));
        assert_eq!(Lives::Given(ttl(5)).of(&foreign, now), (Some(ttl(5)), None));
        let over = entry(Some((ttl(60), at(99_999))));
        assert_eq!(Lives::Remaining.of(&over, now), (Some(ttl(60)), Some(now)));
    }

    #[test]
    fn what_is_no_life_is_refused_with_what_would_be() {
        let said = "write remaining, original, absolute, or a lifetime with its unit, e.g. 10m";
        for text in ["", "forever", "10", "-1s"] {
            assert_eq!(text.parse::<Lives>(), Err(said.to_owned()), "{text}");
        }
        assert!("0s".parse::<Lives>().is_err() && "20y".parse::<Lives>().is_err());
    }
}
