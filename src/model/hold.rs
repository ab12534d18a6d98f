//! Holds: windows of a camera whose frames live longer than they would, so that somebody can look.
//!
//! A [`Hold`] says which frames and until when; it changes none. Of several holds over one frame the
//! longest counts. Ends are whole milliseconds, as in Redis. Pure: what time it is comes in.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::key::StreamId;
use super::name::HoldId;
use super::time::{TimeRange, Ttl, UnixNanos};

/// The most characters of a note.
pub const NOTE_MAX_CHARS: usize = 500;

/// A window of a camera whose frames are kept until an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Facts", into = "Facts")]
pub struct Hold {
    id: HoldId,
    stream: StreamId,
    window: TimeRange,
    until: UnixNanos,
    created_at: UnixNanos,
    note: String,
}

/// What a hold is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldTerms {
    /// Frames of this camera.
    pub stream: StreamId,
    /// Taken in this window, which may reach into the future.
    pub window: TimeRange,
    /// How long they are kept from now on, at most ten years.
    pub keep: Duration,
    /// Why, for people: at most [`NOTE_MAX_CHARS`] characters on one line.
    pub note: String,
}

/// Terms that make no hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HoldError {
    /// Of no length, or of more than ten years.
    #[error("frames cannot be held for {}: give 1s to 10 years", humantime::format_duration(*.0))]
    Length(Duration),
    /// A window with frames that the hold would be too short for.
    #[error(
        "the window ends at {} and the hold already at {}: hold for longer, or end the window earlier",
        to.to_rfc3339(),
        until.to_rfc3339()
    )]
    EndsInWindow {
        /// End of the window.
        to: UnixNanos,
        /// End of the hold.
        until: UnixNanos,
    },
    /// A note of several lines, with control characters, or too long.
    #[error(
        "the note does not fit: one line of at most {NOTE_MAX_CHARS} characters, without control characters"
    )]
    Note,
}

impl Hold {
    /// A hold that begins `now` and ends `keep` later, rounded up to a millisecond. A window without
    /// an end reaches to the end of the hold.
    ///
    /// # Errors
    /// [`HoldError`] with what would be right.
    pub fn begin(id: HoldId, terms: HoldTerms, now: UnixNanos) -> Result<Self, HoldError> {
        let HoldTerms { stream, window, keep, note } = terms;
        let longest = Duration::from_secs(u64::from(Ttl::MAX_SECS));
        if keep < Duration::from_secs(1) || keep > longest {
            return Err(HoldError::Length(keep));
        }
        let end = now.plus(keep).get().div_ceil(1_000_000).saturating_mul(1_000_000);
        let until = UnixNanos::new(end).unwrap_or(UnixNanos::MAX);
        let to = if window.to() == UnixNanos::MAX { until } else { window.to() };
        let fits = TimeRange::new(window.from(), to).ok().filter(|window| window.to() <= until);
        let window = fits.ok_or(HoldError::EndsInWindow { to, until })?;
        if !is_note(&note) {
            return Err(HoldError::Note);
        }
        Ok(Self { id, stream, window, until, created_at: now, note })
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &HoldId {
        &self.id
    }

    /// Whose frames.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// Which frames.
    #[must_use]
    pub fn window(&self) -> TimeRange {
        self.window
    }

    /// Until when they live at least; a whole millisecond.
    #[must_use]
    pub fn until(&self) -> UnixNanos {
        self.until
    }

    /// Why, for people; may be empty.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: UnixNanos) -> bool {
        self.until <= now
    }

    /// Whether it holds the frames of this instant.
    #[must_use]
    pub fn covers(&self, stream: &StreamId, at: UnixNanos) -> bool {
        self.stream == *stream && self.window.contains(at)
    }
}

fn is_note(note: &str) -> bool {
    note.chars().count() <= NOTE_MAX_CHARS && !note.chars().any(char::is_control)
}

/// Until when a camera's frames of `at` are kept by any of these holds.
pub fn kept_until<'a>(
    holds: impl IntoIterator<Item = &'a Hold>,
    stream: &StreamId,
    at: UnixNanos,
) -> Option<UnixNanos> {
    holds.into_iter().filter(|hold| hold.covers(stream, at)).map(Hold::until).max()
}

/// A hold as it is written down and answered.
#[derive(Clone, Serialize, Deserialize)]
struct Facts {
    id: HoldId,
    stream: StreamId,
    from: UnixNanos,
    to: UnixNanos,
    until: UnixNanos,
    created_at: UnixNanos,
    note: String,
}

