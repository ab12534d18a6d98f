//! How each camera does: written by its task, read by anybody at any time.
//!
//! This is the one record of a camera's state. Status messages are made from it (see `status`), so
//! what the API shows and what the bus was told cannot differ for long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::model::name::CameraId;
use crate::model::time::UnixNanos;

/// Where a camera stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// No frame yet, and no failure.
    Starting,
    /// Frames come.
    Active,
    /// The last attempt failed; it is tried again.
    Inactive,
    /// Its source came to its end and is not to be repeated.
    Finished,
    /// Nothing is collected: others push its frames.
    Push,
    /// Nothing is collected until somebody resumes it.
    Paused,
}

/// What is known of a camera at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CameraHealth {
    /// Which camera.
    pub camera: CameraId,
    /// Its name for humans, may be empty.
    pub name: String,
    /// Its URL without secrets.
    pub source: String,
    /// Where it stands.
    pub state: SourceState,
    /// Since when; `None` before the first change.
    pub since: Option<UnixNanos>,
    /// Failed attempts in a row, 0 when active.
    pub consecutive_failures: u64,
    /// Why the last attempt failed, without secrets; empty when active.
    pub last_error: String,
    /// Capture time of the newest frame, of whatever attempt.
    pub last_frame: Option<UnixNanos>,
    /// Frames taken from the source, before any limit.
    pub frames: u64,
}

/// The health of all cameras of one collector, in the order in which they came. Clones share the
/// rows, which come and go with the cameras.
#[derive(Debug, Clone, Default)]
pub struct HealthBoard {
    rows: Arc<Mutex<Vec<Row>>>,
    changed: Arc<Notify>,
}

type Row = Arc<Mutex<CameraHealth>>;

/// The one row that a camera's task writes.
#[derive(Debug, Clone)]
pub struct Reporter {
    row: Row,
    changed: Arc<Notify>,
}

impl HealthBoard {
    /// The row of a camera, fresh: [`SourceState::Starting`]. Where it had one already, only its
    /// frames and the time of the newest stay.
    pub fn add(&self, camera: CameraId, name: String, source: String) -> Reporter {
        let fresh = CameraHealth {
            camera,
            name,
            source,
            state: SourceState::Starting,
            since: None,
            consecutive_failures: 0,
            last_error: String::new(),
            last_frame: None,
            frames: 0,
        };
        let row = self.put(fresh);
        self.changed.notify_one();
        Reporter { row, changed: Arc::clone(&self.changed) }
    }

    fn put(&self, fresh: CameraHealth) -> Row {
        let mut rows = lock(&self.rows);
        let Some(row) = find(&rows, &fresh.camera) else {
            let row = Arc::new(Mutex::new(fresh));
            rows.push(Arc::clone(&row));
            return row;
        };
        let mut old = lock(&row);
        let (last_frame, frames) = (old.last_frame, old.frames);
        *old = CameraHealth { last_frame, frames, ..fresh };
        drop(old);
        row
    }

    /// Gives a camera another name for humans.
    pub(crate) fn rename(&self, camera: &CameraId, name: &str) {
        if let Some(row) = find(&lock(&self.rows), camera) {
            name.clone_into(&mut lock(&row).name);
        }
    }

    /// Takes a camera's row away.
    pub(crate) fn remove(&self, camera: &CameraId) {
        lock(&self.rows).retain(|row| lock(row).camera != *camera);
        self.changed.notify_one();
    }

    /// Every camera as it stands now.
    #[must_use]
    pub fn snapshot(&self) -> Vec<CameraHealth> {
        lock(&self.rows).iter().map(|row| lock(row).clone()).collect()
    }

    /// One camera as it stands now.
    #[must_use]
    pub fn of(&self, camera: &CameraId) -> Option<CameraHealth> {
        find(&lock(&self.rows), camera).map(|row| lock(&row).clone())
    }

    /// Waits for the next change of a state, or one that nobody has waited for yet.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Reporter {
    /// A frame came, captured at `at`; true when none had come just before.
    pub fn frame(&self, at: UnixNanos) -> bool {
        let mut row = lock(&self.row);
        row.frames += 1;
        row.last_frame = Some(at);
        let news = row.state != SourceState::Active;
        if news {
            row.consecutive_failures = 0;
            row.last_error.clear();
            self.enter(row, SourceState::Active, at);
        }
        news
    }

