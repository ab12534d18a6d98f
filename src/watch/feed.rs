//! The one feed of a process: everything that happens, once, to whoever follows.
//!
//! The bus tells at once. About once a second a sweep of the index, over the cameras that somebody is
//! interested in, tells what the bus did not: while the broker is away, or lost something. When a sweep
//! has ended, everything that arrived before it began has been told, which is what cursors say. A
//! store that is away stops the sweeps; the next one covers the time between. A follower that falls
//! behind [`RING`] happenings loses them here, and looks for itself. The feed runs from the first
//! follower to the last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::{broadcast, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::sweep::{self, IN_FLIGHT};
use super::told::Told;
use super::{Cursor, Followed, Happening, Inner, Interest, lock};
use crate::backoff::Backoff;
use crate::bus::Event;
use crate::model::event::{Announcement, EventError};
use crate::model::key::StreamId;
use crate::model::time::{TimeRange, UnixNanos};
use crate::store::StoreError;

/// Happenings that a follower may be behind.
const RING: usize = 4096;

/// How often the index is swept.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How far ahead of the store's clock a frame may lie.
pub(super) const AHEAD: Duration = Duration::from_secs(11);

/// How long a follower waits for the bus to be followed, before the index alone must do.
const BUS_WITHIN: Duration = Duration::from_secs(5);

/// How long the store may take to say what time it is.
const TIME_WITHIN: Duration = Duration::from_secs(1);

/// Who is interested in what, and the feed while anybody is.
#[derive(Default)]
pub(super) struct Slot {
    next: u64,
    interests: HashMap<u64, Interest>,
    feed: Option<Arc<Feed>>,
}

pub(super) struct Feed {
    ring: broadcast::Sender<Arc<Happening>>,
    /// Up to where all was told; `None` until the feed has begun.
    verified: watch::Sender<Option<UnixNanos>>,
    told: Mutex<Told>,
}

/// A place at the feed.
pub(super) struct Place {
    pub(super) ring: broadcast::Receiver<Arc<Happening>>,
    pub(super) verified: watch::Receiver<Option<UnixNanos>>,
    _interest: Guard,
}

/// Takes the interest away when dropped.
struct Guard {
    inner: Arc<Inner>,
    id: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        lock(&self.inner.feed).interests.remove(&self.id);
    }
}

/// Joins the feed, or starts it.
pub(super) fn join(inner: &Arc<Inner>, interest: Interest) -> Place {
    let mut begun = None;
    let place = {
        let mut slot = lock(&inner.feed);
        let id = slot.next;
        slot.next += 1;
        slot.interests.insert(id, interest);
        let feed = slot.feed.get_or_insert_with(|| {
            let feed = Arc::new(Feed::new());
            begun = Some(Run(Arc::clone(inner), Arc::clone(&feed)));
            feed
        });
        let (ring, verified) = (feed.ring.subscribe(), feed.verified.subscribe());
        Place { ring, verified, _interest: Guard { inner: Arc::clone(inner), id } }
    };
    // after the lock: a feed that is refused takes it to go
    if let Some(run) = begun {
        inner.spawn(run.run());
    }
    place
}

/// The running feed; lets go of it when it ends, however that comes.
struct Run(Arc<Inner>, Arc<Feed>);

impl Drop for Run {
    fn drop(&mut self) {
        let mut slot = lock(&self.0.feed);
        if slot.feed.as_ref().is_some_and(|feed| Arc::ptr_eq(feed, &self.1)) {
            slot.feed = None;
        }
    }
}

impl Run {
    async fn run(self) {
        let Self(inner, feed) = &self;
        let start = match timeout(TIME_WITHIN, inner.store().now()).await {
            Ok(Ok(now)) => now,
            _ => inner.parts.clock.now(),
        };
        tokio::select! {
            () = hear(inner, feed, start) => {}
            () = sweep_while_needed(inner, feed, start) => {}
        }
    }
}

/// Passes on what the bus tells, across its outages, for ever.
async fn hear(inner: &Inner, feed: &Feed, start: UnixNanos) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    let mut gap = false;
    loop {
        let subscribed = timeout(BUS_WITHIN, inner.parts.bus.subscribe()).await;
        if let Ok(Ok(mut events)) = subscribed {
            if gap {
                feed.tell(inner, Followed::Missed { count: None });
            }
            feed.begin(start);
            backoff.reset();
            while let Some(event) = events.next().await {
                if let Some(followed) = followed(event) {
                    feed.tell(inner, followed);
                }
            }
        }
        gap = true;
        feed.begin(start);
        sleep(backoff.next_wait()).await;
    }
}

