//! The families with a series a camera.

use std::fmt;

use super::CameraRow;
use crate::collect::SourceState;
use crate::metrics::{Counts, DropReason, Labels, Page};

/// A family: its name, what it tells, its unit, and how it is read.
type Family<T> = (&'static str, &'static str, &'static str, fn(&T) -> f64);

/// Counts since the start, beside the drops.
const COUNTERS: [Family<Counts>; 10] = [
    (
        "framecache_frames_captured",
        "Frames and fragments taken from a source, and accepted pushes.",
        "",
        |c| c.captured as f64,
    ),
    ("framecache_frames_stored", "Frames that the store has acknowledged.", "", |c| {
        c.stored as f64
    }),
    ("framecache_stored", "Payload of the stored frames.", "bytes", |c| c.stored_bytes as f64),
    (
        "framecache_pushes_rejected",
        "Pushes refused with an error; they are not captured.",
        "",
        |c| c.rejected as f64,
    ),
    ("framecache_announcements", "Announcements that the bus has confirmed.", "", |c| {
        c.announced as f64
    }),
    (
        "framecache_announcements_unroutable",
        "Confirmed ones that no queue was bound for.",
        "",
        |c| c.unroutable as f64,
    ),
    (
        "framecache_announcements_expired",
        "Announcements not sent because their frame had expired.",
        "",
        |c| c.announcements_expired as f64,
    ),
    (
        "framecache_announcements_repeated",
        "Confirmed ones that were read back from the index.",
        "",
        |c| c.from_outbox as f64,
    ),
    ("framecache_whole_frames_sent", "Whole frames that the broker has confirmed.", "", |c| {
        c.whole_frames_sent as f64
    }),
    (
        "framecache_whole_frames_skipped",
        "Whole frames that the broker did not take in time.",
        "",
        |c| c.whole_frames_skipped as f64,
    ),
];

/// How things stand.
const GAUGES: [Family<CameraRow>; 5] = [
    ("framecache_frames_pending", "Captured frames whose fate is open.", "", |c| {
        c.counts.pending() as f64
    }),
    ("framecache_queue_frames", "Frames that wait for the store.", "", |c| c.queue.frames as f64),
    ("framecache_queue", "Bytes of the frames that wait for the store.", "bytes", |c| {
        c.queue.bytes as f64
    }),
    ("framecache_announcements_waiting", "Frames stored and not yet announced.", "", |c| {
        c.waiting as f64
    }),
    (
        "framecache_announcements_oldest",
        "For how long at least the oldest of them waits.",
        "seconds",
        |c| c.waiting_for.as_secs_f64(),
    ),
];

pub(super) fn write(cameras: &[CameraRow], page: &mut Page<'_>) -> fmt::Result {
    for (name, help, unit, read) in COUNTERS {
        let series = cameras.iter().map(|one| (labels(one), read(&one.counts)));
        page.counters(name, help, unit, series)?;
    }
    let dropped = cameras.iter().flat_map(|one| {
        let reasons = DropReason::ALL.into_iter().zip(one.counts.dropped);
        reasons.map(move |(reason, count)| (with(one, "reason", reason.as_str()), count as f64))
    });
    let help = "Captured frames that were not stored, by reason.";
    page.counters("framecache_frames_dropped", help, "", dropped)?;
    for (name, help, unit, read) in GAUGES {
        page.gauges(name, help, unit, cameras.iter().map(|one| (labels(one), read(one))))?;
    }
    let newest = cameras.iter().filter_map(|one| {
        let at = one.newest?.as_millis();
        Some((labels(one), at as f64 / 1000.0))
    });
    let help = "When the newest frame was taken, unix time.";
    page.gauges("framecache_last_frame_timestamp", help, "seconds", newest)?;
    let up = cameras.iter().filter_map(|one| Some((labels(one), up(one.state)?)));
    let help =
        "Whether a camera that is read delivers frames; not told of pushed, paused and ended ones.";
    page.gauges("framecache_camera_up", help, "", up)
}

/// How many cameras stand where.
pub(super) fn states(cameras: &[CameraRow], page: &mut Page<'_>) -> fmt::Result {
    const STATES: [(SourceState, &str); 6] = [
        (SourceState::Starting, "starting"),
        (SourceState::Active, "active"),
        (SourceState::Inactive, "inactive"),
        (SourceState::Finished, "finished"),
        (SourceState::Push, "push"),
        (SourceState::Paused, "paused"),
    ];
    let count = |state| cameras.iter().filter(|one| one.state == state).count() as f64;
    let series = STATES.map(|(state, name)| (vec![("state", name)], count(state)));
    page.gauges("framecache_cameras", "Cameras by where they stand.", "", series)
}

fn up(state: SourceState) -> Option<f64> {
    match state {
        SourceState::Active => Some(1.0),
        SourceState::Starting | SourceState::Inactive => Some(0.0),
        SourceState::Finished | SourceState::Push | SourceState::Paused => None,
    }
}

fn labels(one: &CameraRow) -> Labels<'_> {
    let stream = &one.stream;
    vec![
        ("tenant", stream.tenant.as_str()),
        ("prefix", stream.prefix.as_str()),
        ("camera", stream.camera.as_str()),
    ]
}

fn with<'a>(one: &'a CameraRow, name: &'static str, value: &'a str) -> Labels<'a> {
    let mut labels = labels(one);
    labels.push((name, value));
    labels
}
