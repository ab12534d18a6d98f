//! What `Query` promises, on every store: equal answers by index, by scan and by a naive filter;
//! no dead frame where bytes are given; retention tiers as configured.

#![allow(clippy::unwrap_used, reason = "a test may end at its first surprise")]
#![allow(clippy::cast_precision_loss, reason = "sums of a few frames are exact")]

mod cases;
mod naive;
mod on_redis;
mod same;
mod tiers;
