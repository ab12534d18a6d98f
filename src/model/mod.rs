//! Floor 0: the vocabulary that every other floor speaks.
//!
//! Pure on purpose: no tokio, no sockets, no files, no `now()`. A value that exists is valid,
//! so no floor above checks it again. What time it is, is always an argument.

pub mod arrival;
pub mod bucket;
pub mod event;
pub mod frame;
pub mod hold;
pub mod jpeg;
pub mod key;
pub mod name;
pub mod recording;
pub mod retention;
pub mod time;
