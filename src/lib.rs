//! framecache: a time-bucketed frame cache for camera fleets.
