//! How long to wait before the next attempt, and when a change is worth a warning: pure decisions.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::bus::{BusError, Delivery};

/// The first wait after a broken connection.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait, and the one after a refusal.
const LONGEST: Duration = Duration::from_secs(5);
/// Changes of routability closer together than this are told as one.
const QUIET: Duration = Duration::from_secs(1);

/// The waits of a connection.
pub(super) fn backoff() -> Backoff {
    Backoff::new(FIRST, LONGEST)
}

/// The wait before the next attempt: a refusal waits the longest at once, for it ends by hand.
pub(super) fn wait_after(reason: &BusError, backoff: &mut Backoff) -> Duration {
    match reason {
        BusError::Refused(_) => LONGEST,
        BusError::Unavailable(_) => backoff.next_wait(),
    }
}

/// Remembers whether a topic was routable, to tell changes and not every message.
#[derive(Debug, Default)]
pub(super) struct Routability {
    told: Option<(Delivery, Duration)>,
}

impl Routability {
    /// Notes how a message ended at `now` (since any fixed instant); answers whether that is to be
    /// told. A topic counts as routable until a message of it is returned.
    pub(super) fn changed(&mut self, delivery: Delivery, now: Duration) -> bool {
        let (told, due) = match self.told {
            None => (Delivery::Routed, true),
            Some((told, at)) => (told, now.saturating_sub(at) >= QUIET),
        };
        let changed = delivery != told && due;
        if changed {
            self.told = Some((delivery, now));
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_is_tried_soon_and_a_refusal_slowly() {
        let mut backoff = backoff();
        let away = BusError::Unavailable(String::new());
        assert!(wait_after(&away, &mut backoff) <= FIRST);
        assert_eq!(wait_after(&BusError::Refused(String::new()), &mut backoff), LONGEST);
    }

    #[test]
    fn each_change_of_routability_is_told_once() {
        let mut topic = Routability::default();
        let told: Vec<bool> = [
            (Delivery::Routed, 0),
            (Delivery::Unroutable, 10),
            (Delivery::Unroutable, 20),
            (Delivery::Routed, 30),
            (Delivery::Unroutable, 40),
            (Delivery::Routed, 1010),
            (Delivery::Routed, 9000),
            (Delivery::Unroutable, 9010),
        ]
        .map(|(delivery, ms)| topic.changed(delivery, Duration::from_millis(ms)))
        .into();
        assert_eq!(told, [false, true, false, false, false, true, false, true]);
    }
}
