//! Bodies as cameras send them, cut anywhere, damaged anywhere.

use proptest::prelude::*;

use super::*;
use crate::model::jpeg::inspect;
use crate::model::jpeg::samples::{every_style, marker, picture};

const MAX: usize = 1 << 20;

type Read = Vec<Result<Part, Fragment>>;

fn at(nanos: u64) -> UnixNanos {
    UnixNanos::new(nanos).unwrap()
}

/// Everything read from `stream`, pushed in chunks of the given lengths (the last repeats).
fn read_in(stream: &[u8], boundary: &str, max: usize, lengths: &[usize]) -> Read {
    let mut parser = MultipartParser::with_boundary(boundary, max);
    let mut out = Vec::new();
    let mut rest = stream;
    let mut lengths = lengths.iter().copied();
    let mut length = stream.len().max(1);
    while !rest.is_empty() {
        length = lengths.next().unwrap_or(length);
        let (chunk, more) = rest.split_at(length.min(rest.len()));
        parser.push(chunk, at(1));
        out.extend(std::iter::from_fn(|| parser.next_part()));
        let held = parser.buf.len();
        assert!(held <= max + HEAD_MAX_BYTES + length, "holds {held} bytes");
        rest = more;
    }
    parser.finish();
    out.extend(std::iter::from_fn(|| parser.next_part()));
    out
}

fn read(stream: &[u8], boundary: &str) -> Read {
    read_in(stream, boundary, MAX, &[])
}

fn typed(content_type: Option<&str>, body: &[u8]) -> Part {
    Part {
        content_type: content_type.map(str::to_owned),
        timestamp: None,
        body: body.to_vec().into(),
        began: at(1),
    }
}

fn jpeg(body: &[u8]) -> Result<Part, Fragment> {
    Ok(typed(Some("image/jpeg"), body))
}

fn fragment(length: usize, reason: FragmentReason) -> Result<Part, Fragment> {
    Err(Fragment { length, reason })
}

/// A part as ffmpeg's `-f mpjpeg` writes it, with what its header says.
fn part(length: Option<usize>, body: &[u8]) -> Vec<u8> {
    let length = length.map_or(String::new(), |n| format!("Content-length: {n}\r\n"));
    let head = format!("--ffmpeg\r\nContent-type: image/jpeg\r\n{length}\r\n");
    [head.as_bytes(), body, b"\r\n"].concat()
}

#[test]
fn the_stream_of_ffmpeg_is_read() {
    let frames = every_style();
    let parts: Vec<u8> = frames.iter().flat_map(|f| part(Some(f.len()), f)).collect();
    let stream = [&parts[..], b"--ffmpeg\r\n"].concat();
    let expected: Read = frames.iter().map(|frame| jpeg(frame)).collect();
    assert_eq!(read(&stream, "ffmpeg"), expected);
}

#[test]
fn the_stream_of_a_camera_with_other_parts_and_a_preamble_is_read() {
    let frame = picture(40, 24, 1);
    let length = frame.len();
    let stream = [
        b"\r\nwelcome\r\n--myboundary\r\nContent-Type: text/plain\r\n\r\nno motion\r\nat all",
        &format!(
            "\r\n--myboundary\r\nContent-Type: image/jpeg\r\nX-Timestamp: 17.25\r\n\
             Content-Length: {length}\r\nServer: x\r\n\r\n"
        )
        .into_bytes()[..],
        &frame,
        b"\r\n--myboundary--\r\nepilogue",
    ]
    .concat();
    let stamped = Part { timestamp: Some("17.25".to_owned()), ..typed(Some("image/jpeg"), &frame) };
    let text = typed(Some("text/plain"), b"no motion\r\nat all");
    let expected = vec![Ok(text), Ok(stamped)];
    assert_eq!(read(&stream, "--myboundary"), expected);
}

#[test]
fn lines_that_end_in_lf_alone_and_parts_without_length_are_read() {
    for frame in every_style() {
        let part = [b"--cam\nContent-Type: image/jpeg\n\n", &frame[..], b"\n"].concat();
        let stream = [&part[..], &part, b"--cam\n\n", &frame, b"--cam\n"].concat();
        let untyped = Ok(typed(None, &frame));
        let expected = vec![jpeg(&frame), jpeg(&frame), untyped];
        assert_eq!(read(&stream, "cam"), expected);
    }
}

#[test]
fn a_boundary_that_is_not_the_declared_one_is_learned() {
    let frame = picture(40, 24, 1);
    let stream = [part(Some(frame.len()), &frame), part(None, &frame)].concat();
    assert_eq!(read(&stream, "declared"), vec![jpeg(&frame), jpeg(&frame)]);
}

#[test]
fn a_part_is_out_with_its_last_byte_and_knows_when_it_began() {
    let frame = picture(40, 24, 1);
    for length in [Some(frame.len()), None] {
        let stream = part(length, &frame);
        let (head, end) = (stream.len() - frame.len() - 2, stream.len() - 3);
        let content_type = "multipart/x-mixed-replace; boundary=ffmpeg";
        let mut parser = MultipartParser::new(content_type, MAX).unwrap();
        for (chunk, now) in [(0..head, 10), (head..end, 20), (end..end + 1, 30)] {
            assert_eq!(parser.next_part(), None);
            parser.push(&stream[chunk], at(now));
        }
        let expected = Part {
            content_type: Some("image/jpeg".to_owned()),
            timestamp: None,
            body: frame.clone().into(),
            began: at(20),
        };
        assert_eq!(parser.next_part(), Some(Ok(expected)));
        assert_eq!(parser.next_part(), None);
    }
}

