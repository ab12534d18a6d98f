//! What is one whole JPEG and what is not; comments in and out.

use proptest::prelude::*;

use super::samples::{every_style, marker, picture, with_bytes};
use super::*;

fn info(width: u16, height: u16, trailing: usize) -> Result<JpegInfo, JpegError> {
    Ok(JpegInfo { dimensions: Dimensions { width, height }, trailing })
}

fn truncated(at: usize, what: &'static str) -> Result<JpegInfo, JpegError> {
    Err(JpegError::Truncated { at, what })
}

#[test]
fn every_kind_of_picture_is_whole_and_its_size_is_read() {
    for jpeg in every_style() {
        assert_eq!(inspect(&jpeg), info(40, 24, 0));
    }
    assert_eq!(inspect(&picture(1920, 16, 1)), info(1920, 16, 0));
}

#[test]
fn fill_bytes_and_foreign_segments_are_walked_over() {
    let jpeg = picture(40, 24, 1);
    let comment_with_end_marker = [0xFF, 0xFE, 0, 6, 0xFF, 0xD9, 0xFF, 0xD8];
    for inserted in [&[0xFF, 0xFF, 0xFF][..], &comment_with_end_marker, &[0xFF, 0x01]] {
        for at in [2, marker(&jpeg, 0xDB), jpeg.len() - 2] {
            let bent = with_bytes(&jpeg, at, inserted);
            assert_eq!(inspect(&bent), info(40, 24, 0), "{inserted:x?} at {at}");
        }
    }
}

#[test]
fn bytes_after_the_end_are_reported_not_refused() {
    let jpeg = picture(8, 8, 1);
    for padding in [&b"\0\0\0"[..], b"\r\n", b"\xFF\xD8 another"] {
        let padded = [&jpeg, padding].concat();
        assert_eq!(inspect(&padded), info(8, 8, padding.len()));
    }
}

#[test]
fn every_proper_prefix_is_truncated() {
    for jpeg in every_style() {
        for at in 2..jpeg.len() {
            assert_eq!(inspect(&jpeg[..at]), truncated(at, "the data ends"));
        }
    }
}

#[test]
fn a_picture_that_runs_into_another_is_truncated() {
    let (jpeg, other) = (picture(40, 24, 1), picture(40, 24, 2));
    let (header, data) = (marker(&jpeg, 0xDA), jpeg.len() - 7);
    for cut in [2, header, header + 9, data] {
        let joined = [&jpeg[..cut], &other].concat();
        assert_eq!(inspect(&joined), truncated(cut, "another picture starts"));
    }
}

#[test]
fn what_is_no_jpeg_says_how_it_starts() {
    for (bytes, start) in [
        (&b""[..], "nothing"),
        (b"\xFF", "FF"),
        (b"\x89PNG\r\n", "89 50 4E 47"),
        (b"\0\xFF\xD8\xFF", "00 FF D8 FF"),
    ] {
        let start = start.to_owned();
        assert_eq!(inspect(bytes), Err(JpegError::NotJpeg { start }));
    }
    assert_eq!(
        inspect(b"GIF89a").unwrap_err().to_string(),
        "not a JPEG: it starts with 47 49 46 38, a JPEG starts with FF D8"
    );
}

#[test]
fn broken_marker_segments_are_malformed() {
    let jpeg = picture(40, 24, 1);
    let (tables, frame, scan) = (marker(&jpeg, 0xDB), marker(&jpeg, 0xC0), marker(&jpeg, 0xDA));
    let second_frame = jpeg[frame..frame + 19].to_vec();
    for (at, inserted, malformed) in [
        (2, &b"x"[..], 2),
        (tables, &[0xFF, 0x00], tables),
        (tables, &[0xFF, 0xD0], tables),
        (tables, &[0xFF, 0x02], tables),
        (tables, &[0xFF, 0xE5, 0, 1], tables),
        (frame, &[0xFF, 0xC1, 0, 7], frame),
        (frame, &jpeg[scan..scan + 14], frame),
        (scan, &second_frame, scan),
        (scan, &[0xFF, 0xDA, 0, 15], scan),
    ] {
        let bent = with_bytes(&jpeg, at, inserted);
        let expected = Err(JpegError::Malformed { at: malformed });
        assert_eq!(inspect(&bent), expected, "{inserted:x?} at {at}");
    }
}

#[test]
fn a_jpeg_needs_a_size_and_a_scan() {
    let jpeg = picture(40, 24, 1);
    let (frame, scan) = (marker(&jpeg, 0xC0), marker(&jpeg, 0xDA));
    let tables_only = [&jpeg[..scan], b"\xFF\xD9"].concat();
    assert_eq!(inspect(&tables_only), Err(JpegError::NoPicture));
    for zeroed in [frame + 5, frame + 7] {
        let mut flat = jpeg.clone();
        flat[zeroed..zeroed + 2].fill(0);
        assert_eq!(inspect(&flat), Err(JpegError::NoPicture));
    }
}

#[test]
fn comments_go_behind_the_application_segments_and_come_back() {
    for jpeg in every_style() {
        let texts = [&b"{\"camera\":\"cam1\"}"[..], b"", &[0xFF; COMMENT_MAX_BYTES]];
        let commented = insert_comments(&jpeg, &texts).unwrap();
        assert_eq!(comments(&commented).collect::<Vec<_>>(), texts);
        assert_eq!(comments(&jpeg).count(), 0);
        assert_eq!(inspect(&commented), info(40, 24, 0));
        let first = marker(&commented[2..], 0xFE) + 2;
        assert_eq!(commented[..first], jpeg[..first]);
        assert!(!(0xE0..=0xEF).contains(&jpeg[first + 1]));
        assert_eq!(commented[commented.len() - jpeg.len() + first..], jpeg[first..]);
    }
}

#[test]
fn a_comment_that_cannot_be_put_in_is_refused() {
    let long = vec![b'x'; COMMENT_MAX_BYTES + 1];
    let refused = insert_comments(&picture(8, 8, 1), &[&long]).unwrap_err();
    assert_eq!(refused.to_string(), "a JPEG comment of 65534 bytes is too long: at most 65533 fit");
    assert_eq!(insert_comments(b"GIF89a", &[b"x"]), Err(CommentError::NotJpeg));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(prop_oneof![Just(0xFF), 0xBF..=0xFFu8, any::<u8>()], 0..300),
    ) {
        let jpeg = [&[0xFF, 0xD8], &bytes[..]].concat();
        for bytes in [&jpeg, &bytes] {
            let _ = inspect(bytes);
            let _ = insert_comments(bytes, &[b"x"]);
            prop_assert!(comments(bytes).count() <= bytes.len());
        }
    }
}
