//! What the collector must know of a camera: a plain struct that the configuration is mapped to.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::source;
use super::url::SourceUrl;
use crate::model::bucket::FRAME_MAX_BYTES;
use crate::model::name::CameraId;

/// A camera to be collected.
#[derive(Debug, Clone)]
pub struct CameraSpec {
    /// Its id.
    pub id: CameraId,
    /// Its name for humans, may be empty.
    pub name: String,
    /// Where its frames come from.
    pub url: SourceUrl,
    /// `http://` only: ask for one picture after another, with so much time between, whatever the
    /// camera says that it sends. `None`: by its content type, pictures once a second.
    pub snapshot_interval: Option<Duration>,
    /// Read by ffmpeg what could be read without it: `rtsp://` and `http://`.
    pub by_ffmpeg: bool,
    /// Of the JPEGs that are made here, by ffmpeg or `synthetic:`, 1..=100; `None`: as the source
    /// does it by itself.
    pub quality: Option<u8>,
    /// Without a frame for so long (and for three times the usual) it is connected to anew.
    pub stall_timeout: Duration,
    /// The longest wait between two attempts to reach it.
    pub reconnect_max: Duration,
    /// Bytes of the largest frame.
    pub max_frame_bytes: usize,
    /// The ffmpeg to run: a path, or a name looked up in `PATH`.
    pub ffmpeg: PathBuf,
}

impl CameraSpec {
    /// A camera with the defaults of everything but its id and URL.
    #[must_use]
    pub fn new(id: CameraId, url: SourceUrl) -> Self {
        Self {
            id,
            name: String::new(),
            url,
            snapshot_interval: None,
            by_ffmpeg: false,
            quality: None,
            stall_timeout: Duration::from_secs(10),
            reconnect_max: Duration::from_secs(30),
            max_frame_bytes: FRAME_MAX_BYTES,
            ffmpeg: PathBuf::from("ffmpeg"),
        }
    }

    /// Whether its source could be run. Connects to nothing.
    ///
    /// # Errors
    /// One sentence when an option in the URL does not fit.
    pub fn check(&self) -> Result<()> {
        source::open(self).map(drop)
    }
}
