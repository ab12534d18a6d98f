//! Sums by step and by family, on frames made by hand.

use super::*;
use crate::model::key::{Seq, Suffix};

fn at(millis: u64) -> UnixNanos {
    UnixNanos::new(1_731_024_000_000_000_000 + millis * 1_000_000).unwrap()
}

fn frame(millis: u64, stream: u32, size: u32, ends: Option<u64>) -> Candidate {
    Candidate {
        at: at(millis),
        stream,
        suffix: Suffix::Live(Seq::FIRST),
        size: Some(size),
        expires_at: ends.map(at),
        ttl: None,
        settled: true,
    }
}

#[test]
fn a_timeline_has_every_step_and_gaps_of_one_camera_only() {
    let window = TimeRange::new(at(0), at(3500)).unwrap();
    let mut sum = TimelineSum::new(window, Duration::from_secs(1), 2);
    for (millis, stream, size) in [(100, 0, 10), (200, 1, 20), (900, 0, 30), (3400, 0, 5)] {
        sum.add(&frame(millis, stream, size, None));
    }
    let step = |from, frames, bytes, gap: Option<u64>| TimelineStep {
        from: at(from),
        frames,
        bytes,
        max_gap_nanos: gap.map(|millis| millis * 1_000_000),
    };
    let expected = [
        step(0, 3, 60, Some(800)),
        step(1000, 0, 0, None),
        step(2000, 0, 0, None),
        step(3000, 1, 5, Some(2500)),
    ];
    assert_eq!(sum.finish(), expected);
}

#[test]
fn steps_are_counted_without_making_them() {
    let window = |to| TimeRange::new(at(0), at(to)).unwrap();
    let second = Duration::from_secs(1);
    assert_eq!(steps_of(window(1), second), 1);
    assert_eq!(steps_of(window(1000), second), 1);
    assert_eq!(steps_of(window(1001), second), 2);
    assert_eq!(steps_of(TimeRange::ALL, Duration::from_nanos(1)), i64::MAX as u64);
}

#[test]
fn a_family_is_summed_exactly() {
    let now = at(100_000);
    let [one, two, three] = ["b", "a", "empty"].map(|id| CameraId::new(id).unwrap());
    let mut sum = FamilySum::default();
    sum.add(&one, &[frame(40_000, 0, 7, Some(110_000)), frame(40_001, 0, 8, Some(130_000))], now);
    sum.add(&two, &[frame(100_000, 0, 9, None)], now);
    sum.add(&three, &[], now);
    let (tenant, prefix) = (Tenant::new("t").unwrap(), Prefix::new("frames").unwrap());
    let expected = FamilyStats {
        tenant: tenant.clone(),
        prefix: prefix.clone(),
        cameras: vec![two, one],
        frames: 3,
        bytes: 24,
        oldest: Some(at(40_000)),
        newest: Some(at(100_000)),
        rate_fps: 2.0 / 60.0,
        mean_ttl_left_seconds: Some(20.0),
        without_expiry: 1,
        complete: true,
    };
    assert_eq!(sum.finish(tenant, prefix, true, now), Some(expected));
}

#[test]
fn the_rate_is_that_since_the_oldest_frame_within_the_last_minute() {
    let camera = CameraId::new("a").unwrap();
    let rate = |nanos: &[u64], now| {
        let frames: Vec<_> = nanos.iter().map(|&nanos| frame(nanos, 0, 1, None)).collect();
        let mut sum = FamilySum::default();
        sum.add(&camera, &frames, at(now));
        let names = (Tenant::new("t").unwrap(), Prefix::new("frames").unwrap());
        sum.finish(names.0, names.1, true, at(now)).map(|stats| stats.rate_fps)
    };
    assert_eq!(rate(&[0, 1_000, 2_000, 3_000], 4_000), Some(1.0));
    assert_eq!(rate(&[0, 70_000], 100_000), Some(1.0 / 60.0));
    assert_eq!(rate(&[900], 1_000), Some(1.0));
}

#[test]
fn a_family_without_live_frames_is_left_out_unless_it_is_unsure() {
    let names = || (Tenant::new("t").unwrap(), Prefix::new("frames").unwrap());
    let finish = |complete| {
        let (tenant, prefix) = names();
        FamilySum::default().finish(tenant, prefix, complete, at(0))
    };
    assert_eq!(finish(true), None);
    assert_eq!(finish(false).map(|stats| (stats.frames, stats.complete)), Some((0, false)));
}
