//! Waiting longer after each failure, with jitter so that a fleet does not return in step.
//!
//! Exponential from `min` to `max`; each wait is drawn between half and all of the step. It never
//! gives up: everything here is tried again for ever, and whoever waits also watches for shutdown.

use std::time::Duration;

/// The waits between attempts at one thing.
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    step: Duration,
}

impl Backoff {
    /// Waits that start at `min` and double up to `max`.
    #[must_use]
    pub fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, step: min }
    }

    /// How long to wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.step.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.step = (self.step * 2).min(self.max);
        wait
    }

    /// An attempt succeeded: the next failure waits `min` again.
    pub fn reset(&mut self) {
        self.step = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_ceiling_with_jitter_and_start_anew() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(500));
        for step in [100, 200, 400, 500, 500] {
            let wait = backoff.next_wait();
            assert!((ms(step / 2)..=ms(step)).contains(&wait), "{wait:?} for {step}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= ms(100));
    }
}
