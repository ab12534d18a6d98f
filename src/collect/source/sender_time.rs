//! When a frame of an RTP stream was taken, by the clock of the camera.
//!
//! RTP times count from an arbitrary start; a sender report (RFC 3550, section 6.4.1) says which of
//! them was which time of day. The camera's clock is believed only if it is near ours: many cameras
//! never had their clock set, and their frames would lie years away from those of the others.

use std::time::Duration;

use crate::model::time::{NANOS_PER_SEC, UnixNanos};

/// A camera's clock may be so far ahead of the arrival of a frame, ...
const AHEAD_MAX: Duration = Duration::from_secs(2);

/// ... or so far behind it.
const BEHIND_MAX: Duration = Duration::from_secs(10);

/// From the epoch of NTP (1900) to the Unix epoch.
const NTP_TO_UNIX_SECS: u64 = 2_208_988_800;

/// What the last sender report said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SenderReport {
    /// A time in units of the clock rate, extended beyond 32 bits.
    pub(super) rtp: i64,
    /// The same time of day: seconds since 1900, in units of 2^-32 s.
    pub(super) ntp: u64,
}

/// When the frame with the time `rtp` was taken: as the report says, or `arrival` without one and
/// when the two do not agree.
pub(super) fn capture_time(
    report: Option<SenderReport>,
    rtp: i64,
    clock_rate: u32,
    arrival: UnixNanos,
) -> UnixNanos {
    let by_sender = report.and_then(|report| sender_time(report, rtp, clock_rate));
    let near = |at: &UnixNanos| *at <= arrival.plus(AHEAD_MAX) && *at >= arrival.minus(BEHIND_MAX);
    by_sender.filter(near).unwrap_or(arrival)
}

fn sender_time(report: SenderReport, rtp: i64, clock_rate: u32) -> Option<UnixNanos> {
    let whole = (report.ntp >> 32).checked_sub(NTP_TO_UNIX_SECS)?;
    let fraction = ((report.ntp & 0xFFFF_FFFF) * NANOS_PER_SEC) >> 32;
    let base = i128::from(whole * NANOS_PER_SEC + fraction);
    let units = i128::from(rtp) - i128::from(report.rtp);
    let since = (units * i128::from(NANOS_PER_SEC)).checked_div(i128::from(clock_rate))?;
    u64::try_from(base + since).ok().and_then(UnixNanos::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-11-08T00:00:00.5Z
    const REPORT: SenderReport =
        SenderReport { rtp: 900_000, ntp: ((1_731_024_000 + NTP_TO_UNIX_SECS) << 32) | (1 << 31) };

    fn at(millis: u64) -> UnixNanos {
        UnixNanos::new((1_731_024_000_000 + millis) * 1_000_000).unwrap()
    }

    #[test]
    fn the_sender_report_dates_frames_before_and_after_it() {
        let arrival = at(700);
        assert_eq!(capture_time(Some(REPORT), 900_000, 90_000, arrival), at(500));
        assert_eq!(capture_time(Some(REPORT), 909_000, 90_000, arrival), at(600));
        assert_eq!(capture_time(Some(REPORT), 891_000, 90_000, arrival), at(400));
    }

    #[test]
    fn the_arrival_counts_without_a_report_or_when_the_cameras_clock_is_off() {
        assert_eq!(capture_time(None, 900_000, 90_000, at(700)), at(700));
        for arrival in [at(20_000), UnixNanos::MIN] {
            assert_eq!(capture_time(Some(REPORT), 900_000, 90_000, arrival), arrival);
        }
        let unset = SenderReport { ntp: 5 << 32, ..REPORT };
        assert_eq!(capture_time(Some(unset), 900_000, 90_000, at(700)), at(700));
        assert_eq!(capture_time(Some(REPORT), 900_000, 0, at(700)), at(700));
    }
}
