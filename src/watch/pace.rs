//! Which of the frames that a camera shows one viewer gets, and how many it was too slow for.
//!
//! Pure: the order of what is shown goes in, and a verdict comes out. What a viewer's own limit leaves out is
//! told apart from what it was too slow for.

use crate::ingest::FpsLimit;
use crate::watch::Shown;

/// One viewer's place in what a camera shows.
#[derive(Debug, Default)]
pub struct Pace {
    limit: Option<FpsLimit>,
    last: Option<u64>,
    skipped: u64,
}

impl Pace {
    /// At most the frames that `limit` lets pass, by their own time.
    #[must_use]
    pub fn new(limit: Option<FpsLimit>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Whether the viewer gets this frame; if so, how many were skipped since the last that it got,
    /// because it or the store was too slow. What the limit leaves out is no skip. No frame is given twice.
    pub fn admit(&mut self, shown: &Shown) -> Option<u32> {
        let between = match self.last {
            Some(last) if shown.order <= last => return None,
            Some(last) => shown.order - last - 1,
            None => 0,
        };
        self.last = Some(shown.order);
        self.skipped += between;
        let passes = self.limit.as_mut().is_none_or(|limit| limit.admit(shown.frame.key.at()));
        passes.then(|| u32::try_from(std::mem::take(&mut self.skipped)).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::model::frame::Frame;

    fn shown(order: u64, millis: u64) -> Shown {
        let nanos = 1_731_024_000_000_000_000 + millis * 1_000_000;
        let key = format!("t:f:cam1:{nanos}:00001").parse().unwrap();
        Shown { frame: Arc::new(Frame { key, bytes: Bytes::new() }), order }
    }

    #[test]
    fn what_lies_between_two_frames_was_skipped() {
        let mut pace = Pace::default();
        let seen = [7, 8, 11, 11, 10, 12].map(|order| pace.admit(&shown(order, order)));
        assert_eq!(seen, [Some(0), Some(0), Some(2), None, None, Some(0)]);
    }

    #[test]
    fn what_the_limit_leaves_out_is_no_skip() {
        let mut pace = Pace::new(Some(FpsLimit::new(1.0).unwrap()));
        let frames = [(1, 0), (2, 100), (5, 200), (6, 1000), (7, 1100)];
        let seen = frames.map(|(order, millis)| pace.admit(&shown(order, millis)));
        assert_eq!(seen, [Some(0), None, None, Some(2), None]);
    }
}
