//! The line between two parts, in all the ways in which cameras write it.
//!
//! Compared is what follows the dashes, since some cameras declare the boundary with them and some
//! without. A boundary that was not declared is accepted only as the first one that is sent: later
//! a line with two dashes may be part of a picture.

use anyhow::{Context, Result, ensure};
use memchr::{memchr, memmem};

/// A boundary line may have 70 letters by RFC 2046; a longer one than this is none.
pub(super) const LINE_MAX_BYTES: usize = 200;

/// What a line between parts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A part follows.
    Opens,
    /// The last part is over.
    Closes,
    Other,
}

/// The boundaries that count: the declared one, and the first one sent where that is another.
/// All without the dashes before them.
#[derive(Debug)]
pub(super) struct Boundary {
    known: Vec<Vec<u8>>,
    seen: bool,
}

impl Boundary {
    /// The boundary declared by `content_type`.
    pub(super) fn declared(content_type: &str) -> Result<Self> {
        let lower = content_type.trim().to_ascii_lowercase();
        ensure!(
            lower.starts_with("multipart/"),
            "content type {content_type:?} is no stream of pictures: \
             multipart/x-mixed-replace; boundary=... is expected"
        );
        let (at, name) = lower.match_indices("boundary=").next().with_context(|| {
            format!("content type {content_type:?} names no boundary, as in boundary=frame")
        })?;
        let value = content_type.trim()[at + name.len()..].trim_start();
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split([';', ' ', ',']).next(),
        };
        Ok(Self::new(value.unwrap_or_default()))
    }

    /// The boundary `text`, with or without dashes before it.
    pub(super) fn new(text: &str) -> Self {
        let core = without_dashes(text.trim().as_bytes());
        let known = [core].into_iter().filter(|core| !core.is_empty());
        Self { known: known.map(<[u8]>::to_vec).collect(), seen: false }
    }

    /// What `line` is. The first line that starts with two dashes is a boundary, declared or not.
    pub(super) fn read(&mut self, line: &[u8]) -> Line {
        let line = line.trim_ascii();
        let core = without_dashes(line);
        let is = |core: &[u8]| self.known.iter().any(|known| known == core);
        let what = if is(core) {
            Line::Opens
        } else if core.strip_suffix(b"--").is_some_and(is) {
            Line::Closes
        } else if !self.seen && line.starts_with(b"--") && !core.is_empty() {
            self.known.push(core.to_vec());
            Line::Opens
        } else {
            Line::Other
        };
        self.seen |= what != Line::Other;
        what
    }

    /// Where in `bytes`, at or after `from`, the first whole boundary line starts.
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let first = |core: &Vec<u8>| {
            let hits = memmem::find_iter(&bytes[from..], core);
            hits.filter_map(|hit| line_around(bytes, from + hit, core.len()))
                .find(|start| *start >= from)
        };
        self.known.iter().filter_map(first).min()
    }
}

/// The start of the line that holds nothing but a boundary whose letters start at `at`.
fn line_around(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let before = &bytes[..at];
    let dashes = before.iter().rev().take_while(|byte| **byte == b'-').count();
    let start = at - dashes;
    let after = &bytes[at + length..];
    let end = memchr(b'\n', &after[..after.len().min(LINE_MAX_BYTES)])?;
    let tail = after[..end].strip_prefix(b"--").unwrap_or(&after[..end]);
    let alone = (start == 0 || bytes[start - 1] == b'\n') && tail.trim_ascii().is_empty();
    let short = dashes + length + end <= LINE_MAX_BYTES;
    (alone && short).then_some(start)
}

fn without_dashes(text: &[u8]) -> &[u8] {
    let dashes = text.iter().take_while(|byte| **byte == b'-').count();
    &text[dashes..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_read_from_content_types_as_cameras_write_them() {
        for (content_type, core) in [
            ("multipart/x-mixed-replace; boundary=frame", "frame"),
            ("multipart/x-mixed-replace;boundary=--myboundary", "myboundary"),
            ("Multipart/X-Mixed-Replace; Boundary=\"--my frame;1\"; x=y", "my frame;1"),
            ("multipart/x-mixed-replace; charset=utf-8; boundary=ab-cd; x=y", "ab-cd"),
        ] {
            let boundary = Boundary::declared(content_type).unwrap();
            assert_eq!(boundary.known, [core.as_bytes()], "{content_type}");
        }
        for (content_type, sentence) in [
            (
                "image/jpeg",
                "content type \"image/jpeg\" is no stream of pictures: \
                 multipart/x-mixed-replace; boundary=... is expected",
            ),
            (
                "multipart/x-mixed-replace",
                "content type \"multipart/x-mixed-replace\" names no boundary, as in boundary=frame",
            ),
        ] {
            let refused = Boundary::declared(content_type).unwrap_err();
            assert_eq!(refused.to_string(), sentence);
        }
    }

    #[test]
    fn a_line_opens_closes_or_is_another() {
        let mut boundary = Boundary::new("--frame");
        for (line, what) in [
            ("", Line::Other),
            ("--frame", Line::Opens),
            ("----frame \r", Line::Opens),
            ("--frame--", Line::Closes),
            ("--frames", Line::Other),
            ("Content-Type: x", Line::Other),
        ] {
            assert_eq!(boundary.read(line.as_bytes()), what, "{line:?}");
        }
        let mut undeclared = Boundary::new("wrong");
        assert_eq!(undeclared.read(b"--right"), Line::Opens);
        assert_eq!(undeclared.read(b"--other"), Line::Other);
        assert_eq!(undeclared.read(b"--right--"), Line::Closes);
    }

    #[test]
    fn a_boundary_is_found_only_on_a_line_of_its_own() {
        let boundary = Boundary::new("frame");
        for (bytes, from, found) in [
            ("--frame\n", 0, Some(0)),
            ("a\r\n--frame\r\n", 0, Some(3)),
            ("a\n--frame--\n", 0, Some(2)),
            ("a--frame\n\n--frame\n", 0, Some(10)),
            ("--frame\n--frame\n", 1, Some(8)),
            ("a\n--frames\n", 0, None),
            ("a\n--frame", 0, None),
        ] {
            assert_eq!(boundary.find(bytes.as_bytes(), from), found, "{bytes:?}");
        }
    }
}
