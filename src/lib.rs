//! framecache: a time-bucketed frame cache for camera fleets.
pub mod bus;
pub mod clock;
pub mod collect;
pub mod model;
pub mod store;
