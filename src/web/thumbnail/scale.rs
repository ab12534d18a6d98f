//! A JPEG made smaller: decode, resize, encode. Pure, and slow: it runs on blocking threads only.
//!
//! Baseline and progressive, grey, colour and CMYK pictures are read; grey stays grey, all else
//! becomes colour. A short EXIF segment is kept, because it may say which side is up. Damaged
//! entropy-coded data gives what could be decoded, as browsers do.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use jpeg_encoder::{ColorType, Encoder};
use thiserror::Error;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::model::frame::Dimensions;

/// Quality of the smaller pictures, 1..=100.
const QUALITY: u8 = 80;

/// The longest EXIF segment that is kept; longer ones hold pictures of their own.
const EXIF_MAX_BYTES: usize = 4096;

/// The most scans of a progressive picture: ten are usual, thousands keep a thread busy.
const SCANS_MAX: usize = 64;

/// Why there is no smaller picture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum ScaleError {
    /// Damaged, or a kind of JPEG that the decoder does not know.
    #[error("the picture cannot be decoded: {0}")]
    Decode(String),
    /// The smaller picture could not be written.
    #[error("the smaller picture cannot be encoded: {0}")]
    Encode(String),
}

/// The size with this height that has the shape of `of`; at least one pixel wide.
pub(super) fn shrunk(of: Dimensions, height: u16) -> Dimensions {
    let (of_width, of_height) = (u32::from(of.width), u32::from(of.height).max(1));
    let width = (of_width * u32::from(height) + of_height / 2) / of_height;
    Dimensions { width: u16::try_from(width.max(1)).unwrap_or(u16::MAX), height }
}

/// `jpeg` in the size `to`.
pub(super) fn scale(jpeg: &[u8], to: Dimensions) -> Result<Vec<u8>, ScaleError> {
    let Pixels { pixels, size, kind, exif } = decode(jpeg)?;
    let small = resize(&pixels, size, kind, to)?;
    drop(pixels);
    encode(small.buffer(), to, kind, exif.as_deref())
}

/// A decoded picture.
struct Pixels {
    pixels: Vec<u8>,
    size: (u32, u32),
    kind: Kind,
    exif: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Grey,
    Colour,
}

fn decode(jpeg: &[u8]) -> Result<Pixels, ScaleError> {
    let failed = |error: &dyn std::fmt::Debug| {
        ScaleError::Decode(format!("{error:?}").chars().take(200).collect())
    };
    let most = usize::from(u16::MAX);
    let options = DecoderOptions::default()
        .set_max_width(most)
        .set_max_height(most)
        .jpeg_set_max_scans(SCANS_MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(|error| failed(&error))?;
    let kind = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => Kind::Grey,
        _ => Kind::Colour,
    };
    let space = match kind {
        Kind::Grey => ColorSpace::Luma,
        Kind::Colour => ColorSpace::RGB,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let pixels = decoder.decode().map_err(|error| failed(&error))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| failed(&"no size"))?;
    let side = |side: usize| u32::try_from(side).map_err(|_| failed(&"no size"));
    let exif = decoder.exif().filter(|exif| exif.len() <= EXIF_MAX_BYTES).cloned();
    Ok(Pixels { pixels, size: (side(width)?, side(height)?), kind, exif })
}

fn resize(
    pixels: &[u8],
    (width, height): (u32, u32),
    kind: Kind,
    to: Dimensions,
) -> Result<Image<'static>, ScaleError> {
    let pixel = match kind {
        Kind::Grey => PixelType::U8,
        Kind::Colour => PixelType::U8x3,
    };
    let large = ImageRef::new(width, height, pixels, pixel)
        .map_err(|error| ScaleError::Decode(error.to_string()))?;
    let mut small = Image::new(to.width.into(), to.height.into(), pixel);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize(&large, &mut small, &options)
        .map_err(|error| ScaleError::Encode(error.to_string()))?;
    Ok(small)
}

