//! What an operator should be told: numbers in, sentences out. Pure.
//!
//! Each alert says what is wrong and what to do about it. The same thresholds stand in the rules for
//! Prometheus (`docs/prometheus-alerts.yml`); these here need no Prometheus, and show on the page.

mod cameras;
mod process;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::history::Lookups;
use crate::metrics::DropReason;
use crate::model::name::CameraId;
use crate::store::ExpirySample;

/// Of the store's memory in use from which it is a warning.
pub const MEMORY_WARNING: f64 = 0.8;
/// Of the store's memory in use from which frames are about to be lost.
pub const MEMORY_CRITICAL: f64 = 0.95;
/// Of all lookups that find nothing.
pub const MISSES: f64 = 0.2;
/// Lookups in a minute below which their misses say nothing.
pub const LOOKUPS_MIN: u64 = 100;
/// Connections to the store.
pub const CONNECTIONS: u64 = 1000;
/// How long an announcement may wait.
pub const WAITING: Duration = Duration::from_secs(10);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Frames are or will soon be lost or unseen.
    Critical,
    /// Look at it today.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Which; stays the same while the sentence changes.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was measured, in the unit of the threshold.
    pub value: f64,
    /// Above what it is told.
    pub threshold: f64,
    /// What is wrong and what to do.
    pub sentence: String,
}

/// What is known of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraFigures {
    /// Which.
    pub camera: CameraId,
    /// Why it delivers nothing; `None` while it delivers, or is not meant to.
    pub down: Option<String>,
    /// Frames lost in the last minute, by reason.
    pub lost: Vec<(DropReason, u64)>,
}

/// What is known of the process and of what it works with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProcessFigures {
    /// Why the store cannot be used.
    pub store_trouble: Option<String>,
    /// Why the bus cannot be used.
    pub bus_trouble: Option<String>,
    /// That the clock stepped back.
    pub clock_trouble: Option<String>,
    /// Announcements that wait.
    pub waiting: u64,
    /// For how long at least the oldest of them waits.
    pub waiting_for: Duration,
    /// Whether the store lies in this process.
    pub embedded: bool,
    /// Bytes used by the store, and its limit.
    pub memory: Option<(u64, u64)>,
    /// Lookups of the last minute.
    pub lookups: Option<Lookups>,
    /// Connections to the store.
    pub connections: Option<u64>,
    /// For how long frames should have left the store, while frames are written.
    pub overdue: Option<Duration>,
    /// Frames without an end among those looked at.
    pub endless: ExpirySample,
}

/// What is wrong, the worst first. `process` is `None` for whoever may see only some cameras.
#[must_use]
pub fn alerts(cameras: &[CameraFigures], process: Option<&ProcessFigures>) -> Vec<Alert> {
    let mut found = process.map(process::alerts).unwrap_or_default();
    found.extend(cameras::down(cameras));
    found.extend(cameras::lost(cameras));
    found.sort_by_key(|alert| alert.severity);
    found
}

/// `80 %`.
fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests;
