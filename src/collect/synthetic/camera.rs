//! A synthetic camera: which picture a frame shows, its stamp and its size in bytes.
//!
//! Pictures are drawn and filled up beforehand, stamps have one width: so a frame is its picture
//! and one comment, and every frame of a filled loop has the same length.

use anyhow::Result;
use bytes::Bytes;

use super::options::{Render, SyntheticOptions};
use super::picture::{Painter, Scene};
use super::stamp::Stamp;
use crate::model::jpeg::{COMMENT_MAX_BYTES, insert_comments};
use crate::model::name::CameraId;
use crate::model::time::UnixNanos;

/// Pictures in a loop; the motion in it ends where it begins.
const LOOP_LENGTH: u64 = 30;

/// Marker and length of a segment.
const SEGMENT_HEAD: usize = 4;

/// Frames of one camera, each for the asking.
#[derive(Debug)]
pub struct SyntheticCamera {
    camera: CameraId,
    options: SyntheticOptions,
    painter: Painter,
    /// Empty when each frame is drawn anew.
    pictures: Vec<Sheet>,
}

/// A picture, filled up, that only wants its stamp.
#[derive(Debug)]
struct Sheet {
    jpeg: Vec<u8>,
    /// Bytes that the stamp takes, whatever its numbers.
    stamp_width: usize,
}

impl SyntheticCamera {
    /// Draws and encodes the loop, unless `options` ask for live pictures.
    ///
    /// Blocks while it does, for 30 pictures: not for an async worker.
    ///
    /// # Errors
    /// When a picture cannot be encoded.
    pub fn new(camera: CameraId, options: SyntheticOptions) -> Result<Self> {
        let painter = Painter::new(camera.as_str(), options.size, options.quality);
        let mut synthetic = Self { camera, options, painter, pictures: Vec::new() };
        if options.render == Render::Loop {
            let sheets = (0..LOOP_LENGTH).map(|number| {
                let caption = format!("picture {:02} of {LOOP_LENGTH}", number + 1);
                synthetic.sheet(number, &caption)
            });
            synthetic.pictures = sheets.collect::<Result<_>>()?;
        }
        Ok(synthetic)
    }

    /// Frame `number`, made at `now`. A copy of bytes; drawn live, it blocks for one picture.
    ///
    /// # Errors
    /// When the picture cannot be encoded.
    pub fn frame(&self, number: u64, now: UnixNanos) -> Result<Bytes> {
        let drawn;
        let sheet = if self.pictures.is_empty() {
            let clock = now.to_utc().format("%Y-%m-%d %H:%M:%S%.3f UTC");
            drawn = self.sheet(number, &clock.to_string())?;
            &drawn
        } else {
            let index = number % self.pictures.len() as u64;
            &self.pictures[usize::try_from(index)?]
        };
        let text = self.stamp(number, now).to_text(sheet.stamp_width)?;
        Ok(insert_comments(&sheet.jpeg, &[&text])?.into())
    }

    fn stamp(&self, number: u64, unix_nano: UnixNanos) -> Stamp {
        Stamp { camera: self.camera.clone(), number, unix_nano }
    }

    fn sheet(&self, number: u64, caption: &str) -> Result<Sheet> {
        let turn = (number % LOOP_LENGTH) as f32 / LOOP_LENGTH as f32;
        let jpeg = self.painter.jpeg(&Scene { caption, turn })?;
        let longest = self.stamp(u64::MAX, UnixNanos::MAX).to_text(0)?.len();
        let wanted = self.options.bytes.unwrap_or(0);
        let missing = wanted.saturating_sub(jpeg.len() + SEGMENT_HEAD + longest);
        let (more, fillers) = fill(missing);
        let fillers: Vec<_> = fillers.into_iter().map(|length| vec![0; length]).collect();
        let fillers: Vec<_> = fillers.iter().map(Vec::as_slice).collect();
        Ok(Sheet { jpeg: insert_comments(&jpeg, &fillers)?, stamp_width: longest + more })
    }
}

