//! All recordings of a process: orders come in here, and each recording that runs has a task of its own.
//!
//! Changes come one after another; looking never waits for them. Nothing is made in the folder of recordings
//! before something is recorded, and only one process records into it: a lock on a file in it says so.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::RecordError;
use super::choice::Choice;
use super::files::Files;
use super::order::{Order, Start};
use super::part::{blocking, failed};
use super::reader::Reader;
use super::running::{RecordCounts, Running};
use super::shelf::Shelf;
use super::state::{Ended, State};
use super::status::{Phase, Status, Why};
use super::task::{Task, TaskParts};
use super::track::Track;
use crate::archive::ArchiveError;
use crate::archive::storage::Storage;
use crate::clock::Clock;
use crate::model::name::{Prefix, Tenant};
use crate::model::recording::RecordingName;
use crate::model::time::UnixNanos;
use crate::store::FrameStore;

/// Recordings that run at once, at most.
const RUNNING_MAX: usize = 64;

/// The file whose lock says that a process records into a folder.
const LOCK: &str = ".lock";

/// What a recorder is made of.
#[derive(Debug, Clone)]
pub struct RecorderParts {
    /// Where frames are read from.
    pub store: Arc<dyn FrameStore>,
    /// What time it is; the clock that frames are captured by.
    pub clock: Arc<dyn Clock>,
    /// Where finished files go.
    pub storage: Arc<dyn Storage>,
    /// Where running ones are written.
    pub folder: PathBuf,
    /// Whose cameras are meant where an order names no tenant.
    pub tenant: Tenant,
    /// Which family is meant where an order names no prefix.
    pub prefix: Prefix,
    /// Whether the process only records for as long as somebody waits for it: then it goes on with
    /// nothing, and nothing of it is gone on with.
    pub is_passing: bool,
    /// Whether they leave this machine for that.
    pub is_remote: bool,
    /// Most bytes of all recordings together; `None` = no limit.
    pub max_bytes: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) running: Arc<Running>,
    task: JoinHandle<()>,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Recorder {
    pub(super) parts: RecorderParts,
    pub(super) shelf: Shelf,
    entries: Mutex<BTreeMap<RecordingName, Entry>>,
    /// Held by whoever changes something: the lock of the folder, once it is taken.
    pub(super) turn: tokio::sync::Mutex<Option<File>>,
    counts: Arc<RecordCounts>,
    pub(super) stop: CancellationToken,
    /// Whether what an earlier process left is gone on with.
    pub(super) gone_on: watch::Sender<bool>,
}

impl Recorder {
    /// A recorder that records nothing yet. Touches no file.
    #[must_use]
    pub fn new(parts: RecorderParts) -> Self {
        let shelf = Shelf::new(Arc::clone(&parts.storage), &parts.folder, parts.is_remote);
        Self {
            parts,
            shelf,
            entries: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            counts: Arc::default(),
            stop: CancellationToken::new(),
            gone_on: watch::Sender::new(false),
        }
    }

    /// What all recordings of this process did.
    #[must_use]
    pub fn counts(&self) -> &RecordCounts {
        &self.counts
    }

    /// Waits until [`Recorder::run`] has gone on with what an earlier process left: who brings orders of
    /// his own accord, and not because somebody looked, begins after that.
    pub async fn gone_on(&self) {
        // the sender lives as long as this does
        let _ = self.gone_on.subscribe().wait_for(|gone_on| *gone_on).await;
    }

