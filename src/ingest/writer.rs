//! One lane's task: takes a few frames, gives them keys and lifetimes, stores them, settles them.
//!
//! At most one batch of a camera is on its way, so frames and announcements keep their order. A batch
//! is tried again under the same keys until the store has said what became of each frame; what the
//! process cannot find out before its deadline is counted as `unknown`.

mod restored;

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::health::CLOCK_BACK_MIN;
use super::queue::{Item, Target};
use super::resume::{self, Memory};
use super::{DropReason, Lane, PushError, PushTime, Pushed};
use crate::backoff::Backoff;
use crate::model::event::Announcement;
use crate::model::frame::Dimensions;
use crate::model::key::FrameKey;
use crate::model::time::{TimeRange, Ttl, UnixNanos};
use crate::store::{Place, Put, PutFrame, StoreError};

/// Frames and bytes in one batch: the plateau of what one connection carries.
const BATCH_FRAMES: usize = 16;
const BATCH_BYTES: usize = 4 << 20;

/// How long a frame that the store refuses, rather than does not answer, is tried again.
const REFUSED_FOR: Duration = Duration::from_secs(5);

/// Writes the lane's queue until the lane or ingest is closed and the queue is empty or the deadline
/// has passed; afterwards nothing of it is pending.
pub(super) async fn run(lane: Lane) {
    let _ended = lane.ended.clone().drop_guard();
    write_all(lane.clone()).await;
    lane.abandon_queue();
    lane.shared.clock_health.forget(&lane.stream);
}

async fn write_all(lane: Lane) {
    let mut writer = Writer::new(lane.clone());
    let Some(mut memory) = writer.resume().await else { return };
    loop {
        let items = lane.queue.take(BATCH_FRAMES, BATCH_BYTES);
        if items.is_empty() {
            if lane.stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = lane.queue.arrived() => {}
                () = lane.stop.cancelled() => {}
            }
        } else {
            writer.follow_retention(&mut memory).await;
            writer.write(items, &mut memory).await;
        }
    }
}

/// A frame with its key, until its fate is known.
struct Attempt {
    item: Item,
    key: FrameKey,
    ttl: Ttl,
    expires_at: Option<UnixNanos>,
    new_dimensions: Option<Dimensions>,
    first_try: Option<Instant>,
}

impl Attempt {
    fn put_frame(&self) -> PutFrame {
        PutFrame {
            key: self.key.clone(),
            bytes: self.item.bytes.clone(),
            ttl: self.ttl,
            expires_at: self.expires_at,
            new_dimensions: self.new_dimensions,
        }
    }
}

struct Writer {
    lane: Lane,
    backoff: Backoff,
    /// When to give up; set once the lane is closed.
    deadline: Option<Instant>,
    clock_is_back: bool,
}

impl Writer {
    fn new(lane: Lane) -> Self {
        let backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        Self { lane, backoff, deadline: None, clock_is_back: false }
    }

    async fn resume(&mut self) -> Option<Memory> {
        let (lane, retention) = (self.lane.clone(), self.lane.retention());
        self.until_answered(|| {
            let now = lane.shared.clock.now();
            resume::load(lane.shared.store.as_ref(), &lane.stream, &retention, now)
        })
        .await
    }

    /// Elects by the tiers in force. Where the store does not answer before the lane ends, the last
    /// frames get the lives that were in force before.
    async fn follow_retention(&mut self, memory: &mut Memory) {
        let (lane, retention) = (self.lane.clone(), self.lane.retention());
        if *memory.elector.retention() == retention {
            return;
        }
        let elector = self.until_answered(|| {
            let now = lane.shared.clock.now();
            resume::elector(lane.shared.store.as_ref(), &lane.stream, &retention, now)
        });
        if let Some(elector) = elector.await {
            memory.elector = elector;
        }
    }

    async fn write(&mut self, items: Vec<Item>, memory: &mut Memory) {
        let mut open = Vec::with_capacity(items.len());
        for item in self.settle_restored(items).await {
            // The store is asked what lies at an exact time: what is on its way there goes first.
            if item.exact_time().is_some_and(|at| is_among(&open, at)) {
                self.store(std::mem::take(&mut open), memory).await;
            }
            if let Some(attempt) = self.prepare(item, memory).await {
                open.push(attempt);
            }
        }
        self.store(open, memory).await;
    }

