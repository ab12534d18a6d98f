//! Order, steps, limit and nearness, on candidates made by hand.

use super::*;
use crate::model::bucket::IndexRecord;
use crate::model::frame::{Dimensions, dimensions_at};
use crate::model::key::Seq;
use crate::model::time::Ttl;

const START: u64 = 1_731_024_000_000_000_000;

fn at(millis: u64) -> UnixNanos {
    UnixNanos::new(START + millis * 1_000_000).unwrap()
}

fn seq(number: u32) -> Suffix {
    Suffix::Live(Seq::new(number).unwrap())
}

fn frame(millis: u64, stream: u32, number: u32) -> Candidate {
    Candidate {
        at: at(millis),
        stream,
        suffix: seq(number),
        size: Some(100),
        expires_at: None,
        ttl: None,
        settled: true,
    }
}

fn rules() -> Rules {
    Rules { start: at(0), every: None, reverse: false, room: None, after: None }
}

#[test]
fn one_of_each_frame_is_kept_by_time_then_camera_then_sequence() {
    let unsettled = Candidate { size: None, settled: false, ..frame(2, 0, 1) };
    let mut all = vec![
        frame(3, 0, 1),
        unsettled,
        frame(2, 1, 1),
        frame(2, 0, 2),
        frame(2, 0, 1),
        frame(1, 1, 7),
        unsettled,
    ];
    merge(&mut all);
    let expected = [frame(1, 1, 7), frame(2, 0, 1), frame(2, 0, 2), frame(2, 1, 1), frame(3, 0, 1)];
    assert_eq!(all, expected);
}

#[test]
fn a_step_gives_the_first_frame_of_each_camera() {
    let all = [
        frame(0, 0, 1),
        frame(1, 1, 1),
        frame(999, 0, 2),
        frame(1000, 0, 3),
        frame(1000, 0, 4),
        frame(3500, 1, 2),
    ];
    let every = Some(Duration::from_secs(1));
    assert_eq!(choose(&all, &Rules { every, ..rules() }), [0, 1, 3, 5]);
    assert_eq!(choose(&all, &Rules { every, reverse: true, ..rules() }), [5, 3, 1, 0]);
    let newest_two = Rules { every, reverse: true, room: Some(2), ..rules() };
    assert_eq!(choose(&all, &newest_two), [5, 3]);
    assert_eq!(choose(&all, &Rules { every, room: Some(3), ..rules() }), [0, 1, 3]);
}

#[test]
fn steps_are_counted_from_the_start_of_the_window() {
    let all = [frame(700, 0, 1), frame(1100, 0, 2), frame(1300, 0, 3)];
    let every = Some(Duration::from_secs(1));
    assert_eq!(choose(&all, &Rules { every, ..rules() }), [0, 1]);
    assert_eq!(choose(&all, &Rules { every, start: at(200), ..rules() }), [0, 2]);
}

#[test]
fn the_nearest_comes_first_and_the_earlier_of_two_equally_far() {
    let mut all =
        vec![frame(0, 0, 1), frame(8, 0, 2), frame(12, 0, 3), frame(12, 0, 1), frame(13, 0, 1)];
    sort_by_distance(&mut all, at(10));
    let expected =
        [frame(8, 0, 2), frame(12, 0, 1), frame(12, 0, 3), frame(13, 0, 1), frame(0, 0, 1)];
    assert_eq!(all, expected);
    assert_eq!((distance(at(10), at(8)), distance(at(10), at(13))), (-2_000_000, 3_000_000));
}

#[test]
fn dimensions_hold_until_the_next_are_recorded() {
    let small = Dimensions { width: 640, height: 480 };
    let large = Dimensions { width: 1920, height: 1080 };
    let history = [(at(10), small), (at(20), large)];
    let said = [9, 10, 19, 20, 99].map(|millis| dimensions_at(&history, at(millis)));
    assert_eq!(said, [None, Some(small), Some(small), Some(large), Some(large)]);
}

#[test]
fn a_record_is_settled_unless_only_the_store_knows() {
    let ttl = Ttl::from_secs(60).unwrap();
    let found = |ask, size| FoundRecord {
        record: IndexRecord { at: at(0), suffix: seq(1), ask, size },
        ttl,
    };
    let settled = |ask, size| {
        let read = |need| Candidate::of_record(0, found(ask, size), need);
        [Need::Key, Need::Size, Need::End, Need::Proof].map(|need| read(need).unwrap().settled)
    };
    assert_eq!(settled(false, Some(9)), [true, true, true, false]);
    assert_eq!(settled(true, Some(9)), [true, true, false, false]);
    assert_eq!(settled(false, None), [true, false, false, false]);
    let end = |ask| Candidate::of_record(0, found(ask, None), Need::End).unwrap().expires_at;
    assert_eq!((end(false), end(true)), (Some(at(60_000)), None));
}

#[test]
fn a_record_of_a_time_that_no_key_can_have_is_passed_over() {
    let record = IndexRecord {
        at: UnixNanos::new(KEY_TIME_MIN - 1).unwrap(),
        suffix: seq(1),
        ask: false,
        size: Some(9),
    };
    let found = FoundRecord { record, ttl: Ttl::from_secs(60).unwrap() };
    assert_eq!(Candidate::of_record(0, found, Need::Key), None);
}

#[test]
fn what_was_answered_before_still_counts_for_its_step() {
    let all = [frame(0, 0, 1), frame(1, 1, 1), frame(500, 0, 2), frame(1000, 0, 3)];
    let after = Some((at(0), 0, seq(1)));
    assert_eq!(choose(&all, &Rules { after, ..rules() }), [1, 2, 3]);
    assert_eq!(choose(&all, &Rules { after, room: Some(1), ..rules() }), [1]);
    let every = Some(Duration::from_secs(1));
    assert_eq!(choose(&all, &Rules { every, after, ..rules() }), [1, 3]);
    let after = Some((at(500), 0, seq(2)));
    assert_eq!(choose(&all, &Rules { after, reverse: true, ..rules() }), [1, 0]);
}
