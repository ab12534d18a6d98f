//! Slices, walks and rings: that they cover what they should, once, in order.

use proptest::prelude::*;

use super::*;

fn at(nanos: u64) -> UnixNanos {
    UnixNanos::new(nanos).unwrap()
}

fn secs(secs: u64) -> UnixNanos {
    at(secs * 1_000_000_000)
}

fn window(from: UnixNanos, to: UnixNanos) -> TimeRange {
    TimeRange::new(from, to).unwrap()
}

#[test]
fn a_short_window_is_one_slice() {
    let now = secs(1_731_024_000);
    let short = window(now.minus(Duration::from_secs(3000)), now.minus(Duration::from_secs(2970)));
    assert_eq!(slices(short, now, 1, None), [short]);
}

#[test]
fn slices_are_narrow_near_now_and_wide_far_back() {
    let now = secs(1_731_024_000);
    let edges = [3_600_000, 3_037_500, 2_025_000, 1_350_000, 900_000, 600_000, 300_000, 0]
        .map(|millis_ago| now.minus(Duration::from_millis(millis_ago)));
    let expected: Vec<TimeRange> = edges.windows(2).map(|two| window(two[0], two[1])).collect();
    assert_eq!(slices(window(edges[0], now), now, 20, None), expected);
}

#[test]
fn all_of_time_takes_few_slices_for_any_number_of_cameras() {
    let now = secs(1_731_024_000);
    assert!(slices(TimeRange::ALL, now, 1, None).len() < 40);
    assert!(slices(TimeRange::ALL, now, 100_000, None).len() < 60);
}

#[test]
fn the_newest_is_looked_for_from_now_back_to_the_beginning() {
    let now = secs(1_731_024_000);
    assert_eq!(newest_first(now), window(secs(1_731_023_980), UnixNanos::MAX));
    let looks = walk_back(now, secs(1_731_023_000));
    assert_eq!(looks[0], window(secs(1_731_022_980), secs(1_731_023_980)));
    assert!(looks.windows(2).all(|two| two[0].from() == two[1].to()));
    assert_eq!(looks.last().map(|look| look.from()), Some(UnixNanos::MIN));
}

#[test]
fn a_camera_that_was_just_written_to_has_no_empty_look() {
    let now = secs(1_731_024_000);
    let looks = walk_back(now, now);
    assert_eq!(looks[0].to(), secs(1_731_023_980));
}

#[test]
fn the_last_ring_ends_within_the_distance_given_and_includes_it() {
    let middle = secs(1_731_024_000);
    assert_eq!(
        rings(middle, Some(Duration::from_secs(1))),
        [vec![window(secs(1_731_023_999), secs(1_731_024_001).next())]]
    );
    assert_eq!(rings(middle, Some(Duration::ZERO)), [vec![window(middle, middle.next())]]);
    assert_eq!(
        rings(middle, Some(Duration::from_secs(5))),
        [
            vec![window(secs(1_731_023_998), secs(1_731_024_002).next())],
            vec![
                window(secs(1_731_023_995), secs(1_731_023_998)),
                window(secs(1_731_024_002).next(), secs(1_731_024_005).next()),
            ],
        ]
    );
}

#[test]
fn rings_without_a_limit_reach_both_ends_of_time() {
    let middle = secs(1_731_024_000);
    let further_than_time = Some(Duration::from_secs(u64::MAX));
    assert_eq!(rings(middle, further_than_time), rings(middle, None));
    let rings = rings(middle, None);
    assert!(rings.len() < 15, "{}", rings.len());
    let from = rings.iter().flatten().map(|window| window.from()).min();
    let to = rings.iter().flatten().map(|window| window.to()).max();
    assert_eq!((from, to), (Some(UnixNanos::MIN), Some(UnixNanos::MAX)));
}

proptest! {
    #[test]
    fn slices_are_the_window_and_cut_no_step(
        from in 0..4_000_000_000_u64,
        length in 1..4_000_000_000_u64,
        now in 0..4_000_000_000_u64,
        cameras in 0..10_000_usize,
        every in proptest::option::of(1..90_000_u64),
    ) {
        let whole = window(secs(from), secs(from + length));
        let every = every.map(Duration::from_secs);
        let cut = slices(whole, secs(now), cameras, every);
        prop_assert_eq!(cut.first().map(|slice| slice.from()), Some(whole.from()));
        prop_assert_eq!(cut.last().map(|slice| slice.to()), Some(whole.to()));
        prop_assert!(cut.windows(2).all(|two| two[0].to() == two[1].from()));
        if let Some(every) = every {
            let whole_steps = |slice: &TimeRange| {
                slice.from().since(whole.from()).as_nanos().is_multiple_of(every.as_nanos())
            };
            prop_assert!(cut.iter().all(whole_steps));
        }
    }

    #[test]
    fn each_ring_is_further_away_than_the_ones_before(
        middle in 0..=i64::MAX as u64,
        within in proptest::option::of(0..=i64::MAX as u64),
    ) {
        let middle = at(middle);
        let distance = |t: UnixNanos| t.since(middle).max(middle.since(t));
        let mut reached = None;
        for ring in rings(middle, within.map(Duration::from_nanos)) {
            let ends = ring.iter().flat_map(|w| [w.from(), w.to().minus(Duration::from_nanos(1))]);
            let distances: Vec<Duration> = ends.map(distance).collect();
            if let Some(reached) = reached {
                prop_assert!(distances.iter().all(|far| *far > reached));
            }
            let far = distances.into_iter().max().unwrap();
            prop_assert!(within.is_none_or(|within| far <= Duration::from_nanos(within)));
            reached = Some(far);
        }
    }
}
