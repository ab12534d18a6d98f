//! Wall time behind one small trait, so that a test can stop it, and frames expire when it says so.
//!
//! Only wall time: back-off and timeouts follow tokio's own timers, which tests pause in their own
//! way. Nothing else in the crate asks the system for the time of day.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::time::UnixNanos;

/// Tells the time of day.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now, never before the epoch.
    fn now(&self) -> UnixNanos;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixNanos {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixNanos::MIN.plus(since)
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct SettableClock(Mutex<UnixNanos>);

impl SettableClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: UnixNanos) -> Self {
        Self(Mutex::new(now))
    }

    /// Puts the clock to `now`, forward or back.
    pub fn set(&self, now: UnixNanos) {
        *self.lock() = now;
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now = now.plus(by);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, UnixNanos> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for SettableClock {
    fn now(&self) -> UnixNanos {
        *self.lock()
    }
}
