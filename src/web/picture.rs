//! A frame as a picture: its bytes, and in headers where they come from.
//!
//! The ETag is the frame's time and sequence number, so a viewer that polls `latest.jpg` is told 304
//! without bytes until there is a newer frame (RFC 9110, section 13).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::model::frame::{Frame, FrameInfo};
use crate::model::jpeg;
use crate::model::key::{FrameKey, KeyError, StreamId, Suffix, parse_suffix, parse_time};
use crate::model::time::UnixNanos;

/// The inverse of [`FrameKey::short_id`], which also serves as ETag.
pub(super) fn parse_short_id(stream: StreamId, text: &str) -> Result<FrameKey, KeyError> {
    match text.split_once('-') {
        Some((at, suffix)) => FrameKey::new(stream, parse_time(at)?, parse_suffix(suffix)?),
        None => FrameKey::new(stream, parse_time(text)?, Suffix::None),
    }
}

/// What is known of a frame whose bytes were read.
pub(super) fn info(frame: &Frame) -> FrameInfo {
    FrameInfo {
        key: frame.key.clone(),
        size: u32::try_from(frame.bytes.len()).ok(),
        expires_at: None,
        dimensions: jpeg::inspect(&frame.bytes).ok().map(|info| info.dimensions),
    }
}

/// The picture, or 304 when the client named it in `If-None-Match`.
pub(super) fn answer(frame: Frame, now: UnixNanos, asked: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", frame.key.short_id());
    let known = asked.get_all(header::IF_NONE_MATCH).iter().any(|value| names(value, &etag));
    let age = now.since(frame.key.at()).as_secs();
    let texts = [
        (HeaderName::from_static("x-frame-key"), frame.key.to_string()),
        (HeaderName::from_static("x-frame-timestamp-ns"), frame.key.at().to_string()),
        (header::ETAG, etag),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::AGE, age.to_string()),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, texts).into_response();
    }
    let jpeg = [(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))];
    (texts, jpeg, frame.bytes).into_response()
}

/// Whether an `If-None-Match` header names `etag`; a weak name counts, as RFC 9110 asks.
fn names(value: &HeaderValue, etag: &str) -> bool {
    let listed = value.to_str().unwrap_or_default();
    listed
        .split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_id_names_one_frame_of_a_camera() {
        for (key, short) in [
            ("t:f:c:1731024000123456789:00007", "1731024000123456789-00007"),
            ("t:f:c:1731024000123456789:0a1b2c3d", "1731024000123456789-0a1b2c3d"),
            ("t:f:c:1731024000123456789", "1731024000123456789"),
        ] {
            let key: FrameKey = key.parse().unwrap();
            assert_eq!(key.short_id(), short);
            assert_eq!(parse_short_id(key.stream().clone(), short), Ok(key));
        }
    }

    #[test]
    fn if_none_match_lists_strong_and_weak_names() {
        for (value, known) in [
            ("\"1-2\"", true),
            ("W/\"1-2\"", true),
            ("\"0-0\", \"1-2\"", true),
            ("*", true),
            ("\"1-3\"", false),
            ("1-2", false),
            ("", false),
        ] {
            assert_eq!(names(&HeaderValue::from_static(value), "\"1-2\""), known, "{value}");
        }
    }
}