impl From<Hold> for Facts {
    fn from(hold: Hold) -> Self {
        let Hold { id, stream, window, until, created_at, note } = hold;
        Self { id, stream, from: window.from(), to: window.to(), until, created_at, note }
    }
}

impl TryFrom<Facts> for Hold {
    type Error = String;

    fn try_from(facts: Facts) -> Result<Self, String> {
        let Facts { id, stream, from, to, until, created_at, note } = facts;
        let window = TimeRange::new(from, to).map_err(|error| error.to_string())?;
        if !is_note(&note) {
            return Err(HoldError::Note.to_string());
        }
        Ok(Self { id, stream, window, until, created_at, note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::{CameraId, Prefix, Tenant};

    const SEC: Duration = Duration::from_secs(1);

    fn at(secs: u64) -> UnixNanos {
        UnixNanos::new((1_731_024_000 + secs) * 1_000_000_000).unwrap()
    }

    fn cam(name: &str) -> StreamId {
        StreamId {
            tenant: Tenant::new("t").unwrap(),
            prefix: Prefix::new("frames").unwrap(),
            camera: CameraId::new(name).unwrap(),
        }
    }

    fn hold(from: u64, to: u64, keep: u64, now: UnixNanos) -> Result<Hold, HoldError> {
        let window = TimeRange::new(at(from), at(to)).unwrap();
        let terms =
            HoldTerms { stream: cam("cam1"), window, keep: SEC * keep as u32, note: "why".into() };
        Hold::begin("h1".parse().unwrap(), terms, now)
    }

    #[test]
    fn a_hold_ends_on_a_whole_millisecond_and_not_before_its_window() {
        let odd = at(100).plus(Duration::from_nanos(1));
        assert_eq!(hold(0, 50, 60, odd).unwrap().until(), at(160).plus(Duration::from_millis(1)));
        assert_eq!(hold(0, 160, 60, at(100)).unwrap().until(), at(160));
        let early = HoldError::EndsInWindow { to: at(161), until: at(160) };
        assert_eq!(hold(0, 161, 60, at(100)), Err(early));
        assert_eq!(hold(0, 50, 0, at(100)), Err(HoldError::Length(Duration::ZERO)));
        assert!(hold(0, 50, 400_000_000, at(100)).is_err());
    }

    #[test]
    fn a_window_without_an_end_reaches_to_the_end_of_the_hold() {
        let window = TimeRange::new(at(0), UnixNanos::MAX).unwrap();
        let terms = HoldTerms { stream: cam("c"), window, keep: SEC * 60, note: String::new() };
        let open = Hold::begin("h".parse().unwrap(), terms, at(100)).unwrap();
        assert_eq!((open.window().from(), open.window().to()), (at(0), at(160)));
    }

    #[test]
    fn a_note_is_one_line() {
        let window = TimeRange::new(at(0), at(1)).unwrap();
        let begin = |note: &str| {
            let terms = HoldTerms { stream: cam("c"), window, keep: SEC, note: note.to_owned() };
            Hold::begin("h".parse().unwrap(), terms, at(100)).map(|_| ())
        };
        assert_eq!(begin(&"ä".repeat(500)), Ok(()));
        assert_eq!(begin(&"a".repeat(501)), Err(HoldError::Note));
        assert_eq!(begin("two\nlines"), Err(HoldError::Note));
    }

    #[test]
    fn a_hold_is_read_back_as_it_was_written() {
        let one = hold(0, 50, 60, at(100)).unwrap();
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Hold>(&text).unwrap(), one);
        let turned = text.replace(&at(50).to_string(), "1");
        assert!(serde_json::from_str::<Hold>(&turned).is_err());
    }

    #[test]
    fn the_longest_hold_of_an_instant_counts() {
        let holds = [hold(0, 50, 60, at(100)).unwrap(), hold(40, 90, 30, at(100)).unwrap()];
        let kept = |secs| kept_until(&holds, &cam("cam1"), at(secs));
        assert_eq!((kept(0), kept(45), kept(50)), (Some(at(160)), Some(at(160)), Some(at(130))));
        assert_eq!((kept(90), kept_until(&holds, &cam("cam10"), at(45))), (None, None));
        assert!(!holds[1].is_over(at(129)) && holds[1].is_over(at(130)));
    }
}
