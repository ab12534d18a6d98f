//! Reads `multipart/x-mixed-replace` bodies: HTTP cameras, and ffmpeg's `-f mpjpeg`.
//!
//! Sans-io: bytes go in as they arrive, parts come out, the same ones however the body was cut into
//! chunks. A part with a `Content-Length` is out with its last byte, one without by the end marker
//! of its JPEG; only a part with neither waits for the next boundary. Cameras bend RFC 2046: lines
//! may end in LF alone, a boundary may be declared with its dashes, or not be the one that is sent.
//!
//! A part that is a JPEG is a whole JPEG. One that is cut becomes a [`Fragment`], and the parser
//! looks for the next boundary inside it, so a false length costs no further frame. Held are at most
//! the limit of a body, 8 KiB and the last chunk, provided that [`MultipartParser::next_part`] is
//! asked until `None` after each push.

mod body;
mod boundary;
mod head;
#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use crate::model::jpeg::{Fragment, FragmentReason, JpegWalk};
use crate::model::time::UnixNanos;
use boundary::{Boundary, LINE_MAX_BYTES, Line};
use head::Head;

/// All header lines of a part together.
const HEAD_MAX_BYTES: usize = 8 << 10;

const JPEG_START: [u8; 2] = [0xFF, 0xD8];

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// Its `X-Timestamp`, as sent; each maker has its own unit and epoch.
    pub timestamp: Option<String>,
    /// Its body, in memory of its own.
    pub body: Bytes,
    /// When the chunk with the first byte of the body was pushed.
    pub began: UnixNanos,
}

/// See the head of this file.
#[derive(Debug)]
pub struct MultipartParser {
    boundary: Boundary,
    max_body_bytes: usize,
    buf: BytesMut,
    /// Bytes of `buf` in which there is no end of line.
    scanned: usize,
    state: State,
    pushed: UnixNanos,
    finished: bool,
}

#[derive(Debug)]
enum State {
    /// At the start of a line, between parts.
    Seek,
    /// In a line that is no boundary.
    SkipLine,
    /// In the header lines of a part; so many bytes of them went by.
    Head(Head, usize),
    Body(Body),
}

#[derive(Debug)]
struct Body {
    head: Head,
    began: Option<UnixNanos>,
    end: BodyEnd,
}

/// How the end of a body is found.
#[derive(Debug)]
enum BodyEnd {
    Length(usize),
    Jpeg(JpegWalk),
    /// By the next boundary, which does not start before this offset.
    Boundary(usize),
    /// Its first two bytes will tell.
    Unknown,
}

type Found = Result<Part, Fragment>;

/// What one step came to: a part, or the state to go on in, or nothing until more bytes come.
enum Step {
    Found(Found, State),
    Again(State),
    More(State),
}

impl MultipartParser {
    /// A parser for a body of this content type; bodies above `max_body_bytes` become fragments.
    ///
    /// # Errors
    /// One sentence when it is no multipart type, or names no boundary.
    pub fn new(content_type: &str, max_body_bytes: usize) -> anyhow::Result<Self> {
        let boundary = Boundary::declared(content_type)?;
        Ok(Self::starting(boundary, max_body_bytes))
    }

    /// A parser for a body whose boundary is known, such as ffmpeg's `ffmpeg`.
    #[must_use]
    pub fn with_boundary(boundary: &str, max_body_bytes: usize) -> Self {
        Self::starting(Boundary::new(boundary), max_body_bytes)
    }

    fn starting(boundary: Boundary, max_body_bytes: usize) -> Self {
        Self {
            boundary,
            max_body_bytes,
            buf: BytesMut::new(),
            scanned: 0,
            state: State::Seek,
            pushed: UnixNanos::MIN,
            finished: false,
        }
    }

    /// Takes the next bytes of the body, which arrived at `now`.
    pub fn push(&mut self, chunk: &[u8], now: UnixNanos) {
        self.buf.extend_from_slice(chunk);
        self.pushed = now;
    }

    /// The body has ended: a part that is unfinished comes out of [`Self::next_part`] as a fragment.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next part, or what was meant to be one; `None` until more bytes are pushed.
    pub fn next_part(&mut self) -> Option<Result<Part, Fragment>> {
        loop {
            let step = match std::mem::replace(&mut self.state, State::Seek) {
                State::Seek => self.seek(),
                State::SkipLine => self.skip_line(),
                State::Head(head, read) => self.head(head, read),
                State::Body(body) => self.body(body),
            };
            match step {
                Step::Again(state) => self.state = state,
                Step::Found(found, state) => {
                    self.state = state;
                    return Some(found);
                }
                Step::More(state) => {
                    self.state = state;
                    return None;
                }
            }
        }
    }

    fn seek(&mut self) -> Step {
        match self.line(LINE_MAX_BYTES) {
            Some(Ok(line)) if self.boundary.read(&line) == Line::Opens => {
                Step::Again(State::Head(Head::default(), 0))
            }
            Some(Ok(_)) => Step::Again(State::Seek),
            Some(Err(_)) => Step::Again(State::SkipLine),
            None => Step::More(State::Seek),
        }
    }

    fn skip_line(&mut self) -> Step {
        self.scanned = 0;
        if let Some(end) = memchr(b'\n', &self.buf) {
            self.buf.advance(end + 1);
            return Step::Again(State::Seek);
        }
        self.buf.clear();
        Step::More(State::SkipLine)
    }

    fn head(&mut self, mut head: Head, read: usize) -> Step {
        match self.line(HEAD_MAX_BYTES - read) {
            Some(Ok(line)) if line.trim_ascii().is_empty() => self.headed(head),
            Some(Ok(line)) => match self.boundary.read(&line) {
                Line::Opens => Step::Again(State::Head(Head::default(), 0)),
                Line::Closes => Step::Again(State::Seek),
                Line::Other => {
                    head.read(&line);
                    let read = (read + line.len()).min(HEAD_MAX_BYTES);
                    Step::Again(State::Head(head, read))
                }
            },
            Some(Err(length)) => {
                let reason = FragmentReason::NotJpeg;
                let length = read + length;
                Step::Found(Err(Fragment { length, reason }), State::SkipLine)
            }
            None => Step::More(State::Head(head, read)),
        }
    }

    /// The header lines are over: what to do with the body.
    fn headed(&self, head: Head) -> Step {
        let end = match head.length {
            Some(length) if length > self.max_body_bytes => {
                let reason = FragmentReason::TooLarge;
                return Step::Found(Err(Fragment { length, reason }), State::SkipLine);
            }
            Some(length) => BodyEnd::Length(length),
            None => BodyEnd::Unknown,
        };
        Step::Again(State::Body(Body { head, began: None, end }))
    }

    /// The next line with its end, or `Err(limit)` when there is none within `limit` bytes.
    fn line(&mut self, limit: usize) -> Option<Result<BytesMut, usize>> {
        let within = self.buf.len().min(limit);
        let from = self.scanned.min(within);
        if let Some(end) = memchr(b'\n', &self.buf[from..within]) {
            self.scanned = 0;
            return Some(Ok(self.buf.split_to(from + end + 1)));
        }
        self.scanned = within;
        (within == limit).then_some(Err(limit))
    }
}
