//! The time-bucketed index: lives, buckets and the 16-byte record that stands for one frame.
//!
//! A record is big-endian unix nanos (8), suffix number (4), flags (1), size (3). Records of one
//! camera, one lifetime and one span of time lie one after the other in a bucket, in order of
//! arrival: a retry only repeats a record, a late frame only lands further back, and a whole bucket
//! dies with its frames. A deleted frame's record becomes sixteen zero bytes, so that the others keep
//! their places. Readers decode, cut, sort and drop repeats: [`select_live`]. Nothing here knows where
//! buckets are kept.

use std::time::Duration;

use thiserror::Error;

use super::key::{FrameKey, KeyError, StreamId, Suffix};
use super::time::{NANOS_PER_SEC, TimeRange, Ttl, UnixNanos};

/// Bytes of one encoded record.
pub const RECORD_BYTES: usize = 16;

/// What overwrites the record of a deleted frame; no frame has such a record.
pub const DELETED: [u8; RECORD_BYTES] = [0; RECORD_BYTES];

/// The most bytes a frame may have: a size of 0xFFFFFF in a record means "ask the store".
pub const FRAME_MAX_BYTES: usize = 0xFF_FFFE;

const SIZE_ASK: u32 = 0xFF_FFFF;
const FLAG_KIND: u8 = 0b011;
const FLAG_ASK: u8 = 0b100;

/// How long a bucket and its marks outlive the last frame that can be in it.
pub const BUCKET_SLACK: Duration = Duration::from_secs(10);

/// The span of one bucket: 10 s up to a lifetime of one hour, 600 s above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketWidth(u32);

impl BucketWidth {
    /// The width that frames of this lifetime are indexed by.
    #[must_use]
    pub fn for_ttl(ttl: Ttl) -> Self {
        if ttl.as_secs() <= 3600 { Self(10) } else { Self(600) }
    }

    /// A width read back from an index; `None` for 0 and for over a day.
    #[must_use]
    pub fn from_secs(secs: u32) -> Option<Self> {
        (1..=86_400).contains(&secs).then_some(Self(secs))
    }

    /// Whole seconds.
    #[must_use]
    pub fn as_secs(self) -> u32 {
        self.0
    }

    fn nanos(self) -> u64 {
        u64::from(self.0) * NANOS_PER_SEC
    }
}

/// A lifetime and the bucket width that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Life {
    /// How long frames live.
    pub ttl: Ttl,
    /// The span of their buckets.
    pub width: BucketWidth,
}

impl Life {
    /// The life that a writer gives frames of this lifetime.
    #[must_use]
    pub fn of(ttl: Ttl) -> Self {
        Self { ttl, width: BucketWidth::for_ttl(ttl) }
    }

    /// The bucket that a frame of `at` belongs to.
    #[must_use]
    pub fn bucket(self, at: UnixNanos) -> Bucket {
        Bucket { life: self, number: at.get() / self.width.nanos() }
    }

    /// The buckets that overlap `window`, first to last.
    pub fn buckets(self, window: TimeRange) -> impl DoubleEndedIterator<Item = Bucket> + Clone {
        let first = window.from().get() / self.width.nanos();
        let last = (window.to().get() - 1) / self.width.nanos();
        (first..=last).map(move |number| Bucket { life: self, number })
    }

    /// The part of `window` where frames written in time can still be alive at `now`.
    ///
    /// Reaches 10 s past `now`: that far ahead pushes are accepted.
    #[must_use]
    pub fn horizon(self, window: TimeRange, now: UnixNanos) -> Option<TimeRange> {
        let from = now.minus(self.ttl.as_duration() + Duration::from_secs(3));
        let to = now.plus(Duration::from_secs(11));
        TimeRange::new(from, to).ok().and_then(|alive| alive.intersect(window))
    }
}

/// One bucket of one camera: a life and the number of its span since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket {
    /// The life of the frames in it.
    pub life: Life,
    /// Spans of the life's width since the epoch.
    pub number: u64,
}