    /// How the recordings stand that run, by name.
    #[must_use]
    pub fn running(&self) -> Vec<Status> {
        let all: Vec<Arc<Running>> =
            self.entries().values().map(|entry| Arc::clone(&entry.running)).collect();
        all.iter().filter(|one| one.state().runs()).map(|one| one.status()).collect()
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeMap<RecordingName, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows an order; answers how the recordings that it is about stand then: none where there is no
    /// such recording, or none that `bound`, who sees one tenant only, may know of. What runs on is
    /// not waited for: a recording that was stopped finishes some seconds later.
    ///
    /// # Errors
    /// [`RecordError`]; nothing has changed then.
    pub async fn obey(
        &self,
        order: Order,
        bound: Option<&Tenant>,
    ) -> Result<Vec<Status>, RecordError> {
        let one = |status: Option<Status>| status.into_iter().collect();
        match order {
            Order::Start(start) => self.start(start, bound).await.map(|status| vec![status]),
            Order::Stop(named) => {
                self.change(&named.name, bound, stop_now).await?;
                self.status(&named.name, bound).await.map(one)
            }
            Order::Pause(named) => {
                self.change(&named.name, bound, pause).await?;
                self.status(&named.name, bound).await.map(one)
            }
            Order::Resume(named) => {
                self.change(&named.name, bound, resume).await?;
                self.status(&named.name, bound).await.map(one)
            }
            Order::Status(named) => self.status(&named.name, bound).await.map(one),
            Order::List => self.list(bound).await,
            Order::Recover(named) => self.recover(named.name, bound).await,
            Order::Delete(named) => self.delete(&named.name, bound).await.map(one),
        }
    }

    async fn start(&self, mut start: Start, bound: Option<&Tenant>) -> Result<Status, RecordError> {
        if start.tenant.is_none() {
            start.tenant = bound.cloned();
        }
        let mut turn = self.turn.lock().await;
        if self.stop.is_cancelled() {
            return Err(RecordError::Stopping);
        }
        let now = self.parts.clock.now();
        let mut state = State::new(&start, (&self.parts.tenant, &self.parts.prefix), now)?;
        state.is_passing = self.parts.is_passing;
        if bound.is_some_and(|bound| *bound != state.tenant) {
            let said = format!("nothing of tenant {} is recorded here", state.tenant);
            return Err(RecordError::Misfit(said));
        }
        if let Some(running) = self.running_of(&state.name, bound) {
            if running.state().ended.is_some() {
                let said = format!("recording {} is just ending: choose another name", state.name);
                return Err(RecordError::Misfit(said));
            }
            return Ok(running.status());
        }
        if self.is_taken(&state.name).await? {
            let said = format!(
                "there is a recording {} already: choose another name, or delete that one",
                state.name
            );
            return Err(RecordError::Misfit(said));
        }
        if self.running().len() >= RUNNING_MAX {
            let said = format!("{RUNNING_MAX} recordings run already: stop one first");
            return Err(RecordError::Misfit(said));
        }
        self.take_folder(&mut turn).await?;
        let running = Running::new(self.parts.folder.clone(), state);
        running.save().await?;
        self.spawn(&running, false)?;
        Ok(running.status())
    }

    /// Runs the task of a recording.
    pub(super) fn spawn(&self, running: &Arc<Running>, goes_on: bool) -> Result<(), RecordError> {
        let state = running.state().clone();
        let choice = Choice::new(&state.cameras, &state.except)?;
        let family = (state.tenant, state.prefix);
        let places = (self.parts.folder.clone(), self.shelf.clone());
        let track = Track::new(state.verified, state.arrived);
        let task = Task::new(TaskParts {
            running: Arc::clone(running),
            reader: Reader::new(Arc::clone(&self.parts.store), family, choice),
            files: Files::new(places, Arc::clone(running)),
            clock: Arc::clone(&self.parts.clock),
            counts: Arc::clone(&self.counts),
            track,
        });
        let task = tokio::spawn(task.run(goes_on, self.stop.clone()));
        let entry = Entry { running: Arc::clone(running), task };
        let mut entries = self.entries();
        // those that ended are remembered by their state on disk, but for failed ones
        entries
            .retain(|_, old| !old.task.is_finished() || old.running.state().phase == Phase::Failed);
        entries.insert(state.name, entry);
        Ok(())
    }

    /// A recording whose task runs, where `bound` may know of it.
    pub(super) fn running_of(
        &self,
        name: &RecordingName,
        bound: Option<&Tenant>,
    ) -> Option<Arc<Running>> {
        let running = self.entries().get(name).map(|entry| Arc::clone(&entry.running))?;
        let is_seen = {
            let state = running.state();
            state.runs() && bound.is_none_or(|bound| *bound == state.tenant)
        };
        is_seen.then_some(running)
    }

    async fn is_taken(&self, name: &RecordingName) -> Result<bool, ArchiveError> {
        let names = self.names().await?;
        let files = self.shelf.list().await?;
        Ok(names.contains(name) || files.iter().any(|stored| stored.file.recording == *name))
    }

    /// The names of which there is more than finished files.
    pub(super) async fn names(&self) -> Result<Vec<RecordingName>, ArchiveError> {
        let folder = self.parts.folder.clone();
        let names = blocking(move || State::names(&folder)).await;
        names.map_err(|source| failed("cannot list", &self.parts.folder, source))
    }

    /// Makes the folder and locks it, once.
    pub(super) async fn take_folder(&self, held: &mut Option<File>) -> Result<(), RecordError> {
        if held.is_some() {
            return Ok(());
        }
        let folder = self.parts.folder.clone();
        let locked = blocking(move || {
            std::fs::create_dir_all(&folder)?;
            let file = File::options().create(true).append(true).open(folder.join(LOCK))?;
            match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        });
        let locked =
            locked.await.map_err(|source| failed("cannot use", &self.parts.folder, source))?;
        *held = Some(
            locked.ok_or_else(|| RecordError::InUse(self.parts.folder.display().to_string()))?,
        );
        Ok(())
    }

    /// Changes a recording that runs, and has that on disk; others stay as they are.
    async fn change(
        &self,
        name: &RecordingName,
        bound: Option<&Tenant>,
        change: fn(&mut State, UnixNanos) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let _turn = self.turn.lock().await;
        let Some(running) = self.running_of(name, bound) else { return Ok(()) };
        let before = running.state().clone();
        change(&mut running.state(), self.parts.clock.now())?;
        if *running.state() != before {
            if let Err(error) = running.save().await {
                let mut state = running.state();
                (state.spans, state.phase, state.ended) =
                    (before.spans, before.phase, before.ended);
                return Err(error.into());
            }
            running.changed.notify_one();
        }
        Ok(())
    }

    /// Ends every recording with the same reason.
    pub(super) fn end_all(&self, why: Why, detail: &str) {
        let now = self.parts.clock.now();
        for entry in self.entries().values() {
            let ended = Ended { why, detail: Some(detail.to_owned()) };
            let mut state = entry.running.state();
            if state.runs() {
                state.end(now, ended);
                entry.running.changed.notify_one();
            }
        }
    }

    /// Puts what is stored by now into files and ends the tasks; a later process goes on with those
    /// that run. Frames that are still on their way to the store must be there before.
    pub async fn close(&self) {
        let _turn = self.turn.lock().await;
        self.stop.cancel();
        let entries = std::mem::take(&mut *self.entries());
        for (name, entry) in entries {
            if let Err(failure) = entry.task.await {
                tracing::error!("the task of recording {name} ended in a defect: {failure}");
            }
        }
    }
}

fn stop_now(state: &mut State, now: UnixNanos) -> Result<(), RecordError> {
    state.end(now.next(), Ended { why: Why::Stopped, detail: None });
    Ok(())
}

fn pause(state: &mut State, now: UnixNanos) -> Result<(), RecordError> {
    if state.phase == Phase::Recording {
        state.spans.close(now);
        state.phase = Phase::Paused;
    }
    Ok(())
}

fn resume(state: &mut State, now: UnixNanos) -> Result<(), RecordError> {
    if state.phase == Phase::Paused {
        if !state.spans.open(now) {
            let said = format!("recording {} was paused too often: start another", state.name);
            return Err(RecordError::Misfit(said));
        }
        state.phase = Phase::Recording;
    }
    Ok(())
}
