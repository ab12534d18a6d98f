//! One look of a recording: what the index has that is new comes into the file.
//!
//! A frame counts as met only once it is in the file, or known to be dead: where the store fails in between,
//! the look is done again and nothing is left out. Every camera that is chosen is looked at, however long ago the
//! registry says that it was written to: where late frames and others come together, that may be wrong.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::reader::{Copied, Wanted};
use super::spans::Spans;
use super::state::Ended;
use super::status::{Gap, Why};
use super::task::{Step, Task, Trouble};
use super::track::{Look, SETTLE};
use crate::model::frame::StoredFrame;
use crate::model::time::{TimeRange, UnixNanos};
use crate::store::{CameraSeen, StoreError};

/// From one look for late frames to the next.
const LATE_EVERY: Duration = Duration::from_millis(700);

/// Further behind than this a recording may have missed what expired.
const FAR_BEHIND: Duration = Duration::from_secs(10);

impl Task {
    /// Reads what is next of `hull`.
    pub(super) async fn read(
        &mut self,
        spans: &Spans,
        hull: TimeRange,
        now: UnixNanos,
    ) -> Result<Step, Trouble> {
        let store_now = self.parts.reader.now().await?;
        // a clock that is ahead of the store's would look where no frame is yet, and never again
        let now = now.min(store_now);
        let cameras = self.parts.reader.cameras().await?;
        self.note_gap(spans, &cameras, store_now).await?;
        let look = self.parts.track.next(hull, now);
        if let Some(look) = &look {
            self.look(spans, &cameras, look, store_now).await?;
        }
        let verified = self.parts.track.verified();
        let end = spans.end().map_or(now, |end| end.min(now));
        self.parts.running.live().behind_ms =
            u64::try_from(end.since(verified).as_millis()).unwrap_or(u64::MAX);
        if look.is_some_and(|look| !look.is_last) {
            return Ok(Step::Behind);
        }
        let is_closing = spans.end().is_some_and(|end| now >= end.plus(SETTLE));
        if is_closing || self.late.is_none_or(|last| last.elapsed() >= LATE_EVERY) {
            self.look_for_late(spans, &cameras, store_now).await?;
            self.late = Some(Instant::now());
        }
        Ok(Step::Live)
    }

    /// Notes what must have expired while nobody recorded it.
    async fn note_gap(
        &mut self,
        spans: &Spans,
        cameras: &[CameraSeen],
        store_now: UnixNanos,
    ) -> Result<(), Trouble> {
        let verified = self.parts.track.verified();
        if store_now.since(verified) <= FAR_BEHIND {
            return Ok(());
        }
        let Some(life) = self.parts.reader.longest_life(cameras).await? else { return Ok(()) };
        self.parts.track.sparse_until(store_now.minus(life.as_duration() + FAR_BEHIND));
        let Ok(gone) = TimeRange::new(verified, store_now.minus(life.as_duration())) else {
            return Ok(());
        };
        let mut state = self.parts.running.state();
        for span in spans.within(gone) {
            state.note_gap(Gap { from: span.from(), to: span.to() });
        }
        Ok(())
    }

    async fn look(
        &mut self,
        spans: &Spans,
        cameras: &[CameraSeen],
        look: &Look,
        store_now: UnixNanos,
    ) -> Result<(), Trouble> {
        let (mut wanted, mut dead, mut unsure) = (Vec::new(), 0, Vec::new());
        for (camera, answer) in self.parts.reader.index(cameras, look.window).await? {
            let new = answer.records.into_iter().filter(|found| {
                spans.contains(found.record.at) && !self.parts.track.knows(&camera, &found.record)
            });
            wanted.extend(new.filter_map(|found| self.parts.reader.wanted(&camera, found)));
            dead += answer.dead;
            unsure.extend(answer.unsure);
        }
        if let Some(span) = hull_of(&unsure) {
            let must = !look.is_last;
            let keys = self.parts.reader.scan(span, must).await?.into_iter().map(Wanted::of_key);
            wanted.extend(keys.filter(|one| {
                spans.contains(one.record.at) && !self.parts.track.knows(one.camera(), &one.record)
            }));
        }
        self.parts.track.found(!wanted.is_empty() || dead > 0);
        self.copy(wanted, store_now).await?;
        let lost = if dead > 0 { self.judge(spans, cameras, look).await? } else { 0 };
        self.lose(lost);
        self.parts.track.done(look);
        Ok(())
    }

