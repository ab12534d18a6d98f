//! Announcements: the JSON messages that tell consumers of frames, cameras and the fleet.
//!
//! A frame message carries the union of what edge-video sends and what its documentation promises,
//! so every existing consumer finds the field it reads: some fetch `redis_key`, others build the key
//! from `camera_id`, `timestamp_nano` and `sequence`. Reading is lenient for the same reason: only
//! `redis_key` must be there.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::frame::Dimensions;
use super::key::{FrameKey, KeyError, Suffix};
use super::name::CameraId;
use super::time::{Ttl, UnixNanos};

/// The content type of every message here.
pub const CONTENT_TYPE: &str = "application/json";

/// A stored frame, as told to consumers. The frame is readable before this is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Where the frame lies.
    pub key: FrameKey,
    /// Payload bytes.
    pub size: u32,
    /// Real dimensions from the JPEG header; `None` only in messages of other programs.
    pub dimensions: Option<Dimensions>,
    /// The lifetime given at the write; `None` only in messages of other programs.
    pub ttl: Option<Ttl>,
}

/// Bytes that are no frame message.
#[derive(Debug, Error)]
pub enum EventError {
    /// No JSON object with the expected types.
    #[error("the message is no frame announcement: {0}")]
    Json(#[from] serde_json::Error),
    /// `redis_key` is no frame key.
    #[error("the announced redis_key is refused: {0}")]
    Key(#[from] KeyError),
    /// Another `event_type`, e.g. a status message.
    #[error("the message is a {0:?} event, not a frame")]
    OtherEvent(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct FrameMessage {
    event_type: String,
    #[serde(default)]
    camera_id: String,
    #[serde(default)]
    timestamp: String,
    redis_key: String,
    #[serde(default)]
    width: u16,
    #[serde(default)]
    height: u16,
    #[serde(default)]
    encoding: String,
    #[serde(default)]
    size_bytes: u32,
    #[serde(default)]
    timestamp_nano: u64,
    #[serde(default)]
    sequence: String,
    #[serde(default)]
    vhost: String,
    #[serde(default)]
    frame_size_bytes: u32,
    #[serde(default)]
    ttl_seconds: u32,
}

impl Announcement {
    /// The message as JSON, under a kilobyte.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let stream = self.key.stream();
        let sequence = match self.key.suffix() {
            Suffix::Live(seq) => seq.to_string(),
            Suffix::None => String::new(),
            Suffix::Uuid(bits) => format!("{bits:08x}"),
        };
        let message = FrameMessage {
            event_type: "frame".to_owned(),
            camera_id: stream.camera.to_string(),
            timestamp: self.key.at().to_rfc3339(),
            redis_key: self.key.to_string(),
            width: self.dimensions.map_or(0, |d| d.width),
            height: self.dimensions.map_or(0, |d| d.height),
            encoding: "jpeg".to_owned(),
            size_bytes: self.size,
            timestamp_nano: self.key.at().get(),
            sequence,
            vhost: stream.tenant.to_string(),
            frame_size_bytes: self.size,
            ttl_seconds: self.ttl.map_or(0, Ttl::as_secs),
        };
        serde_json::to_vec(&message).expect("a struct of texts and numbers should serialize")
    }

    /// Reads a frame message of ours or of edge-video.
    ///
    /// # Errors
    /// [`EventError`] when it is no JSON, another event, or names no valid frame key.
    pub fn from_json(body: &[u8]) -> Result<Self, EventError> {
        #[derive(Deserialize)]
        struct Kind {
            #[serde(default)]
            event_type: String,
        }
        let kind: Kind = serde_json::from_slice(body)?;
        if kind.event_type != "frame" {
            return Err(EventError::OtherEvent(kind.event_type));
        }
        let message: FrameMessage = serde_json::from_slice(body)?;
        let dimensions = (message.width > 0 && message.height > 0)
            .then_some(Dimensions { width: message.width, height: message.height });
        Ok(Self {
            key: message.redis_key.parse()?,
            size: message.size_bytes.max(message.frame_size_bytes),
            dimensions,
            ttl: Ttl::from_secs(u64::from(message.ttl_seconds)).ok(),
        })
    }
}

/// Whether a camera delivers frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraState {
    /// Frames arrive.
    Active,
    /// The source failed or stalled; it is being tried again.
    Inactive,
}

/// A change of one camera's state. Sent once a change, never once a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraStatus {
    /// Which camera.
    pub camera: CameraId,
    /// When the state changed.
    pub at: UnixNanos,
    /// The new state.
    pub state: CameraState,
    /// Failed attempts in a row.
    pub consecutive_failures: u64,
    /// Why the last attempt failed, without secrets; empty when active.
    pub last_error: String,
}

impl CameraStatus {
    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let message = match self.state {
            CameraState::Active => format!("camera {} delivers frames", self.camera),
            CameraState::Inactive => format!("camera {} delivers no frames", self.camera),
        };
        let value = serde_json::json!({
            "event_type": "camera_status",
            "camera_id": self.camera,
            "timestamp": self.at.to_rfc3339(),
            "state": self.state,
            "consecutive_failures": self.consecutive_failures,
            "last_error": self.last_error,
            "message": message,
        });
        value.to_string().into_bytes()
    }
}

