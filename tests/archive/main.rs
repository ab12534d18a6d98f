//! Recordings and snapshots, on real servers and by independent readers.

#![allow(clippy::unwrap_used, reason = "a helper of a test may end it where something is missing")]

#[path = "../support/mod.rs"]
mod support;

mod control;
mod convert;
mod export;
mod foreign;
mod hold;
mod import;
mod independent;
mod named;
mod ordered;
mod read;
mod record;
mod replay;
mod storage;
