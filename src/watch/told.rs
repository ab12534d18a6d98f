//! Which frames were told of lately, so that what both the bus and the index tell is told once.
//!
//! Each is kept with when it was last met; what was not met for a while is forgotten. At most
//! [`MOST`] are kept (about 16 MB): beyond that it forgets early, and a frame may be told twice, which
//! followers must bear anyway.

use std::collections::HashMap;

use crate::model::key::{FrameKey, StreamId, Suffix};
use crate::model::time::UnixNanos;

/// The most frames that are remembered: those of some seconds, of a thousand cameras.
const MOST: usize = 1 << 18;

/// Frames that were told of.
#[derive(Debug, Default)]
pub(super) struct Told {
    streams: HashMap<StreamId, HashMap<(UnixNanos, Suffix), UnixNanos>>,
    count: usize,
}

impl Told {
    /// Remembers a frame as met at `now`; whether it is told for the first time.
    pub(super) fn note(&mut self, key: &FrameKey, now: UnixNanos) -> bool {
        if self.count >= MOST {
            self.forget_before(now);
        }
        if self.count >= MOST {
            *self = Self::default();
        }
        if !self.streams.contains_key(key.stream()) {
            self.streams.insert(key.stream().clone(), HashMap::new());
        }
        let Some(frames) = self.streams.get_mut(key.stream()) else { return true };
        let new = frames.insert((key.at(), key.suffix()), now).is_none();
        self.count += usize::from(new);
        new
    }

    /// Whether a frame was told of; if so, it was met again at `now`.
    pub(super) fn meet(
        &mut self,
        stream: &StreamId,
        at: UnixNanos,
        suffix: Suffix,
        now: UnixNanos,
    ) -> bool {
        let met = self.streams.get_mut(stream).and_then(|frames| frames.get_mut(&(at, suffix)));
        met.map(|last| *last = now.max(*last)).is_some()
    }

    /// Forgets what was last met before `instant`.
    pub(super) fn forget_before(&mut self, instant: UnixNanos) {
        self.streams.retain(|_, frames| {
            frames.retain(|_, met| *met >= instant);
            !frames.is_empty()
        });
        self.count = self.streams.values().map(HashMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> UnixNanos {
        UnixNanos::new(1_731_024_000_000_000_000 + nanos).unwrap()
    }

    fn key(nanos: u64) -> FrameKey {
        format!("t:f:cam1:{}:00001", at(nanos)).parse().unwrap()
    }

    #[test]
    fn a_frame_is_new_once_until_it_was_not_met_for_a_while() {
        let mut told = Told::default();
        assert!(told.note(&key(1), at(10)));
        assert!(told.note(&key(2), at(10)));
        assert!(!told.note(&key(1), at(11)));
        assert!(told.meet(key(1).stream(), at(1), key(1).suffix(), at(20)));
        assert!(!told.meet(key(1).stream(), at(3), key(1).suffix(), at(20)));
        told.forget_before(at(20));
        assert_eq!(
            (told.count, told.note(&key(1), at(20)), told.note(&key(2), at(20))),
            (1, false, true)
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut told = Told::default();
        for nanos in 0..MOST as u64 + 5 {
            assert!(told.note(&key(nanos), at(0)));
        }
        assert_eq!(told.count, 5);
    }
}
