//! Floor 3: who follows what happens, and who watches cameras live.
//!
//! | file | does |
//! | --- | --- |
//! | `feed`, `told`, `sweep` | one feed a process: the bus gives speed, the index gives certainty |
//! | `follow`, `cursor`, `interest` | a follower that loses nothing, and resumes where it was |
//! | `keeper`, `pace` | the newest frame of a camera, fetched once for all who watch it |
//!
//! All of it runs only while somebody follows or watches. Nobody is waited for: a slow follower is
//! given from the index what it was too slow for, a slow viewer skips to the newest frame. An outage
//! of the bus costs at most a second's delay; one of the store delays, and ends nothing.

mod cursor;
mod feed;
mod follow;
mod interest;
mod keeper;
mod pace;
mod sweep;
mod told;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::cursor::{Cursor, CursorError};
use self::feed::Slot;
pub use self::interest::Interest;
use self::keeper::Keepers;
pub use self::keeper::{Shown, Viewer};
pub use self::pace::Pace;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::model::event::Announcement;
use crate::model::key::StreamId;
use crate::model::name::Tenant;
use crate::query::Query;
use crate::store::FrameStore;

/// One thing that a follower sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// A frame was stored; it is readable now.
    Frame(Announcement),
    /// A status message, as published.
    Status {
        /// Its routing key.
        routing_key: String,
        /// Its JSON.
        body: Bytes,
    },
    /// Messages were lost in between, because the follower was slow or the connection broke. Frames
    /// among them come again, from the index; status messages do not.
    Missed {
        /// How many, where that is known.
        count: Option<u64>,
    },
}

/// Something that happened, and from where to go on after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Who follows from here on misses nothing that comes after this.
    pub cursor: Cursor,
    /// What happened.
    pub followed: Followed,
}

/// What is watched with.
#[derive(Debug, Clone)]
pub struct WatchParts {
    /// Where frames lie.
    pub store: Arc<dyn FrameStore>,
    /// The way out of it.
    pub query: Query,
    /// Who tells of them first.
    pub bus: Arc<dyn Bus>,
    /// What time it is while the store does not tell.
    pub clock: Arc<dyn Clock>,
    /// Whose cameras the status messages of the bus speak of.
    pub tenant: Tenant,
}

/// Everything that is live; cheap to clone.
#[derive(Clone)]
pub struct Watch(Arc<Inner>);

struct Inner {
    parts: WatchParts,
    feed: Mutex<Slot>,
    keepers: Keepers,
    tasks: Mutex<JoinSet<()>>,
    stop: CancellationToken,
}

impl Watch {
    /// Nothing runs until somebody follows or watches.
    #[must_use]
    pub fn new(parts: WatchParts) -> Self {
        Self(Arc::new(Inner {
            parts,
            feed: Mutex::default(),
            keepers: Keepers::default(),
            tasks: Mutex::default(),
            stop: CancellationToken::new(),
        }))
    }

    /// What happens from now on, or since `after`: each frame at least once, repeats only of what
    /// arrived within about [`Cursor::MARGIN`] before `after`. What died meanwhile is left out.
    ///
    /// Answers where it starts, too. The stream ends with [`Watch::close`]. Waits until the bus is
    /// followed, but not for a bus that is away. Must be called inside a tokio runtime.
    pub async fn follow(
        &self,
        interest: Interest,
        after: Option<Cursor>,
    ) -> (Cursor, BoxStream<'static, Happening>) {
        follow::follow(&self.0, interest, after).await
    }

    /// The newest living frame of a camera, now and whenever there is a newer one. Must be called
    /// inside a tokio runtime.
    #[must_use]
    pub fn newest(&self, stream: &StreamId) -> Viewer {
        keeper::watch(&self.0, stream)
    }

    /// Ends all streams and viewers, and waits for what ran for them.
    pub async fn close(&self) {
        self.0.stop.cancel();
        let tasks = std::mem::take(&mut *lock(&self.0.tasks));
        tasks.join_all().await;
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Inner {
    /// Runs until it ends or all is closed.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            tokio::select! {
                () = task => {}
                () = stop.cancelled() => {}
            }
        });
    }

    fn store(&self) -> &dyn FrameStore {
        self.parts.store.as_ref()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
