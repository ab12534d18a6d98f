//! How a camera is shown: its settings without secrets, and how it does.

use serde::{Deserialize, Serialize};

use super::{CameraOrigin, FleetCamera};
use crate::collect::{CameraHealth, SourceState};
use crate::config::CameraMode;
use crate::model::name::CameraId;
use crate::model::time::{Ttl, UnixNanos};

/// One camera of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraView {
    /// Its id.
    pub camera: CameraId,
    /// For people; the id unless given.
    pub name: String,
    /// Where its frames come from, without secrets.
    pub url: String,
    /// `auto`, `snapshot` or `ffmpeg`.
    pub mode: String,
    /// As the setting `interval`, e.g. `1s`.
    pub interval: Option<String>,
    /// Most frames a second; `None` = no limit.
    pub fps: Option<f64>,
    /// How long its frames live; `None` = as those of all cameras.
    pub ttl_seconds: Option<u32>,
    /// Of the JPEGs that are made here; `None` = as the source does it.
    pub quality: Option<u8>,
    /// Who named it.
    pub origin: CameraOrigin,
    /// Whether it is not collected for now.
    pub paused: bool,
    /// Where it stands.
    pub state: SourceState,
    /// Since when; `None` before the first change.
    pub since: Option<UnixNanos>,
    /// Why the last attempt failed, without secrets; empty when active.
    pub last_error: String,
    /// Failed attempts in a row.
    pub consecutive_failures: u64,
    /// Capture time of the newest frame.
    pub last_frame: Option<UnixNanos>,
    /// Frames taken from its sources, before any limit.
    pub frames: u64,
}

impl CameraView {
    /// A camera and its row on the board, which it has from its start on.
    pub(super) fn of(camera: &FleetCamera, health: Option<CameraHealth>) -> Self {
        let FleetCamera { config, origin, paused } = camera;
        let mode = match config.mode {
            CameraMode::Auto => "auto",
            CameraMode::Snapshot => "snapshot",
            CameraMode::Ffmpeg => "ffmpeg",
        };
        let starting = CameraHealth {
            camera: config.id.clone(),
            name: config.name.clone(),
            source: config.url.to_string(),
            state: SourceState::Starting,
            since: None,
            consecutive_failures: 0,
            last_error: String::new(),
            last_frame: None,
            frames: 0,
        };
        let health = health.unwrap_or(starting);
        Self {
            camera: config.id.clone(),
            name: config.name.clone(),
            url: config.url.to_string(),
            mode: mode.to_owned(),
            interval: config
                .interval
                .map(|interval| humantime::format_duration(interval).to_string()),
            fps: config.fps,
            ttl_seconds: config.ttl.map(Ttl::as_secs),
            quality: config.quality,
            origin: *origin,
            paused: *paused,
            state: health.state,
            since: health.since,
            last_error: health.last_error,
            consecutive_failures: health.consecutive_failures,
            last_frame: health.last_frame,
            frames: health.frames,
        }
    }
}
