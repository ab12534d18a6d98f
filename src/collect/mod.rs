//! Floor 3: takes frames from cameras. One file or folder per kind of source.

pub mod multipart;
pub mod synthetic;
