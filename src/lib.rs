//! framecache: a time-bucketed frame cache for camera fleets.
pub mod clock;
pub mod model;
