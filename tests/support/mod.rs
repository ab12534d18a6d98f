//! Real servers for tests: each is private, on free loopback ports, and ended with its handle.
//!
//! Used by `tests/it` (and by benches) as `#[path = "../support/mod.rs"] mod support;`. A server that
//! is not installed fails the test with a sentence that says what to install; nothing is ever skipped.
//! No server that already runs on this machine is touched.
#![allow(dead_code, reason = "each binary that includes these fixtures uses a part of them")]

pub(crate) mod binary;
pub(crate) mod collect;
pub(crate) mod digest;
pub(crate) mod port;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod python;
pub(crate) mod rabbit;
pub(crate) mod redis;
pub(crate) mod rtsp;
pub(crate) mod s3;
