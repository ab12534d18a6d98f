//! One replay: two loops side by side, joined by a short channel.
//!
//! The first reads ahead and waits until frames are due; whatever is due then goes on as one batch. The
//! second hands batches to the sink and counts. So the pace does not wait for the store unless the
//! channel is full, and memory is what is read ahead and two batches. Orders are followed between frames.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::control::{Control, Told};
use super::stamp::Stamper;
use super::status::lock;
use super::{Manner, Progress, ReplayError, ReplayState, Schedule, Sink, Speed, Times};
use crate::archive::read::{Recording, Select};
use crate::archive::{ArchiveError, Names, Naming};
use crate::clock::Clock;
use crate::model::frame::StoredFrame;
use crate::model::key::StreamId;
use crate::model::time::{TimeRange, UnixNanos};

/// Frames that are read ahead at most, and their bytes where there are several.
const AHEAD_FRAMES: usize = 64;
const AHEAD_BYTES: usize = 16 << 20;
/// Frames of one batch at most.
const BATCH: usize = 32;
/// Handed on later than this, a frame counts as late.
const LATE: Duration = Duration::from_millis(100);
/// Between the last frame of a round and the first of the next where a recording has one frame only.
const ROUND_PAUSE: Duration = Duration::from_secs(1);

type Frames = BoxStream<'static, Result<(UnixNanos, StoredFrame), ArchiveError>>;

/// A recording that is about to be played.
#[derive(Debug)]
pub struct Player {
    recording: Recording,
    names: Names,
    manner: Manner,
    span: TimeRange,
    clock: Arc<dyn Clock>,
    progress: Arc<Mutex<Progress>>,
}