#[test]
fn a_cut_picture_is_a_fragment_and_costs_no_further_frame() {
    let (frame, next) = (picture(40, 24, 1), picture(40, 24, 2));
    let after = part(Some(next.len()), &next);
    for cut in [3, marker(&frame, 0xC4) + 9, frame.len() - 40] {
        for length in [Some(cut), Some(frame.len()), Some(frame.len() + 900), None] {
            let stream = [part(length, &frame[..cut]), after.clone(), after.clone()].concat();
            let cut_short = match (cut, length) {
                // Seen at once, with nothing that says where the picture should end.
                (3, None) => fragment(2, FragmentReason::NotJpeg),
                _ => fragment(cut, FragmentReason::Truncated),
            };
            let expected = vec![cut_short, jpeg(&next), jpeg(&next)];
            assert_eq!(read(&stream, "ffmpeg"), expected, "{cut} of {length:?}");
        }
    }
}

#[test]
fn a_cut_segment_that_reaches_into_the_next_boundary_does_not_hide_it() {
    let next = picture(40, 24, 2);
    let seven_bytes_of_comment = b"\xFF\xD8\xFF\xFE\0\x09ab";
    let stream = [part(None, seven_bytes_of_comment), part(None, &next)].concat();
    let expected = vec![fragment(13, FragmentReason::NotJpeg), jpeg(&next)];
    assert_eq!(read(&stream, "ffmpeg"), expected);
}

#[test]
fn the_end_of_the_stream_cuts_what_is_unfinished() {
    let frame = picture(40, 24, 1);
    for length in [Some(frame.len()), None] {
        let head = part(length, b"").len() - 2;
        let stream = part(length, &frame);
        for cut in [1, 2, 700] {
            let expected = vec![fragment(cut, FragmentReason::Truncated)];
            assert_eq!(read(&stream[..head + cut], "ffmpeg"), expected);
        }
        for before in [0, 5, 12, head] {
            assert_eq!(read(&stream[..before], "ffmpeg"), vec![]);
        }
    }
}

#[test]
fn what_is_no_jpeg_but_says_so_is_a_fragment() {
    let frame = picture(8, 8, 1);
    let text = b"<html>busy</html>";
    for length in [Some(text.len()), None] {
        let stream = [part(length, text), part(None, &frame)].concat();
        let refused = fragment(text.len(), FragmentReason::NotJpeg);
        assert_eq!(read(&stream, "ffmpeg"), vec![refused, jpeg(&frame)]);
    }
}

#[test]
fn what_is_over_a_limit_is_told_and_the_next_part_is_found() {
    let (large, small) = (picture(200, 100, 1), picture(8, 8, 2));
    let max = small.len();
    for (length, told) in [(Some(large.len()), large.len()), (None, max)] {
        let stream = [part(length, &large), part(None, &small)].concat();
        let expected = vec![fragment(told, FragmentReason::TooLarge), jpeg(&small)];
        for chunk in [1, 700, stream.len()] {
            assert_eq!(read_in(&stream, "ffmpeg", max, &[chunk]), expected);
        }
    }
    let endless = [b"--ffmpeg\r\nX: ", &[b'x'; 9000][..], b"\r\n\r\n"].concat();
    let stream = [endless, part(None, &small)].concat();
    let expected = vec![fragment(HEAD_MAX_BYTES, FragmentReason::NotJpeg), jpeg(&small)];
    assert_eq!(read(&stream, "ffmpeg"), expected);
    let long_text = [b"--ffmpeg\r\n\r\n", &[b'\n'; 9000][..], b"\r\n"].concat();
    let stream = [long_text, part(None, &small)].concat();
    let expected = vec![fragment(max, FragmentReason::TooLarge), jpeg(&small)];
    assert_eq!(read_in(&stream, "ffmpeg", max, &[10]), expected);
}

/// A stream of whole, cut and damaged parts with rubbish between them.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"--ffmpeg\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"Content-Length: 70\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..30),
    ];
    let rubbish = proptest::collection::vec(token, 0..3);
    let piece = (0..8usize, rubbish, any::<proptest::sample::Index>(), 0..6u8);
    let pictures = every_style();
    let piece = piece.prop_map(move |(style, rubbish, index, how)| {
        let mut jpeg = pictures[style].clone();
        let length = [None, Some(jpeg.len()), Some(index.index(3000))][usize::from(how % 3)];
        if how > 2 {
            jpeg.truncate(index.index(jpeg.len()));
        }
        [part(length, &jpeg), rubbish.concat()].concat()
    });
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_chunks_give_the_same_parts(
        stream in stream(),
        lengths in proptest::collection::vec(1..400usize, 1..20),
        max in prop_oneof![Just(MAX), 200..4000usize],
    ) {
        let whole = read_in(&stream, "ffmpeg", max, &[]);
        prop_assert_eq!(&read_in(&stream, "ffmpeg", max, &lengths), &whole);
        prop_assert_eq!(&read_in(&stream, "ffmpeg", max, &[1]), &whole);
        for part in whole.into_iter().flatten() {
            prop_assert!(part.body.len() <= max);
            let jpeg = part.content_type.as_deref() == Some("image/jpeg");
            prop_assert!(!jpeg || inspect(&part.body).is_ok());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read_in(&bytes, "ffmpeg", 100, &[7]);
    }
}
