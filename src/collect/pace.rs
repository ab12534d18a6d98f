//! An absolute schedule for sources that make their own time: frame k is due at start + k periods.
//!
//! A late timer does not push later frames back, so there is no drift. After a delay the missed
//! frames follow at twice the rate, not in a burst; after more than `GIVE_UP` the slots that passed
//! are skipped. Pure: tokio's instants go in and come out, nobody sleeps here.

use std::time::Duration;

use tokio::time::Instant;

/// How late a schedule may run before slots are skipped.
const GIVE_UP: Duration = Duration::from_secs(1);

/// The schedule of one source.
#[derive(Debug)]
pub(super) struct Pacer {
    start: Instant,
    period: Duration,
    next: u64,
}

impl Pacer {
    /// A schedule whose first frame is due at `start`; `period` is above zero.
    pub(super) fn new(start: Instant, period: Duration) -> Self {
        Self { start, period: period.max(Duration::from_micros(1)), next: 0 }
    }

    /// When the next frame is to be sent; asked right after the one before was sent, at `now`.
    pub(super) fn next_due(&mut self, now: Instant) -> Instant {
        let mut slot = self.slot(self.next);
        if now.saturating_duration_since(slot) > GIVE_UP {
            let passed = now.duration_since(self.start).as_nanos() / self.period.as_nanos();
            self.next = u64::try_from(passed).unwrap_or(u64::MAX).saturating_add(1);
            slot = self.slot(self.next);
        }
        let first = self.next == 0;
        self.next += 1;
        if first { slot } else { slot.max(now + self.period / 2) }
    }

    fn slot(&self, number: u64) -> Instant {
        let nanos = self.period.as_nanos().saturating_mul(u128::from(number));
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a source does whose timers fire `late(k)` ms late: the times in ms at which it sends.
    fn sent(frames: usize, late: impl Fn(usize) -> u64) -> Vec<u128> {
        let start = Instant::now();
        let mut pacer = Pacer::new(start, Duration::from_millis(100));
        let mut now = start;
        let mut times = Vec::new();
        for k in 0..frames {
            now = pacer.next_due(now).max(now) + Duration::from_millis(late(k));
            times.push(now.duration_since(start).as_millis());
        }
        times
    }

    #[test]
    fn late_timers_do_not_add_up() {
        let times = sent(11, |_| 7);
        assert_eq!(times, [7, 107, 207, 307, 407, 507, 607, 707, 807, 907, 1007]);
    }

    #[test]
    fn a_delay_is_made_up_for_without_a_burst() {
        let times = sent(8, |k| if k == 1 { 250 } else { 0 });
        assert_eq!(times, [0, 350, 400, 450, 500, 550, 600, 700]);
    }

    #[test]
    fn slots_are_skipped_after_a_long_delay() {
        let times = sent(4, |k| if k == 1 { 5020 } else { 0 });
        assert_eq!(times, [0, 5120, 5200, 5300]);
    }
}
