//! Where a list of frames was cut and how it goes on. Pure.
//!
//! A [`Cursor`] holds the window as it was when the first page was asked for and the place of the last
//! frame that was answered, not a number of frames: what arrives or expires in between neither
//! repeats nor skips others. With steps a page ends between two steps where it can, because the
//! first frame of a step may have expired when the next page is asked for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use super::answer::RangeRequest;
use super::pick::Candidate;
use super::plan::step_number;
use crate::model::key::{StreamId, Suffix};
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::{TimeRange, UnixNanos};

/// The longest cursor that is read, in bytes: three names and five numbers, in base64.
const CURSOR_MAX: usize = 512;

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum After {
    /// At this instant; backwards, before it.
    Instant(UnixNanos),
    /// After this frame.
    Frame(StreamId, UnixNanos, Suffix),
}

/// What makes the next page of a list. Its text is opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(super) window: TimeRange,
    every: Option<Duration>,
    reverse: bool,
    pub(super) after: After,
}

/// A cursor that cannot be gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CursorError {
    /// The text is none of ours.
    #[error("the cursor is not understood: give next_cursor of the page before as it was")]
    Unknown,
    /// It was made for another list.
    #[error("the cursor belongs to a list with another every= or reverse=: give the same again")]
    OtherList,
}

impl Cursor {
    pub(super) fn new(request: &RangeRequest, after: After) -> Self {
        let RangeRequest { window, every, reverse, .. } = *request;
        Self { window, every, reverse, after }
    }

    /// The request of the next page: the same list, in the window that the first page had.
    ///
    /// # Errors
    /// [`CursorError::OtherList`] when steps or direction differ.
    pub fn apply(&self, request: RangeRequest) -> Result<RangeRequest, CursorError> {
        if (self.every, self.reverse) != (request.every, request.reverse) {
            return Err(CursorError::OtherList);
        }
        Ok(RangeRequest { window: self.window, ..request })
    }

    /// The part of the window that the pages before leave, and which may hold frames that they
    /// answered; `None` when nothing is left.
    pub(super) fn rest(&self) -> Option<TimeRange> {
        let (from, to) = (self.window.from(), self.window.to());
        let (from, to) = match (&self.after, self.reverse) {
            (After::Instant(at), false) => (*at, to),
            (After::Instant(at), true) => (from, *at),
            (After::Frame(_, at, _), false) => {
                (self.every.map_or(*at, |every| step(from, *at, every).0), to)
            }
            (After::Frame(_, at, _), true) => {
                (from, self.every.map_or(at.next(), |every| step(from, *at, every).1))
            }
        };
        TimeRange::new(from, to).ok()?.intersect(self.window)
    }
}

/// First instant of the step that `at` lies in, and first after it.
fn step(start: UnixNanos, at: UnixNanos, every: Duration) -> (UnixNanos, UnixNanos) {
    let nanos = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX);
    let number = step_number(start, at, every);
    let from = start.plus(Duration::from_nanos(nanos.saturating_mul(number)));
    (from, from.plus(every))
}

/// Where a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// How many frames it has.
    pub(super) keep: usize,
    /// What comes after it, if anything does.
    pub(super) next: Option<CutAt>,
}

/// Where the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutAt {
    /// At an edge between two steps.
    Edge(UnixNanos),
    /// After the last frame of the page.
    Last,
}

/// Cuts a page of `limit` frames, given one more than that where there are more.
pub(super) fn cut(picked: &[Candidate], limit: usize, request: &RangeRequest) -> Cut {
    let (Some(further), Some(last)) = (picked.get(limit), limit.checked_sub(1)) else {
        return Cut { keep: picked.len().min(limit), next: None };
    };
    let Some(every) = request.every else { return Cut { keep: limit, next: Some(CutAt::Last) } };
    let start = request.window.from();
    let number = |one: &Candidate| step_number(start, one.at, every);
    let open = number(further);
    let (first, end) = step(start, further.at, every);
    let edge = Some(CutAt::Edge(if request.reverse { end } else { first }));
    if number(&picked[last]) != open {
        return Cut { keep: limit, next: edge };
    }
    match picked.iter().position(|one| number(one) == open) {
        Some(0) | None => Cut { keep: limit, next: Some(CutAt::Last) },
        Some(keep) => Cut { keep, next: edge },
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.window.from(), self.window.to());
        let every = self.every.map_or(0, |every| every.as_nanos());
        let mut text = format!("1 {from} {to} {every} {}", u8::from(self.reverse));
        match &self.after {
            After::Instant(at) => text.push_str(&format!(" {at}")),
            After::Frame(stream, at, suffix) => {
                let (kind, number) = (suffix.kind(), suffix.number());
                text.push_str(&format!(" {at} {kind} {number} {stream}"));
            }
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(text))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = (text.len() <= CURSOR_MAX).then(|| URL_SAFE_NO_PAD.decode(text).ok());
        let plain = bytes.flatten().and_then(|bytes| String::from_utf8(bytes).ok());
        plain.and_then(|plain| read(&plain)).ok_or(CursorError::Unknown)
    }
}

