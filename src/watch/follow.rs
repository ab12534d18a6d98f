//! One follower: from where it was, out of the index, then live.
//!
//! A follower that resumes, or that was too slow for the feed, is given what arrived since its cursor in
//! slices of time, as fast as it takes them. Its cursor stands still until that is done, so a
//! follower that is cut off in the middle begins again there. What the feed tells meanwhile waits in
//! the ring; if that is not enough, the next round is shorter.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;

use super::feed::{self, AHEAD, Place};
use super::told::Told;
use super::{Cursor, Followed, Happening, Inner, Interest, sweep};
use crate::backoff::Backoff;
use crate::model::event::Announcement;
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::{TimeRange, UnixNanos};
use crate::store::StoreError;

/// The shortest slice of a replay.
const SLICE: Duration = Duration::from_secs(600);

pub(super) async fn follow(
    inner: &Arc<Inner>,
    interest: Interest,
    after: Option<Cursor>,
) -> (Cursor, BoxStream<'static, Happening>) {
    let mut place = feed::join(inner, interest.clone());
    let begun = place.verified.wait_for(Option::is_some).await.ok().and_then(|begun| *begun);
    let cursor = after.unwrap_or_else(|| Cursor::at(begun.unwrap_or(inner.parts.clock.now())));
    let follower = Follower {
        inner: Arc::clone(inner),
        place,
        interest,
        cursor,
        behind: after.is_some(),
        replay: None,
        ready: VecDeque::new(),
        replayed: None,
        backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(2)),
    };
    let happenings = stream::unfold(follower, |mut follower| async move {
        let next = follower.next().await?;
        Some((next, follower))
    });
    (cursor, happenings.boxed())
}

struct Follower {
    inner: Arc<Inner>,
    place: Place,
    interest: Interest,
    cursor: Cursor,
    /// Whether it must look for itself for what came since its cursor.
    behind: bool,
    replay: Option<Replay>,
    ready: VecDeque<Announcement>,
    /// Until when, and what, was replayed that may come from the feed as well.
    replayed: Option<(UnixNanos, Told)>,
    backoff: Backoff,
}

/// What is left of a replay.
struct Replay {
    /// What arrived before is told once this is done.
    until: UnixNanos,
    /// The slices and, of each, the cameras that are still to be looked at, last first.
    steps: Vec<(TimeRange, StreamId)>,
}

impl Follower {
    /// What happens next; `None` once all is closed.
    async fn next(&mut self) -> Option<Happening> {
        loop {
            if let Some(announcement) = self.ready.pop_front() {
                let followed = Followed::Frame(announcement);
                return Some(Happening { cursor: self.cursor, followed });
            }
            if self.behind {
                if self.place.ring.is_closed() {
                    return None;
                }
                if let Err(error) = self.catch_up().await {
                    tracing::debug!("a follower waits for the index: {error}");
                    sleep(self.backoff.next_wait()).await;
                }
                continue;
            }
            match self.place.ring.recv().await {
                Ok(happening) => {
                    if let Some(happening) = self.wanted(&happening) {
                        return Some(happening);
                    }
                }
                Err(RecvError::Lagged(count)) => {
                    self.behind = true;
                    let followed = Followed::Missed { count: Some(count) };
                    return Some(Happening { cursor: self.cursor, followed });
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// What of the feed is told on, with the follower's own cursor where that is further.
    fn wanted(&mut self, happening: &Happening) -> Option<Happening> {
        self.cursor = self.cursor.max(happening.cursor);
        let followed = &happening.followed;
        let wanted = match followed {
            Followed::Frame(Announcement { key, .. }) => {
                self.interest.covers(key.stream()) && !self.was_replayed(key)
            }
            Followed::Status { body, .. } => {
                self.interest.covers_status(&self.inner.parts.tenant, body)
            }
            Followed::Missed { .. } => true,
        };
        wanted.then(|| Happening { cursor: self.cursor, followed: followed.clone() })
    }

    fn was_replayed(&mut self, key: &FrameKey) -> bool {
        let instant = self.cursor.instant();
        self.replayed.take_if(|(until, _)| instant > until.plus(Cursor::MARGIN));
        let replayed = self.replayed.as_mut();
        replayed.is_some_and(|(_, told)| told.meet(key.stream(), key.at(), key.suffix(), instant))
    }

    /// Takes the next step of the replay; begins it, or ends it.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        if self.replay.is_none() {
            self.replay = Some(self.plan().await?);
        }
        let Some(replay) = &mut self.replay else { return Ok(()) };
        let Some((span, stream)) = replay.steps.last() else {
            self.cursor = Cursor::at(replay.until);
            (self.replay, self.behind) = (None, false);
            return Ok(());
        };
        let store = self.inner.store();
        let found = sweep::arrived(store, stream, *span).await?;
        self.ready.extend(sweep::announcements(store, stream, &found).await?);
        let recent = span.to() > replay.until;
        replay.steps.pop();
        if recent {
            let (until, told) =
                self.replayed.get_or_insert_with(|| (replay.until, Told::default()));
            *until = replay.until;
            for announcement in &self.ready {
                told.note(&announcement.key, replay.until);
            }
        }
        self.backoff.reset();
        Ok(())
    }

    async fn plan(&self) -> Result<Replay, StoreError> {
        let until = self.inner.store().now().await?;
        let from = self.cursor.instant().min(until).minus(Cursor::MARGIN);
        let wanted =
            sweep::wanted(self.inner.store(), std::slice::from_ref(&self.interest)).await?;
        let spans = slices(from, until).into_iter().rev();
        let steps = spans.flat_map(|span| {
            let cameras = wanted.iter().rev();
            cameras.map(move |stream| (span, stream.clone())).collect::<Vec<_>>()
        });
        Ok(Replay { until, steps: steps.collect() })
    }
}

/// Slices from `from` to a little ahead of `now`, first to last: ten minutes each, and an eighth of
/// their distance from now where that is more, so that decades of nothing are few slices.
fn slices(from: UnixNanos, now: UnixNanos) -> Vec<TimeRange> {
    let (mut start, end) = (from, now.plus(AHEAD));
    let mut slices = Vec::new();
    while start < end {
        let length = SLICE.max(now.since(start) / 8);
        let to = start.plus(length).min(end);
        slices.extend(TimeRange::new(start, to).ok());
        start = to;
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_the_time_since_without_gap_and_are_few() {
        let now = UnixNanos::new(1_731_024_000_000_000_000).unwrap();
        for (before, most) in
            [(0, 1), (5, 1), (3600, 8), (86_400, 40), (31_536_000, 80), (u64::MAX, 110)]
        {
            let from = now.minus(Duration::from_secs(before));
            let slices = slices(from, now);
            assert!(slices.len() <= most, "{before} s make {} slices", slices.len());
            assert_eq!((slices[0].from(), slices[slices.len() - 1].to()), (from, now.plus(AHEAD)));
            assert!(slices.windows(2).all(|pair| pair[0].to() == pair[1].from()));
        }
    }
}