impl Bucket {
    /// The window that the bucket covers; `None` past 2262.
    #[must_use]
    pub fn window(self) -> Option<TimeRange> {
        let width = self.life.width.nanos();
        let from = UnixNanos::new(self.number.checked_mul(width)?)?;
        TimeRange::new(from, from.plus(Duration::from_nanos(width))).ok()
    }

    /// When the bucket may go: its frames' lifetime after the later of its end and `now`, and slack.
    #[must_use]
    pub fn expires_at(self, now: UnixNanos) -> UnixNanos {
        let end = self.window().map_or(UnixNanos::MAX, TimeRange::to);
        end.max(now).plus(self.life.ttl.as_duration() + BUCKET_SLACK)
    }
}

/// What the index knows of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IndexRecord {
    /// When it was captured.
    pub at: UnixNanos,
    /// What follows the time in its key.
    pub suffix: Suffix,
    /// Whether only the store knows when it expires: late, held or reindexed frames.
    pub ask: bool,
    /// Payload bytes, up to [`FRAME_MAX_BYTES`]; `None` when only the store knows.
    pub size: Option<u32>,
}

/// Bytes that are no index record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A bucket's length is no multiple of 16.
    #[error("a bucket of {0} bytes is not made of 16-byte records")]
    Length(usize),
    /// Flags, suffix or time that no writer of format 1 leaves.
    #[error("record {position} of the bucket is not of format 1")]
    Format {
        /// Which record, from 0.
        position: usize,
    },
}

impl IndexRecord {
    /// The 16 bytes of this record.
    #[must_use]
    pub fn encode(self) -> [u8; RECORD_BYTES] {
        let mut out = [0; RECORD_BYTES];
        out[..8].copy_from_slice(&self.at.get().to_be_bytes());
        out[8..12].copy_from_slice(&self.suffix.number().to_be_bytes());
        let size = self.size.filter(|size| *size < SIZE_ASK).unwrap_or(SIZE_ASK);
        out[12..].copy_from_slice(&size.to_be_bytes());
        out[12] = self.suffix.kind() | if self.ask { FLAG_ASK } else { 0 };
        out
    }

    /// Reads 16 bytes back; `None` for flags, times or suffixes that no writer leaves.
    #[must_use]
    pub fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let (head, tail) = bytes.split_at(8);
        let at = UnixNanos::new(u64::from_be_bytes(head.try_into().ok()?))?;
        let number = u32::from_be_bytes(tail[..4].try_into().ok()?);
        let flags = tail[4];
        if flags & !(FLAG_KIND | FLAG_ASK) != 0 {
            return None;
        }
        let size = u32::from_be_bytes([0, tail[5], tail[6], tail[7]]);
        Some(Self {
            at,
            suffix: Suffix::from_parts(flags & FLAG_KIND, number)?,
            ask: flags & FLAG_ASK != 0,
            size: (size != SIZE_ASK).then_some(size),
        })
    }

    /// The frame key that the record stands for.
    ///
    /// # Errors
    /// [`KeyError::Time`] where the time has fewer than 19 digits.
    pub fn key(self, stream: &StreamId) -> Result<FrameKey, KeyError> {
        FrameKey::new(stream.clone(), self.at, self.suffix)
    }
}

/// Decodes a whole bucket, in order of arrival, without the deleted.
///
/// # Errors
/// [`RecordError`] when the bytes are not whole records of format 1; the caller scans that span.
pub fn decode_bucket(bytes: &[u8]) -> Result<Vec<IndexRecord>, RecordError> {
    Ok(decode_places(bytes)?.into_iter().flatten().collect())
}

