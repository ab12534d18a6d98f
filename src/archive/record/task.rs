//! One recording: looks into the index four times a second, copies what is new, ends when it is to end.
//!
//! A store that is away is waited for; the disk is not: where it fails the recording ends, and what was
//! written stays to be recovered. A recording that was stopped goes on for two seconds, so that frames on
//! their way to the store when it was stopped are in it.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::files::Files;
use super::reader::Reader;
use super::running::{RecordCounts, Running};
use super::state::Ended;
use super::status::{Phase, Why};
use super::track::{SETTLE, Track};
use crate::archive::ArchiveError;
use crate::clock::Clock;
use crate::model::time::UnixNanos;
use crate::store::StoreError;

/// From one look to the next.
const TICK: Duration = Duration::from_millis(250);

/// How often the state is written down.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How long the last look at a shutdown may take.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to read at once.
    Behind,
    /// Everything is read.
    Live,
    /// It is over.
    Finished,
}

/// Why a step was not done.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    /// The store failed; the step is done again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk failed; the recording ends.
    #[error(transparent)]
    Disk(#[from] ArchiveError),
}

/// What a task is made of.
pub(super) struct TaskParts {
    pub(super) running: Arc<Running>,
    pub(super) reader: Reader,
    pub(super) files: Files,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counts: Arc<RecordCounts>,
    pub(super) track: Track,
}

/// See the head of this file.
pub(super) struct Task {
    pub(super) parts: TaskParts,
    /// When a frame last came, or there was an order.
    pub(super) lively: UnixNanos,
    pub(super) late: Option<Instant>,
    saved: Instant,
    /// Whether all up to the end of what is wanted was read.
    settled: bool,
    /// When the store was first read after the end of what is wanted.
    past_end: Option<Instant>,
    /// Whether it ends where it is, without waiting for what is on its way.
    pub(super) is_full: bool,
    failing: bool,
}

impl Task {
    pub(super) fn new(parts: TaskParts) -> Self {
        let lively = parts.clock.now();
        let saved = Instant::now();
        let (late, settled, past_end, is_full, failing) = (None, false, None, false, false);
        Self { parts, lively, late, saved, settled, past_end, is_full, failing }
    }

