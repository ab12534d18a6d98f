//! When which frame of a recording is due. Pure: time comes in, and runs as a test lets it.
//!
//! A due time is always reckoned from one anchor, a pair of an instant of the recording and an instant of
//! the player's clock, and never from the frame before: so lateness does not add up. A pause, a seek and
//! another speed set a new anchor.

use std::time::Duration;

use super::Speed;
use crate::model::time::UnixNanos;

/// Where a replay stands. Instants of the player's clock are lengths since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    media: UnixNanos,
    wall: Duration,
    speed: Speed,
    paused: bool,
    /// The last frame that was played since the anchor was set.
    played: UnixNanos,
}

impl Schedule {
    /// Begins at `media` of the recording.
    #[must_use]
    pub fn begin(media: UnixNanos, now: Duration, speed: Speed) -> Self {
        Self { media, wall: now, speed, paused: false, played: media }
    }

    /// When a frame of `at` is due; `None` while paused. What lies before the anchor is due at once.
    #[must_use]
    pub fn due(&self, at: UnixNanos) -> Option<Duration> {
        let after = self.speed.lasts(at.since(self.media)).unwrap_or_default();
        (!self.paused).then_some(self.wall.saturating_add(after))
    }

    /// Which instant of the recording is played now; without a pace that of the last frame.
    #[must_use]
    pub fn position(&self, now: Duration) -> UnixNanos {
        if self.paused {
            return self.media;
        }
        match self.speed.plays(now.saturating_sub(self.wall)) {
            Some(played) => self.media.plus(played),
            None => self.played,
        }
    }

    /// How fast it plays.
    #[must_use]
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// A frame was played.
    pub fn played(&mut self, at: UnixNanos) {
        self.played = self.played.max(at);
    }

    /// Stands still from now on.
    pub fn pause(&mut self, now: Duration) {
        self.anchor(self.position(now), now);
        self.paused = true;
    }

    /// Goes on where it stands.
    pub fn resume(&mut self, now: Duration) {
        if std::mem::replace(&mut self.paused, false) {
            self.anchor(self.media, now);
        }
    }

    /// Goes on at another instant, or waits there while paused.
    pub fn seek(&mut self, media: UnixNanos, now: Duration) {
        self.anchor(media, now);
    }

    /// Goes on at another speed.
    pub fn change(&mut self, speed: Speed, now: Duration) {
        self.anchor(self.position(now), now);
        self.speed = speed;
    }

    fn anchor(&mut self, media: UnixNanos, now: Duration) {
        (self.media, self.wall, self.played) = (media, now, media);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> UnixNanos {
        UnixNanos::new(1_731_024_000_000_000_000 + millis * 1_000_000).unwrap()
    }

    fn speed(text: &str) -> Speed {
        text.parse().unwrap()
    }

    #[test]
    fn an_hour_at_thirty_frames_a_second_does_not_drift() {
        for text in ["1", "0.1", "0.33", "7", "100"] {
            let schedule = Schedule::begin(at(0), SEC, speed(text));
            for frame in 0..3600 * 30_u64 {
                let nanos = frame * 1_000_000_000 / 30;
                let due = schedule.due(at(0).plus(Duration::from_nanos(nanos))).unwrap();
                let exact = nanos as f64 / text.parse::<f64>().unwrap();
                let error = (due - SEC).as_nanos() as f64 - exact;
                assert!(error.abs() <= 2.0, "{text} {frame}: {error} ns");
            }
        }
    }

    #[test]
    fn a_pause_moves_everything_that_comes_after_it() {
        let mut schedule = Schedule::begin(at(0), SEC * 10, speed("2"));
        assert_eq!(schedule.due(at(4000)), Some(SEC * 12));
        schedule.pause(SEC * 11);
        assert_eq!((schedule.due(at(4000)), schedule.position(SEC * 50)), (None, at(2000)));
        schedule.pause(SEC * 60);
        schedule.resume(SEC * 100);
        schedule.resume(SEC * 100 + SEC / 2);
        assert_eq!(schedule.due(at(4000)), Some(SEC * 101));
        assert_eq!(schedule.due(at(1000)), Some(SEC * 100), "what is late is due at once");
        assert_eq!(schedule.position(SEC * 101), at(4000));
    }

    #[test]
    fn another_speed_holds_from_where_it_stands() {
        let mut schedule = Schedule::begin(at(0), Duration::ZERO, speed("1"));
        schedule.change(speed("10"), SEC * 5);
        assert_eq!(schedule.due(at(15_000)), Some(SEC * 6));
        schedule.change(Speed::MAX, SEC * 6);
        assert_eq!(schedule.due(at(900_000)), Some(SEC * 6));
        schedule.played(at(20_000));
        assert_eq!(schedule.position(SEC * 7), at(20_000));
        schedule.change(speed("1"), SEC * 8);
        assert_eq!(schedule.due(at(21_000)), Some(SEC * 9));
    }

    #[test]
    fn a_seek_goes_either_way_and_waits_while_paused() {
        let mut schedule = Schedule::begin(at(0), Duration::ZERO, speed("1"));
        schedule.seek(at(60_000), SEC);
        assert_eq!(schedule.due(at(61_000)), Some(SEC * 2));
        schedule.pause(SEC * 2);
        schedule.seek(at(5000), SEC * 3);
        assert_eq!((schedule.due(at(5000)), schedule.position(SEC * 9)), (None, at(5000)));
        schedule.resume(SEC * 10);
        assert_eq!(schedule.due(at(6000)), Some(SEC * 11));
    }
}
