//! The layout of the index record, the buckets of a window, and what a reader keeps.

use proptest::prelude::*;

use super::*;
use crate::model::key::Seq;

fn nanos(n: u64) -> UnixNanos {
    UnixNanos::new(n).unwrap()
}

fn ttl(secs: u64) -> Ttl {
    Ttl::from_secs(secs).unwrap()
}

fn record(at: u64, seq: u32) -> IndexRecord {
    IndexRecord {
        at: nanos(at),
        suffix: Suffix::Live(Seq::new(seq).unwrap()),
        ask: false,
        size: Some(50_000),
    }
}

#[test]
fn a_record_has_the_documented_layout() {
    let mut one = record(1_731_024_000_123_456_789, 7);
    let bytes = [0x18, 0x05, 0xd5, 0x28, 0x21, 0x08, 0xcd, 0x15, 0, 0, 0, 7, 0, 0x00, 0xc3, 0x50];
    assert_eq!(one.encode(), bytes);
    one.ask = true;
    one.size = None;
    assert_eq!(one.encode()[12..], [0b100, 0xff, 0xff, 0xff]);
    assert_eq!(IndexRecord::decode(&one.encode()), Some(one));
}

#[test]
fn unknown_flags_and_odd_lengths_are_refused() {
    let mut bytes = record(1_731_024_000_123_456_789, 7).encode();
    assert_eq!(decode_bucket(&bytes[..15]), Err(RecordError::Length(15)));
    bytes[12] = 0b1000;
    assert_eq!(decode_bucket(&bytes), Err(RecordError::Format { position: 0 }));
    bytes[12] = 0b11;
    assert_eq!(decode_bucket(&bytes), Err(RecordError::Format { position: 0 }));
}

#[test]
fn a_deleted_record_is_passed_over_and_keeps_its_place() {
    let (first, last) =
        (record(1_731_024_000_123_456_789, 7), record(1_731_024_001_000_000_000, 8));
    let bytes = [first.encode(), DELETED, last.encode()].concat();
    assert_eq!(decode_bucket(&bytes), Ok(vec![first, last]));
    assert_eq!(decode_places(&bytes), Ok(vec![Some(first), None, Some(last)]));
    assert_eq!(IndexRecord::decode(&DELETED), None);
}

#[test]
fn widths_follow_the_lifetime_and_buckets_cover_the_window() {
    assert_eq!(Life::of(ttl(3600)).width.as_secs(), 10);
    let life = Life::of(ttl(3601));
    assert_eq!(life.width.as_secs(), 600);
    let window = TimeRange::new(nanos(600_000_000_000), nanos(1_200_000_000_001)).unwrap();
    let numbers: Vec<u64> = life.buckets(window).map(|bucket| bucket.number).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_reader_keeps_one_record_a_key_and_no_dead_ones() {
    let start = 1_731_024_000_000_000_000;
    let sec = NANOS_PER_SEC;
    let found = |record: IndexRecord, secs| FoundRecord { record, ttl: ttl(secs) };
    let asked = IndexRecord { ask: true, ..record(start + sec, 2) };
    let dead = record(start, 1);
    let (live, gone) = select_live(
        vec![
            found(record(start + 2 * sec, 3), 10),
            found(record(start + sec, 2), 10),
            found(dead, 10),
            found(asked, 10),
            found(record(start + 2 * sec, 3), 10),
            found(record(start + 60 * sec, 4), 10),
        ],
        TimeRange::new(nanos(start), nanos(start + 60 * sec)).unwrap(),
        nanos(start + 11 * sec),
    );
    assert_eq!(live, [found(asked, 10), found(record(start + 2 * sec, 3), 10)]);
    assert_eq!(gone, 1);
}

#[test]
fn in_time_frames_end_by_their_key_and_late_ones_from_the_write() {
    let at = nanos(1_731_024_000_123_456_789);
    assert_eq!(
        expiry(at, ttl(300), at.plus(IN_TIME)),
        Expiry::At(nanos(1_731_024_300_123_000_000))
    );
    let later = at.plus(IN_TIME).next();
    assert_eq!(expiry(at, ttl(300), later), Expiry::FromNow(ttl(300)));
    assert_eq!(expiry(later, ttl(300), at), Expiry::FromNow(ttl(300)));
}

proptest! {
    #[test]
    fn encode_and_decode_are_inverse(at in 0..=i64::MAX as u64, seq in 1u32..=99_999, ask: bool, size in proptest::option::of(0u32..0xFF_FFFF)) {
        let one = IndexRecord { at: nanos(at), suffix: Suffix::Live(Seq::new(seq).unwrap()), ask, size };
        prop_assert_eq!(IndexRecord::decode(&one.encode()), Some(one));
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes: [u8; 16]) {
        if let Some(one) = IndexRecord::decode(&bytes) {
            prop_assert_eq!(one.encode(), bytes);
        }
    }
}