    /// Records until the end, or until `stop`: then all that is stored by now is in files. One that
    /// `goes_on` first takes up what an earlier process wrote.
    pub(super) async fn run(mut self, goes_on: bool, stop: CancellationToken) {
        let running = Arc::clone(&self.parts.running);
        if goes_on {
            let taken = self.parts.files.take_up(&mut self.parts.track, &stop).await;
            match taken {
                Ok(true) => self.lively = self.parts.clock.now(),
                Ok(false) => return,
                Err(error) => return self.fail(&error).await,
            }
        }
        while !stop.is_cancelled() {
            let wait = match self.step().await {
                Ok(Step::Finished) => return,
                Ok(Step::Behind) => Duration::ZERO,
                Ok(Step::Live) => TICK,
                Err(Trouble::Disk(error)) => return self.fail(&error).await,
                Err(Trouble::Store(error)) => {
                    self.complain(&error);
                    // what was read before goes to the disk in time, and nobody is idle for want of a store
                    if let Err(error) = self.parts.files.sync_in_time().await {
                        return self.fail(&error).await;
                    }
                    self.lively = self.parts.clock.now();
                    TICK
                }
            };
            if !wait.is_zero() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = running.changed.notified() => {}
                    () = sleep(wait) => {}
                }
            }
        }
        self.leave().await;
    }

    /// Says once that the store fails.
    fn complain(&mut self, error: &StoreError) {
        let name = self.parts.running.state().name.clone();
        if self.failing {
            tracing::debug!("recording {name} still cannot read: {error}");
        } else {
            self.failing = true;
            tracing::warn!("recording {name} cannot read: {error}; it goes on when it can");
        }
    }

    async fn step(&mut self) -> Result<Step, Trouble> {
        let now = self.parts.clock.now();
        self.end_in_time(now);
        let (spans, ended) = {
            let state = self.parts.running.state();
            (state.spans.clone(), state.ended.is_some())
        };
        if self.settled && spans.is_open() {
            (self.settled, self.past_end) = (false, None);
            self.lively = now;
            let next = spans.next(self.parts.track.verified());
            self.parts.track.skip_to(next.unwrap_or(now));
        }
        let hull = spans.hull().filter(|_| !self.is_full && !self.settled);
        let Some(hull) = hull else {
            return if ended { self.finish().await } else { self.rest().await };
        };
        let step = self.read(&spans, hull, now).await?;
        self.failing = false;
        let is_past = spans.end().is_some_and(|end| now >= end);
        self.past_end = self.past_end.filter(|_| is_past);
        let past = is_past.then(|| *self.past_end.get_or_insert_with(Instant::now));
        // frames that were on their way while the store was away come after it is back
        let is_over = past.is_some_and(|since| since.elapsed() >= SETTLE);
        self.settled = step == Step::Live && is_over;
        let is_full = std::mem::take(&mut self.is_full);
        if ended && self.settled || is_full {
            return self.finish().await;
        }
        self.remember().await?;
        Ok(step)
    }

    /// Ends what is long enough, or has waited long enough.
    fn end_in_time(&mut self, now: UnixNanos) {
        let mut state = self.parts.running.state();
        if state.phase != Phase::Recording {
            self.lively = now;
        }
        if let Some(until) = state.until.filter(|until| now >= *until) {
            state.end(until, Ended { why: Why::MaxLength, detail: None });
        }
        let idle = state.idle_ms.map(Duration::from_millis);
        if state.phase == Phase::Recording && idle.is_some_and(|idle| now.since(self.lively) > idle)
        {
            state.end(now, Ended { why: Why::Idle, detail: None });
        }
    }

    /// Nothing is wanted for now: what was written is put on disk.
    async fn rest(&mut self) -> Result<Step, Trouble> {
        self.parts.files.sync().await?;
        self.remember().await?;
        Ok(Step::Live)
    }

    /// Writes down how far the files are, now and then.
    async fn remember(&mut self) -> Result<(), Trouble> {
        self.parts.files.sync_in_time().await?;
        if self.parts.files.is_synced() && self.saved.elapsed() >= SAVE_EVERY && !self.settled {
            self.note_progress();
            self.parts.running.save().await?;
            self.saved = Instant::now();
        }
        Ok(())
    }

    fn note_progress(&self) {
        let mut state = self.parts.running.state();
        state.verified = self.parts.track.verified();
        state.arrived = self.parts.track.arrived();
    }

    async fn finish(&mut self) -> Result<Step, Trouble> {
        self.parts.files.finish(true).await?;
        self.note_progress();
        {
            let mut state = self.parts.running.state();
            state.phase = Phase::Finished;
            let (name, frames) = (state.name.clone(), state.totals.frames);
            let why = state.ended.as_ref().map_or("stopped", |ended| ended.why.as_str());
            tracing::info!(frames, lost = state.lost, why, "recording {name} is finished");
        }
        *self.parts.running.live() = self.parts.files.live(0);
        self.parts.running.save().await?;
        Ok(Step::Finished)
    }

    async fn fail(mut self, error: &ArchiveError) {
        let detail = format!("{error}; `recordings recover` closes what was written");
        {
            let now = self.parts.clock.now();
            let mut state = self.parts.running.state();
            tracing::error!("recording {} ends: {detail}", state.name);
            state.ended = None;
            state.end(now, Ended { why: Why::Failed, detail: Some(detail) });
            state.phase = Phase::Failed;
        }
        self.parts.counts.failed();
        self.parts.files.give_up().await;
        *self.parts.running.live() = self.parts.files.live(0);
        if let Err(error) = self.parts.running.save().await {
            tracing::error!("the state of a recording is not written down: {error}");
        }
    }

    /// Reads what there is, until `deadline` or a little later; answers whether that was all.
    async fn catch_up(&mut self, deadline: Instant) -> Result<bool, Trouble> {
        while self.step().await? == Step::Behind {
            if Instant::now() >= deadline {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The process ends: all that is stored by now comes into files, and a later process goes on.
    async fn leave(mut self) {
        let name = self.parts.running.state().name.clone();
        self.late = None;
        let deadline = Instant::now() + LEAVE_WITHIN;
        match timeout(LEAVE_WITHIN * 2, self.catch_up(deadline)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                tracing::warn!("recording {name} has not caught up; it does when it goes on");
            }
            Ok(Err(error)) => tracing::warn!("recording {name}: {error}"),
            Err(_) => {
                // a write may be under way: the file is left as it is after a crash
                tracing::warn!("recording {name} is held up, and is closed when it goes on");
                return;
            }
        }
        if !self.parts.running.state().runs() {
            return;
        }
        let is_ended = self.parts.running.state().ended.is_some();
        let closed =
            if is_ended { self.finish().await.map(|_| ()) } else { self.set_aside().await };
        if let Err(error) = closed {
            tracing::error!("recording {name} is not closed, and is recovered later: {error}");
        }
    }

    async fn set_aside(&mut self) -> Result<(), Trouble> {
        self.parts.files.finish(false).await?;
        self.note_progress();
        Ok(self.parts.running.save().await?)
    }
}