    /// Stores attempts until the fate of each is known or time is up.
    async fn store(&mut self, mut open: Vec<Attempt>, memory: &mut Memory) {
        while !open.is_empty() {
            let frames: Vec<PutFrame> = open.iter().map(Attempt::put_frame).collect();
            let began = Instant::now();
            let outcomes = self.lane.shared.store.put(&frames).await;
            if outcomes.iter().any(Result::is_ok) {
                self.lane.shared.metrics.timing.store_put(began.elapsed());
            }
            let mut again = Vec::new();
            let mut failed = false;
            for (attempt, outcome) in open.into_iter().zip(outcomes) {
                failed |= outcome.is_err();
                again.extend(self.settle(attempt, outcome, memory));
            }
            open = again;
            if !failed {
                self.lane.shared.health.answered();
                self.backoff.reset();
            } else if !open.is_empty() && !self.wait().await {
                self.give_up(open);
                return;
            }
        }
    }

    /// Gives a frame its key and lifetime; `None` when it was already settled.
    async fn prepare(&mut self, item: Item, memory: &mut Memory) -> Option<Attempt> {
        let minted = match item.target {
            Target::Restored(_) => return restored::attempt(item, memory),
            Target::Minted(PushTime::Live(at)) => {
                self.watch_clock(memory);
                memory.mint.mint(at)
            }
            Target::Minted(PushTime::Exact(at)) => match self.stored_before(at, &item).await {
                Some(None) => memory.mint.mint_at(at),
                Some(Some(key)) => {
                    self.finish_repeat(item, key);
                    return None;
                }
                None => {
                    self.lane.drop_item(item, DropReason::Shutdown, self.lane.no_longer());
                    return None;
                }
            },
        };
        match minted {
            Ok(key) => Some(self.attempt(item, key, memory)),
            Err(error) => {
                self.lane.drop_item(item, DropReason::StoreError, PushError::Time(error));
                None
            }
        }
    }

    /// Tells, once a change, that the newest key lies far ahead of the clock.
    fn watch_clock(&mut self, memory: &Memory) {
        let shared = &self.lane.shared;
        let now = shared.clock.now();
        let ahead = memory.mint.last().map_or(Duration::ZERO, |last| last.since(now));
        if self.clock_is_back || ahead > CLOCK_BACK_MIN {
            self.clock_is_back = shared.clock_health.note(&self.lane.stream, ahead);
        }
    }

    fn attempt(&self, item: Item, key: FrameKey, memory: &mut Memory) -> Attempt {
        let new_dimensions = memory.changed_dimensions(item.dimensions);
        let ttl = memory.elector.elect(key.at());
        Attempt { item, key, ttl, expires_at: None, new_dimensions, first_try: None }
    }

