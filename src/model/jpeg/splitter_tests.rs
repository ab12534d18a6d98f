//! Streams cut into frames: whole ones out, everything else told.

use proptest::prelude::*;

use super::super::inspect;
use super::super::samples::{Style, every_style, last_scan, marker, picture, styled};
use super::*;

const MAX: usize = 1 << 20;

type Split = Vec<Result<Vec<u8>, Fragment>>;

fn at(nanos: u64) -> UnixNanos {
    UnixNanos::new(nanos).unwrap()
}

/// Everything that comes out of `stream`, pushed in chunks of the given lengths (the last repeats),
/// and how many bytes were skipped.
fn split_in(stream: &[u8], max: usize, lengths: &[usize]) -> (Split, u64) {
    let mut splitter = JpegSplitter::new(max);
    let mut out = Vec::new();
    let mut rest = stream;
    let mut lengths = lengths.iter().copied();
    let mut length = stream.len().max(1);
    while !rest.is_empty() {
        length = lengths.next().unwrap_or(length);
        let (chunk, more) = rest.split_at(length.min(rest.len()));
        splitter.push(chunk, at(1));
        while let Some(found) = splitter.next_frame() {
            out.push(found.map(|frame| frame.bytes.to_vec()));
        }
        let bound = max + (64 << 10) + 4 + length;
        assert!(splitter.buf.len() <= bound, "holds {} bytes", splitter.buf.len());
        rest = more;
    }
    splitter.finish();
    while let Some(found) = splitter.next_frame() {
        out.push(found.map(|frame| frame.bytes.to_vec()));
    }
    assert_eq!(splitter.buf.len(), 0);
    (out, splitter.skipped_bytes())
}

fn split(stream: &[u8]) -> (Split, u64) {
    split_in(stream, MAX, &[])
}

fn fragment(length: usize, reason: FragmentReason) -> Result<Vec<u8>, Fragment> {
    Err(Fragment { length, reason })
}

#[test]
fn concatenated_pictures_come_out_one_by_one() {
    let frames = every_style();
    let expected: Split = frames.iter().cloned().map(Ok).collect();
    assert_eq!(split(&frames.concat()), (expected, 0));
}

#[test]
fn a_frame_is_out_with_its_last_byte_and_knows_when_it_began() {
    let jpeg = picture(40, 24, 1);
    let mut splitter = JpegSplitter::new(MAX);
    splitter.push(&jpeg[..jpeg.len() - 1], at(10));
    assert_eq!(splitter.next_frame(), None);
    splitter.push(&jpeg[jpeg.len() - 1..], at(20));
    let frame = splitter.next_frame().unwrap().unwrap();
    assert_eq!((&frame.bytes[..], frame.began), (&jpeg[..], at(10)));
    splitter.push(&jpeg, at(30));
    assert_eq!(splitter.next_frame().unwrap().unwrap().began, at(30));
}

#[test]
fn bytes_between_frames_are_skipped_and_counted() {
    let jpeg = picture(40, 24, 1);
    let stream = [b"\0\0\xFF\xD8\0", &jpeg[..], b"\r\n--x\r\n", &jpeg, b"\0\xFF"].concat();
    assert_eq!(split(&stream), (vec![Ok(jpeg.clone()), Ok(jpeg)], 5 + 7 + 2));
}

#[test]
fn a_picture_cut_in_its_data_is_a_fragment_and_the_next_is_whole() {
    for jpeg in every_style() {
        let scan = last_scan(&jpeg);
        for cut in [scan + 14, scan + 40, jpeg.len() - 2, jpeg.len() - 1] {
            let stream = [&jpeg[..cut], &jpeg].concat();
            let expected = vec![fragment(cut, FragmentReason::Truncated), Ok(jpeg.clone())];
            assert_eq!(split(&stream), (expected, 0), "cut at {cut}");
        }
    }
}

#[test]
fn a_picture_cut_inside_a_header_segment_does_not_take_the_next_with_it() {
    let (jpeg, next) = (picture(40, 24, 1), picture(200, 100, 2));
    for code in [0xE0, 0xC0, 0xC4, 0xDA] {
        let cut = marker(&jpeg, code) + 5;
        let stream = [&jpeg[..cut], &next].concat();
        let expected = vec![fragment(cut, FragmentReason::Truncated), Ok(next.clone())];
        assert_eq!(split(&stream), (expected, 0), "cut in {code:x}");
    }
}

