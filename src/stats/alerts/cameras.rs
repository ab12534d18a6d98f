//! Alerts about cameras: those that deliver nothing and those that lose frames.

use std::collections::BTreeMap;

use super::{Alert, CameraFigures, Severity};
use crate::metrics::DropReason;

/// Cameras that a sentence names; the others are counted.
const NAMED: usize = 3;

/// Cameras that deliver nothing.
pub(super) fn down(cameras: &[CameraFigures]) -> Option<Alert> {
    let down: Vec<(&str, &str)> = cameras
        .iter()
        .filter_map(|one| Some((one.camera.as_str(), one.down.as_deref()?)))
        .collect();
    let (_, why) = down.first()?;
    let names: Vec<&str> = down.iter().map(|(camera, _)| *camera).collect();
    Some(Alert {
        name: "cameras_down",
        severity: Severity::Warning,
        value: names.len() as f64,
        threshold: 0.0,
        sentence: format!(
            "{} {} no frames ({why}): check its power, its network and its URL; it is tried again \
             by itself",
            listed(&names),
            if names.len() == 1 { "delivers" } else { "deliver" }
        ),
    })
}

/// Frames that were taken and not stored, in the last minute.
pub(super) fn lost(cameras: &[CameraFigures]) -> Option<Alert> {
    let mut reasons: BTreeMap<DropReason, u64> = BTreeMap::new();
    for (reason, lost) in cameras.iter().flat_map(|camera| &camera.lost) {
        *reasons.entry(*reason).or_default() += lost;
    }
    let (reason, _) = reasons.iter().max_by_key(|(_, lost)| **lost)?;
    let losing: Vec<&str> =
        cameras.iter().filter(|one| !one.lost.is_empty()).map(|one| one.camera.as_str()).collect();
    let lost: u64 = reasons.values().sum();
    Some(Alert {
        name: "frames_dropped",
        severity: Severity::Warning,
        value: lost as f64,
        threshold: 0.0,
        sentence: format!(
            "{lost} frames of {} were lost in the last minute, most by {}: {}",
            listed(&losing),
            reason.as_str(),
            what_to_do(*reason)
        ),
    })
}

fn what_to_do(reason: DropReason) -> &'static str {
    match reason {
        DropReason::FpsLimit => "raise fps of the camera if they were wanted",
        DropReason::QueueFull => {
            "the store is too slow or away: look at its health, or lower fps of the cameras"
        }
        DropReason::Truncated => "the connection to the camera breaks: check its network",
        DropReason::NotJpeg => "the source sends something else than JPEG: check its URL",
        DropReason::TooLarge => {
            "raise max_frame_bytes, or lower the picture size or quality in the camera"
        }
        DropReason::StoreError => {
            "the store refuses them: the log says why, e.g. that it is full or read only"
        }
        DropReason::Unknown | DropReason::Shutdown => {
            "the process was stopping: give it a longer shutdown.drain_timeout"
        }
    }
}

/// `cam1, cam2, cam3 and 4 more`.
fn listed(names: &[&str]) -> String {
    let named = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
