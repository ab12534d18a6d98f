//! Retention tiers: which lifetime a frame gets, decided once, when it is written.
//!
//! "All frames for 5 minutes, one a second for an hour, one a minute for a day": the first frame of
//! each second and minute gets the longer lifetime at write time, so nothing is rewritten later and
//! no background job exists. Steps are counted from the epoch. A late frame gets the base lifetime.

use std::time::Duration;

use thiserror::Error;

use super::time::{Ttl, UnixNanos};

/// One tier: one frame of each step, or all, for a lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// One frame of each step of this length; `None` keeps all.
    pub every: Option<Duration>,
    /// How long those frames live.
    pub ttl: Ttl,
}

/// Tiers in the order given; the first keeps all, every later one lives longer in longer steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    base: Ttl,
    tiers: Vec<(u64, Ttl)>,
}

/// Tiers that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RetentionError {
    /// No tier, or the first one has a step.
    #[error("the first retention tier must keep all: [[retention]] keep = \"all\", for = \"5m\"")]
    FirstMustKeepAll,
    /// A later tier without a step.
    #[error("retention tier {0} keeps all like the first: give it every = \"1s\" or remove it")]
    SecondAll(usize),
    /// A step below a millisecond or over a day.
    #[error("retention tier {0}: every must lie between 1ms and 24h")]
    Step(usize),
    /// A tier that would never win.
    #[error("retention tier {0} must have a longer step and a longer life than the one before it")]
    NotLonger(usize),
}

impl Retention {
    /// One lifetime for all frames.
    #[must_use]
    pub fn single(ttl: Ttl) -> Self {
        Self { base: ttl, tiers: Vec::new() }
    }

    /// Checks and takes over tiers; they are numbered from 1 in errors.
    ///
    /// # Errors
    /// [`RetentionError`] with the first tier that does not fit.
    pub fn new(tiers: &[Tier]) -> Result<Self, RetentionError> {
        let Some((Tier { every: None, ttl: base }, later)) = tiers.split_first() else {
            return Err(RetentionError::FirstMustKeepAll);
        };
        let mut checked: Vec<(u64, Ttl)> = Vec::new();
        for (number, tier) in (2..).zip(later) {
            let every = tier.every.ok_or(RetentionError::SecondAll(number))?;
            if !(Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&every) {
                return Err(RetentionError::Step(number));
            }
            let step = u64::try_from(every.as_nanos()).expect("a day should fit u64 nanoseconds");
            let (last_step, last_ttl) = checked.last().copied().unwrap_or((0, *base));
            if step <= last_step || tier.ttl <= last_ttl {
                return Err(RetentionError::NotLonger(number));
            }
            checked.push((step, tier.ttl));
        }
        Ok(Self { base: *base, tiers: checked })
    }

    /// The lifetime of frames that no longer tier elects.
    #[must_use]
    pub fn base(&self) -> Ttl {
        self.base
    }

    /// The start of the longest step that contains `now`: no earlier frame matters to an election.
    /// `None` with a single tier.
    #[must_use]
    pub fn elected_since(&self, now: UnixNanos) -> Option<UnixNanos> {
        let (step, _) = self.tiers.last()?;
        UnixNanos::new(now.get() / step * step)
    }

    /// The tiers, shortest lifetime first; the first keeps all.
    pub fn tiers(&self) -> impl Iterator<Item = Tier> {
        let later = self.tiers.iter().map(|(step, ttl)| {
            let every = Some(Duration::from_nanos(*step));
            Tier { every, ttl: *ttl }
        });
        std::iter::once(Tier { every: None, ttl: self.base }).chain(later)
    }

    /// All lifetimes, shortest first.
    pub fn ttls(&self) -> impl Iterator<Item = Ttl> {
        std::iter::once(self.base).chain(self.tiers.iter().map(|(_, ttl)| *ttl))
    }
}

/// Elects, for one camera, the frames that live longer. State is one slot number a tier.
#[derive(Debug, Clone)]
pub struct Elector {
    retention: Retention,
    elected: Vec<Option<u64>>,
}

