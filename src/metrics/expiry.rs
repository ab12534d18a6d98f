//! Whether frames leave the store when their lifetime is over.
//!
//! Each stored frame promises that the store will have let a frame go by the end of two of its
//! lifetimes. The earliest promise is kept; whoever sees frames leave takes it back. One that is over
//! says that frames are stored without an end, or that nobody removes them. Monotonic time: a step of
//! the wall clock breaks no promise.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// No promise is open.
const NONE: u64 = u64::MAX;

/// The earliest instant by which a frame should have left; wait-free.
#[derive(Debug)]
pub struct ExpiryWatch {
    start: Instant,
    /// Milliseconds since the start.
    due: AtomicU64,
}

impl Default for ExpiryWatch {
    fn default() -> Self {
        Self { start: Instant::now(), due: AtomicU64::new(NONE) }
    }
}

impl ExpiryWatch {
    /// A frame was stored for so long.
    pub fn stored(&self, life: Duration) {
        let due = millis(self.start.elapsed() + life * 2);
        if due < self.due.load(Ordering::Relaxed) {
            self.due.fetch_min(due, Ordering::Relaxed);
        }
    }

    /// Frames were seen to leave the store.
    pub fn left(&self) {
        self.due.store(NONE, Ordering::Relaxed);
    }

    /// For how long a frame should have left already; `None` while none had to.
    #[must_use]
    pub fn overdue(&self) -> Option<Duration> {
        let now = millis(self.start.elapsed());
        now.checked_sub(self.due.load(Ordering::Relaxed)).map(Duration::from_millis)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_over_after_two_lifetimes_and_taken_back_by_a_frame_that_left() {
        let watch = ExpiryWatch::default();
        assert_eq!(watch.overdue(), None);
        watch.stored(Duration::from_secs(3600));
        assert_eq!(watch.overdue(), None);
        watch.stored(Duration::ZERO);
        assert!(watch.overdue().is_some());
        watch.stored(Duration::from_secs(3600));
        assert!(watch.overdue().is_some(), "a later promise does not hide an earlier one");
        watch.left();
        assert_eq!(watch.overdue(), None);
    }
}
