//! Cuts a stream of concatenated JPEGs into whole frames.
//!
//! Sans-io: bytes go in as they arrive, frames and fragments come out, the same ones however the
//! stream was cut into chunks. A frame is out as soon as its last byte is in. What is no frame is a
//! [`Fragment`]; after it the splitter finds the next start marker by itself. Bytes between frames
//! are skipped and counted.
//!
//! Time is linear in the bytes pushed. Held are at most the limit of a frame, one segment of 64 KiB
//! and the last chunk, provided that [`JpegSplitter::next_frame`] is asked until `None` after each push.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

use super::{Fragment, FragmentReason, JpegWalk, Walked};
use crate::model::time::UnixNanos;

/// The start of a picture: its marker, and the first byte of the marker that must follow.
const START: [u8; 3] = [0xFF, 0xD8, 0xFF];

/// One whole frame, taken out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitFrame {
    /// The frame, from its start marker to its end marker, in memory of its own.
    pub bytes: Bytes,
    /// When the chunk that completed its start marker was pushed.
    pub began: UnixNanos,
}

/// See the head of this file.
#[derive(Debug)]
pub struct JpegSplitter {
    max_frame_bytes: usize,
    buf: BytesMut,
    walk: Option<JpegWalk>,
    /// Bytes of the current frame, too large already, that are no longer in `buf`.
    dropped: usize,
    /// Up to here (in `buf`) lies the rest of a cut `APPn` segment: a JPEG in it is a thumbnail.
    thumbnail: usize,
    began: UnixNanos,
    pushed: UnixNanos,
    skipped: u64,
    finished: bool,
}

impl JpegSplitter {
    /// A splitter at the start of a stream; frames above `max_frame_bytes` become fragments.
    #[must_use]
    pub fn new(max_frame_bytes: usize) -> Self {
        Self {
            max_frame_bytes,
            buf: BytesMut::new(),
            walk: None,
            dropped: 0,
            thumbnail: 0,
            began: UnixNanos::MIN,
            pushed: UnixNanos::MIN,
            skipped: 0,
            finished: false,
        }
    }

    /// Takes the next bytes of the stream, which arrived at `now`.
    pub fn push(&mut self, chunk: &[u8], now: UnixNanos) {
        self.buf.extend_from_slice(chunk);
        self.pushed = now;
    }

    /// The stream has ended: what is still unfinished comes out of [`Self::next_frame`] as a fragment.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next frame, or what was meant to be one; `None` until more bytes are pushed.
    pub fn next_frame(&mut self) -> Option<Result<SplitFrame, Fragment>> {
        loop {
            let mut walk = match self.walk.take() {
                Some(walk) => walk,
                None => self.seek()?,
            };
            let found = match walk.advance(&self.buf) {
                Walked::More if self.finished => {
                    let end = self.buf.len();
                    self.resynchronise(&walk, end, end, FragmentReason::Truncated)
                }
                Walked::More => {
                    self.shed(&mut walk);
                    self.walk = Some(walk);
                    return None;
                }
                Walked::End(end) => self.ended(end, walk.picture().is_some()),
                Walked::Cut(at) => self.fragment(at, FragmentReason::Truncated),
                // `at - 1`: that byte and the one at `at` may be a start marker.
                Walked::Malformed(at) => {
                    self.resynchronise(&walk, at + 1, at - 1, FragmentReason::NotJpeg)
                }
            };
            if found.is_some() {
                return found;
            }
        }
    }

    /// Bytes so far that belonged to no frame and to no fragment.
    #[must_use]
    pub fn skipped_bytes(&self) -> u64 {
        self.skipped
    }

    /// Drops everything before the next start marker.
    fn seek(&mut self) -> Option<JpegWalk> {
        let found = memmem::find(&self.buf, &START);
        let skip = found.unwrap_or_else(|| self.buf.len() - self.started_bytes());
        self.skipped += skip as u64;
        self.consume(skip);
        found.map(|_| {
            self.began = self.pushed;
            JpegWalk::new()
        })
    }

    /// How many bytes at the end may be the beginning of a start marker.
    fn started_bytes(&self) -> usize {
        let ends = |length: &usize| self.buf.ends_with(&START[..*length]);
        if self.finished {
            return 0;
        }
        [2, 1].into_iter().find(ends).unwrap_or(0)
    }

    /// Keeps of a frame that is too large already only what a later decision needs.
    fn shed(&mut self, walk: &mut JpegWalk) {
        if self.dropped + self.buf.len() > self.max_frame_bytes {
            let drop = walk.sure().saturating_sub(1);
            walk.forget(drop);
            self.dropped += drop;
            self.consume(drop);
        }
    }

    fn ended(&mut self, end: usize, picture: bool) -> Option<Result<SplitFrame, Fragment>> {
        if !picture {
            return self.fragment(end, FragmentReason::NotJpeg);
        }
        if self.is_thumbnail(end) || self.dropped + end > self.max_frame_bytes {
            return self.fragment(end, FragmentReason::TooLarge);
        }
        let bytes = Bytes::copy_from_slice(&self.buf[..end]);
        let began = self.began;
        self.consume(end);
        Some(Ok(SplitFrame { bytes, began }))
    }

    /// Gives up the current frame. If a picture starts in its last segment, before `in_doubt`, the
    /// length of that segment was wrong and the picture is next; else the fragment ends at `end`.
    fn resynchronise(
        &mut self,
        walk: &JpegWalk,
        in_doubt: usize,
        end: usize,
        reason: FragmentReason,
    ) -> Option<Result<SplitFrame, Fragment>> {
        let sure = walk.sure().min(in_doubt);
        let Some(skip) = memmem::find(&self.buf[sure..in_doubt], &START) else {
            return self.fragment(end, reason);
        };
        let start = sure + skip;
        let found = self.fragment(start, FragmentReason::Truncated);
        let thumbnail = walk.thumbnail_end().unwrap_or(0);
        self.thumbnail = self.thumbnail.max(thumbnail.saturating_sub(start));
        found
    }

    /// The first `length` bytes are no frame: a fragment, or part of one already told.
    fn fragment(
        &mut self,
        length: usize,
        reason: FragmentReason,
    ) -> Option<Result<SplitFrame, Fragment>> {
        let told = self.is_thumbnail(length);
        self.consume(length);
        let length = length + std::mem::take(&mut self.dropped);
        if told {
            self.skipped += length as u64;
            return None;
        }
        let reason = if length > self.max_frame_bytes { FragmentReason::TooLarge } else { reason };
        Some(Err(Fragment { length, reason }))
    }

    fn is_thumbnail(&self, end: usize) -> bool {
        self.thumbnail > 0 && end <= self.thumbnail
    }

    fn consume(&mut self, length: usize) {
        self.buf.advance(length);
        self.thumbnail = self.thumbnail.saturating_sub(length);
    }
}

#[cfg(test)]
#[path = "splitter_tests.rs"]
mod tests;
