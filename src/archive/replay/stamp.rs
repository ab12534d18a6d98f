//! Which key and life a frame gets when it is played. Pure.
//!
//! With original times it keeps the key that naming gave it. With shifted times it bears the instant at
//! which it was due, as if its camera had taken it then: frames of one camera keep their distances, and
//! never stand at or before the one that was played last. A life begins when the frame is played.

use std::collections::HashMap;
use std::time::Duration;

use super::Times;
use crate::model::frame::{Frame, StoredFrame};
use crate::model::key::{FrameKey, KeyError, StreamId};
use crate::model::time::{Ttl, UnixNanos};

/// Gives frames their keys and lives.
#[derive(Debug)]
pub(super) struct Stamper {
    times: Times,
    ttl: Option<Ttl>,
    /// What time it was when the player's clock began.
    zero: UnixNanos,
    last: HashMap<StreamId, UnixNanos>,
}

impl Stamper {
    /// `ttl` is what all frames get, their own without it.
    pub(super) fn new(times: Times, ttl: Option<Ttl>, zero: UnixNanos) -> Self {
        Self { times, ttl, zero, last: HashMap::new() }
    }

    /// Sets the player's clock by the system's.
    pub(super) fn set(&mut self, system: UnixNanos, player: Duration) {
        self.zero = system.minus(player);
    }

    /// The frame as it is to be stored, where it was due at this time of the player's clock.
    pub(super) fn stamp(
        &mut self,
        stored: StoredFrame,
        due: Duration,
    ) -> Result<StoredFrame, KeyError> {
        let StoredFrame { frame: Frame { key, bytes }, ttl, .. } = stored;
        let key = match self.times {
            Times::Original => key,
            Times::Shifted => {
                let due = self.zero.plus(due);
                let last = self.last.get(key.stream());
                let at = last.map_or(due, |last| due.max(last.next()));
                self.last.insert(key.stream().clone(), at);
                FrameKey::new(key.stream().clone(), at, key.suffix())?
            }
        };
        Ok(StoredFrame { frame: Frame { key, bytes }, ttl: self.ttl.or(ttl), expires_at: None })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frame(nanos: u64, seq: u32) -> StoredFrame {
        let key = format!("t:f:c:{}:{seq:05}", 1_731_024_000_000_000_000 + nanos).parse().unwrap();
        let end = UnixNanos::new(1_731_024_060_000_000_000);
        let bytes = Bytes::from_static(b"jpeg");
        StoredFrame { frame: Frame { key, bytes }, ttl: Ttl::from_secs(60).ok(), expires_at: end }
    }

    fn zero() -> UnixNanos {
        UnixNanos::new(1_800_000_000_000_000_000).unwrap()
    }

    #[test]
    fn original_times_keep_keys_and_shifted_ones_tell_when_it_was_due() {
        let mut original = Stamper::new(Times::Original, None, zero());
        let kept = original.stamp(frame(5, 7), Duration::from_secs(1)).unwrap();
        let expected = StoredFrame { expires_at: None, ..frame(5, 7) };
        assert_eq!(kept, expected);
        let ttl = Ttl::from_secs(5).ok();
        let mut shifted = Stamper::new(Times::Shifted, ttl, zero());
        let moved = shifted.stamp(frame(5, 7), Duration::from_nanos(123)).unwrap();
        assert_eq!(moved.frame.key.to_string(), "t:f:c:1800000000000000123:00007");
        assert_eq!((moved.ttl, moved.expires_at), (ttl, None));
    }

    #[test]
    fn shifted_frames_of_a_camera_always_go_forward() {
        let mut shifted = Stamper::new(Times::Shifted, None, zero());
        let mut at = |due| {
            let stamped = shifted.stamp(frame(0, 1), Duration::from_nanos(due)).unwrap();
            stamped.frame.key.at().get() - zero().get()
        };
        assert_eq!([at(10), at(10), at(5), at(20)], [10, 11, 12, 20]);
        shifted.set(zero(), Duration::from_nanos(20));
        let stamped = shifted.stamp(frame(0, 1), Duration::from_nanos(30)).unwrap();
        assert_eq!(stamped.frame.key.at().get() - zero().get(), 21);
    }
}