fn encode(
    pixels: &[u8],
    size: Dimensions,
    kind: Kind,
    exif: Option<&[u8]>,
) -> Result<Vec<u8>, ScaleError> {
    let failed = |error: jpeg_encoder::EncodingError| ScaleError::Encode(error.to_string());
    let mut jpeg = Vec::with_capacity(pixels.len() / 8);
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    if let Some(exif) = exif {
        encoder.add_exif_metadata(exif).map_err(failed)?;
    }
    let colour = match kind {
        Kind::Grey => ColorType::Luma,
        Kind::Colour => ColorType::Rgb,
    };
    encoder.encode(pixels, size.width, size.height, colour).map_err(failed)?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::jpeg::inspect;

    const fn size(width: u16, height: u16) -> Dimensions {
        Dimensions { width, height }
    }

    /// The left half of one colour, the right half of another.
    fn halves(of: Dimensions, kind: ColorType, [left, right]: [&[u8]; 2]) -> Vec<u8> {
        let mut jpeg = Vec::new();
        let row: Vec<u8> = (0..of.width)
            .flat_map(|x| if x < of.width / 2 { left } else { right })
            .copied()
            .collect();
        let mut encoder = Encoder::new(&mut jpeg, 95);
        encoder.set_progressive(of.height % 2 == 1);
        encoder.encode(&row.repeat(of.height.into()), of.width, of.height, kind).unwrap();
        jpeg
    }

    #[test]
    fn the_shape_is_kept_and_nothing_vanishes() {
        for (of, height, expected) in [
            (size(1920, 1080), 180, size(320, 180)),
            (size(1921, 1080), 180, size(320, 180)),
            (size(640, 481), 16, size(21, 16)),
            (size(1, 65535), 16, size(1, 16)),
            (size(65535, 17), 16, size(61680, 16)),
        ] {
            assert_eq!(shrunk(of, height), expected);
        }
    }

    #[test]
    fn every_kind_of_picture_keeps_its_colours() {
        let (red, blue): (&[u8], &[u8]) = (&[220, 20, 20], &[20, 20, 220]);
        let (cyan, key): (&[u8], &[u8]) = (&[255, 0, 0, 0], &[0, 0, 0, 200]);
        for (kind, sides, expected) in [
            (ColorType::Rgb, [red, blue], [[220, 20, 20], [20, 20, 220]]),
            (ColorType::Luma, [&[30][..], &[200][..]], [[30, 30, 30], [200, 200, 200]]),
            (ColorType::Cmyk, [cyan, key], [[0, 255, 255], [55, 55, 55]]),
            (ColorType::CmykAsYcck, [cyan, key], [[0, 255, 255], [55, 55, 55]]),
        ] {
            // The odd heights are progressive pictures.
            for of in [size(128, 64), size(131, 67)] {
                let small = scale(&halves(of, kind, sides), shrunk(of, 16)).unwrap();
                assert_eq!(inspect(&small).unwrap().dimensions, shrunk(of, 16));
                let pixels = JpegDecoder::new(ZCursor::new(&small[..])).decode().unwrap();
                let width = usize::from(shrunk(of, 16).width);
                let last = width - 1;
                for (x, colour) in [(0, expected[0]), (last, expected[1])] {
                    let at = (8 * width + x) * 3;
                    let near = pixels[at..at + 3].iter().zip(colour);
                    let far = near.map(|(a, b)| a.abs_diff(b)).max().unwrap();
                    assert!(far <= 12, "{kind:?} {of:?} {x}: {:?}", &pixels[at..at + 3]);
                }
            }
        }
    }

    #[test]
    fn the_side_that_is_up_is_kept_and_long_exif_is_not() {
        let of = size(64, 64);
        for (length, kept) in [(40, true), (EXIF_MAX_BYTES + 1, false)] {
            let mut jpeg = Vec::new();
            let mut encoder = Encoder::new(&mut jpeg, 90);
            let exif = vec![7; length];
            encoder.add_exif_metadata(&exif).unwrap();
            encoder.encode(&[0; 64 * 64], 64, 64, ColorType::Luma).unwrap();
            let small = scale(&jpeg, shrunk(of, 16)).unwrap();
            let mut decoder = JpegDecoder::new(ZCursor::new(&small[..]));
            decoder.decode_headers().unwrap();
            assert_eq!(decoder.exif(), kept.then_some(&exif));
        }
    }

    #[test]
    fn what_cannot_be_decoded_says_so() {
        let whole = halves(size(64, 64), ColorType::Luma, [&[1], &[2]]);
        let header = whole.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        let mut deep = whole.clone();
        deep[header + 4] = 12;
        for jpeg in [&whole[..header], &deep, b"GIF89a"] {
            let error = scale(jpeg, size(16, 16)).unwrap_err();
            assert!(error.to_string().starts_with("the picture cannot be decoded: "), "{error}");
        }
    }
}
