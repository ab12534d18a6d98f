//! All replays of a process: started by name, told what to do, listed for a while after their end.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::control::Told;
use super::status::lock;
use super::{Control, Manner, Player, Progress, ReplayError, ReplayStatus, Sink};
use crate::archive::read::{Recording, Select};
use crate::archive::storage::Storage;
use crate::archive::{Naming, Shift};
use crate::clock::Clock;
use crate::model::name::{Prefix, ReplayId, Tenant};
use crate::model::recording::{RecordingFile, RecordingName};

/// The most replays that run at once.
const RUNNING_MAX: usize = 16;
/// The most replays that are told of after their end.
const OVER_MAX: usize = 32;
/// Orders to one replay that wait.
const ORDERS: usize = 16;

/// What is to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartReplay {
    /// Which recording.
    pub recording: RecordingName,
    /// How.
    pub manner: Manner,
    /// As which tenant, prefix and cameras.
    pub tenant: Option<Tenant>,
    /// See `tenant`.
    pub prefix: Option<Prefix>,
    /// See `tenant`.
    pub cameras: Vec<crate::archive::Rename>,
}

/// What replays are made with.
#[derive(Debug, Clone)]
pub struct ReplaysParts {
    /// Where recordings lie.
    pub storage: Arc<dyn Storage>,
    /// Where frames go.
    pub sink: Arc<dyn Sink>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The one tenant that is written, and the prefix of what has none.
    pub home: (Tenant, Prefix),
}

