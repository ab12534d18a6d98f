//! The account of every frame and announcement, exact at every instant.
//!
//! `captured = stored + dropped{reason} + pending` holds in every snapshot, because one small lock a
//! camera guards its counts and pending is never counted on its own. Nothing here knows how figures
//! are shown; faces read snapshots.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::model::jpeg::FragmentReason;
use crate::model::time::UnixNanos;

/// Why a captured frame was not stored. The list is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// Above the camera's frame rate limit.
    FpsLimit,
    /// The oldest in a full queue.
    QueueFull,
    /// A fragment: its end never came.
    Truncated,
    /// No JPEG.
    NotJpeg,
    /// Over the size limit.
    TooLarge,
    /// The store refused it for good.
    StoreError,
    /// Its write was never answered before the process ended or the camera was removed.
    Unknown,
    /// Not written before the process ended or the camera was removed.
    Shutdown,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::FpsLimit,
        Self::QueueFull,
        Self::Truncated,
        Self::NotJpeg,
        Self::TooLarge,
        Self::StoreError,
        Self::Unknown,
        Self::Shutdown,
    ];

    /// The reason as a metric label, e.g. `queue_full`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FpsLimit => "fps_limit",
            Self::QueueFull => "queue_full",
            Self::Truncated => "truncated",
            Self::NotJpeg => "not_jpeg",
            Self::TooLarge => "too_large",
            Self::StoreError => "store_error",
            Self::Unknown => "unknown",
            Self::Shutdown => "shutdown",
        }
    }
}

impl From<FragmentReason> for DropReason {
    fn from(reason: FragmentReason) -> Self {
        match reason {
            FragmentReason::Truncated => Self::Truncated,
            FragmentReason::NotJpeg => Self::NotJpeg,
            FragmentReason::TooLarge => Self::TooLarge,
        }
    }
}

/// Counts since the process started. Frames, unless the name says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Complete JPEGs and fragments taken from a source, and accepted pushes.
    pub captured: u64,
    /// Acknowledged by the store.
    pub stored: u64,
    /// Payload bytes of the stored ones.
    pub stored_bytes: u64,
    /// Not stored, by [`DropReason`] in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// Pushes that were refused with an error; they are not captured.
    pub rejected: u64,
    /// Announcements confirmed by the bus.
    pub announced: u64,
    /// Announced ones that no queue was bound for.
    pub unroutable: u64,
    /// Announcements not sent because their frame had expired.
    pub announcements_expired: u64,
    /// Announced ones that were read back from the index, after an outage or a restart. Only these
    /// may repeat an earlier one.
    pub from_outbox: u64,
    /// Whole frames confirmed by the bus, where that second path is on.
    pub whole_frames_sent: u64,
    /// Whole frames that the bus did not take in time; they stay in the store.
    pub whole_frames_skipped: u64,
}

impl Counts {
    /// Captured frames whose fate is open.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.captured - self.stored - self.dropped_total()
    }

    /// Dropped frames, whatever the reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Drops by reason, without the zeros.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().zip(self.dropped).filter(|(_, count)| *count > 0)
    }

    /// Adds the counts of another camera.
    pub fn add(&mut self, other: &Self) {
        self.captured += other.captured;
        self.stored += other.stored;
        self.stored_bytes += other.stored_bytes;
        self.rejected += other.rejected;
        self.announced += other.announced;
        self.unroutable += other.unroutable;
        self.announcements_expired += other.announcements_expired;
        self.from_outbox += other.from_outbox;
        self.whole_frames_sent += other.whole_frames_sent;
        self.whole_frames_skipped += other.whole_frames_skipped;
        for (sum, one) in self.dropped.iter_mut().zip(other.dropped) {
            *sum += one;
        }
    }
}

/// The counts of one camera.
#[derive(Debug, Default)]
pub struct Account(Mutex<Row>);

#[derive(Debug, Default)]
struct Row {
    counts: Counts,
    newest: Option<UnixNanos>,
}

impl Account {
    /// A frame or fragment was taken from a source.
    pub fn captured(&self) {
        self.row().counts.captured += 1;
    }

    /// A captured frame, taken `at`, was acknowledged by the store.
    pub fn stored(&self, bytes: usize, at: UnixNanos) {
        let mut row = self.row();
        row.counts.stored += 1;
        row.counts.stored_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        row.newest = row.newest.max(Some(at));
    }

    /// A captured frame will not be stored.
    pub fn dropped(&self, reason: DropReason) {
        let position = DropReason::ALL.iter().position(|one| *one == reason);
        self.row().counts.dropped[position.expect("ALL should hold every reason")] += 1;
    }

    /// A frame was taken and dropped at once.
    pub fn captured_and_dropped(&self, reason: DropReason) {
        self.captured();
        self.dropped(reason);
    }

    /// A push was refused.
    pub fn rejected(&self) {
        self.row().counts.rejected += 1;
    }

    /// An announcement was confirmed.
    pub fn announced(&self, unroutable: bool, again: bool) {
        let mut row = self.row();
        row.counts.announced += 1;
        row.counts.unroutable += u64::from(unroutable);
        row.counts.from_outbox += u64::from(again);
    }

    /// Announcements were not sent because their frames had expired.
    pub fn announcements_expired(&self, count: u64) {
        self.row().counts.announcements_expired += count;
    }

    /// A whole frame was confirmed by the bus, or skipped.
    pub fn whole_frame(&self, sent: bool) {
        let mut row = self.row();
        row.counts.whole_frames_sent += u64::from(sent);
        row.counts.whole_frames_skipped += u64::from(!sent);
    }

    /// All counts at one instant.
    #[must_use]
    pub fn snapshot(&self) -> Counts {
        self.row().counts
    }

    /// When the newest stored frame was taken; `None` before the first.
    #[must_use]
    pub fn newest(&self) -> Option<UnixNanos> {
        self.row().newest
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_is_what_is_neither_stored_nor_dropped() {
        let account = Account::default();
        for _ in 0..5 {
            account.captured();
        }
        account.stored(100, UnixNanos::MIN.next());
        account.stored(50, UnixNanos::MIN);
        account.dropped(DropReason::QueueFull);
        let counts = account.snapshot();
        assert_eq!((counts.pending(), counts.stored_bytes), (2, 150));
        assert_eq!(account.newest(), Some(UnixNanos::MIN.next()));
        assert_eq!(counts.drops().collect::<Vec<_>>(), [(DropReason::QueueFull, 1)]);
    }
}
