//! How much memory the cameras will need: frames a second x bytes a frame x lifetime, tier by tier.

use std::time::Duration;

use super::finding::Finding;
use crate::cli::times::shown_bytes;
use crate::config::Config;
use crate::model::retention::Retention;

/// Frames a second of a camera without a limit of its own, while nothing was measured.
const TYPICAL_FPS: f64 = 15.0;

/// Bytes of a frame, while nothing was measured: the mean of cameras in use.
const TYPICAL_BYTES: f64 = 155_000.0;

/// What one frame costs beside its bytes: key, expiry and index record.
const OVERHEAD_BYTES: f64 = 150.0;

/// What flows in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Inflow {
    /// Frames a second, of all cameras together.
    pub(super) fps: f64,
    /// Bytes of a frame.
    pub(super) frame_bytes: f64,
    /// Whether that was seen in the store, or is a guess.
    pub(super) measured: bool,
}

impl Inflow {
    /// From what lives in the store; guessed from the configuration where that is nothing.
    pub(super) fn of(config: &Config, frames: u64, bytes: u64, rate_fps: f64) -> Self {
        if frames > 0 && rate_fps > 0.0 {
            let frame_bytes = bytes as f64 / frames as f64;
            return Self { fps: rate_fps, frame_bytes, measured: true };
        }
        let fps = config.cameras.iter().map(|camera| camera.fps.unwrap_or(TYPICAL_FPS)).sum();
        Self { fps, frame_bytes: TYPICAL_BYTES, measured: false }
    }

    /// Bytes that lie in the store once the longest lifetime has passed.
    pub(super) fn needs(self, cameras: usize, retention: &Retention) -> u64 {
        let each = self.frame_bytes + OVERHEAD_BYTES;
        let frames: f64 = retention
            .tiers()
            .map(|tier| {
                let every = tier.every.map_or(0.0, |every| every.as_secs_f64());
                let kept = if every > 0.0 { cameras as f64 / every } else { self.fps };
                kept.min(self.fps) * Duration::as_secs_f64(&tier.ttl.as_duration())
            })
            .sum();
        (frames * each) as u64
    }
}

/// What is needed against what there is.
pub(super) fn judge(inflow: Inflow, needs: u64, limit: Option<u64>) -> Finding {
    let basis = if inflow.measured { "as measured" } else { "guessed, nothing is stored yet" };
    let said = format!(
        "{:.1} frames/s of {} ({basis}) need {}",
        inflow.fps,
        shown_bytes(inflow.frame_bytes as u64),
        shown_bytes(needs)
    );
    match limit {
        Some(limit) if needs > limit => Finding::warn(
            "memory needed",
            format!(
                "{said}, more than the {} there are: frames will go before their time; raise the limit, lower fps or shorten ttl_seconds",
                shown_bytes(limit)
            ),
        ),
        Some(limit) => Finding::ok("memory needed", format!("{said} of {}", shown_bytes(limit))),
        None => Finding::ok("memory needed", format!("{said}; there is no limit")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::model::retention::Tier;
    use crate::model::time::Ttl;

    const FLOW: Inflow = Inflow { fps: 30.0, frame_bytes: 99_850.0, measured: true };

    fn ttl(secs: u64) -> Ttl {
        Ttl::from_secs(secs).unwrap()
    }

    #[test]
    fn need_is_rate_times_size_times_lifetime_of_each_tier() {
        assert_eq!(FLOW.needs(2, &Retention::single(ttl(300))), 30 * 300 * 100_000);
        let every = |secs| Some(Duration::from_secs(secs));
        let tiers = [
            Tier { every: None, ttl: ttl(10) },
            Tier { every: every(1), ttl: ttl(100) },
            Tier { every: every(10), ttl: ttl(1000) },
        ];
        let frames = 30 * 10 + 2 * 100 + 200;
        assert_eq!(FLOW.needs(2, &Retention::new(&tiers).unwrap()), frames * 100_000);
    }

    #[test]
    fn too_little_memory_is_a_warning() {
        assert_eq!(judge(FLOW, 2_000, Some(1_000)).level, Level::Warn);
        assert_eq!(judge(FLOW, 1_000, Some(1_000)).level, Level::Ok);
        let said = judge(FLOW, 900_000_000, None).to_string();
        assert!(said.contains("30.0 frames/s of 99.8 kB (as measured) need 900.0 MB"), "{said}");
    }
}