/// Starts and controls replays.
#[derive(Debug)]
pub struct Replays {
    parts: ReplaysParts,
    all: Mutex<Vec<One>>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct One {
    status: ReplayStatus,
    progress: Arc<Mutex<Progress>>,
    /// Whose frames were recorded; `None` for another program's.
    recorded: BTreeSet<Option<Tenant>>,
    orders: mpsc::Sender<Told>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl One {
    fn status(&self) -> ReplayStatus {
        ReplayStatus { progress: lock(&self.progress).clone(), ..self.status.clone() }
    }

    fn is_over(&self) -> bool {
        lock(&self.progress).state.is_over()
    }

    /// Whether a caller that is bound to a tenant may know of it.
    fn is_for(&self, tenant: Option<&Tenant>) -> bool {
        tenant.is_none_or(|own| self.recorded.iter().all(|one| one.as_ref() == Some(own)))
    }
}

impl Replays {
    /// No replays yet; those that are started end with `stop`.
    #[must_use]
    pub fn new(parts: ReplaysParts, stop: CancellationToken) -> Self {
        Self { parts, all: Mutex::default(), stop }
    }

    /// Starts to play a finished recording. With `only` one whose frames are all of that tenant: any
    /// other is answered as if it did not exist.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub async fn start(
        &self,
        start: StartReplay,
        only: Option<&Tenant>,
    ) -> Result<ReplayStatus, ReplayError> {
        let running = self.all().iter().filter(|one| !one.is_over()).count();
        if running >= RUNNING_MAX {
            return Err(ReplayError::Full(running));
        }
        let StartReplay { recording: name, manner, tenant, prefix, cameras } = start;
        let recording = self.open(&name).await?;
        let select = Select { window: manner.window, cameras: manner.cameras.clone() };
        let channels = recording.channels_of(&select);
        let recorded: BTreeSet<Option<Tenant>> = channels
            .iter()
            .map(|(_, stream)| stream.as_ref().map(|one| one.tenant.clone()))
            .collect();
        if only.is_some_and(|own| recorded.iter().any(|one| one.as_ref() != Some(own))) {
            return Err(ReplayError::NoRecording(name.to_string()));
        }
        let naming =
            Naming { family: self.parts.home.clone(), tenant, prefix, cameras, shift: Shift::NONE };
        let player =
            Player::new(recording, manner.clone(), &naming, Arc::clone(&self.parts.clock))?;
        self.must_write(&player)?;
        self.run(name.to_string(), &manner, player, recorded)
    }

    fn must_write(&self, player: &Player) -> Result<(), ReplayError> {
        let own = &self.parts.home.0;
        let other = player.streams().find(|stream| stream.tenant != *own);
        let Some(other) = other else { return Ok(()) };
        Err(ReplayError::Misfit(format!(
            "this process writes tenant {own} only, not {}: play it as tenant {own}",
            other.tenant
        )))
    }

    fn run(
        &self,
        recording: String,
        manner: &Manner,
        player: Player,
        recorded: BTreeSet<Option<Tenant>>,
    ) -> Result<ReplayStatus, ReplayError> {
        let mut all = self.all();
        if self.stop.is_cancelled() {
            return Err(ReplayError::Stopping);
        }
        let id = loop {
            let id = ReplayId::new(&format!("{:08x}", fastrand::u32(..)));
            let id = id.expect("hex digits should be a name");
            if all.iter().all(|one| one.status.id != id) {
                break id;
            }
        };
        let (progress, span) = (player.progress(), player.span());
        let status = ReplayStatus {
            id,
            recording,
            from: span.from(),
            to: span.to(),
            looped: manner.looped,
            times: manner.times,
            started_at: self.parts.clock.now(),
            progress: lock(&progress).clone(),
        };
        let (orders, waiting) = mpsc::channel(ORDERS);
        let stop = self.stop.child_token();
        let playing = player.play(Arc::clone(&self.parts.sink), waiting, stop.clone());
        let task = Some(tokio::spawn(playing));
        all.push(One { status: status.clone(), progress, recorded, orders, stop, task });
        let over = all.iter().filter(|one| one.is_over()).count();
        let mut surplus = over.saturating_sub(OVER_MAX);
        all.retain(|one| {
            let goes = surplus > 0 && one.is_over();
            surplus -= usize::from(goes);
            !goes
        });
        Ok(status)
    }

    async fn open(&self, name: &RecordingName) -> Result<Recording, ReplayError> {
        let listed = self.parts.storage.list().await?;
        let files: Vec<RecordingFile> = listed
            .into_iter()
            .map(|stored| stored.file)
            .filter(|file| file.recording == *name)
            .collect();
        if files.is_empty() {
            return Err(ReplayError::NoRecording(name.to_string()));
        }
        let mut blobs = Vec::with_capacity(files.len());
        for file in &files {
            blobs.push(self.parts.storage.open(file).await?);
        }
        Ok(Recording::open_all(blobs).await?)
    }

    /// Every replay that runs, and the last ones that ended; the newest last.
    #[must_use]
    pub fn list(&self, only: Option<&Tenant>) -> Vec<ReplayStatus> {
        self.all().iter().filter(|one| one.is_for(only)).map(One::status).collect()
    }

    /// How a replay does; `None` when there is no such replay.
    #[must_use]
    pub fn get(&self, id: &ReplayId, only: Option<&Tenant>) -> Option<ReplayStatus> {
        self.list(only).into_iter().find(|one| one.id == *id)
    }

    /// Tells a replay what to do, and how it does once it was told; `None` when there is none.
    ///
    /// # Errors
    /// [`ReplayError::Misfit`]: it is over.
    pub async fn control(
        &self,
        id: &ReplayId,
        order: Control,
        only: Option<&Tenant>,
    ) -> Result<Option<ReplayStatus>, ReplayError> {
        let Some(before) = self.get(id, only) else { return Ok(None) };
        let orders = {
            let all = self.all();
            let one = all.iter().find(|one| one.status.id == *id);
            one.filter(|one| !one.is_over()).map(|one| one.orders.clone())
        };
        let over = || {
            let said = format!("replay {id} of {} is over: start it again", before.recording);
            ReplayError::Misfit(said)
        };
        let orders = orders.ok_or_else(over)?;
        let (told, followed) = Told::new(order);
        orders.send(told).await.map_err(|_| over())?;
        // it may come to its end before it is told
        let _ = followed.await;
        Ok(self.get(id, only))
    }

    /// Ends a replay and answers how far it came; one that is over is forgotten. `None` when there is
    /// none.
    pub async fn stop(&self, id: &ReplayId, only: Option<&Tenant>) -> Option<ReplayStatus> {
        let mut one = {
            let mut all = self.all();
            let place = all.iter().position(|one| one.status.id == *id && one.is_for(only))?;
            all.remove(place)
        };
        one.stop.cancel();
        one.join().await;
        Some(one.status())
    }

    /// Ends all replays, and waits for what they handed on.
    pub async fn close(&self) {
        self.stop.cancel();
        let all = std::mem::take(&mut *self.all());
        for mut one in all {
            one.join().await;
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<One>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl One {
    async fn join(&mut self) {
        if let Some(task) = self.task.take()
            && let Err(failure) = task.await
        {
            tracing::error!("the task \"replay\" ended in a defect: {failure}");
        }
    }
}
