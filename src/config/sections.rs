//! The sections of a checked configuration, as the parts of the program get them.
//!
//! Values only: defaults stand in `keys`, checks in `build`.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::event::RoutingKeys;

use super::secret::SecretUrl;
use super::server::RedisTarget;

/// How to reach Redis, and whether to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// Whether frames are stored there.
    pub enabled: bool,
    /// Server and login.
    pub target: RedisTarget,
    /// Longest wait for a connection, 1 ms ..= 1 h.
    pub connect_timeout: Duration,
    /// Longest wait for a reply, 1 ms ..= 1 h.
    pub response_timeout: Duration,
}

/// The broker, and whether whole frames go to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmqpConfig {
    /// `amqp://` or `amqps://`, with its password percent-encoded.
    pub url: SecretUrl,
    /// Whether whole frames are sent as well as announcements.
    pub frames: bool,
    /// Topic exchange for whole frames.
    pub exchange: String,
    /// What stands before the camera id in the routing key of a whole frame.
    pub routing_key_prefix: String,
}

/// How announcements are sent over AMQP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataConfig {
    /// Whether they are, when there is a broker.
    pub enabled: bool,
    /// Topic exchange.
    pub exchange: String,
    /// Routing keys of the three kinds of message.
    pub routing_keys: RoutingKeys,
    /// Whether a missing exchange is declared as durable.
    pub exchange_durable: bool,
    /// Whether messages ask to be kept on disk (delivery mode 2).
    pub persistent: bool,
}

/// Bounds of the embedded store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// Most bytes of frames, at least 64 KiB.
    pub max_bytes: usize,
}

/// Bounds and waits between a camera and the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestConfig {
    /// Most frames of one camera that wait, 1..=100000.
    pub queue_frames: usize,
    /// Most bytes of one camera that wait, at least `max_frame_bytes`.
    pub queue_bytes: usize,
    /// Longest wait of a push for the store, 1 ms ..= 1 h.
    pub push_timeout: Duration,
    /// Without a frame for so long a camera is connected to anew, 1 ms ..= 1 h.
    pub stall_timeout: Duration,
    /// Longest pause between two attempts to reach a camera, 1 ms ..= 1 h.
    pub reconnect_max: Duration,
    /// The ffmpeg program: a path, or a name to look for in PATH.
    pub ffmpeg: PathBuf,
}

/// How frames are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexConfig {
    /// Whether HTTP requests may search by SCAN for frames without an index.
    pub foreign: bool,
}

/// Bounds of holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldConfig {
    /// Most bytes of frames of one tenant that are held.
    pub max_bytes: usize,
}

/// What the log looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Its form.
    pub format: LogFormat,
    /// A level, or `module=level` directives separated by commas.
    pub level: String,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// One readable line each.
    Human,
    /// One JSON object each.
    Json,
}

/// How the program stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShutdownConfig {
    /// Longest time to store and announce what was captured, 1 ms ..= 1 h.
    pub drain_timeout: Duration,
}