impl Player {
    /// Settles what is played under which names. Reads nothing but what opening read.
    ///
    /// # Errors
    /// [`ReplayError::Misfit`]: nothing of the recording lies in the window, or a loop with original
    /// times, whose second round would be the same frames; [`ReplayError::Archive`] for names.
    pub fn new(
        recording: Recording,
        manner: Manner,
        naming: &Naming,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ReplayError> {
        let name = recording.name();
        if manner.looped && manner.times == Times::Original {
            let said =
                "a loop needs shifted times: with original ones a second round is the same frames";
            return Err(ReplayError::Misfit(said.to_owned()));
        }
        let (first, last) = recording
            .span()
            .ok_or_else(|| ReplayError::Misfit(format!("{name} has no frame to play")))?;
        let whole = TimeRange::new(first, last.next()).ok();
        let span = whole.and_then(|whole| whole.intersect(manner.window));
        let span = span.ok_or_else(|| {
            let (first, last) = (first.to_rfc3339(), last.to_rfc3339());
            ReplayError::Misfit(format!(
                "{name} has frames from {first} to {last}: play some of these"
            ))
        })?;
        let select = Select { window: span, cameras: manner.cameras.clone() };
        let channels = recording.channels_of(&select);
        if channels.is_empty() {
            return Err(ReplayError::Misfit(format!("no camera of {name} is selected")));
        }
        let names = naming.settle(&channels)?;
        let progress = Progress {
            state: ReplayState::Playing,
            speed: manner.speed,
            position: span.from(),
            rounds: 0,
            frames: 0,
            bytes: 0,
            again: 0,
            refused: 0,
            late: 0,
            error: String::new(),
        };
        let progress = Arc::new(Mutex::new(progress));
        Ok(Self { recording, names, manner, span, clock, progress })
    }

    /// Which part of the recording is played.
    #[must_use]
    pub fn span(&self) -> TimeRange {
        self.span
    }

    /// The cameras that its frames become.
    pub fn streams(&self) -> impl Iterator<Item = &StreamId> {
        self.names.streams()
    }

    /// How far it is, while it plays and afterwards.
    #[must_use]
    pub fn progress(&self) -> Arc<Mutex<Progress>> {
        Arc::clone(&self.progress)
    }

    /// Plays into `sink` until the end, `stop`, or what cannot be gone on from; which of these, its
    /// progress tells. Orders come by `orders`; that nobody gives any more is fine.
    pub async fn play(
        self,
        sink: Arc<dyn Sink>,
        orders: mpsc::Receiver<Told>,
        stop: CancellationToken,
    ) {
        let (batches, waiting) = mpsc::channel(1);
        let failed = stop.child_token();
        let progress = Arc::clone(&self.progress);
        let storing = store_all(sink, waiting, (&progress, &failed));
        let pacing = async {
            let outcome = Pace::begin(&self).run(&self, orders, batches, &failed).await;
            let mut progress = lock(&self.progress);
            match outcome {
                _ if progress.state == ReplayState::Failed => {}
                Ok(()) if failed.is_cancelled() => progress.state = ReplayState::Stopped,
                Ok(()) => progress.state = ReplayState::Ended,
                Err(error) => {
                    progress.state = ReplayState::Failed;
                    progress.error = error.to_string();
                }
            }
        };
        tokio::join!(pacing, storing);
    }

    /// The frames from an instant on, with their times in the recording.
    fn frames_from(&self, from: UnixNanos) -> Frames {
        let Ok(window) = TimeRange::new(from, self.span.to()) else {
            return futures_util::stream::empty().boxed();
        };
        let select = Select { window, cameras: self.manner.cameras.clone() };
        let names = self.names.clone();
        let entries = self.recording.entries(&select);
        entries
            .map(move |entry| {
                let entry = entry?;
                let at = entry.at;
                Ok((at, names.frame(entry)?))
            })
            .boxed()
    }
}

/// A frame that was read ahead.
struct Ahead {
    at: UnixNanos,
    frame: StoredFrame,
}

/// The first loop.
struct Pace {
    started: Instant,
    schedule: Schedule,
    stamper: Stamper,
    frames: Frames,
    ahead: VecDeque<Ahead>,
    ahead_bytes: usize,
    drained: bool,
    /// First and last frame of this round, and how many.
    round: Option<(UnixNanos, UnixNanos, u32)>,
}

type Batch = Vec<StoredFrame>;

impl Pace {
    fn begin(player: &Player) -> Self {
        let Manner { times, ttl, speed, .. } = player.manner;
        Self {
            started: Instant::now(),
            schedule: Schedule::begin(player.span.from(), Duration::ZERO, speed),
            stamper: Stamper::new(times, ttl, player.clock.now()),
            frames: player.frames_from(player.span.from()),
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            drained: false,
            round: None,
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    async fn run(
        mut self,
        player: &Player,
        mut orders: mpsc::Receiver<Told>,
        batches: mpsc::Sender<Batch>,
        stop: &CancellationToken,
    ) -> Result<(), ArchiveError> {
        loop {
            let over = self.drained && self.ahead.is_empty() && !self.schedule.is_paused();
            if over && !self.next_round(player) {
                return Ok(());
            }
            let due = self.ahead.front().and_then(|next| self.schedule.due(next.at));
            let at = self.started + due.unwrap_or_default();
            let room = self.ahead.len() < AHEAD_FRAMES && self.ahead_bytes < AHEAD_BYTES;
            // what can be read at once is read first: so without a pace batches are full
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                Some(order) = orders.recv() => self.follow(player, order.control, order.followed),
                read = self.frames.next(), if room && !self.drained => self.read(player, read)?,
                place = place_at(at, &batches), if due.is_some() => {
                    let Some(place) = place else { return Ok(()) };
                    place.send(self.take_due(player));
                }
            }
            self.tell(player);
        }
    }

    fn read(
        &mut self,
        player: &Player,
        read: Option<Result<(UnixNanos, StoredFrame), ArchiveError>>,
    ) -> Result<(), ArchiveError> {
        match read {
            Some(Ok((at, frame))) => {
                self.ahead_bytes += frame.frame.bytes.len();
                self.ahead.push_back(Ahead { at, frame });
            }
            // damage is told in its place and passed over, as every reader does
            Some(Err(error @ (ArchiveError::Format(_) | ArchiveError::Naming(_)))) => {
                let mut progress = lock(&player.progress);
                progress.refused += 1;
                progress.error = error.to_string();
            }
            Some(Err(error)) => return Err(error),
            None => self.drained = true,
        }
        Ok(())
    }

    /// Everything that is due by now, at most a batch.
    fn take_due(&mut self, player: &Player) -> Batch {
        let now = self.now();
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(next) = self.ahead.front()
            && let Some(due) =
                self.schedule.due(next.at).filter(|due| *due <= now || batch.is_empty())
            && let Some(Ahead { at, frame }) = self.ahead.pop_front()
        {
            self.ahead_bytes = self.ahead_bytes.saturating_sub(frame.frame.bytes.len());
            self.schedule.played(at);
            let (first, _, count) = self.round.unwrap_or((at, at, 0));
            self.round = Some((first, at, count + 1));
            // without a pace frames are of now: all are due when it began
            let due = if self.schedule.speed() == Speed::MAX { now } else { due };
            if now.saturating_sub(due) > LATE {
                lock(&player.progress).late += 1;
            }
            match self.stamper.stamp(frame, due) {
                Ok(frame) => batch.push(frame),
                Err(error) => {
                    let mut progress = lock(&player.progress);
                    progress.refused += 1;
                    progress.error = error.to_string();
                }
            }
        }
        batch
    }

    fn follow(&mut self, player: &Player, order: Control, followed: oneshot::Sender<()>) {
        let now = self.now();
        match order {
            Control::Pause => self.schedule.pause(now),
            Control::Resume => self.schedule.resume(now),
            Control::Speed(speed) => self.schedule.change(speed, now),
            Control::Seek(to) => {
                let to = to.max(player.span.from()).min(player.span.to());
                self.jump(player, to);
                self.schedule.seek(to, now);
            }
        }
        self.stamper.set(player.clock.now(), now);
        self.tell(player);
        // whoever ordered may have gone
        let _ = followed.send(());
    }

    fn jump(&mut self, player: &Player, to: UnixNanos) {
        self.frames = player.frames_from(to);
        self.ahead.clear();
        (self.ahead_bytes, self.drained, self.round) = (0, false, None);
    }

    /// Begins again, one mean distance of frames after the last one; whether there is another round.
    fn next_round(&mut self, player: &Player) -> bool {
        lock(&player.progress).rounds += 1;
        // a round without any frame would go round without end
        let Some((first, last, count)) = self.round.filter(|_| player.manner.looped) else {
            return false;
        };
        let mean = match count {
            0 | 1 => ROUND_PAUSE,
            many => last.since(first) / (many - 1),
        };
        let now = self.now();
        let next = self.schedule.due(last.plus(mean)).unwrap_or(now).max(now);
        self.jump(player, player.span.from());
        self.schedule.seek(player.span.from(), next);
        self.stamper.set(player.clock.now(), now);
        true
    }

    fn tell(&self, player: &Player) {
        let mut progress = lock(&player.progress);
        progress.position = self.schedule.position(self.now()).min(player.span.to());
        progress.speed = self.schedule.speed();
        progress.state = match self.schedule.is_paused() {
            _ if progress.state == ReplayState::Failed => ReplayState::Failed,
            true => ReplayState::Paused,
            false => ReplayState::Playing,
        };
    }
}

/// A place for a batch once it is due, and the one before is on its way; `None` where none goes on.
async fn place_at(at: Instant, batches: &mpsc::Sender<Batch>) -> Option<mpsc::Permit<'_, Batch>> {
    sleep_until(at).await;
    batches.reserve().await.ok()
}

/// The second loop.
async fn store_all(
    sink: Arc<dyn Sink>,
    mut waiting: mpsc::Receiver<Batch>,
    (progress, failed): (&Mutex<Progress>, &CancellationToken),
) {
    while let Some(batch) = waiting.recv().await {
        let sizes: Vec<usize> = batch.iter().map(|stored| stored.frame.bytes.len()).collect();
        let outcome = sink.store(batch).await;
        let mut progress = lock(progress);
        match outcome {
            Ok(fates) => {
                let told = fates.into_iter().zip(sizes);
                told.for_each(|(fate, size)| progress.count(fate, size));
            }
            Err(error) => {
                progress.refused += u64::try_from(sizes.len()).unwrap_or(u64::MAX);
                progress.error = error.message;
                if error.fatal {
                    progress.state = ReplayState::Failed;
                    failed.cancel();
                }
            }
        }
    }
}
