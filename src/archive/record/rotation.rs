//! When a recording goes on in a new file, and what that one is called. Pure.
//!
//! Files begin on the grid of the narrow index buckets, ten seconds: by time at each multiple of the
//! asked length, by size at the next ten seconds after the file has become so large. A file is called by
//! the ten seconds in which it began; frames that come later than others stand in the file that is
//! open then. All files together hold what one file would.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RecordError;
use super::order::{Length, Size};
use crate::model::recording::Segment;
use crate::model::time::{NANOS_PER_SEC, UnixNanos};

/// The grid, in nanoseconds.
const GRID: u64 = 10 * NANOS_PER_SEC;

/// The longest file.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The smallest size at which a file ends.
const LEAST_BYTES: u64 = 1 << 20;

/// When a new file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rotation {
    /// After so many seconds, a multiple of ten.
    every_secs: Option<u64>,
    /// After so many bytes.
    bytes: Option<u64>,
}

impl Rotation {
    /// By time, by size, or both; `None` for one file.
    ///
    /// # Errors
    /// [`RecordError::Misfit`]: no whole tens of seconds, over a day, or under 1 MiB.
    pub(super) fn new(
        every: Option<Length>,
        bytes: Option<Size>,
    ) -> Result<Option<Self>, RecordError> {
        if let Some(Length(every)) = every {
            let on_grid = every.subsec_nanos() == 0 && every.as_secs().is_multiple_of(10);
            if !on_grid || every > LONGEST {
                let said = format!(
                    "segments of {} do not fit: give whole tens of seconds, 10s to 24h",
                    humantime::format_duration(every)
                );
                return Err(RecordError::Misfit(said));
            }
        }
        if let Some(Size(bytes)) = bytes.filter(|size| size.0 < LEAST_BYTES) {
            let said = format!("segments of {bytes} bytes do not fit: give 1MiB or more");
            return Err(RecordError::Misfit(said));
        }
        let rotation = Self {
            every_secs: every.map(|every| every.0.as_secs()),
            bytes: bytes.map(|bytes| bytes.0),
        };
        Ok((every.is_some() || bytes.is_some()).then_some(rotation))
    }

    /// Whether a frame of `at` begins a new file, where the open one has `bytes` bytes and its newest
    /// frame is of `newest`.
    pub(super) fn begins(self, at: UnixNanos, newest: UnixNanos, bytes: u64) -> bool {
        let later = |step: u64| at.get() / step > newest.get() / step;
        self.every_secs.is_some_and(|secs| later(secs.saturating_mul(NANOS_PER_SEC)))
            || self.bytes.is_some_and(|most| bytes >= most) && later(GRID)
    }
}

/// Where a file begins whose first frame is of `at`: on the grid, after the one that began at `last`.
pub(super) fn start(at: UnixNanos, last: Option<UnixNanos>) -> UnixNanos {
    let own = at.get() / GRID * GRID;
    let after = last.map_or(0, |last| last.get().saturating_add(GRID));
    UnixNanos::new(own.max(after)).unwrap_or(UnixNanos::MAX)
}

/// The name of a file that begins at `start`: RFC 3339 with dashes, so that every system takes it.
pub(super) fn segment(start: UnixNanos) -> Segment {
    let text = start.to_utc().format("%Y-%m-%dT%H-%M-%SZ").to_string();
    Segment::new(&text).expect("an instant should fit the alphabet of names")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> UnixNanos {
        UnixNanos::new((1_731_024_000 + secs) * NANOS_PER_SEC).unwrap()
    }

    fn rotation(every: Option<u64>, bytes: Option<u64>) -> Rotation {
        let every = every.map(|secs| Length(Duration::from_secs(secs)));
        Rotation::new(every, bytes.map(Size)).unwrap().unwrap()
    }

    #[test]
    fn files_begin_at_multiples_of_their_length() {
        let minute = rotation(Some(60), None);
        for (frame, newest, begins) in
            [(59, 10, false), (60, 59, true), (60, 60, false), (59, 60, false), (200, 1, true)]
        {
            assert_eq!(minute.begins(at(frame), at(newest), 1 << 40), begins, "{frame} {newest}");
        }
    }

    #[test]
    fn a_file_that_is_large_ends_with_its_ten_seconds() {
        let large = rotation(None, Some(1 << 20));
        assert!(!large.begins(at(30), at(9), (1 << 20) - 1));
        assert!(!large.begins(at(9), at(1), 1 << 20));
        assert!(large.begins(at(10), at(9), 1 << 20));
        assert!(!large.begins(at(8), at(11), 1 << 20), "what comes late begins nothing");
    }

    #[test]
    fn a_file_is_named_by_its_ten_seconds_and_no_two_alike() {
        let first = start(at(17), None);
        assert_eq!(segment(first).as_str(), "2024-11-08T00-00-10Z");
        assert_eq!(start(at(25), Some(first)), at(20));
        assert_eq!(start(at(3), Some(first)), at(20), "a late frame begins no older file");
    }

    #[test]
    fn what_is_off_the_grid_is_refused() {
        let misfit = |every: Option<u64>, bytes: Option<u64>| {
            let every = every.map(|millis| Length(Duration::from_millis(millis)));
            Rotation::new(every, bytes.map(Size)).unwrap_err().to_string()
        };
        assert_eq!(
            misfit(Some(15_000), None),
            "segments of 15s do not fit: give whole tens of seconds, 10s to 24h"
        );
        assert!(misfit(Some(10_500), None).contains("whole tens"));
        assert!(misfit(Some(90_000_000), None).contains("10s to 24h"));
        assert_eq!(misfit(None, Some(5)), "segments of 5 bytes do not fit: give 1MiB or more");
        assert_eq!(Rotation::new(None, None).unwrap(), None);
    }
}
