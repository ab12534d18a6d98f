//! The integration tests: contracts and the process edge, on real servers.

#[path = "../support/mod.rs"]
mod support;

mod support_smoke;