#[test]
fn a_thumbnail_in_a_cut_segment_is_not_taken_for_a_frame() {
    let style = Style { thumbnail: true, ..Style::default() };
    let (jpeg, next) = (styled(40, 24, 1, style), styled(200, 100, 2, style));
    let thumbnail = marker(&jpeg[2..], 0xD8) + 2;
    let cut = marker(&jpeg, 0xD9) + 4;
    assert!(thumbnail < cut);
    let told = fragment(thumbnail, FragmentReason::Truncated);
    let skipped = (cut - thumbnail) as u64;
    let stream = [&jpeg[..cut], &next].concat();
    assert_eq!(split(&stream), (vec![told.clone(), Ok(next)], skipped));
    assert_eq!(split(&jpeg[..cut]), (vec![told], skipped));
}

#[test]
fn the_end_of_the_stream_cuts_what_is_unfinished() {
    let (jpeg, next) = (picture(40, 24, 1), picture(8, 8, 2));
    for cut in [3, marker(&jpeg, 0xC4) + 9, jpeg.len() - 1] {
        let expected = vec![fragment(cut, FragmentReason::Truncated)];
        assert_eq!(split(&jpeg[..cut]), (expected, 0));
    }
    let huge_segment = [b"\xFF\xD8\xFF\xFE\xFF\xFFtext", &next[..]].concat();
    let expected = vec![fragment(10, FragmentReason::Truncated), Ok(next)];
    assert_eq!(split(&huge_segment), (expected, 0));
}

#[test]
fn a_damaged_picture_is_a_fragment_up_to_the_damage() {
    let jpeg = picture(40, 24, 1);
    let tables = marker(&jpeg, 0xDB);
    let stream = [&jpeg[..tables], b"xyz", &jpeg].concat();
    let expected = vec![fragment(tables - 1, FragmentReason::NotJpeg), Ok(jpeg)];
    assert_eq!(split(&stream), (expected, 4));
}

#[test]
fn a_stream_without_pictures_in_its_frames_tells_each() {
    let jpeg = picture(40, 24, 1);
    let tables_only = [&jpeg[..marker(&jpeg, 0xC0)], b"\xFF\xD9"].concat();
    let told = fragment(tables_only.len(), FragmentReason::NotJpeg);
    let stream = [&tables_only[..], &tables_only, &jpeg].concat();
    assert_eq!(split(&stream), (vec![told.clone(), told, Ok(jpeg)], 0));
}

#[test]
fn a_frame_over_the_limit_is_told_with_its_length_and_the_next_is_found() {
    let (large, small) = (picture(300, 200, 1), picture(8, 8, 2));
    assert!(large.len() > 80_000);
    let stream = [&small[..], &large, &small].concat();
    let told = fragment(large.len(), FragmentReason::TooLarge);
    let expected = vec![Ok(small.clone()), told, Ok(small)];
    for chunk in [1, 1000, stream.len()] {
        let found = split_in(&stream, large.len() - 1, &[chunk]);
        assert_eq!(found, (expected.clone(), 0), "chunks of {chunk}");
    }
    let found = split_in(&stream, 1000, &[100]);
    assert_eq!(found, (expected, 0));
    assert_eq!(split_in(&large, large.len(), &[]), (vec![Ok(large)], 0));
}

/// A stream of whole, cut and damaged pictures with rubbish between them.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![Just(0xFF), Just(0xD8), Just(0xD9), Just(0xDA), any::<u8>()];
    let rubbish = proptest::collection::vec(bytes, 0..40);
    let piece = (0..8usize, rubbish, any::<proptest::sample::Index>(), 0..4u8);
    let pictures = every_style();
    let piece = piece.prop_map(move |(style, rubbish, index, how)| {
        let mut jpeg = pictures[style].clone();
        let at = index.index(jpeg.len());
        match how {
            0 => jpeg.truncate(at),
            1 => jpeg[at] = 0xFF,
            _ => {}
        }
        [jpeg, rubbish].concat()
    });
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_chunks_give_the_same_frames(
        stream in stream(),
        lengths in proptest::collection::vec(1..400usize, 1..20),
        max in prop_oneof![Just(MAX), 200..4000usize],
    ) {
        let whole = split_in(&stream, max, &[]);
        prop_assert_eq!(&split_in(&stream, max, &lengths), &whole);
        prop_assert_eq!(&split_in(&stream, max, &[1]), &whole);
        let lengths = whole.0.iter().map(|found| match found {
            Ok(frame) => frame.len(),
            Err(fragment) => fragment.length,
        });
        prop_assert_eq!(lengths.sum::<usize>() as u64 + whole.1, stream.len() as u64);
        for frame in whole.0.iter().flatten() {
            prop_assert!(inspect(frame).is_ok_and(|info| info.trailing == 0));
        }
    }
}