/// How to add `missing` bytes: so many to a comment that is there, and comments of these lengths.
/// A comment has a head of 4 bytes, so one alone cannot add 1 to 3.
fn fill(missing: usize) -> (usize, Vec<usize>) {
    let more = if missing < SEGMENT_HEAD { missing } else { 0 };
    let mut rest = missing - more;
    let mut lengths = Vec::new();
    while rest > 0 {
        let whole = rest.min(COMMENT_MAX_BYTES + SEGMENT_HEAD);
        let left = rest - whole;
        let segment = if (1..SEGMENT_HEAD).contains(&left) { whole - SEGMENT_HEAD } else { whole };
        lengths.push(segment - SEGMENT_HEAD);
        rest -= segment;
    }
    (more, lengths)
}

#[cfg(test)]
mod tests {
    use super::super::read_stamp;
    use super::*;
    use crate::model::frame::Dimensions;
    use crate::model::jpeg::{JpegInfo, comments, inspect};

    const SIZE: Dimensions = Dimensions { width: 160, height: 96 };

    fn camera(id: &str, render: Render, bytes: Option<usize>) -> SyntheticCamera {
        let options = SyntheticOptions { size: SIZE, render, bytes, ..SyntheticOptions::default() };
        SyntheticCamera::new(CameraId::new(id).unwrap(), options).unwrap()
    }

    fn at(nanos: u64) -> UnixNanos {
        UnixNanos::new(nanos).unwrap()
    }

    #[test]
    fn each_frame_is_a_whole_jpeg_that_says_which_it_is() {
        for render in [Render::Loop, Render::Live] {
            let camera = camera("cam4", render, None);
            for number in [0, 1, 29, 30, u64::MAX] {
                let now = at(1_731_024_000_123_456_789);
                let frame = camera.frame(number, now).unwrap();
                let whole = JpegInfo { dimensions: SIZE, trailing: 0 };
                assert_eq!(inspect(&frame), Ok(whole));
                let stamp =
                    Stamp { camera: CameraId::new("cam4").unwrap(), number, unix_nano: now };
                assert_eq!(read_stamp(&frame), Some(stamp));
            }
        }
    }

    #[test]
    fn the_loop_moves_and_comes_round_and_live_pictures_follow_the_clock() {
        let pixels = |frame: &[u8]| frame[frame.len() - 3000..].to_vec();
        let show =
            |camera: &SyntheticCamera, number, now| pixels(&camera.frame(number, at(now)).unwrap());
        let looped = camera("cam4", Render::Loop, None);
        assert_ne!(show(&looped, 0, 1), show(&looped, 1, 1));
        assert_eq!(show(&looped, 1, 1), show(&looped, 31, 2));
        let other = camera("cam5", Render::Loop, None);
        assert_ne!(show(&looped, 1, 1), show(&other, 1, 1));
        let live = camera("cam4", Render::Live, None);
        assert_ne!(show(&live, 1, 1), show(&live, 1, 2_000_000_000));
        assert_eq!(show(&live, 1, 1), show(&live, 1, 1));
    }

    #[test]
    fn frames_are_filled_up_to_exactly_the_bytes_asked_for() {
        let plain = camera("cam4", Render::Live, None).frame(7, at(1)).unwrap().len();
        for wanted in [1, 2, 3, 4, 5, 50_000, 65_537, 65_538, 65_540, 65_541, 140_000] {
            let wanted = plain + wanted;
            let camera = camera("cam4", Render::Live, Some(wanted));
            let frame = camera.frame(7, at(1)).unwrap();
            assert_eq!(frame.len(), wanted);
            assert_eq!(read_stamp(&frame).map(|stamp| stamp.number), Some(7));
            assert!(inspect(&frame).is_ok());
        }
        let small = camera("cam4", Render::Live, Some(1)).frame(7, at(1)).unwrap();
        assert_eq!(small.len(), plain);
    }

    #[test]
    fn every_frame_of_a_filled_loop_has_the_same_length() {
        let camera = camera("cam4", Render::Loop, Some(50_000));
        for number in 0..40 {
            let frame = camera.frame(number, at(number)).unwrap();
            assert_eq!(frame.len(), 50_000);
            assert_eq!(comments(&frame).count(), 2);
        }
    }

    #[test]
    fn fillers_add_up_to_what_is_missing() {
        for missing in (0..20).chain(65_520..65_560).chain(131_060..131_090) {
            let (more, lengths) = fill(missing);
            let added: usize = lengths.iter().map(|length| length + SEGMENT_HEAD).sum();
            assert_eq!(more + added, missing);
            assert!(lengths.iter().all(|length| *length <= COMMENT_MAX_BYTES));
        }
    }
}