    /// An attempt failed for this reason; true when the camera had not failed just before.
    pub fn failed(&self, at: UnixNanos, why: String) -> bool {
        let mut row = lock(&self.row);
        row.consecutive_failures += 1;
        row.last_error = why;
        let news = row.state != SourceState::Inactive;
        if news {
            self.enter(row, SourceState::Inactive, at);
        }
        news
    }

    /// The source came to its end.
    pub fn finished(&self, at: UnixNanos) {
        self.enter(lock(&self.row), SourceState::Finished, at);
    }

    /// Nothing is collected for now.
    pub fn paused(&self, at: UnixNanos) {
        self.enter(lock(&self.row), SourceState::Paused, at);
    }

    /// Others push the frames of this camera.
    pub fn pushed_by_others(&self, at: UnixNanos) {
        self.enter(lock(&self.row), SourceState::Push, at);
    }

    fn enter(&self, mut row: MutexGuard<'_, CameraHealth>, state: SourceState, at: UnixNanos) {
        row.state = state;
        row.since = Some(at);
        drop(row);
        self.changed.notify_one();
    }
}

fn find(rows: &[Row], camera: &CameraId) -> Option<Row> {
    rows.iter().find(|row| lock(row).camera == *camera).map(Arc::clone)
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_fails_comes_back_and_ends() {
        let board = HealthBoard::default();
        let camera = CameraId::new("cam1").unwrap();
        let reporter = board.add(camera.clone(), "Door".to_owned(), "rtsp://cam1".to_owned());
        let at = |n| UnixNanos::new(n);
        let fresh = board.snapshot().remove(0);
        assert_eq!((fresh.state, fresh.since, fresh.frames), (SourceState::Starting, None, 0));

        assert!(reporter.failed(at(1).unwrap(), "no route".to_owned()));
        assert!(!reporter.failed(at(2).unwrap(), "no host".to_owned()));
        let down = CameraHealth {
            state: SourceState::Inactive,
            since: at(1),
            consecutive_failures: 2,
            last_error: "no host".to_owned(),
            ..fresh.clone()
        };
        assert_eq!(board.snapshot(), [down]);

        assert!(reporter.frame(at(3).unwrap()));
        assert!(!reporter.frame(at(4).unwrap()));
        let up = CameraHealth {
            state: SourceState::Active,
            since: at(3),
            last_frame: at(4),
            frames: 2,
            ..fresh.clone()
        };
        assert_eq!(board.snapshot().remove(0), up);

        reporter.finished(at(5).unwrap());
        let ended = CameraHealth { state: SourceState::Finished, since: at(5), ..up };
        assert_eq!(board.snapshot(), [ended]);
    }

    #[test]
    fn rows_come_and_go_and_a_fresh_start_keeps_what_was_counted() {
        let board = HealthBoard::default();
        let camera = |id: &str| CameraId::new(id).unwrap();
        let add = |id: &str| board.add(camera(id), String::new(), "push:".to_owned());
        let (first, _) = (add("cam1"), add("cam2"));
        first.frame(UnixNanos::new(1).unwrap());
        first.paused(UnixNanos::new(2).unwrap());
        board.rename(&camera("cam1"), "Door");
        let paused = board.of(&camera("cam1")).unwrap();
        assert_eq!((paused.name.as_str(), paused.state), ("Door", SourceState::Paused));

        add("cam1");
        let fresh = CameraHealth {
            name: String::new(),
            state: SourceState::Starting,
            since: None,
            ..paused.clone()
        };
        assert_eq!(board.of(&camera("cam1")), Some(fresh));
        assert_eq!((paused.frames, paused.last_frame), (1, UnixNanos::new(1)));
        board.remove(&camera("cam1"));
        let left: Vec<_> = board.snapshot().into_iter().map(|row| row.camera).collect();
        assert_eq!((left, board.of(&camera("cam1"))), (vec![camera("cam2")], None));
    }
}