    /// The key under which equal bytes of exactly this time already lie. Outer `None`: gave up.
    async fn stored_before(&mut self, at: UnixNanos, item: &Item) -> Option<Option<FrameKey>> {
        let lane = self.lane.clone();
        let Ok(instant) = TimeRange::new(at, at.next()) else { return Some(None) };
        self.until_answered(|| async {
            let store = lane.shared.store.as_ref();
            let records = store.index(&lane.stream, instant).await?.records;
            for found in records {
                let Ok(key) = found.record.key(&lane.stream) else { continue };
                let bytes = store.fetch(std::slice::from_ref(&key)).await?.pop().flatten();
                if bytes.as_ref() == Some(&item.bytes) {
                    return Ok(Some(key));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Returns the attempt when it must be made again.
    fn settle(
        &self,
        mut attempt: Attempt,
        outcome: Result<Put, StoreError>,
        memory: &mut Memory,
    ) -> Option<Attempt> {
        let since = *attempt.first_try.get_or_insert_with(Instant::now);
        match outcome {
            Ok(Put::Stored { place, again }) => {
                self.finish(attempt, place, again);
                None
            }
            Ok(Put::Taken) => match mint_again(&attempt, memory) {
                Ok(key) => {
                    attempt.key = key;
                    Some(attempt)
                }
                Err(error) => {
                    self.give_up_one(attempt, error, memory);
                    None
                }
            },
            Err(error) => {
                self.lane.shared.health.failed(&error);
                // a store that comes back may be empty: the first of those that wait tells it anew
                if memory.dimensions.take().is_some() {
                    attempt.new_dimensions = attempt.item.dimensions;
                }
                let lasting = !matches!(error, StoreError::Unavailable(_));
                let hopeless = attempt.item.reply.is_some() || since.elapsed() >= REFUSED_FOR;
                if lasting && hopeless {
                    self.give_up_one(attempt, PushError::Store(error), memory);
                    return None;
                }
                Some(attempt)
            }
        }
    }

    /// The store will not have it. Dimensions that it should have told of are told with the next
    /// frame, which also takes its place in the retention tiers.
    fn give_up_one(&self, attempt: Attempt, error: PushError, memory: &mut Memory) {
        if attempt.new_dimensions.is_some() {
            memory.dimensions = None;
        }
        if matches!(attempt.item.target, Target::Minted(_)) {
            memory.elector.give_back(attempt.key.at(), attempt.ttl);
        }
        self.lane.drop_item(attempt.item, DropReason::StoreError, error);
    }

    /// Stored: count it, announce it, answer the sender. In this order: promise 1.
    fn finish(&self, attempt: Attempt, place: Place, again: bool) {
        let Attempt { item, key, ttl, .. } = attempt;
        self.lane.account.stored(item.bytes.len(), key.at());
        let metrics = &self.lane.shared.metrics;
        metrics.expiry.stored(ttl.as_duration());
        metrics.timing.frame_bytes(item.bytes.len());
        let announcement = Announcement {
            key: key.clone(),
            size: u32::try_from(item.bytes.len()).unwrap_or(u32::MAX),
            dimensions: item.dimensions,
            ttl: Some(ttl),
        };
        self.lane.shared.announcer.stored(announcement, place, &item.bytes);
        if let Some(reply) = item.reply {
            let again = again && !matches!(item.target, Target::Minted(PushTime::Live(_)));
            // A sender that went away does not need its answer.
            let _ = reply.send(Ok(Pushed { key, again }));
        }
    }

    /// The frame was there before it was pushed: stored, but not announced again.
    fn finish_repeat(&self, item: Item, key: FrameKey) {
        self.lane.account.stored(item.bytes.len(), key.at());
        if let Some(reply) = item.reply {
            let _ = reply.send(Ok(Pushed { key, again: true }));
        }
    }

    fn give_up(&self, open: Vec<Attempt>) {
        for attempt in open {
            self.lane.drop_item(attempt.item, DropReason::Unknown, self.lane.no_longer());
        }
        self.lane.abandon_queue();
    }

    /// Asks until the store answers; `None` when the process ends first.
    async fn until_answered<T, F>(&mut self, mut ask: impl FnMut() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match ask().await {
                Ok(answer) => {
                    self.lane.shared.health.answered();
                    self.backoff.reset();
                    return Some(answer);
                }
                Err(error) => self.lane.shared.health.failed(&error),
            }
            if !self.wait().await {
                return None;
            }
        }
    }

    /// Waits before the next attempt; `false` when there is no time left for one.
    async fn wait(&mut self) -> bool {
        let stop = &self.lane.stop;
        if !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(self.backoff.next_wait()) => return true,
                () = stop.cancelled() => self.backoff.reset(),
            }
        }
        let end = Instant::now() + self.lane.shared.options.drain_timeout;
        let deadline = *self.deadline.get_or_insert(end);
        let next = Instant::now() + self.backoff.next_wait();
        tokio::time::sleep_until(next.min(deadline)).await;
        next < deadline
    }
}

fn is_among(open: &[Attempt], at: UnixNanos) -> bool {
    open.iter().any(|attempt| attempt.key.at() == at)
}

/// Another key for a frame whose own is taken; what is restored has only the one.
fn mint_again(attempt: &Attempt, memory: &mut Memory) -> Result<FrameKey, PushError> {
    match &attempt.item.target {
        Target::Minted(PushTime::Live(at)) => Ok(memory.mint.mint(*at)?),
        Target::Minted(PushTime::Exact(at)) => Ok(memory.mint.mint_at(*at)?),
        Target::Restored(_) => Err(PushError::Taken(attempt.key.clone())),
    }
}
