//! Recording while frames come: from the store into files, by name, until it is stopped.
//!
//! | file | does |
//! | --- | --- |
//! | `order` `status` | what can be asked, and what is told |
//! | `choice` `spans` `rotation` `quota` `track` | the decisions, pure: which cameras, which times, which file, what has to go, what is new |
//! | `reader` `part` `files` `shelf` `state` | the carrying: out of the store, into files, and what is remembered |
//! | `task` `look` `take_up` | one recording, its looks into the index, and how it goes on after a restart |
//! | `manager` `catalog` `keeper` | all of them: orders, what there is, and what is done without an order |
//!
//! The recorder reads from the index and not from the way of the frames, so a slow disk or a restart makes it
//! late and loses nothing; only a frame that expires before it is read is lost, and that is counted and
//! written into the file. Capture never waits for a recording.

mod catalog;
mod choice;
mod files;
mod keeper;
mod look;
mod manager;
mod order;
mod part;
mod quota;
mod reader;
mod rotation;
mod running;
mod shelf;
mod spans;
mod state;
mod status;
mod take_up;
mod task;
mod track;

use thiserror::Error;

pub use self::manager::{Recorder, RecorderParts};
pub use self::order::{Length, MaybeNamed, MeasureError, Named, Order, Size, Start};
pub use self::running::RecordCounts;
pub use self::status::{Gap, Phase, Status, Why};
use super::ArchiveError;

/// Why an order was not followed.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It does not fit; the sentence says what would.
    #[error("{0}")]
    Misfit(String),
    /// The folder or the storage of recordings failed.
    #[error("recordings: {0}")]
    Archive(#[from] ArchiveError),
    /// Another process records into the same folder.
    #[error(
        "the folder {0} is in use by another framecache: ask that one (--url), or set another [recordings] folder"
    )]
    InUse(String),
    /// The process is ending.
    #[error("this process is shutting down: come again")]
    Stopping,
}
