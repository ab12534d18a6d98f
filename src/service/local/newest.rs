//! The newest frame for clients that poll: fresh, newer than what they have, and waited for if need be.
//!
//! Who waits is woken by the announcement of a frame of its camera and only then asks the store; every
//! two seconds it asks as well, because the bus may be away or lose messages. No more wait than
//! [`WAITERS_MAX`], so that neither memory nor the bus follows the number of clients.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::LocalService;
use crate::model::frame::{Frame, FrameInfo};
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::UnixNanos;
use crate::query::{How, Newest, Via, Wanted};
use crate::service::{ErrorKind, Followed, Service, ServiceError};
use crate::watch::{Happening, Interest};

/// How many requests may wait for a frame at once, in the whole process.
const WAITERS_MAX: usize = 256;

static WAITERS: Semaphore = Semaphore::const_new(WAITERS_MAX);

/// How long a client that waits may miss a frame whose announcement was lost.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

type Look<'a, T> =
    dyn Fn() -> BoxFuture<'a, Result<Option<(FrameKey, T)>, ServiceError>> + Sync + 'a;

impl LocalService {
    /// The newest frame of a camera if it is what is `wanted`; if not, one that is, should it come
    /// within `wait`. Costs as much as [`Service::latest_frame`] when the first look finds it.
    ///
    /// # Errors
    /// What the store fails with; [`ErrorKind::Unavailable`] when too many wait already.
    pub async fn newest_frame(
        &self,
        stream: &StreamId,
        wanted: Wanted,
        wait: Duration,
        via: Via,
    ) -> Result<Newest<Frame>, ServiceError> {
        let look = || -> BoxFuture<'_, _> {
            Box::pin(async move {
                let frame = self.latest_frame(stream, via).await?;
                Ok(frame.map(|frame| (frame.key.clone(), frame)))
            })
        };
        self.newest(stream, wanted, wait, &look).await
    }

    /// As [`LocalService::newest_frame`], without bytes: the `count` newest, of which the first has to
    /// be what is wanted.
    ///
    /// # Errors
    /// As there.
    pub async fn newest_infos(
        &self,
        stream: &StreamId,
        wanted: Wanted,
        wait: Duration,
        (count, how): (usize, How),
    ) -> Result<Newest<Vec<FrameInfo>>, ServiceError> {
        let look = || -> BoxFuture<'_, _> {
            Box::pin(async move {
                let frames = self.latest(stream, count, how).await?;
                let first = frames.first().map(|frame| frame.key.clone());
                Ok(first.map(|key| (key, frames)))
            })
        };
        self.newest(stream, wanted, wait, &look).await
    }

    /// When the index last saw a frame of this camera; `None` when it does not know it.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn last_seen(&self, stream: &StreamId) -> Result<Option<UnixNanos>, ServiceError> {
        Ok(self.0.store.last_seen(stream).await?)
    }

    async fn newest<T>(
        &self,
        stream: &StreamId,
        wanted: Wanted,
        wait: Duration,
        look: &Look<'_, T>,
    ) -> Result<Newest<T>, ServiceError> {
        let mut newest = wanted.judge(look().await?, self.0.clock.now());
        if wait.is_zero() || matches!(newest, Newest::Found(_)) {
            return Ok(newest);
        }
        let _waiting = WAITERS.try_acquire().map_err(|_| {
            let said = format!("{WAITERS_MAX} requests wait for a frame already: come again");
            ServiceError::new(ErrorKind::Unavailable, said)
        })?;
        let deadline = Instant::now() + wait;
        // A bus that hangs costs its speed, not the client's patience.
        let within = deadline.min(Instant::now() + LOOK_AGAIN);
        let subscribed = timeout_at(within, self.announced(stream)).await;
        let mut announced = subscribed.unwrap_or_else(|_| stream::pending().boxed());
        loop {
            // Asked again after the subscription, so that no frame slips through in between.
            newest = wanted.judge(look().await?, self.0.clock.now());
            if matches!(newest, Newest::Found(_)) || Instant::now() >= deadline {
                return Ok(newest);
            }
            let until = deadline.min(Instant::now() + LOOK_AGAIN);
            if let Ok(None) = timeout_at(until, announced.next()).await {
                announced = stream::pending().boxed();
            }
        }
    }

    /// Ticks when there may be a new frame of this camera, and of no other: a wait must not make the
    /// index of every camera be swept.
    async fn announced(&self, of: &StreamId) -> BoxStream<'static, ()> {
        let (_, happenings) = self.watch().follow(Interest::camera(of), None).await;
        let concerns = |happening: Happening| match happening.followed {
            Followed::Frame(_) | Followed::Missed { .. } => Some(()),
            Followed::Status { .. } => None,
        };
        happenings.filter_map(move |one| std::future::ready(concerns(one))).boxed()
    }
}
