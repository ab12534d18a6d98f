//! The body of a part: where it ends, and what to do when it does not.
//!
//! A `Content-Length` is believed until the JPEG inside contradicts it. Whatever is given up is
//! looked through for the next boundary before a byte of it is dropped.

use bytes::{Buf, Bytes};

use super::{Body, BodyEnd, JPEG_START, LINE_MAX_BYTES, MultipartParser, Part, State, Step};
use crate::model::jpeg::{Fragment, FragmentReason, JpegWalk, Walked, inspect};

impl MultipartParser {
    pub(super) fn body(&mut self, mut body: Body) -> Step {
        if body.began.is_none() && !self.buf.is_empty() {
            body.began = Some(self.pushed);
        }
        match body.end {
            BodyEnd::Length(length) => self.by_length(body, length),
            BodyEnd::Jpeg(ref mut walk) => {
                let walked = walk.advance(&self.buf);
                let picture = walk.picture().is_some();
                self.by_jpeg(body, walked, picture)
            }
            BodyEnd::Boundary(from) => self.by_boundary(body, from),
            BodyEnd::Unknown if self.buf.len() < JPEG_START.len() => self.wait(body),
            BodyEnd::Unknown => {
                body.end = if self.buf.starts_with(&JPEG_START) {
                    BodyEnd::Jpeg(JpegWalk::new())
                } else {
                    BodyEnd::Boundary(0)
                };
                Step::Again(State::Body(body))
            }
        }
    }

    fn by_length(&mut self, body: Body, length: usize) -> Step {
        if self.buf.len() < length {
            return self.wait(body);
        }
        let bytes = &self.buf[..length];
        if !body.head.says_jpeg() && !bytes.starts_with(&JPEG_START) {
            return self.found(body, length);
        }
        match inspect(bytes) {
            Ok(_) => self.found(body, length),
            Err(error) => self.give_up(length, error.reason()),
        }
    }

    fn by_jpeg(&mut self, body: Body, walked: Walked, picture: bool) -> Step {
        let max = self.max_body_bytes;
        match walked {
            Walked::More if self.buf.len() <= max => self.wait(body),
            Walked::End(end) if end <= max && picture => self.found(body, end),
            Walked::End(end) if end <= max => self.give_up(end, FragmentReason::NotJpeg),
            Walked::Cut(at) if at <= max => self.give_up(at, FragmentReason::Truncated),
            Walked::Malformed(at) if at <= max => self.give_up(at, FragmentReason::NotJpeg),
            _ => self.give_up(max, FragmentReason::TooLarge),
        }
    }

    fn by_boundary(&mut self, mut body: Body, from: usize) -> Step {
        let max = self.max_body_bytes;
        let found = self.boundary.find(&self.buf, from);
        let end = found.map(|start| without_line_end(&self.buf[..start]));
        match end {
            Some(end) if end <= max && body.head.says_jpeg() => {
                self.give_up(end, FragmentReason::NotJpeg)
            }
            Some(end) if end <= max => self.found(body, end),
            None if self.buf.len() <= max + 2 * LINE_MAX_BYTES => {
                let searched = self.buf.len().saturating_sub(2 * LINE_MAX_BYTES);
                body.end = BodyEnd::Boundary(searched);
                self.wait(body)
            }
            _ => self.give_up(max, FragmentReason::TooLarge),
        }
    }

    /// Until more bytes come. When none will, what is there is a fragment.
    fn wait(&mut self, body: Body) -> Step {
        if !self.finished {
            return Step::More(State::Body(body));
        }
        if self.buf.is_empty() {
            return Step::Again(State::Seek);
        }
        self.give_up(self.buf.len(), FragmentReason::Truncated)
    }

    fn found(&mut self, body: Body, length: usize) -> Step {
        let bytes = Bytes::copy_from_slice(&self.buf[..length]);
        self.buf.advance(length);
        let part = Part {
            content_type: body.head.content_type,
            timestamp: body.head.timestamp,
            body: bytes,
            began: body.began.unwrap_or(self.pushed),
        };
        Step::Found(Ok(part), State::Seek)
    }

    /// The body is none, and was to be `length` bytes long. If a boundary comes before that, it
    /// ends there; if not, every line from its start may be the next boundary.
    fn give_up(&mut self, length: usize, reason: FragmentReason) -> Step {
        let (length, reason, state) = match self.boundary.find(&self.buf[..length], 0) {
            Some(start) => {
                let end = without_line_end(&self.buf[..start]);
                self.buf.advance(start);
                (end, FragmentReason::Truncated, State::Seek)
            }
            None => (length, reason, State::SkipLine),
        };
        Step::Found(Err(Fragment { length, reason }), state)
    }
}

/// The length of `bytes` less the line end that belongs to the boundary after it.
fn without_line_end(bytes: &[u8]) -> usize {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    text.strip_suffix(b"\r").unwrap_or(text).len()
}
