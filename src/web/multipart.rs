//! Reads `multipart/form-data` (RFC 7578) part by part, never holding more than one part.
//!
//! What is kept of a part is bounded, and so are its headers: of a longer one only the length is told.
//! Parts end at their boundary and nowhere else, so that bytes come out exactly as they went in.

use axum::body::BodyDataStream;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use memchr::memmem::Finder;

/// The longest headers of a part, in bytes.
const HEAD_MAX: usize = 8 << 10;

/// The longest boundary: RFC 2046, section 5.1.1.
const BOUNDARY_MAX: usize = 70;

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its `X-Timestamp`, as sent.
    pub(super) timestamp: Option<String>,
    /// Its bytes; their number where they are too many.
    pub(super) body: Result<Bytes, usize>,
}

/// A body that is being read.
pub(super) struct Parts {
    chunks: BodyDataStream,
    /// Starts with a line end of our own, for the first boundary has none before it.
    buf: BytesMut,
    delimiter: Finder<'static>,
    begun: bool,
    ended: bool,
}

/// The boundary that a content type names; `None` when it is no form.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = parameters.split(';').filter_map(|one| one.split_once('='));
    let mut named = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let boundary = named.next()?.1.trim().trim_matches('"').to_owned();
    (1..=BOUNDARY_MAX).contains(&boundary.len()).then_some(boundary)
}

impl Parts {
    pub(super) fn new(chunks: BodyDataStream, boundary: &str) -> Self {
        let delimiter = Finder::new(&format!("\r\n--{boundary}")).into_owned();
        let buf = BytesMut::from(&b"\r\n"[..]);
        Self { chunks, buf, delimiter, begun: false, ended: false }
    }

    /// The next part, of which at most `max` bytes are kept; `None` after the last.
    ///
    /// # Errors
    /// One sentence when the body breaks off or is no form.
    pub(super) async fn next(&mut self, max: usize) -> Result<Option<Part>, String> {
        let delimiter = self.delimiter.clone();
        if !std::mem::replace(&mut self.begun, true) {
            // What stands before the first boundary is nobody's.
            let _ = self.until(&delimiter, 0).await?;
        }
        if self.ended || self.closes().await? {
            self.ended = true;
            return Ok(None);
        }
        let head = self.until(&Finder::new("\r\n\r\n"), HEAD_MAX).await?;
        let head = head.map_err(|_| format!("a part has over {HEAD_MAX} bytes of headers"))?;
        let body = self.until(&delimiter, max).await?;
        Ok(Some(Part { timestamp: timestamp(&head), body: body.map(BytesMut::freeze) }))
    }

    /// Whether the boundary just read is the last.
    async fn closes(&mut self) -> Result<bool, String> {
        while self.buf.len() < 2 {
            self.fill().await?;
        }
        Ok(self.buf.starts_with(b"--"))
    }

    /// What stands before the next `end`, which is read over; its length where that is over `max`.
    async fn until(
        &mut self,
        end: &Finder<'_>,
        max: usize,
    ) -> Result<Result<BytesMut, usize>, String> {
        let (mut dropped, mut looked, tail) = (0, 0, end.needle().len() - 1);
        loop {
            if let Some(found) = end.find(&self.buf[looked..]).map(|at| at + looked) {
                let before = self.buf.split_to(found);
                let _ = self.buf.split_to(end.needle().len());
                let length = dropped + before.len();
                return Ok(if length > max { Err(length) } else { Ok(before) });
            }
            looked = self.buf.len().saturating_sub(tail);
            if dropped + looked > max {
                dropped += looked;
                let _ = self.buf.split_to(looked);
                looked = 0;
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), String> {
        match self.chunks.next().await {
            Some(Ok(chunk)) => self.buf.extend_from_slice(&chunk),
            Some(Err(error)) => return Err(format!("the body did not arrive in full: {error}")),
            None => return Err("the body ends before its last boundary".to_owned()),
        }
        Ok(())
    }
}

fn timestamp(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("x-timestamp"));
    found.map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use futures_util::stream;

    use super::*;

    async fn read(body: &[u8], cut: usize, max: usize) -> (Vec<Part>, Option<String>) {
        let chunks: Vec<_> =
            body.chunks(cut).map(|chunk| Ok::<_, Infallible>(chunk.to_vec())).collect();
        let body = Body::from_stream(stream::iter(chunks));
        let mut parts = Parts::new(body.into_data_stream(), "b-1");
        let mut found = Vec::new();
        loop {
            match parts.next(max).await {
                Ok(Some(part)) => found.push(part),
                Ok(None) => return (found, None),
                Err(error) => return (found, Some(error)),
            }
        }
    }

    fn part(timestamp: Option<&str>, body: Result<&'static [u8], usize>) -> Part {
        Part { timestamp: timestamp.map(str::to_owned), body: body.map(Bytes::from_static) }
    }

    #[tokio::test]
    async fn parts_come_out_as_they_went_in_however_they_are_cut() {
        let body = b"preamble\r\n--b-1\r\nContent-Disposition: form-data; name=\"a\"\r\n\
            x-timestamp:  -1s \r\n\r\none\r\n--b-\r\n\r\n--b-1 \t\r\n\r\n\r\n\
            \r\n--b-1\r\nA: b\r\n\r\n123456789012\r\n--b-1--\r\nepilogue\r\n--b-1\r\n\r\nno";
        let expected = [
            part(Some("-1s"), Ok(b"one\r\n--b-\r\n")),
            part(None, Ok(b"\r\n")),
            part(None, Err(12)),
        ];
        for cut in 1..body.len() {
            let (found, error) = read(body, cut, 11).await;
            assert_eq!((&found[..], error), (&expected[..], None), "{cut}");
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_keeps_its_whole_parts() {
        let ends = "the body ends before its last boundary";
        let head = format!("--b-1\r\nA: {}\r\n\r\none\r\n--b-1--", "x".repeat(HEAD_MAX));
        for (body, parts, error) in [
            ("--b-1\r\n\r\none\r\n--b-1\r\n\r\ntw", 1, ends),
            ("--b-1\r\n\r\none\r\n--b-1", 1, ends),
            ("", 0, ends),
            (&head, 0, "a part has over 8192 bytes of headers"),
        ] {
            let (found, said) = read(body.as_bytes(), 7, 10).await;
            assert_eq!((found.len(), said.as_deref()), (parts, Some(error)), "{body}");
        }
        assert_eq!(read(b"--b-1--", 3, 10).await, (Vec::new(), None));
    }

    #[test]
    fn a_form_names_its_boundary() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("Multipart/Form-Data; charset=x; Boundary=\"a b\"", Some("a b")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/mixed; boundary=abc", None),
            ("image/jpeg", None),
        ] {
            assert_eq!(boundary(content_type).as_deref(), expected, "{content_type}");
        }
    }
}