fn read(plain: &str) -> Option<Cursor> {
    let parts: Vec<&str> = plain.split(' ').collect();
    let (head, tail) = parts.split_at_checked(5)?;
    let &["1", from, to, every, reverse] = head else { return None };
    let instant = |text: &str| text.parse().ok().and_then(UnixNanos::new);
    let window = TimeRange::new(instant(from)?, instant(to)?).ok()?;
    let every = match every.parse().ok()? {
        0 => None,
        nanos => Some(Duration::from_nanos(nanos)),
    };
    let reverse = ["0", "1"].iter().position(|one| *one == reverse)? == 1;
    let after = match *tail {
        [at] => After::Instant(instant(at)?),
        [at, kind, number, stream] => {
            let suffix = Suffix::from_parts(kind.parse().ok()?, number.parse().ok()?)?;
            After::Frame(read_stream(stream)?, instant(at)?, suffix)
        }
        _ => return None,
    };
    Some(Cursor { window, every, reverse, after })
}

fn read_stream(text: &str) -> Option<StreamId> {
    let (tenant, rest) = text.split_once('/')?;
    let (prefix, camera) = rest.split_once('/')?;
    Some(StreamId {
        tenant: Tenant::new(tenant).ok()?,
        prefix: Prefix::new(prefix).ok()?,
        camera: CameraId::new(camera).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::Seq;

    const START: u64 = 1_731_024_000_000_000_000;

    fn at(millis: u64) -> UnixNanos {
        UnixNanos::new(START + millis * 1_000_000).unwrap()
    }

    fn request(every: Option<u64>, reverse: bool) -> RangeRequest {
        let window = TimeRange::new(at(0), at(10_000)).unwrap();
        let every = every.map(Duration::from_millis);
        RangeRequest { every, reverse, ..RangeRequest::new(Vec::new(), window) }
    }

    fn frame(millis: u64, stream: u32) -> Candidate {
        let suffix = Suffix::Live(Seq::FIRST);
        Candidate {
            at: at(millis),
            stream,
            suffix,
            size: None,
            expires_at: None,
            ttl: None,
            settled: true,
        }
    }

    fn after(millis: u64) -> After {
        let stream = read_stream("t/f/cam.1").unwrap();
        After::Frame(stream, at(millis), Suffix::Uuid(7))
    }

    #[test]
    fn a_cursor_is_read_back_as_it_was() {
        for request in [request(None, true), request(Some(1500), false)] {
            for after in [after(1), After::Instant(at(7))] {
                let cursor = Cursor::new(&request, after);
                let text = cursor.to_string();
                assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
                assert_eq!(text.parse(), Ok(cursor));
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let encoded = |plain: &str| URL_SAFE_NO_PAD.encode(plain);
        for text in [
            String::new(),
            "x".to_owned(),
            "a".repeat(1000),
            encoded("1 1 2 0 0"),
            encoded("2 1 2 0 0 1"),
            encoded("1 2 1 0 0 1"),
            encoded("1 1 2 0 2 1"),
            encoded("1 1 2 0 0 1 0 0 t/f/c"),
            encoded("1 1 2 0 0 1 0 1 t/f/.c"),
            encoded("1 1 2 0 0 1 0 1 t/f/c x"),
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError::Unknown), "{text}");
        }
        let cursor = Cursor::new(&request(None, false), after(1));
        assert_eq!(cursor.apply(request(None, true)), Err(CursorError::OtherList));
        assert_eq!(cursor.apply(request(Some(1), false)), Err(CursorError::OtherList));
        let moved = TimeRange::new(at(1), at(20_000)).unwrap();
        let asked = RangeRequest { window: moved, ..request(None, false) };
        assert_eq!(cursor.apply(asked), Ok(request(None, false)));
    }

    #[test]
    fn the_rest_begins_where_the_page_before_ended() {
        for (every, reverse, after, from, to) in [
            (None, false, after(3500), 3500, 10_000),
            (Some(1000), false, after(3500), 3000, 10_000),
            (Some(1000), true, after(3500), 0, 4000),
            (Some(3000), true, after(9500), 0, 10_000),
            (Some(1000), false, After::Instant(at(4000)), 4000, 10_000),
            (None, true, After::Instant(at(4000)), 0, 4000),
        ] {
            let cursor = Cursor::new(&request(every, reverse), after);
            assert_eq!(cursor.rest(), TimeRange::new(at(from), at(to)).ok(), "{cursor:?}");
        }
        let cursor = Cursor::new(&request(None, true), after(3500));
        assert_eq!(cursor.rest(), TimeRange::new(at(0), at(3500).next()).ok());
        let done = Cursor::new(&request(None, false), After::Instant(at(10_000)));
        assert_eq!(done.rest(), None);
    }

    #[test]
    fn a_page_ends_between_steps_where_it_can() {
        let (last, edge) = (Some(CutAt::Last), |millis| Some(CutAt::Edge(at(millis))));
        let three = [frame(100, 0), frame(200, 1), frame(1100, 0)];
        for (every, limit, keep, next) in [
            (None, 3, 3, None),
            (None, 2, 2, last),
            (None, 0, 0, None),
            (Some(1000), 3, 3, None),
            (Some(1000), 2, 2, edge(1000)),
            (Some(1000), 1, 1, last),
        ] {
            let found = cut(&three, limit, &request(every, false));
            assert_eq!(found, Cut { keep, next }, "{every:?} {limit}");
        }
        let steps = [frame(100, 0), frame(1100, 0), frame(1200, 1)];
        let found = cut(&steps, 2, &request(Some(1000), false));
        assert_eq!(found, Cut { keep: 1, next: edge(1000) });
        let back = [frame(1200, 1), frame(1100, 0), frame(100, 0)];
        let found = cut(&back, 2, &request(Some(1000), true));
        assert_eq!(found, Cut { keep: 2, next: edge(1000) });
    }
}
