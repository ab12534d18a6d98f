//! The newest frame of each camera that is watched, fetched once for all its viewers.
//!
//! A keeper runs for a camera from its first viewer to its last. It is told of each new frame by the
//! feed, fetches the newest of those that came while it fetched the one before, and shows it to all:
//! skipping is built in, nothing queues. Beside the frame it shows its place in the order of all that
//! came, so that each viewer can tell how many it skipped. A frame that has died is no longer shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::{Inner, Interest, feed, lock};
use crate::model::frame::Frame;
use crate::model::key::{FrameKey, StreamId};
use crate::query::{QueryError, Via};

/// How often a frame that no newer one follows is looked after.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// How long after a failed request to the store the next one is made.
const RETRY: Duration = Duration::from_millis(500);

/// A frame as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The frame.
    pub frame: Arc<Frame>,
    /// Its number among all frames of the camera that came while it was watched; those skipped count.
    pub order: u64,
}

/// One who watches a camera.
#[derive(Debug)]
pub struct Viewer(watch::Receiver<Option<Shown>>);

impl Viewer {
    /// Waits until something else is to be shown; `false` once all is closed. At first there is.
    /// May be dropped and called again.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// What is to be shown now; `None` while no frame lives.
    pub fn newest(&mut self) -> Option<Shown> {
        self.0.borrow_and_update().clone()
    }
}

/// The cameras that are watched.
#[derive(Default)]
pub(super) struct Keepers(Mutex<HashMap<StreamId, Kept>>);

struct Kept {
    wanted: watch::Sender<Option<Wanted>>,
    shown: watch::Sender<Option<Shown>>,
}

/// The newest frame that was told of, and how many were.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    key: FrameKey,
    number: u64,
}

impl Keepers {
    /// Tells of a frame: it is fetched if its camera is watched and it is the newest.
    pub(super) fn offer(&self, key: &FrameKey) {
        if let Some(kept) = lock(&self.0).get(key.stream()) {
            kept.wanted.send_if_modified(|wanted| {
                let number = match wanted {
                    Some(newest) if newest.key >= *key => return false,
                    Some(newest) => newest.number + 1,
                    None => 1,
                };
                *wanted = Some(Wanted { key: key.clone(), number });
                true
            });
        }
    }
}

pub(super) fn watch(inner: &Arc<Inner>, stream: &StreamId) -> Viewer {
    let mut begun = None;
    let mut receiver = {
        let mut kept = lock(&inner.keepers.0);
        let kept = kept.entry(stream.clone()).or_insert_with(|| {
            let kept = Kept { wanted: watch::Sender::new(None), shown: watch::Sender::new(None) };
            begun = Some(Keeper {
                inner: Arc::clone(inner),
                stream: stream.clone(),
                wanted: kept.wanted.subscribe(),
                shown: kept.shown.clone(),
                order: 0,
                number: 0,
            });
            kept
        });
        kept.shown.subscribe()
    };
    // after the lock: a keeper that is refused takes it to go
    if let Some(keeper) = begun {
        inner.spawn(keeper.run());
    }
    receiver.mark_changed();
    Viewer(receiver)
}

struct Keeper {
    inner: Arc<Inner>,
    stream: StreamId,
    wanted: watch::Receiver<Option<Wanted>>,
    shown: watch::Sender<Option<Shown>>,
    /// Of what is shown, or was last.
    order: u64,
    /// Frames told of, up to the one shown.
    number: u64,
}

/// Forgets the camera when its keeper ends, so that viewers are told.
impl Drop for Keeper {
    fn drop(&mut self) {
        let mut kept = lock(&self.inner.keepers.0);
        if kept.get(&self.stream).is_some_and(|kept| kept.shown.same_channel(&self.shown)) {
            kept.remove(&self.stream);
        }
    }
}

impl Keeper {
    async fn run(mut self) {
        let place = feed::join(&self.inner, Interest::camera(&self.stream));
        let mut stale = true;
        while !self.is_unused() {
            let done = match stale {
                true => self.show_latest().await,
                false => self.show_wanted().await,
            };
            if let Err(error) = done {
                tracing::debug!("{} cannot be shown: {error}", self.stream);
                sleep(RETRY).await;
                continue;
            }
            stale = tokio::select! {
                told = self.wanted.changed() => match told {
                    Ok(()) => false,
                    Err(_) => break,
                },
                () = self.shown.closed() => false,
                () = sleep(CHECK_EVERY), if self.shown.borrow().is_some() => self.has_died().await,
            };
        }
        drop(place);
    }

    /// Whether nobody watches any more; if so, the next viewer gets a keeper of its own.
    fn is_unused(&self) -> bool {
        let mut kept = lock(&self.inner.keepers.0);
        let unused = self.shown.receiver_count() == 0;
        if unused {
            kept.remove(&self.stream);
        }
        unused
    }

    /// Shows what the store has as the newest.
    async fn show_latest(&mut self) -> Result<(), QueryError> {
        match self.inner.parts.query.latest_frame(&self.stream, Via::Index).await? {
            Some(frame) => self.show(frame, self.order + 1),
            None => {
                self.shown.send_replace(None);
            }
        }
        Ok(())
    }

    /// Shows the newest frame that was told of, unless it is shown or no longer lives.
    async fn show_wanted(&mut self) -> Result<(), QueryError> {
        let Some(Wanted { key, number }) = self.wanted.borrow_and_update().clone() else {
            return Ok(());
        };
        let newest = self.shown.borrow().as_ref().is_none_or(|shown| shown.frame.key < key);
        if !newest {
            self.number = number;
            return Ok(());
        }
        if let Some(frame) = self.inner.parts.query.get(&key).await? {
            let order = self.order + (number - self.number).max(1);
            self.number = number;
            self.show(frame, order);
        }
        Ok(())
    }

    fn show(&mut self, frame: Frame, order: u64) {
        self.order = order;
        self.shown.send_replace(Some(Shown { frame: Arc::new(frame), order }));
    }

    /// Whether the frame that is shown is gone, as far as the store tells.
    async fn has_died(&self) -> bool {
        let key = self.shown.borrow().as_ref().map(|shown| shown.frame.key.clone());
        let Some(key) = key else { return false };
        matches!(self.inner.store().stat(&[key]).await.as_deref(), Ok([None]))
    }
}
