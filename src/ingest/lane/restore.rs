//! The way back in: a frame that a file or another store kept is stored again as it was.
//!
//! It keeps its key and may be given its exact end. Its bytes are not judged, because a store may hold
//! what is no JPEG. Otherwise it goes the way of a push: through the lane's queue, counted, announced.
//! A full queue is waited for, because who restores has many frames and no source that runs on.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Lane, Reply};
use crate::ingest::queue::{Item, NotQueued, Restoring, Target};
use crate::ingest::{PUSH_AHEAD_MAX, PushError, Pushed};
use crate::model::bucket::whole_millis;
use crate::model::frame::{Frame, StoredFrame};
use crate::model::jpeg;
use crate::model::key::check_time;

/// How often a full queue is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

impl Lane {
    /// Stores a frame under the very key that it has, with the end that it has, and waits for it: `Ok`
    /// means the store has acknowledged it, `again` that the same bytes lay there already.
    ///
    /// Without `expires_at` it lives as a push of its time would, for `ttl` or the lane's base
    /// lifetime. Restoring the same frame again changes nothing.
    ///
    /// # Errors
    /// [`PushError`]; except for [`PushError::Store`] the frame is not and will not be stored.
    /// [`PushError::Taken`]: its key holds other bytes. [`PushError::Expired`]: its end is past.
    pub async fn restore(&self, stored: StoredFrame) -> Result<Pushed, PushError> {
        let queued = match self.checked(stored) {
            Ok(item) => self.queue_restored(item).await,
            Err(error) => Err(error),
        };
        self.answer(queued.inspect_err(|_| self.account.rejected())?).await
    }

    fn checked(&self, stored: StoredFrame) -> Result<Item, PushError> {
        let StoredFrame { frame: Frame { key, bytes }, ttl, expires_at } = stored;
        if *key.stream() != self.stream {
            return Err(PushError::OtherCamera { key, lane: self.stream.to_string() });
        }
        let max = self.shared.options.max_frame_bytes;
        if bytes.len() > max {
            return Err(PushError::TooLarge { bytes: bytes.len(), max });
        }
        if bytes.is_empty() {
            return Err(PushError::Empty(key));
        }
        check_time(key.at())?;
        let now = self.shared.clock.now();
        if key.at() > now.plus(PUSH_AHEAD_MAX) {
            return Err(PushError::Future(key.at().to_rfc3339()));
        }
        if expires_at.is_some_and(|end| whole_millis(end) <= now) {
            return Err(PushError::Expired(key));
        }
        let dimensions = jpeg::inspect(&bytes).ok().map(|info| info.dimensions);
        let target = Target::Restored(Box::new(Restoring { key, ttl, expires_at }));
        Ok(Item { target, bytes, dimensions, reply: None })
    }

    async fn queue_restored(&self, mut item: Item) -> Result<Reply, PushError> {
        let deadline = Instant::now() + self.shared.options.push_timeout;
        loop {
            if self.stop.is_cancelled() {
                return Err(self.no_longer());
            }
            let (sender, receiver) = oneshot::channel();
            item.reply = Some(sender);
            match self.queue.push_if_room(item, || self.account.captured()) {
                Ok(()) => return Ok(receiver),
                Err((NotQueued::Closed, _)) => return Err(self.no_longer()),
                Err((NotQueued::Full, _)) if Instant::now() >= deadline => {
                    return Err(PushError::Busy(self.stream.camera.to_string()));
                }
                Err((NotQueued::Full, refused)) => item = refused,
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
