//! What a recorder does by itself: goes on after a restart, sends files away, keeps the quota.

use std::time::Duration;

use tokio::time::sleep;

use super::RecordError;
use super::manager::Recorder;
use super::order::Start;
use super::part::{blocking, failed};
use super::quota::{Verdict, judge};
use super::running::Running;
use super::shelf;
use super::state::{Ended, State};
use super::status::{Phase, Status, Why};
use crate::archive::ArchiveError;
use crate::model::name::Tenant;
use crate::model::recording::RecordingName;

/// From one round to the next.
const ROUND: Duration = Duration::from_secs(2);

impl Recorder {
    /// Goes on with what an earlier process left, then sends finished files to their bucket and keeps
    /// the quota, until [`Recorder::close`].
    pub async fn run(&self) {
        let (mut failing, mut goes_on) = (false, !self.parts.is_passing);
        while !self.stop.is_cancelled() {
            let mut done = Ok(());
            if goes_on {
                done = self.go_on().await;
                goes_on = done.is_err();
            }
            self.gone_on.send_replace(true);
            tokio::select! {
                () = self.stop.cancelled() => return,
                round = self.round() => done = done.and(round.map_err(RecordError::from)),
            }
            match done {
                Ok(()) => failing = false,
                Err(error) if failing => tracing::debug!("recordings: {error}"),
                Err(error) => {
                    failing = true;
                    tracing::warn!("recordings: {error}; trying again");
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = sleep(ROUND) => {}
            }
        }
    }

    /// Keeps the quota, and sends what is finished, unless another process does.
    async fn round(&self) -> Result<(), ArchiveError> {
        let running: Vec<RecordingName> = self.running().into_iter().map(|one| one.name).collect();
        let kept = match self.parts.max_bytes {
            Some(most) if !running.is_empty() => self.keep_quota(most).await,
            _ => Ok(()),
        };
        if !self.shelf.waiting().await?.is_empty() && self.has_folder().await {
            self.shelf.send(&running).await?;
        }
        kept
    }

    /// Whether this process is the one that works in the folder.
    async fn has_folder(&self) -> bool {
        let mut turn = self.turn.lock().await;
        self.take_folder(&mut turn).await.is_ok()
    }

    /// Deletes the oldest files until the rest fits; ends what runs where that is not enough.
    pub(super) async fn keep_quota(&self, most: u64) -> Result<(), ArchiveError> {
        let mut files = self.shelf.list().await?;
        let whole: Vec<RecordingName> = {
            let entries = self.entries();
            let states = entries.values().map(|entry| entry.running.state());
            let whole = states.filter(|state| state.runs() && state.rotation.is_none());
            whole.map(|state| state.name.clone()).collect()
        };
        // what a recording in one file left before a restart is in its open file again
        files.retain(|stored| !whole.contains(&stored.file.recording));
        let open = self.entries().values().map(|entry| entry.running.live().written.bytes).sum();
        let Verdict { delete, is_full } = judge(files, open, most);
        for stored in delete {
            tracing::info!("{} is deleted: recordings are over {most} bytes", stored.file);
            self.shelf.delete(&stored.file).await?;
        }
        if is_full {
            let said = format!("recordings are over {most} bytes ([recordings] max_bytes)");
            self.end_all(Why::Quota, &said);
        }
        Ok(())
    }

    /// Goes on with every recording that ran when its process ended, and closes what was cut. The error is
    /// that of one of those that it could not go on with.
    async fn go_on(&self) -> Result<(), RecordError> {
        let mut done = Ok(());
        for name in self.names().await? {
            if let Err(error) = self.go_on_with(&name, None).await {
                tracing::debug!("recording {name} is not gone on with: {error}");
                done = Err(error);
            }
        }
        done
    }

    /// Follows the order to recover.
    pub(super) async fn recover(
        &self,
        name: Option<RecordingName>,
        bound: Option<&Tenant>,
    ) -> Result<Vec<Status>, RecordError> {
        let names = match name {
            Some(name) => vec![name],
            None => self.names().await?,
        };
        let mut recovered = Vec::new();
        for name in names {
            if self.go_on_with(&name, bound).await? {
                recovered.extend(self.status(&name, bound).await?);
            }
        }
        Ok(recovered)
    }

    /// Goes on with one recording if something of it is open; answers whether it is there at all.
    async fn go_on_with(
        &self,
        name: &RecordingName,
        bound: Option<&Tenant>,
    ) -> Result<bool, RecordError> {
        let mut turn = self.turn.lock().await;
        // decided by what lies here: a bucket that is away holds up nothing
        let known = self.known(name).await?.filter(|status| shelf::is_seen(status, bound));
        let Some(status) = known else { return Ok(self.status(name, bound).await?.is_some()) };
        if self.running_of(name, None).is_some() || status.state != Phase::Failed {
            return Ok(true);
        }
        self.take_folder(&mut turn).await?;
        // the one in memory is the newer one where the disk was full
        let in_memory = self.entries().get(name).map(|entry| entry.running.state().clone());
        let state = match in_memory {
            Some(state) => Some(state),
            None => self.load(name).await?,
        };
        let state = match state {
            Some(state) if state.runs() && !state.is_passing => state,
            Some(state) => closing(state),
            None => self.unknown(name)?,
        };
        tracing::info!("recording {name} is gone on with");
        let running = Running::new(self.parts.folder.clone(), state);
        running.save().await?;
        self.spawn(&running, true)?;
        Ok(true)
    }

    async fn load(&self, name: &RecordingName) -> Result<Option<State>, ArchiveError> {
        let (folder, owned) = (self.parts.folder.clone(), name.clone());
        let loaded = blocking(move || State::load(&folder, &owned)).await;
        loaded
            .map_err(|source| failed("cannot read", &State::path(&self.parts.folder, name), source))
    }

    /// A recording of which only a file is left: nothing more is wanted of it.
    fn unknown(&self, name: &RecordingName) -> Result<State, RecordError> {
        let now = self.parts.clock.now();
        let family = (&self.parts.tenant, &self.parts.prefix);
        let mut state = State::new(&Start::new(name.clone()), family, now)?;
        state.end(now, Ended { why: Why::Recovered, detail: None });
        Ok(state)
    }
}

/// A recording that failed, to be finished with what it has.
fn closing(mut state: State) -> State {
    if state.spans.is_open() {
        state.spans.close(state.verified);
    }
    let detail = state.ended.take().and_then(|ended| ended.detail);
    state.ended = Some(Ended { why: Why::Recovered, detail });
    state.phase = Phase::Stopping;
    state
}
