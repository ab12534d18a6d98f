//! What a recording's task and those who give orders share: its state, and how far the task is.
//!
//! Orders change the state and have it on disk before they are answered; the task reads it at each step.
//! So an order never waits for a slow store or a slow disk of frames.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::part::{Written, blocking, failed};
use super::state::{State, Totals};
use super::status::{Phase, Status};
use crate::archive::ArchiveError;
use crate::model::time::UnixNanos;

/// What all recordings of a process did, for metrics.
#[derive(Debug, Default)]
pub struct RecordCounts {
    frames: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
    failed: AtomicU64,
}

impl RecordCounts {
    /// A frame of so many bytes was recorded.
    pub(super) fn frame(&self, bytes: usize) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }

    /// So many frames expired before they were recorded.
    pub(super) fn lost(&self, frames: u64) {
        self.lost.fetch_add(frames, Ordering::Relaxed);
    }

    /// A recording ended with an error.
    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Frames and bytes recorded, frames lost, and recordings failed, since the start of the process.
    #[must_use]
    pub fn snapshot(&self) -> [u64; 4] {
        [&self.frames, &self.bytes, &self.lost, &self.failed].map(|one| one.load(Ordering::Relaxed))
    }
}

/// How far the task is beyond what the state says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Live {
    /// What is in the file that is being written.
    pub(super) written: Written,
    /// Whether there is such a file.
    pub(super) is_open: bool,
    /// How far behind the clock it is.
    pub(super) behind_ms: u64,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Running {
    folder: PathBuf,
    state: Mutex<State>,
    live: Mutex<Live>,
    saving: tokio::sync::Mutex<()>,
    /// Told when an order changed the state.
    pub(super) changed: Notify,
}

impl Running {
    pub(super) fn new(folder: PathBuf, state: State) -> Arc<Self> {
        Arc::new(Self {
            folder,
            state: Mutex::new(state),
            live: Mutex::default(),
            saving: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// The state, to be read or changed at once.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the task is.
    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the state down as it is now; those who save come one after another.
    pub(super) async fn save(&self) -> Result<(), ArchiveError> {
        let _turn = self.saving.lock().await;
        let (state, folder) = (self.state().clone(), self.folder.clone());
        let path = State::path(&folder, &state.name);
        let saved = blocking(move || state.save(&folder)).await;
        saved.map_err(|source| failed("cannot write", &path, source))
    }

    /// How it stands, less its finished files.
    pub(super) fn status(&self) -> Status {
        let (state, live) = (self.state().clone(), *self.live());
        let totals = match live.is_open {
            true => Totals { files: state.totals.files, ..state.totals.and(live.written) },
            false => state.totals,
        };
        let mut status = state.status(totals);
        if state.phase == Phase::Recording || state.phase == Phase::Stopping {
            status.behind_ms = Some(live.behind_ms);
        }
        status.bytes = if live.is_open { live.written.bytes } else { 0 };
        status
    }
}

impl State {
    /// How the recording stands, with these totals; without its files.
    pub(super) fn status(&self, totals: Totals) -> Status {
        let ended = self.ended.as_ref();
        Status {
            name: self.name.clone(),
            state: self.phase,
            reason: ended.map(|ended| ended.why),
            detail: ended.and_then(|ended| ended.detail.clone()),
            tenant: Some(self.tenant.clone()),
            prefix: Some(self.prefix.clone()),
            cameras: self.cameras.clone(),
            except: self.except.clone(),
            started_at: Some(self.started_at),
            from: self.spans.start(),
            to: self.spans.end().filter(|end| self.ended.is_some() && *end > UnixNanos::MIN),
            first: totals.first,
            last: totals.last,
            frames: Some(totals.frames),
            image_bytes: Some(totals.image_bytes),
            bytes: 0,
            files: Vec::new(),
            lost: self.lost,
            gaps: self.gaps.clone(),
            behind_ms: None,
        }
    }
}
