//! Floor 3: takes frames from cameras and hands them to the ingest.
//!
//! One task a camera ([`camera`]) opens the source that its URL asks for, runs it, and tries again
//! for ever when it fails. A source (one file each in [`source`]) reads its protocol and hands every
//! frame to its [`Sink`]; it never waits for the store. [`Collector`] owns the tasks; [`HealthBoard`]
//! says how each camera does, and changes of it are told on the bus ([`status`]).

mod camera;
mod collector;
mod health;
pub mod multipart;
mod options;
mod pace;
mod sink;
mod source;
mod spec;
mod status;
pub mod synthetic;
mod url;

pub use collector::{CollectedCamera, Collector};
pub use health::{CameraHealth, HealthBoard, SourceState};
pub use spec::CameraSpec;
pub use url::SourceUrl;
