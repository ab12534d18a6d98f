//! How long the store and the bus take, and how large frames are: histograms of the whole process.
//!
//! An observation costs tens of nanoseconds. Bounds are fixed, so their number is too; they carry no
//! label, because a histogram a camera would be a hundred series a camera.

use std::fmt;
use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds in seconds: from what a local Redis takes to what a push waits.
const SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Upper bounds in bytes: from a thumbnail to the largest frame.
const BYTES: [f64; 11] = [
    4096.0,
    8192.0,
    16384.0,
    32768.0,
    65536.0,
    131_072.0,
    262_144.0,
    524_288.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

/// The histograms; clones share them.
#[derive(Clone)]
pub struct Timing {
    store_put: Histogram,
    bus_confirm: Histogram,
    frame_bytes: Histogram,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            store_put: Histogram::new(SECONDS),
            bus_confirm: Histogram::new(SECONDS),
            frame_bytes: Histogram::new(BYTES),
        }
    }
}

impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timing").finish_non_exhaustive()
    }
}

impl Timing {
    /// A batch was acknowledged by the store after so long.
    pub fn store_put(&self, took: Duration) {
        self.store_put.observe(took.as_secs_f64());
    }

    /// An announcement was confirmed by the bus after so long.
    pub fn bus_confirm(&self, took: Duration) {
        self.bus_confirm.observe(took.as_secs_f64());
    }

    /// A frame of so many bytes was stored.
    pub fn frame_bytes(&self, bytes: usize) {
        self.frame_bytes.observe(bytes as f64);
    }

    /// Store, bus and sizes, to be encoded.
    pub(super) fn histograms(&self) -> [&Histogram; 3] {
        [&self.store_put, &self.bus_confirm, &self.frame_bytes]
    }
}
