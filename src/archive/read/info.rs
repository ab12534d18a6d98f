//! What is inside a recording: from when to when, how many frames of how many bytes, where none are.
//!
//! Every frame is read once, because no index knows the bytes of pictures or the times of redis-record's
//! entries; so what is told is what an import would find. A pause is a gap when it is over two seconds and
//! over three times the camera's average distance.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::{Entry, Recording, Select};
use crate::archive::ArchiveError;
use crate::archive::format::RESULT_RECORD;
use crate::model::key::StreamId;
use crate::model::time::UnixNanos;

/// The shortest pause that is a gap.
const GAP_MIN: Duration = Duration::from_secs(2);

/// The most gaps that are told of a camera: the longest.
const GAPS_MAX: usize = 100;

/// The most damaged parts that are told one by one.
const DAMAGED_MAX: usize = 8;

/// A recording described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Where it lies.
    pub name: String,
    /// What wrote it, as [`Recording::format`] says.
    pub format: String,
    /// Whether its writer ended it.
    pub finished: bool,
    /// What a user should know: cuts and damage.
    pub warnings: Vec<String>,
    /// Frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that are no JPEG.
    pub not_jpeg: u64,
    /// Frames that expired before they were recorded; `None` where the file does not say.
    pub lost: Option<u64>,
    /// Time of the first frame.
    pub first: Option<UnixNanos>,
    /// Time of the last frame.
    pub last: Option<UnixNanos>,
    /// Each camera or channel.
    pub cameras: Vec<CameraInfo>,
    /// Metadata records by name.
    pub metadata: Vec<(String, BTreeMap<String, String>)>,
}

/// A camera or channel of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraInfo {
    /// The topic or stream key as recorded.
    pub channel: String,
    /// The camera, in our files.
    pub camera: Option<StreamId>,
    /// Frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Time of the first frame.
    pub first: UnixNanos,
    /// Time of the last frame.
    pub last: UnixNanos,
    /// The longest pauses, by time.
    pub gaps: Vec<Pause>,
}

/// A time without a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The frame before it.
    pub from: UnixNanos,
    /// The frame after it.
    pub to: UnixNanos,
}

impl Recording {
    /// Reads it through and describes it.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]; damage is told in the answer.
    pub async fn info(&self) -> Result<Info, ArchiveError> {
        self.survey(&Select::ALL, |_| {}).await
    }

    /// As [`Recording::info`] of what is selected; `seen` is told each frame, for a progress bar.
    ///
    /// # Errors
    /// As [`Recording::info`].
    pub async fn survey(
        &self,
        select: &Select,
        mut seen: impl FnMut(&Entry) + Send,
    ) -> Result<Info, ArchiveError> {
        let mut survey = Survey::default();
        let mut entries = self.entries(select);
        while let Some(entry) = entries.next().await {
            match entry {
                Ok(entry) => {
                    seen(&entry);
                    survey.add(&entry);
                }
                Err(error @ ArchiveError::Io { .. }) => return Err(error),
                Err(error) => survey.damaged.push(error.to_string()),
            }
        }
        Ok(survey.told(self))
    }

    /// A count that the writer left in the last metadata record, added up over segments.
    fn result(&self, fact: &str) -> Option<u64> {
        let results = self.metadata().iter().filter(|(name, _)| name.starts_with(RESULT_RECORD));
        let mut counts = results.filter_map(|(_, facts)| facts.get(fact)?.parse::<u64>().ok());
        let first = counts.next()?;
        Some(counts.fold(first, u64::saturating_add))
    }
}

#[derive(Default)]
struct Survey {
    cameras: BTreeMap<(Arc<str>, Option<StreamId>), Track>,
    not_jpeg: u64,
    damaged: Vec<String>,
}

impl Survey {
    fn add(&mut self, entry: &Entry) {
        let stream = entry.key.as_ref().map(|key| key.stream().clone());
        let known = self.cameras.entry((Arc::clone(&entry.channel), stream));
        let track = known.or_insert_with(|| Track::new(entry.at));
        track.add(entry);
        self.not_jpeg += u64::from(!entry.bytes.starts_with(&[0xFF, 0xD8]));
    }

    fn told(mut self, recording: &Recording) -> Info {
        let mut warnings = recording.warnings().to_vec();
        let more = self.damaged.len().saturating_sub(DAMAGED_MAX);
        warnings.extend(self.damaged.drain(..).take(DAMAGED_MAX));
        if more > 0 {
            warnings.push(format!("{more} further parts are damaged"));
        }
        let cameras = self.cameras.into_iter();
        let cameras: Vec<CameraInfo> =
            cameras.map(|((channel, camera), track)| track.told(&channel, camera)).collect();
        Info {
            name: recording.name().to_owned(),
            format: recording.format().to_owned(),
            finished: recording.finished(),
            warnings,
            frames: cameras.iter().map(|one| one.frames).sum(),
            bytes: cameras.iter().map(|one| one.bytes).sum(),
            not_jpeg: self.not_jpeg,
            lost: recording.result("lost"),
            first: cameras.iter().map(|one| one.first).min(),
            last: cameras.iter().map(|one| one.last).max(),
            cameras,
            metadata: recording.metadata().to_vec(),
        }
    }
}

/// One camera while its frames pass by in the order of their times.
struct Track {
    frames: u64,
    bytes: u64,
    first: UnixNanos,
    last: UnixNanos,
    /// The longest pauses: length, then from when to when; the shortest on top.
    pauses: BinaryHeap<Reverse<(Duration, UnixNanos, UnixNanos)>>,
}

impl Track {
    fn new(at: UnixNanos) -> Self {
        Self { frames: 0, bytes: 0, first: at, last: at, pauses: BinaryHeap::new() }
    }

    fn add(&mut self, entry: &Entry) {
        let pause = entry.at.since(self.last);
        if pause > GAP_MIN {
            self.pauses.push(Reverse((pause, self.last, entry.at)));
            if self.pauses.len() > GAPS_MAX {
                self.pauses.pop();
            }
        }
        self.frames += 1;
        self.bytes += u64::try_from(entry.bytes.len()).unwrap_or(0);
        self.last = entry.at;
    }

    fn told(self, channel: &str, camera: Option<StreamId>) -> CameraInfo {
        let Self { frames, bytes, first, last, pauses } = self;
        let steps = u32::try_from(frames.saturating_sub(1)).unwrap_or(u32::MAX).max(1);
        let usual = (last.since(first) / steps).saturating_mul(3);
        let long = pauses.into_iter().filter(|Reverse((pause, ..))| *pause > usual);
        let mut gaps: Vec<Pause> = long.map(|Reverse((_, from, to))| Pause { from, to }).collect();
        gaps.sort_by_key(|gap| gap.from);
        CameraInfo { channel: channel.to_owned(), camera, frames, bytes, first, last, gaps }
    }
}
