//! A new hold: weighed against the limit, written down, and applied to what is there.
//!
//! It is in the register before the first frame is lengthened: so whoever sweeps up frames that no
//! hold means any more leaves these alone, and a process that collects goes on where this one ends.

use futures_util::TryStreamExt;

use super::list::Weights;
use super::{HoldFailure, HoldOrder, HoldReport, Holds};
use crate::model::frame::FrameInfo;
use crate::model::hold::{Hold, HoldTerms, kept_until};
use crate::model::key::FrameKey;
use crate::model::name::HoldId;
use crate::model::time::UnixNanos;
use crate::query::{Listed, RangeRequest};
use crate::store::{HOLD_MAX, Lengthened, StoreError};

/// How often a free id is looked for.
const TRIES: usize = 8;

/// What lengthening frames came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Frames that live longer by it.
    pub(super) frames: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Bytes of those that were not held before.
    pub(super) new_bytes: u64,
    /// Frames that live so long anyway.
    pub(super) living: u64,
    /// Whether it stopped where no more bytes may be held.
    pub(super) is_full: bool,
}

impl Tally {
    pub(super) fn add(&mut self, outcomes: &[Option<Lengthened>]) {
        for outcome in outcomes.iter().flatten() {
            match outcome {
                Lengthened::Lives => self.living += 1,
                Lengthened::Held { size, new } => {
                    self.frames += 1;
                    self.bytes += u64::from(*size);
                    self.new_bytes += if *new { u64::from(*size) } else { 0 };
                }
            }
        }
    }

    /// Adds a frame as the index tells of it: what a hold until then, beside others, would do.
    fn weigh(&mut self, frame: &FrameInfo, hold: &Hold, others: &[Hold]) {
        let (key, size) = (&frame.key, u64::from(frame.size.unwrap_or(0)));
        let lengthens = frame.expires_at.is_some_and(|end| end < hold.until());
        let others = kept_until(others, key.stream(), key.at());
        let held = others.is_some() && others == frame.expires_at;
        if !lengthens && !held {
            self.living += 1;
            return;
        }
        self.frames += 1;
        self.bytes += size;
        self.new_bytes += if held { 0 } else { size };
    }
}

impl Holds {
    /// Begins a hold: its frames that live, and with [`Holds::run`] those that come, live until its
    /// end at least. With `dry_run` only says what it would do. Takes a round trip for each 256
    /// frames.
    ///
    /// # Errors
    /// [`HoldFailure`]; once the hold is in the register it stays there, and what failed of it is
    /// done by the next process that collects, or by its release undone.
    pub async fn begin(&self, order: HoldOrder) -> Result<HoldReport, HoldFailure> {
        let HoldOrder { stream, window, keep, note, dry_run } = order;
        let now = self.0.store.now().await?;
        let others = self.active(Some(&stream.tenant), now).await?;
        let terms = HoldTerms { stream, window, keep, note };
        let hold = Hold::begin(new_id(), terms.clone(), now)?;
        let would = self.weigh(&hold, &others).await?;
        let held = self.weights(&others).await?.bytes();
        if held.saturating_add(would.new_bytes) > self.0.max_bytes {
            let (wanted, max) = (would.new_bytes, self.0.max_bytes);
            return Err(HoldFailure::TooMuch { wanted, held, max });
        }
        let (hold, done) = match dry_run {
            true => (hold, would),
            false => {
                let hold = self.register(hold, terms, now).await?;
                let done = self.apply(&hold, u64::MAX).await?;
                (hold, done)
            }
        };
        let Tally { frames, bytes, living, .. } = done;
        Ok(HoldReport { hold, dry_run, frames, bytes, living })
    }

    async fn weigh(&self, hold: &Hold, others: &[Hold]) -> Result<Tally, HoldFailure> {
        let request = RangeRequest::new(vec![hold.stream().clone()], hold.window());
        let mut pieces = self.0.query.listing(request, None);
        let mut would = Tally::default();
        while let Some(piece) = pieces.try_next().await? {
            let Listed::Frames(frames) = piece else { continue };
            frames.iter().for_each(|frame| would.weigh(frame, hold, others));
        }
        Ok(would)
    }

    async fn register(
        &self,
        mut hold: Hold,
        terms: HoldTerms,
        now: UnixNanos,
    ) -> Result<Hold, HoldFailure> {
        for _ in 0..TRIES {
            if self.0.holds.add_hold(&hold).await? {
                return Ok(hold);
            }
            hold = Hold::begin(new_id(), terms.clone(), now)?;
        }
        Err(StoreError::Refused("no id is free for a hold: try again".to_owned()).into())
    }

