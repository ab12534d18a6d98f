//! Looks follow each other without holes, and what was met is not met again.

use super::*;
use crate::model::key::Seq;
use crate::model::time::Ttl;

fn at(secs: u64) -> UnixNanos {
    UnixNanos::new((1_731_024_000 + secs) * 1_000_000_000).unwrap()
}

fn record(secs: u64, ask: bool) -> IndexRecord {
    let suffix = Suffix::Live(Seq::new(7).unwrap());
    IndexRecord { at: at(secs), suffix, ask, size: Some(1) }
}

fn cam() -> CameraId {
    CameraId::new("cam1").unwrap()
}

fn hull(from: u64, to: u64) -> TimeRange {
    TimeRange::new(at(from), at(to)).unwrap()
}

#[test]
fn a_recording_that_is_behind_takes_slice_after_slice_and_then_looks_at_now() {
    let mut track = Track::new(at(0), at(0));
    let mut windows = Vec::new();
    loop {
        let look = track.next(hull(0, 1000), at(50)).unwrap();
        windows.push((look.window.from(), look.window.to(), look.is_last));
        track.done(&look);
        if look.is_last {
            break;
        }
    }
    let slices = [(0, 20, false), (15, 40, false)].map(|(a, b, last)| (at(a), at(b), last));
    assert_eq!(windows[..2], slices);
    assert_eq!(windows[2..], [(at(35), at(50).next(), true)]);
    assert_eq!(track.verified(), at(50));
}

#[test]
fn nothing_is_looked_at_outside_of_what_is_wanted() {
    let mut track = Track::new(at(10), at(10));
    let look = track.next(hull(10, 12), at(30)).unwrap();
    let (until, is_last, is_closing) = (at(12), true, true);
    assert_eq!(look, Look { window: hull(10, 12), until, is_last, is_closing });
    track.done(&look);
    track.skip_to(at(100));
    assert_eq!(track.next(hull(10, 12), at(101)), None);
}

#[test]
fn what_was_met_is_known_until_no_look_reaches_it() {
    let mut track = Track::new(at(0), at(0));
    track.meet(&cam(), &record(3, false), at(4));
    track.meet(&cam(), &record(1, true), at(4));
    assert!(track.knows(&cam(), &record(3, false)) && track.knows(&cam(), &record(1, true)));
    assert!(!track.knows(&CameraId::new("cam2").unwrap(), &record(3, false)));
    let look = track.next(hull(0, 1000), at(8)).unwrap();
    track.done(&look);
    assert!(track.knows(&cam(), &record(3, false)) && !track.knows(&cam(), &record(1, false)));
    assert!(track.knows(&cam(), &record(1, true)), "it may come again by its arrival");
    track.arrivals_done(at(15));
    assert!(!track.knows(&cam(), &record(1, true)));
    assert_eq!(track.arrivals(at(20)).unwrap(), TimeRange::new(at(10), at(20).next()).unwrap());
}

#[test]
fn what_died_unmet_is_counted_once() {
    let found = |secs| FoundRecord { record: record(secs, false), ttl: Ttl::from_secs(9).unwrap() };
    let mut track = Track::new(at(0), at(0));
    track.meet(&cam(), &record(3, false), at(4));
    track.meet(&cam(), &record(4, false), at(4));
    // of five dead ones one was met; another that was met lives
    assert_eq!(track.lost(&cam(), hull(0, 5), &[found(4)], 5), 4);
    assert_eq!(track.lost(&cam(), hull(0, 5), &[], 2), 0);
    let mut judged = Vec::new();
    for now in [3, 8, 9, 30, 31] {
        let look = track.next(hull(0, 20), at(now)).unwrap();
        judged.extend(track.to_judge(&look).map(|span| (span.from(), span.to())));
        track.done(&look);
    }
    assert_eq!(judged, [(0, 3), (3, 4), (4, 20)].map(|(from, to)| (at(from), at(to))));
}

#[test]
fn looks_become_wider_where_little_can_live_while_they_find_nothing() {
    let mut track = Track::new(at(0), at(0));
    track.sparse_until(at(10_000));
    let mut covered = Vec::new();
    let mut step = |track: &mut Track, found| {
        let before = track.verified();
        let look = track.next(hull(0, 20_000), at(30_000)).unwrap();
        track.found(found);
        track.done(&look);
        covered.push(track.verified().since(before).as_secs());
    };
    for found in [false, false, true, false] {
        step(&mut track, found);
    }
    while track.verified() < at(10_000) {
        step(&mut track, false);
    }
    step(&mut track, false);
    assert_eq!(covered[..5], [20, 40, 80, 20, 40]);
    assert_eq!(covered.last(), Some(&20), "what may be dense is taken in small slices");
    assert_eq!(track.verified(), at(10_020));
}
