//! Floor 3: frames of a key range as files, and back.
//!
//! | folder | does |
//! | --- | --- |
//! | `blob` | bytes of a file, wherever it lies |
//! | `export` | a range of keys as a recording, while it is read |
//! | `format` | MCAP: what is written, letter by letter, and how any MCAP file is taken apart |
//! | `lives` | how long a frame of a recording lives in a store |
//! | `naming` | which key a frame of a recording gets in a store |
//! | `read` | the frames of a recording in the order of their times, ours or not, whole or cut |
//! | `record` | recording while frames come, by name |
//! | `replay` | recordings played into a store, at their pace or another |
//! | `storage` | where finished recordings lie: a folder or a bucket |
//! | `convert` `video` | recordings as mp4, zips and pictures |
//!
//! A recording is one MCAP file (<https://mcap.dev/spec>) with two channels a camera: the picture, which
//! every viewer shows, and its key, from which the store is rebuilt. Nothing here names a backend.

mod blob;
pub mod convert;
pub mod export;
pub mod format;
mod frames;
mod lives;
mod naming;
pub mod read;
pub mod record;
pub mod replay;
pub mod storage;
pub mod video;

use thiserror::Error;

pub use self::blob::{Blob, FileBlob};
pub use self::frames::{frames_live, frames_of};
pub use self::lives::Lives;
pub use self::naming::{Names, Naming, Rename, Shift};

/// Why a recording could not be written or read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The bytes are not what the format says.
    #[error("{0}")]
    Format(String),
    /// The disk or the object store failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the file.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A frame can have no key by the names that were given.
    #[error("{0}")]
    Naming(String),
    /// The frames could not be read from their store.
    #[error(transparent)]
    Query(#[from] crate::query::QueryError),
}