/// Sweeps until nobody is interested.
async fn sweep_while_needed(inner: &Inner, feed: &Feed, start: UnixNanos) {
    let mut tick = interval(SWEEP_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    let mut verified = start;
    let mut failing = false;
    loop {
        tick.tick().await;
        let interests: Vec<Interest> = {
            let mut slot = lock(&inner.feed);
            if slot.interests.is_empty() {
                slot.feed = None;
                return;
            }
            slot.interests.values().cloned().collect()
        };
        match sweep(inner, feed, &interests, (start, verified)).await {
            Ok(now) => {
                verified = now;
                failing = false;
                feed.verify(now);
            }
            Err(error) if failing => tracing::debug!("the index is still not swept: {error}"),
            Err(error) => {
                failing = true;
                tracing::warn!("the index is not swept for followers: {error}; trying again");
            }
        }
    }
}

/// Tells what arrived since `verified` and was not told; answers until when that holds.
async fn sweep(
    inner: &Inner,
    feed: &Feed,
    interests: &[Interest],
    (start, verified): (UnixNanos, UnixNanos),
) -> Result<UnixNanos, StoreError> {
    let now = inner.store().now().await?;
    let from = verified.min(now).minus(Cursor::MARGIN).max(start.min(now));
    let Ok(span) = TimeRange::new(from, now.plus(AHEAD)) else { return Ok(now) };
    let wanted = sweep::wanted(inner.store(), interests).await?;
    let looks = wanted.into_iter().map(|one| look(inner, feed, one, (span, now)));
    let looks = futures_util::stream::iter(looks).buffer_unordered(IN_FLIGHT);
    looks.try_for_each(|()| std::future::ready(Ok(()))).await?;
    lock(&feed.told).forget_before(from.minus(Cursor::MARGIN));
    Ok(now)
}

async fn look(
    inner: &Inner,
    feed: &Feed,
    stream: StreamId,
    (span, now): (TimeRange, UnixNanos),
) -> Result<(), StoreError> {
    let mut found = sweep::arrived(inner.store(), &stream, span).await?;
    {
        let mut told = lock(&feed.told);
        found.retain(|one| !told.meet(&stream, one.record.at, one.record.suffix, now));
    }
    for announcement in sweep::announcements(inner.store(), &stream, &found).await? {
        feed.tell(inner, Followed::Frame(announcement));
    }
    Ok(())
}

impl Feed {
    fn new() -> Self {
        let (ring, verified) = (broadcast::Sender::new(RING), watch::Sender::new(None));
        Self { ring, verified, told: Mutex::default() }
    }

    /// The first attempt to follow the bus has ended, well or not.
    fn begin(&self, start: UnixNanos) {
        self.verified.send_if_modified(|verified| {
            let first = verified.is_none();
            verified.get_or_insert(start);
            first
        });
    }

    fn verify(&self, until: UnixNanos) {
        self.verified.send_replace(Some(until));
    }

    /// Tells all followers, unless it is a frame that they were told of.
    fn tell(&self, inner: &Inner, followed: Followed) {
        let mut told = lock(&self.told);
        let verified = self.verified.borrow().unwrap_or(UnixNanos::MIN);
        if let Followed::Frame(Announcement { key, .. }) = &followed {
            if !told.note(key, verified) {
                return;
            }
            inner.keepers.offer(key);
        }
        let happening = Happening { cursor: Cursor::at(verified), followed };
        // Nobody may be there: the feed also serves viewers, who were offered the frame above.
        let _ = self.ring.send(Arc::new(happening));
    }
}

/// A bus event as followers see it; what is neither a frame nor a status message is passed over.
fn followed(event: Event) -> Option<Followed> {
    let (routing_key, body) = match event {
        Event::Missed { count } => return Some(Followed::Missed { count }),
        Event::Message { routing_key, body } => (routing_key, body),
    };
    match Announcement::from_json(&body) {
        Ok(announcement) => Some(Followed::Frame(announcement)),
        Err(EventError::OtherEvent(_)) => Some(Followed::Status { routing_key, body }),
        Err(error) => {
            tracing::debug!("a message under {routing_key} is passed over: {error}");
            None
        }
    }
}