    /// Lengthens what lives of a hold's window, oldest first, until over `room` bytes more would be held.
    pub(super) async fn apply(&self, hold: &Hold, room: u64) -> Result<Tally, HoldFailure> {
        let request = RangeRequest::new(vec![hold.stream().clone()], hold.window());
        let mut pieces = self.0.query.listing(request, None);
        let mut done = Tally::default();
        while let Some(piece) = pieces.try_next().await? {
            let Listed::Frames(frames) = piece else { continue };
            for batch in frames.chunks(HOLD_MAX) {
                let fitting = fitting(batch, hold.until(), room.saturating_sub(done.new_bytes));
                let keys: Vec<FrameKey> = fitting.iter().map(|frame| frame.key.clone()).collect();
                self.lengthen(&keys, hold.until(), &mut done).await?;
                if fitting.len() < batch.len() {
                    done.is_full = true;
                    return Ok(done);
                }
            }
        }
        Ok(done)
    }

    /// Lengthens any number of frames of one camera.
    pub(super) async fn lengthen(
        &self,
        keys: &[FrameKey],
        until: UnixNanos,
        done: &mut Tally,
    ) -> Result<(), StoreError> {
        for batch in keys.chunks(HOLD_MAX) {
            done.add(&self.0.holds.lengthen(batch, until).await?);
        }
        Ok(())
    }

    /// What these holds hold.
    pub(super) async fn weights(&self, holds: &[Hold]) -> Result<Weights, StoreError> {
        let mut weights = Weights::default();
        let mut streams: Vec<_> = holds.iter().map(Hold::stream).collect();
        streams.sort_unstable();
        streams.dedup();
        for stream in streams {
            let mut cursor = 0;
            loop {
                let page = self.0.holds.held(stream, cursor).await?;
                page.frames.iter().for_each(|frame| weights.add(frame, holds));
                cursor = page.next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(weights)
    }
}

/// The first of these frames, as far as those that end before `until` have no more than `room` bytes.
fn fitting(frames: &[FrameInfo], until: UnixNanos, mut room: u64) -> &[FrameInfo] {
    let fits = |frame: &FrameInfo| {
        let is_short = frame.expires_at.is_some_and(|end| end < until);
        let size = if is_short { u64::from(frame.size.unwrap_or(0)) } else { 0 };
        let left = room.checked_sub(size);
        room = left.unwrap_or(room);
        left.is_some()
    };
    &frames[..frames.iter().map(fits).take_while(|fits| *fits).count()]
}

/// Eight hex digits: short enough to be typed.
fn new_id() -> HoldId {
    let id = format!("{:08x}", fastrand::u32(..));
    HoldId::new(&id).expect("hex digits should be a name")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::time::TimeRange;

    fn at(secs: u64) -> UnixNanos {
        UnixNanos::new((1_731_024_000 + secs) * 1_000_000_000).unwrap()
    }

    fn hold(from: u64, to: u64, keep: u64) -> Hold {
        let key: FrameKey = "t:f:c:1731024000000000000:00001".parse().unwrap();
        let window = TimeRange::new(at(from), at(to)).unwrap();
        let stream = key.stream().clone();
        let keep = Duration::from_secs(keep);
        let terms = HoldTerms { stream, window, keep, note: String::new() };
        Hold::begin(new_id(), terms, at(100)).unwrap()
    }

    #[test]
    fn a_frame_counts_once_however_many_holds_it_has() {
        let (hold, others) = (hold(0, 100, 600), [hold(50, 60, 300)]);
        let frame = |secs: u64, end: Option<u64>| FrameInfo {
            key: format!("t:f:c:{}:00001", at(secs)).parse().unwrap(),
            size: Some(10),
            expires_at: end.map(at),
            dimensions: None,
        };
        let weighed = |frame: FrameInfo| {
            let mut would = Tally::default();
            would.weigh(&frame, &hold, &others);
            (would.frames, would.new_bytes, would.living)
        };
        assert_eq!(weighed(frame(10, Some(310))), (1, 10, 0));
        assert_eq!(weighed(frame(55, Some(400))), (1, 0, 0), "the other holds it until then");
        assert_eq!(weighed(frame(55, Some(355))), (1, 10, 0), "the other does not hold it yet");
        assert_eq!(weighed(frame(10, Some(700))), (0, 0, 1));
        assert_eq!(weighed(frame(10, None)), (0, 0, 1), "it never ends");
    }
}