/// Decodes a bucket, or the rest of one from some record on, place by place; `None` where a frame
/// was deleted.
///
/// # Errors
/// As [`decode_bucket`].
pub fn decode_places(bytes: &[u8]) -> Result<Vec<Option<IndexRecord>>, RecordError> {
    let (records, rest) = bytes.as_chunks::<RECORD_BYTES>();
    if !rest.is_empty() {
        return Err(RecordError::Length(bytes.len()));
    }
    let decode = |(position, record): (usize, &[u8; RECORD_BYTES])| match *record {
        DELETED => Ok(None),
        _ => match IndexRecord::decode(record) {
            Some(record) => Ok(Some(record)),
            None => Err(RecordError::Format { position }),
        },
    };
    records.iter().enumerate().map(decode).collect()
}

/// How a frame's end is set when it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// In time: at this instant (whole milliseconds), which readers compute from the key.
    At(UnixNanos),
    /// Late or early: the lifetime counts from the write, and the record says `ask`.
    FromNow(Ttl),
    /// Restored: at this instant (whole milliseconds), whatever its capture; the record says `ask`.
    Exact(UnixNanos),
}

impl Expiry {
    /// When a frame written at the store's `now` ends.
    #[must_use]
    pub fn end(self, now: UnixNanos) -> UnixNanos {
        match self {
            Self::At(end) | Self::Exact(end) => end,
            Self::FromNow(ttl) => now.plus(ttl.as_duration()),
        }
    }

    /// Whether readers cannot compute the end from the record.
    #[must_use]
    pub fn is_asked(self) -> bool {
        !matches!(self, Self::At(_))
    }
}

/// Frames whose key lies further than this from the store's clock are late.
pub const IN_TIME: Duration = Duration::from_secs(2);

/// Decides a frame's end from its key's time, its lifetime and the store's clock.
#[must_use]
pub fn expiry(at: UnixNanos, ttl: Ttl, store_now: UnixNanos) -> Expiry {
    if at.since(store_now) <= IN_TIME && store_now.since(at) <= IN_TIME {
        Expiry::At(expires_in_time(at, ttl))
    } else {
        Expiry::FromNow(ttl)
    }
}

/// The end of a frame written in time: its capture, rounded down to a millisecond, plus its lifetime.
#[must_use]
pub fn expires_in_time(at: UnixNanos, ttl: Ttl) -> UnixNanos {
    of_millis(at.as_millis() + u64::from(ttl.as_secs()) * 1000)
}

/// A given end, rounded down to a millisecond: stores keep no finer ones.
#[must_use]
pub fn whole_millis(end: UnixNanos) -> UnixNanos {
    of_millis(end.as_millis())
}

fn of_millis(millis: u64) -> UnixNanos {
    UnixNanos::new(millis.saturating_mul(1_000_000)).unwrap_or(UnixNanos::MAX)
}

/// A record together with the life of the bucket it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundRecord {
    /// The record.
    pub record: IndexRecord,
    /// The lifetime that its bucket stands for.
    pub ttl: Ttl,
}

impl FoundRecord {
    /// When the frame expires; `None` when only the store knows.
    #[must_use]
    pub fn expires_at(self) -> Option<UnixNanos> {
        (!self.record.ask).then(|| expires_in_time(self.record.at, self.ttl))
    }

    fn order(&self) -> (UnixNanos, Suffix) {
        (self.record.at, self.record.suffix)
    }
}

/// Cuts to the window, sorts by (time, suffix), keeps one record a key (`ask` wins, then the longer
/// life) and drops what has expired at `now`. Returns the live ones and how many were dead.
#[must_use]
pub fn select_live(
    mut found: Vec<FoundRecord>,
    window: TimeRange,
    now: UnixNanos,
) -> (Vec<FoundRecord>, u64) {
    found.retain(|one| window.contains(one.record.at));
    found.sort_unstable_by_key(|one| (one.order(), !one.record.ask, std::cmp::Reverse(one.ttl)));
    found.dedup_by_key(|one| one.order());
    let all = found.len();
    found.retain(|one| one.expires_at().is_none_or(|end| now < end));
    let dead = u64::try_from(all - found.len()).unwrap_or(u64::MAX);
    (found, dead)
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
