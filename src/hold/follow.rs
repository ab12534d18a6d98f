//! Frames that come into a held window, in time or late: lengthened as they arrive.
//!
//! Once a second the index is asked what came since the last look, some seconds back because frames
//! are stored a little after they are taken; what was seen is not touched again. A hold that is new
//! here is applied to its whole window once. Only the home tenant's holds are followed: of others
//! this process writes nothing. It waits for the store only.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::begin::Tally;
use super::{HoldFailure, Holds};
use crate::model::bucket::FoundRecord;
use crate::model::hold::{Hold, kept_until};
use crate::model::key::{FrameKey, StreamId, Suffix};
use crate::model::name::HoldId;
use crate::model::time::{TimeRange, UnixNanos};

/// From one look to the next.
const TICK: Duration = Duration::from_secs(1);
/// How far back a look goes behind the one before: a frame in time is stored within 2 s of its time,
/// and a late one is noted within as much of its arrival.
const OVERLAP: Duration = Duration::from_secs(5);
/// How long what was seen is remembered at least.
const REMEMBER: Duration = Duration::from_secs(15);
/// From one sweep to the next.
const SWEEP: Duration = Duration::from_secs(60);

/// What was done so far.
#[derive(Debug, Default)]
struct Progress {
    cameras: BTreeMap<StreamId, Followed>,
    swept: Option<UnixNanos>,
    /// Bytes that are held, as of the last count and what was added since.
    bytes: u64,
    /// Whether it was said that the limit is reached.
    said: bool,
}

/// A camera with holds.
#[derive(Debug, Default)]
struct Followed {
    applied: BTreeSet<HoldId>,
    looked: Option<UnixNanos>,
    seen: Seen,
}

/// Frames that were dealt with: those of now, and those before.
#[derive(Debug, Default)]
struct Seen {
    fresh: HashSet<(UnixNanos, Suffix)>,
    older: HashSet<(UnixNanos, Suffix)>,
    since: Option<UnixNanos>,
}

impl Seen {
    /// Whether this one is new; it is not the next time.
    fn is_new(&mut self, record: &FoundRecord) -> bool {
        let one = (record.record.at, record.record.suffix);
        !self.older.contains(&one) && self.fresh.insert(one)
    }

    /// Forgets what no look can meet any more.
    fn turn(&mut self, now: UnixNanos) {
        let since = *self.since.get_or_insert(now);
        if now.since(since) >= REMEMBER {
            self.older = std::mem::take(&mut self.fresh);
            self.since = Some(now);
        }
    }
}