    /// How many frames died unmet, of the times that no further look covers.
    async fn judge(
        &mut self,
        spans: &Spans,
        cameras: &[CameraSeen],
        look: &Look,
    ) -> Result<u64, StoreError> {
        let mut lost = 0;
        let span = self.parts.track.to_judge(look);
        for span in span.into_iter().flat_map(|span| spans.within(span)) {
            for (camera, answer) in self.parts.reader.index(cameras, span).await? {
                lost += self.parts.track.lost(&camera, span, &answer.records, answer.dead);
            }
        }
        Ok(lost)
    }

    fn lose(&self, frames: u64) {
        if frames > 0 {
            self.parts.running.state().lost += frames;
            self.parts.counts.lost(frames);
        }
    }

    async fn look_for_late(
        &mut self,
        spans: &Spans,
        cameras: &[CameraSeen],
        store_now: UnixNanos,
    ) -> Result<(), Trouble> {
        let Some(window) = self.parts.track.arrivals(store_now) else { return Ok(()) };
        let mut wanted = Vec::new();
        let now = self.parts.clock.now();
        for (camera, late) in self.parts.reader.arrived(cameras, window).await? {
            let new = late.into_iter().filter(|found| {
                // what is of the future is found when it is of the past
                found.record.at <= now
                    && spans.contains(found.record.at)
                    && !self.parts.track.knows(&camera, &found.record)
            });
            wanted.extend(new.filter_map(|found| self.parts.reader.wanted(&camera, found)));
        }
        self.copy(wanted, store_now).await?;
        self.parts.track.arrivals_done(store_now);
        Ok(())
    }

    /// Copies frames into the file, in the order of their times.
    async fn copy(&mut self, mut wanted: Vec<Wanted>, store_now: UnixNanos) -> Result<(), Trouble> {
        let order = |one: &Wanted| {
            (
                one.record.at,
                one.camera().clone(),
                one.record.suffix.number(),
                one.record.suffix.kind(),
            )
        };
        wanted.sort_by_cached_key(order);
        wanted.dedup_by(|a, b| a.key == b.key);
        let met: Vec<_> = wanted.iter().map(|one| (one.camera().clone(), one.record)).collect();
        let mut frames = self.parts.reader.frames(wanted);
        for (camera, record) in met {
            let Some(copied) = frames.next().await.transpose()? else { break };
            match copied {
                // a pause or a stop may have come meanwhile
                Copied::Frame(stored) if self.is_wanted(record.at) => self.write(&stored).await?,
                Copied::Frame(_) => continue,
                Copied::Gone => self.lose(1),
            }
            if self.is_full {
                break;
            }
            self.parts.track.meet(&camera, &record, store_now);
        }
        let files = &mut self.parts.files;
        files.sync_in_time().await?;
        let mut live = self.parts.running.live();
        *live = files.live(live.behind_ms);
        Ok(())
    }

    fn is_wanted(&self, at: UnixNanos) -> bool {
        self.parts.running.state().spans.contains(at)
    }

    async fn write(&mut self, stored: &StoredFrame) -> Result<(), Trouble> {
        let now = self.parts.clock.now();
        if !self.parts.files.write(stored, now).await? {
            let at = stored.frame.key.at();
            self.parts.running.state().end(at, Ended { why: Why::MaxBytes, detail: None });
            self.is_full = true;
            return Ok(());
        }
        self.lively = now;
        self.parts.counts.frame(stored.frame.bytes.len());
        Ok(())
    }
}

/// One window around all spans.
fn hull_of(spans: &[TimeRange]) -> Option<TimeRange> {
    let from = spans.iter().map(|span| span.from()).min()?;
    let to = spans.iter().map(|span| span.to()).max()?;
    TimeRange::new(from, to).ok()
}
