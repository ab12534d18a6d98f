//! Comment (`COM`) segments: text inside a picture that changes no pixel.
//!
//! A comment goes behind the leading `APPn` segments, since JFIF and EXIF want theirs first.

use thiserror::Error;

use super::walk::{SOI, code};

/// Longest comment in bytes: a segment's length has 16 bits and counts itself.
pub const COMMENT_MAX_BYTES: usize = 65_533;

/// Why a comment could not be put into a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CommentError {
    /// Longer than one segment holds.
    #[error("a JPEG comment of {0} bytes is too long: at most 65533 fit")]
    TooLong(usize),
    /// The bytes to put it into do not start as a JPEG does.
    #[error("a comment can only be put into a JPEG, which starts with FF D8")]
    NotJpeg,
}

/// The comments before the first scan, in order, as raw bytes. Stops at the first damaged segment.
pub fn comments(jpeg: &[u8]) -> impl Iterator<Item = &[u8]> {
    segments(jpeg).filter(|segment| segment.code == code::COM).map(|segment| segment.body)
}

/// `jpeg` with one more comment for each of `texts`, in their order, before any comment it has.
///
/// # Errors
/// [`CommentError`] when a text does not fit into a segment, or `jpeg` does not start with `FF D8`.
pub fn insert_comments(jpeg: &[u8], texts: &[&[u8]]) -> Result<Vec<u8>, CommentError> {
    if !jpeg.starts_with(&SOI) {
        return Err(CommentError::NotJpeg);
    }
    let leading = segments(jpeg).take_while(|s| (code::APP0..=code::APP15).contains(&s.code));
    let at = leading.last().map_or(SOI.len(), |segment| segment.end);
    let more: usize = texts.iter().map(|text| text.len() + 4).sum();
    let mut out = Vec::with_capacity(jpeg.len() + more);
    out.extend_from_slice(&jpeg[..at]);
    for text in texts {
        let length =
            u16::try_from(text.len() + 2).map_err(|_| CommentError::TooLong(text.len()))?;
        out.extend_from_slice(&[code::FILL, code::COM]);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(text);
    }
    out.extend_from_slice(&jpeg[at..]);
    Ok(out)
}

struct Segment<'a> {
    code: u8,
    body: &'a [u8],
    end: usize,
}

/// The segments of the header: up to the first scan, or to the first that is not whole.
fn segments(jpeg: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut at = SOI.len();
    std::iter::from_fn(move || {
        while jpeg.get(at..at + 2)? == [code::FILL, code::FILL] {
            at += 1;
        }
        let &[code::FILL, code, high, low] = jpeg.get(at..at + 4)? else {
            return None;
        };
        let header =
            (code::SOF0..=code::COM).contains(&code) && !(code::RST0..=code::SOS).contains(&code);
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        let body = jpeg.get(at + 4..end).filter(|_| header)?;
        at = end;
        Some(Segment { code, body, end })
    })
}
