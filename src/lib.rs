//! framecache: a time-bucketed frame cache for camera fleets.
//!
//! Cameras push JPEG frames; each lives for its lifetime under
//! `<tenant>:<prefix>:<camera>:<unix_nano>:<seq>` in Redis or in memory, is announced over AMQP or in
//! process, and is found again by time. The modules stand on floors, and imports go down only:
//!
//! | floor | modules |
//! | --- | --- |
//! | 6 | [`cli`]: the command line |
//! | 5 | [`web`]: the HTTP API |
//! | 4 | [`app`]: configuration to engine; [`service`]: what every face calls |
//! | 3 | [`archive`]: recordings and snapshots as files; [`collect`]: cameras and their sources, [`fleet`]: which of them are wanted; [`hold`]: frames that are kept longer; [`stats`]: rates and alerts; [`watch`]: what is live |
//! | 2 | [`ingest`]: the way in; [`query`]: the way out |
//! | 1 | [`store`], [`bus`]: where frames lie and how consumers are told |
//! | 0 | [`model`]: names, times, keys, buckets, events; [`clock`], [`config`], [`control`], [`metrics`], [`backoff`], [`tls`] |
//!
//! The way in: `source -> collect -> ingest -> store.put -> bus.publish`. The way out:
//! `query -> plan -> store.index -> store.fetch`. Other programs' tests start at [`testing`].

pub mod app;
pub mod archive;
pub mod backoff;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod control;
pub mod fleet;
pub mod hold;
pub mod ingest;
pub mod metrics;
pub mod model;
pub mod query;
pub mod service;
pub mod stats;
pub mod store;
pub mod testing;
pub mod tls;
pub mod watch;
pub mod web;