impl Elector {
    /// Goes on after `kept`: times and lifetimes of the frames already stored, in any order.
    #[must_use]
    pub fn resume(retention: Retention, kept: impl IntoIterator<Item = (UnixNanos, Ttl)>) -> Self {
        let mut elected = vec![None; retention.tiers.len()];
        for (at, ttl) in kept {
            for (slot, (step, tier_ttl)) in elected.iter_mut().zip(&retention.tiers) {
                if ttl >= *tier_ttl {
                    *slot = (*slot).max(Some(at.get() / step));
                }
            }
        }
        Self { retention, elected }
    }

    /// The tiers by which it elects.
    #[must_use]
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// The lifetime of a frame taken at `at`: the longest tier whose step has no frame yet.
    ///
    /// A frame elected for a minute also stands for its second. Steps before the last elected one
    /// are closed: late frames get the base lifetime.
    pub fn elect(&mut self, at: UnixNanos) -> Ttl {
        let mut ttl = self.retention.base;
        for (slot, (step, tier_ttl)) in self.elected.iter_mut().zip(&self.retention.tiers) {
            let number = at.get() / step;
            if slot.is_none_or(|last| number > last) {
                *slot = Some(number);
                ttl = ttl.max(*tier_ttl);
            }
        }
        ttl
    }

    /// Takes an election back: the frame of `at` that got the lifetime `ttl` will not be stored, so
    /// the next frame of its steps is elected instead.
    pub fn give_back(&mut self, at: UnixNanos, ttl: Ttl) {
        for (slot, (step, tier_ttl)) in self.elected.iter_mut().zip(&self.retention.tiers) {
            let number = at.get() / step;
            if ttl >= *tier_ttl && *slot == Some(number) {
                *slot = number.checked_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ttl(secs: u64) -> Ttl {
        Ttl::from_secs(secs).unwrap()
    }

    fn tier(every_secs: u64, for_secs: u64) -> Tier {
        let every = (every_secs > 0).then(|| Duration::from_secs(every_secs));
        Tier { every, ttl: ttl(for_secs) }
    }

    fn three() -> Retention {
        Retention::new(&[tier(0, 300), tier(1, 3600), tier(60, 86_400)]).unwrap()
    }

    fn at(millis: u64) -> UnixNanos {
        UnixNanos::new(1_731_024_000_000_000_000 + millis * 1_000_000).unwrap()
    }

    #[test]
    fn tiers_are_read_as_they_were_given() {
        let given = [tier(0, 300), tier(1, 3600), tier(60, 86_400)];
        assert_eq!(Retention::new(&given).unwrap().tiers().collect::<Vec<_>>(), given);
    }

    #[test]
    fn the_first_frame_of_each_step_gets_the_longer_life() {
        let mut elector = Elector::resume(three(), []);
        let lives: Vec<u32> = [0, 500, 1_000, 1_500, 59_999, 60_000, 60_001]
            .map(|millis| elector.elect(at(millis)).as_secs())
            .to_vec();
        assert_eq!(lives, [86_400, 300, 3600, 300, 3600, 86_400, 300]);
    }

    #[test]
    fn late_frames_and_a_restart_elect_no_second_keeper() {
        let mut elector =
            Elector::resume(three(), [(at(61_000), ttl(3600)), (at(60_000), ttl(86_400))]);
        let lives = [30_000, 61_500, 62_000].map(|millis| elector.elect(at(millis)).as_secs());
        assert_eq!(lives, [300, 300, 3600]);
    }

    #[test]
    fn contradicting_tiers_are_refused() {
        for (tiers, expected) in [
            (vec![], RetentionError::FirstMustKeepAll),
            (vec![tier(1, 300)], RetentionError::FirstMustKeepAll),
            (vec![tier(0, 300), tier(0, 600)], RetentionError::SecondAll(2)),
            (vec![tier(0, 300), tier(90_000, 600)], RetentionError::Step(2)),
            (vec![tier(0, 300), tier(1, 300)], RetentionError::NotLonger(2)),
            (vec![tier(0, 300), tier(60, 600), tier(1, 900)], RetentionError::NotLonger(3)),
        ] {
            assert_eq!(Retention::new(&tiers), Err(expected));
        }
    }
}
