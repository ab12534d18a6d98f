//! JPEG framing (ITU-T T.81, annex B): where a picture begins and ends, how large it is, what it says.
//!
//! A picture is followed by the lengths of its marker segments, never by searching for markers: a
//! thumbnail in an EXIF segment has its own start and end. Only the entropy-coded data after a scan
//! header has no length; there a marker is the first `FF` not followed by `00` or a restart number.
//!
//! No pixel is decoded here: a picture whose frame is whole may still hold damaged data.

mod comment;
#[cfg(test)]
pub(crate) mod samples;
mod splitter;
#[cfg(test)]
mod tests;
mod walk;

use thiserror::Error;

pub use comment::{COMMENT_MAX_BYTES, CommentError, comments, insert_comments};
pub use splitter::{JpegSplitter, SplitFrame};
pub(crate) use walk::{JpegWalk, Walked};

use super::frame::Dimensions;

/// What [`inspect`] finds in a whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JpegInfo {
    /// Its size in pixels, at least 1x1.
    pub dimensions: Dimensions,
    /// Bytes after the end marker: padding, or what a phone appends. They belong to no picture.
    pub trailing: usize,
}

/// Why some bytes are not one whole JPEG.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JpegError {
    /// The first two bytes are not `FF D8`.
    #[error("not a JPEG: it starts with {start}, a JPEG starts with FF D8")]
    NotJpeg {
        /// The first four bytes in hex, or "nothing".
        start: String,
    },
    /// The bytes end, or another picture starts, before the end marker.
    #[error("truncated JPEG: after {at} bytes {what}, before the end marker FF D9")]
    Truncated {
        /// How many bytes belong to the picture.
        at: usize,
        /// What follows them.
        what: &'static str,
    },
    /// The marker segments do not follow one another.
    #[error("damaged JPEG: no valid marker segment at byte {at}")]
    Malformed {
        /// Where a marker segment should start.
        at: usize,
    },
    /// The end marker comes before any scan, or the size is not known from the header.
    #[error(
        "JPEG without a picture: it needs a size above 0x0 in its header and at least one scan"
    )]
    NoPicture,
}

impl JpegError {
    /// The one word under which such a frame is counted.
    #[must_use]
    pub fn reason(&self) -> FragmentReason {
        match self {
            Self::Truncated { .. } => FragmentReason::Truncated,
            Self::NotJpeg { .. } | Self::Malformed { .. } | Self::NoPicture => {
                FragmentReason::NotJpeg
            }
        }
    }
}

/// Why something taken from a stream of frames is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FragmentReason {
    /// It ends before its end marker.
    Truncated,
    /// It is damaged, or another kind of data.
    NotJpeg,
    /// It is longer than the limit of the reader.
    TooLarge,
}

/// Part of a stream that was meant to be a frame and is none. Counted, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Bytes that are lost with it.
    pub length: usize,
    /// Why it is no frame.
    pub reason: FragmentReason,
}

/// Checks that `bytes` hold one whole JPEG from their first byte on, and reads its size.
///
/// Linear time, nearly all of it one vectorised search for `FF`. What follows the end marker is reported, not refused.
///
/// # Errors
/// [`JpegError`] for anything else; sizes that a later `DNL` segment defines are not supported.
pub fn inspect(bytes: &[u8]) -> Result<JpegInfo, JpegError> {
    if !bytes.starts_with(&walk::SOI) {
        return Err(not_jpeg(bytes));
    }
    let mut walk = JpegWalk::new();
    let end = match walk.advance(bytes) {
        Walked::End(end) => end,
        Walked::More => {
            let (at, what) = (bytes.len(), "the data ends");
            return Err(JpegError::Truncated { at, what });
        }
        Walked::Cut(at) => {
            let what = "another picture starts";
            return Err(JpegError::Truncated { at, what });
        }
        Walked::Malformed(at) => return Err(JpegError::Malformed { at }),
    };
    let dimensions = walk.picture().ok_or(JpegError::NoPicture)?;
    let trailing = bytes.len() - end;
    Ok(JpegInfo { dimensions, trailing })
}

fn not_jpeg(bytes: &[u8]) -> JpegError {
    let hex: Vec<String> = bytes.iter().take(4).map(|b| format!("{b:02X}")).collect();
    let start = if hex.is_empty() { "nothing".to_owned() } else { hex.join(" ") };
    JpegError::NotJpeg { start }
}
