//! The integration tests: contracts and the process edge, on real servers.

#![allow(clippy::unwrap_used, reason = "a helper of a test may end it where something is missing")]

#[path = "../support/mod.rs"]
mod support;

mod amqp_consumers;
mod bus_amqp;
mod bus_contract;
mod cli;
mod collect_changes;
mod collect_ffmpeg;
mod collect_http;
mod collect_local;
mod collect_rtsp;
mod consumers_doc;
mod engine;
mod http;
mod keyspace_consumers;
mod load_fleet;
mod messages_doc;
mod openapi;
mod page;
mod prometheus;
mod promises;
mod query_contract;
mod redis_store;
mod store_contract;
mod support_smoke;
