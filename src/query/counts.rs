//! Counters of lookups, for metrics: plain atomics, read as a snapshot.

use std::sync::atomic::{AtomicU64, Ordering};

use super::answer::Via;

/// What kind of lookup was made; also the label of its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The newest frames of a camera.
    Latest,
    /// A window.
    Range,
    /// The frame nearest to an instant.
    At,
    /// A frame by its key.
    Get,
    /// Sums by step.
    Timeline,
    /// Lists of cameras.
    Cameras,
    /// Sums by family.
    Stats,
    /// Frames to be deleted.
    Delete,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Latest,
        Self::Range,
        Self::At,
        Self::Get,
        Self::Timeline,
        Self::Cameras,
        Self::Stats,
        Self::Delete,
    ];

    /// The label in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Range => "range",
            Self::At => "at",
            Self::Get => "get",
            Self::Timeline => "timeline",
            Self::Cameras => "cameras",
            Self::Stats => "stats",
            Self::Delete => "delete",
        }
    }
}

/// Lookups since the start, by kind and outcome. Every method is wait-free.
#[derive(Debug, Default)]
pub struct QueryCounts {
    lookups: [[AtomicU64; Via::ALL.len()]; Kind::ALL.len()],
    misses: [AtomicU64; Kind::ALL.len()],
    dead: AtomicU64,
    deleted: AtomicU64,
    scans: AtomicU64,
    reused: AtomicU64,
}

impl QueryCounts {
    /// Lookups of this kind that were begun and asked to go this way; those that have no choice
    /// count as by the index.
    #[must_use]
    pub fn lookups(&self, kind: Kind, via: Via) -> u64 {
        self.lookups[kind as usize][via as usize].load(Ordering::Relaxed)
    }

    /// Lookups of this kind that found nothing.
    #[must_use]
    pub fn misses(&self, kind: Kind) -> u64 {
        self.misses[kind as usize].load(Ordering::Relaxed)
    }

    /// Records met whose frames were gone.
    #[must_use]
    pub fn dead(&self) -> u64 {
        self.dead.load(Ordering::Relaxed)
    }

    /// Frames that were deleted.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.deleted.load(Ordering::Relaxed)
    }

    /// Walks of the whole keyspace.
    #[must_use]
    pub fn scans(&self) -> u64 {
        self.scans.load(Ordering::Relaxed)
    }

    /// Scans answered from the one before.
    #[must_use]
    pub fn scans_reused(&self) -> u64 {
        self.reused.load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self, kind: Kind, via: Via) {
        self.lookups[kind as usize][via as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn missed(&self, kind: Kind) {
        self.misses[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn met_dead(&self, count: u64) {
        self.dead.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn deleted_frames(&self, count: u64) {
        self.deleted.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn scanned(&self, reused: bool) {
        let counter = if reused { &self.reused } else { &self.scans };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