/// How many cameras of this collector deliver frames. Sent once a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemStatus {
    /// When the count changed.
    pub at: UnixNanos,
    /// Configured cameras.
    pub total: usize,
    /// Cameras that deliver frames.
    pub active: usize,
}

impl SystemStatus {
    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let Self { at, total, active } = *self;
        let value = serde_json::json!({
            "event_type": "system_status",
            "timestamp": at.to_rfc3339(),
            "total_cameras": total,
            "active_cameras": active,
            "inactive_cameras": total.saturating_sub(active),
            "message": format!("{active} of {total} cameras deliver frames"),
        });
        value.to_string().into_bytes()
    }
}

/// The routing keys of the three kinds of message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingKeys {
    /// Frame messages, `camera.metadata.event` by default.
    pub frame: String,
    /// Camera status messages, the frame key plus `.status` by default.
    pub status: String,
    /// System status messages, the frame key plus `.system` by default.
    pub system: String,
}

impl RoutingKeys {
    /// The keys that follow from the one for frames.
    #[must_use]
    pub fn derived_from(frame: &str) -> Self {
        Self {
            frame: frame.to_owned(),
            status: format!("{frame}.status"),
            system: format!("{frame}.system"),
        }
    }
}

impl Default for RoutingKeys {
    fn default() -> Self {
        Self::derived_from("camera.metadata.event")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "client-a:frames:cam4:1731024000123456789:00001";

    fn announcement() -> Announcement {
        Announcement {
            key: KEY.parse().unwrap(),
            size: 50_000,
            dimensions: Some(Dimensions { width: 1920, height: 1080 }),
            ttl: Some(Ttl::from_secs(300).unwrap()),
        }
    }

    #[test]
    fn a_frame_message_has_the_union_of_fields() {
        let value: serde_json::Value = serde_json::from_slice(&announcement().to_json()).unwrap();
        let expected = json!({
            "event_type": "frame",
            "camera_id": "cam4",
            "timestamp": "2024-11-08T00:00:00.123456789Z",
            "redis_key": KEY,
            "width": 1920,
            "height": 1080,
            "encoding": "jpeg",
            "size_bytes": 50_000,
            "timestamp_nano": 1_731_024_000_123_456_789u64,
            "sequence": "00001",
            "vhost": "client-a",
            "frame_size_bytes": 50_000,
            "ttl_seconds": 300,
        });
        assert_eq!(value, expected);
        assert_eq!(Announcement::from_json(&announcement().to_json()).unwrap(), announcement());
    }

    #[test]
    fn a_message_of_edge_video_is_read() {
        let body = json!({"event_type": "frame", "camera_id": "cam4", "redis_key": KEY, "width": 1280,
            "height": 720, "encoding": "jpeg", "size_bytes": 7, "timestamp": "2024-11-08T00:00:00.123Z"});
        let read = Announcement::from_json(body.to_string().as_bytes()).unwrap();
        assert_eq!((read.size, read.ttl), (7, None));
        assert_eq!(read.key.to_string(), KEY);
    }

    #[test]
    fn other_messages_are_refused_with_a_reason() {
        for (body, said) in [
            ("{", "the message is no frame announcement"),
            (r#"{"event_type":"camera_status"}"#, "is a \"camera_status\" event"),
            (r#"{"event_type":"frame","redis_key":"a:b"}"#, "redis_key is refused"),
            (r#"{"event_type":"frame"}"#, "missing field `redis_key`"),
        ] {
            let error = Announcement::from_json(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn status_messages_have_their_documented_fields() {
        let at = UnixNanos::new(1_731_024_000_000_000_000).unwrap();
        let status = CameraStatus {
            camera: CameraId::new("cam1").unwrap(),
            at,
            state: CameraState::Inactive,
            consecutive_failures: 3,
            last_error: "connection refused".to_owned(),
        };
        let value: serde_json::Value = serde_json::from_slice(&status.to_json()).unwrap();
        assert_eq!(
            value,
            json!({"event_type": "camera_status", "camera_id": "cam1", "state": "inactive",
                "timestamp": "2024-11-08T00:00:00.000000000Z", "consecutive_failures": 3,
                "last_error": "connection refused", "message": "camera cam1 delivers no frames"})
        );
        let system = SystemStatus { at, total: 5, active: 4 };
        let value: serde_json::Value = serde_json::from_slice(&system.to_json()).unwrap();
        assert_eq!(value["inactive_cameras"], 1);
        assert_eq!(value["total_cameras"], 5);
    }
}
