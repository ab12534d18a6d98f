//! Files as downloads of which a client may take a part (`Range`, RFC 9110 section 14).
//!
//! One range of bytes is answered; several, and what is no range, are answered with the whole, as the
//! RFC allows. Memory follows one piece of a mebibyte.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::problem::Problem;
use crate::archive::Blob;

/// Bytes that are read at once.
const PIECE: u64 = 1 << 20;

/// What a header `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    /// Nothing that the file has.
    Nothing,
}

/// The file, or the part of it that is asked for.
///
/// # Errors
/// A range of which the file has nothing.
pub(super) fn download(
    headers: &HeaderMap,
    blob: Arc<dyn Blob>,
    name: &str,
    stop: CancellationToken,
) -> Result<Response, Problem> {
    let size = blob.size();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let (status, range) = match asked.map_or(Asked::Whole, |text| read(text, size)) {
        Asked::Whole => (StatusCode::OK, 0..size),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Nothing => return Err(Problem::unsatisfiable(size)),
    };
    let mut headers = HeaderMap::new();
    let mut set = |name, text: String| {
        headers.extend(text.parse().ok().map(|value| (name, value)));
    };
    set(header::CONTENT_TYPE, "application/x-mcap".to_owned());
    set(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    set(header::CONTENT_LENGTH, (range.end - range.start).to_string());
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.end - 1;
        set(header::CONTENT_RANGE, format!("bytes {}-{last}/{size}", range.start));
    }
    Ok((status, headers, body(blob, range, stop)).into_response())
}

/// The bytes of a range, read while they are taken; breaks off when the server stops.
fn body(blob: Arc<dyn Blob>, range: Range<u64>, stop: CancellationToken) -> Body {
    let pieces = stream::try_unfold((blob, range.start), move |(blob, at)| {
        let end = range.end;
        let stop = stop.clone();
        async move {
            if at >= end {
                return Ok(None);
            }
            if stop.is_cancelled() {
                return Err(io::Error::other("the server is stopping"));
            }
            let piece = blob.read(at..end.min(at + PIECE)).await.map_err(io::Error::other)?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let next = at + u64::try_from(piece.len()).unwrap_or(0);
            Ok(Some((piece, (blob, next))))
        }
    });
    Body::from_stream(pieces.boxed())
}

fn read(text: &str, size: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Asked::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.trim().is_empty() => first..size,
        (None, Some(length)) if first.trim().is_empty() => size.saturating_sub(length)..size,
        _ => return Asked::Whole,
    };
    if range.start < range.end { Asked::Part(range) } else { Asked::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (text, asked) in [
            ("bytes=0-3", Asked::Part(0..4)),
            ("bytes=5-", Asked::Part(5..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-30", Asked::Part(0..10)),
            ("bytes=8-99", Asked::Part(8..10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=4-2", Asked::Whole),
            ("bytes=0-1,4-5", Asked::Whole),
            ("lines=0-3", Asked::Whole),
            ("bytes=x-", Asked::Whole),
            ("", Asked::Whole),
        ] {
            assert_eq!(read(text, 10), asked, "{text}");
        }
    }
}
