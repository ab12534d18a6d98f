//! framecache: a time-bucketed frame cache for camera fleets.
pub mod backoff;
pub mod bus;
pub mod clock;
pub mod collect;
pub mod config;
pub mod ingest;
pub mod metrics;
pub mod model;
pub mod query;
pub mod service;
pub mod store;