impl Holds {
    /// Follows the holds of the home tenant until `stop`. A store that is away is asked again, and
    /// what came meanwhile is found then as far as it lives.
    pub async fn run(&self, stop: CancellationToken) {
        let (mut progress, mut failing) = (Progress::default(), false);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.look(&mut progress) => outcome,
            };
            match &outcome {
                Err(error) if !failing => tracing::warn!(%error, "holds are not followed now"),
                Ok(()) if failing => tracing::info!("holds are followed again"),
                _ => {}
            }
            failing = outcome.is_err();
        }
    }

    async fn look(&self, progress: &mut Progress) -> Result<(), HoldFailure> {
        let now = self.0.store.now().await?;
        if progress.swept.is_none_or(|at| now.since(at) >= SWEEP) {
            self.sweep(now).await?;
            progress.swept = Some(now);
            let holds = self.active(Some(&self.0.home.0), now).await?;
            (progress.bytes, progress.said) = (self.weights(&holds).await?.bytes(), false);
        }
        let mut by_camera: BTreeMap<StreamId, Vec<Hold>> = BTreeMap::new();
        for hold in self.active(Some(&self.0.home.0), now).await? {
            by_camera.entry(hold.stream().clone()).or_default().push(hold);
        }
        progress.cameras.retain(|stream, _| by_camera.contains_key(stream));
        for (stream, holds) in by_camera {
            let mut camera = progress.cameras.remove(&stream).unwrap_or_default();
            let done = self.follow(&mut camera, (&stream, &holds), now, progress).await;
            progress.cameras.insert(stream, camera);
            done?;
        }
        Ok(())
    }

    async fn follow(
        &self,
        camera: &mut Followed,
        (stream, holds): (&StreamId, &[Hold]),
        now: UnixNanos,
        progress: &mut Progress,
    ) -> Result<(), HoldFailure> {
        camera.applied.retain(|id| holds.iter().any(|hold| hold.id() == id));
        for hold in holds.iter().filter(|hold| !camera.applied.contains(hold.id())) {
            let room = self.0.max_bytes.saturating_sub(progress.bytes);
            let done = self.apply(hold, room).await?;
            progress.bytes += done.new_bytes;
            self.say_full(stream, u64::from(done.is_full), progress);
        }
        camera.applied.extend(holds.iter().map(|hold| hold.id().clone()));
        camera.seen.turn(now);
        let since = camera.looked.unwrap_or(now).minus(OVERLAP);
        let came = self.came_since(stream, holds, since).await?;
        let mut wanted: BTreeMap<UnixNanos, Vec<FrameKey>> = BTreeMap::new();
        let (mut room, mut refused) = (self.0.max_bytes.saturating_sub(progress.bytes), 0_u64);
        for found in came.iter().filter(|found| camera.seen.is_new(found)) {
            let Some(until) = kept_until(holds, stream, found.record.at) else { continue };
            let Ok(key) = found.record.key(stream) else { continue };
            let size = u64::from(found.record.size.unwrap_or(0));
            if size > room {
                refused += 1;
                continue;
            }
            room -= size;
            wanted.entry(until).or_default().push(key);
        }
        for (until, keys) in wanted {
            let mut done = Tally::default();
            let outcome = self.lengthen(&keys, until, &mut done).await;
            progress.bytes += done.new_bytes;
            if let Err(error) = outcome {
                // the next look meets them again
                camera.seen = Seen::default();
                return Err(error.into());
            }
        }
        self.say_full(stream, refused, progress);
        camera.looked = Some(now);
        Ok(())
    }

    /// Says once a minute that frames are refused, if any are.
    fn say_full(&self, stream: &StreamId, refused: u64, progress: &mut Progress) {
        if refused > 0 && !std::mem::replace(&mut progress.said, true) {
            let max = self.0.max_bytes;
            tracing::warn!(camera = %stream, "frames are not held: [hold] max_bytes = {max} is reached");
        }
    }

    /// Records of frames of these holds that came since then.
    async fn came_since(
        &self,
        stream: &StreamId,
        holds: &[Hold],
        since: UnixNanos,
    ) -> Result<Vec<FoundRecord>, HoldFailure> {
        let Ok(open) = TimeRange::new(since, UnixNanos::MAX) else { return Ok(Vec::new()) };
        let mut came = self.0.store.arrived(stream, open).await?;
        let spans = holds.iter().filter_map(|hold| hold.window().intersect(open));
        let hull = spans
            .reduce(|a, b| TimeRange::new(a.from().min(b.from()), a.to().max(b.to())).unwrap_or(a));
        if let Some(hull) = hull {
            came.extend(self.0.store.index(stream, hull).await?.records);
        }
        Ok(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::bucket::IndexRecord;
    use crate::model::time::Ttl;

    #[test]
    fn a_frame_is_dealt_with_once_while_a_look_can_meet_it() {
        let start = UnixNanos::new(1_731_024_000_000_000_000).unwrap();
        let record = IndexRecord { at: start, suffix: Suffix::None, ask: true, size: None };
        let found = FoundRecord { record, ttl: Ttl::from_secs(60).unwrap() };
        let (mut seen, mut new) = (Seen::default(), 0);
        for second in 0..=REMEMBER.as_secs() {
            seen.turn(start.plus(Duration::from_secs(second)));
            new += u32::from(seen.is_new(&found));
        }
        assert_eq!((new, seen.fresh.len(), seen.older.len()), (1, 0, 1));
        seen.turn(start.plus(REMEMBER * 2));
        assert!(seen.older.is_empty());
    }
}
