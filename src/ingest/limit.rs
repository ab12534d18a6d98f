//! The per-camera frame rate limit: a pure decision on capture times.

use std::time::Duration;

use thiserror::Error;

use crate::model::time::UnixNanos;

/// Lets frames pass up to a rate.
///
/// A frame may come half an interval early, so that a camera that delivers at exactly the limit, with
/// jitter, loses nothing; on average the rate is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct FpsLimit {
    interval: Duration,
    next: Option<UnixNanos>,
}

/// A frame rate that is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("a limit of {0} frames/s is not allowed: give a number above 0, up to 1000")]
pub struct FpsError(pub f64);

impl FpsLimit {
    /// A limit of `fps` frames a second, above 0 and up to 1000.
    ///
    /// # Errors
    /// [`FpsError`] outside these bounds.
    pub fn new(fps: f64) -> Result<Self, FpsError> {
        if !(fps > 0.0 && fps <= 1000.0) {
            return Err(FpsError(fps));
        }
        let interval = Duration::try_from_secs_f64(1.0 / fps).map_err(|_| FpsError(fps))?;
        Ok(Self { interval, next: None })
    }

    /// Whether both let the same rate pass.
    #[must_use]
    pub fn has_rate_of(&self, other: &Self) -> bool {
        self.interval == other.interval
    }

    /// Whether a frame captured at `at` may pass; if so, the next one is due an interval later.
    pub fn admit(&mut self, at: UnixNanos) -> bool {
        let half = self.interval / 2;
        match self.next {
            Some(due) if at.plus(half) < due && at.plus(self.interval * 2) >= due => false,
            Some(due) if at.plus(half) >= due => {
                self.next = Some(due.max(at.minus(half)).plus(self.interval));
                true
            }
            // The first frame, or a clock that stepped back: start anew.
            _ => {
                self.next = Some(at.plus(self.interval));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(fps: f64, millis: impl IntoIterator<Item = u64>) -> usize {
        let mut limit = FpsLimit::new(fps).unwrap();
        let start = UnixNanos::new(1_731_024_000_000_000_000).unwrap();
        let admits = |ms| limit.admit(start.plus(Duration::from_millis(ms)));
        millis.into_iter().map(admits).filter(|passed| *passed).count()
    }

    #[test]
    fn the_rate_is_kept_and_jitter_at_the_limit_costs_nothing() {
        assert_eq!(passed(10.0, (0..10_000).step_by(33)), 101);
        assert_eq!(passed(10.0, (0..100).map(|n| n * 100 + (n * 37) % 40)), 100);
        assert_eq!(passed(10.0, (0..100).map(|n| n * 1000)), 100);
    }

    #[test]
    fn a_clock_that_steps_back_stops_nothing() {
        assert_eq!(passed(1.0, [100_000, 5_000, 6_000, 7_000]), 4);
    }

    #[test]
    fn rates_that_are_none_are_refused() {
        for fps in [0.0, -1.0, f64::NAN, f64::INFINITY, 1000.1] {
            assert!(FpsLimit::new(fps).is_err(), "{fps}");
        }
    }
}
