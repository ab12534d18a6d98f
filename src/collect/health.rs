//! How each camera does: written by its task, read by anybody at any time.
//!
//! This is the one record of a camera's state. Status messages are made from it (see `status`), so
//! what the API shows and what the bus was told cannot differ for long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;

use crate::model::name::CameraId;
use crate::model::time::UnixNanos;

/// Where a camera stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// The health of all cameras of one collector, in the order of their configuration.
#[derive(Debug, Clone, Default)]
pub struct HealthBoard {
    rows: Vec<Arc<Mutex<CameraHealth>>>,
    changed: Arc<Notify>,
}

/// The one row that a camera's task writes.
#[derive(Debug, Clone)]
pub struct Reporter {
    row: Arc<Mutex<CameraHealth>>,
    changed: Arc<Notify>,
}

impl HealthBoard {
    /// A row for one more camera, at first [`SourceState::Starting`].
    pub fn add(&mut self, camera: CameraId, name: String, source: String) -> Reporter {
        let row = Arc::new(Mutex::new(CameraHealth {
            camera,
            name,
            source,
            state: SourceState::Starting,
            since: None,
            consecutive_failures: 0,
            last_error: String::new(),
            last_frame: None,
            frames: 0,
        }));
        self.rows.push(Arc::clone(&row));
        Reporter { row, changed: Arc::clone(&self.changed) }
    }

    /// Every camera as it stands now.
    #[must_use]
    pub fn snapshot(&self) -> Vec<CameraHealth> {
        self.rows.iter().map(|row| lock(row).clone()).collect()
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

fn lock(row: &Mutex<CameraHealth>) -> MutexGuard<'_, CameraHealth> {
    row.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_fails_comes_back_and_ends() {
        let mut board = HealthBoard::default();
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
}
