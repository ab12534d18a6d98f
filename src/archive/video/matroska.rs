//! Pictures with their times as a Matroska stream, the simplest container that ffmpeg reads from a
//! pipe with the time of each picture (RFC 9559, EBML of RFC 8794).
//!
//! One video track of `V_MJPEG`, times in microseconds, a cluster of its own for each picture. Only the
//! heads are made here; the picture's own bytes follow each, so that none is copied. Pure.

use crate::model::frame::Dimensions;

const EBML: u32 = 0x1A45_DFA3;
const EBML_VERSION: u32 = 0x4286;
const EBML_READ_VERSION: u32 = 0x42F7;
const EBML_MAX_ID: u32 = 0x42F2;
const EBML_MAX_SIZE: u32 = 0x42F3;
const DOC_TYPE: u32 = 0x4282;
const DOC_TYPE_VERSION: u32 = 0x4287;
const DOC_TYPE_READ_VERSION: u32 = 0x4285;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const MUXING_APP: u32 = 0x4D80;
const WRITING_APP: u32 = 0x5741;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const TRACK_UID: u32 = 0x73C5;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const VIDEO: u32 = 0xE0;
const PIXEL_WIDTH: u32 = 0xB0;
const PIXEL_HEIGHT: u32 = 0xBA;
const CLUSTER: u32 = 0x1F43_B675;
const TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;

/// A size that is not known yet: until the end of the stream.
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

/// Track 1, at its cluster's time, a key frame.
const BLOCK_HEAD: [u8; 4] = [0x81, 0, 0, 0x80];

/// What stands before the first picture.
pub(super) fn head(first: Dimensions) -> Vec<u8> {
    let mut ebml = Vec::new();
    let versions =
        [(EBML_VERSION, 1), (EBML_READ_VERSION, 1), (EBML_MAX_ID, 4), (EBML_MAX_SIZE, 8)];
    versions.iter().for_each(|(id, value)| number(&mut ebml, *id, *value));
    element(&mut ebml, DOC_TYPE, b"matroska");
    number(&mut ebml, DOC_TYPE_VERSION, 4);
    number(&mut ebml, DOC_TYPE_READ_VERSION, 2);

    let mut info = Vec::new();
    number(&mut info, TIMESTAMP_SCALE, 1_000);
    element(&mut info, MUXING_APP, b"framecache");
    element(&mut info, WRITING_APP, b"framecache");

    let (mut video, mut track, mut tracks) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut video, PIXEL_WIDTH, first.width.into());
    number(&mut video, PIXEL_HEIGHT, first.height.into());
    [TRACK_NUMBER, TRACK_UID, TRACK_TYPE].iter().for_each(|id| number(&mut track, *id, 1));
    element(&mut track, CODEC_ID, b"V_MJPEG");
    element(&mut track, VIDEO, &video);
    element(&mut tracks, TRACK_ENTRY, &track);

    let mut head = Vec::new();
    element(&mut head, EBML, &ebml);
    id(&mut head, SEGMENT);
    head.extend(UNKNOWN_SIZE);
    element(&mut head, INFO, &info);
    element(&mut head, TRACKS, &tracks);
    head
}

/// What stands before a picture of `length` bytes at this many microseconds after the first one.
pub(super) fn before(micros: u64, length: usize) -> Vec<u8> {
    let (mut inner, block) = (Vec::new(), BLOCK_HEAD.len() + length);
    number(&mut inner, TIMESTAMP, micros);
    id(&mut inner, SIMPLE_BLOCK);
    size(&mut inner, block);
    let mut cluster = Vec::new();
    id(&mut cluster, CLUSTER);
    size(&mut cluster, inner.len() + block);
    cluster.extend(inner);
    cluster.extend(BLOCK_HEAD);
    cluster
}

fn element(out: &mut Vec<u8>, name: u32, content: &[u8]) {
    id(out, name);
    size(out, content.len());
    out.extend(content);
}

fn number(out: &mut Vec<u8>, name: u32, value: u64) {
    element(out, name, &value.to_be_bytes());
}

/// Ids carry their length in their first bits.
fn id(out: &mut Vec<u8>, name: u32) {
    let zeros = usize::try_from(name.leading_zeros() / 8).unwrap_or(0);
    out.extend(&name.to_be_bytes()[zeros..]);
}

/// Sizes in their longest form: a one and 56 bits.
fn size(out: &mut Vec<u8>, length: usize) {
    let length = u64::try_from(length).unwrap_or(u64::MAX) & 0x00FF_FFFF_FFFF_FFFF;
    out.extend((length | 1 << 56).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_lie_as_the_specification_has_them() {
        let head = head(Dimensions { width: 640, height: 480 });
        assert!(head.starts_with(&[0x1A, 0x45, 0xDF, 0xA3, 0x01, 0, 0, 0, 0, 0, 0]));
        let codec = [&[0x86, 0x01, 0, 0, 0, 0, 0, 0, 7][..], b"V_MJPEG"].concat();
        assert!(head.windows(codec.len()).any(|part| part == codec));
        let wide = [0xB0, 0x01, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0x80];
        assert!(head.windows(wide.len()).any(|part| part == wide));
    }

    #[test]
    fn a_picture_is_a_cluster_of_one_block() {
        let mut expected = vec![0x1F, 0x43, 0xB6, 0x75, 0x01, 0, 0, 0, 0, 0, 0, 17 + 9 + 4 + 3];
        expected.extend([0xE7, 0x01, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0x03, 0xE8]);
        expected.extend([0xA3, 0x01, 0, 0, 0, 0, 0, 0, 7, 0x81, 0, 0, 0x80]);
        assert_eq!(before(1000, 3), expected);
    }
}
