//! A frame as a picture: its bytes, and in headers where they come from.
//!
//! The ETag is the frame's time and sequence number, so a viewer that polls `latest.jpg` is told 304
//! without bytes until there is a newer frame (RFC 9110, section 13).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::params::{Call, Params};
use super::problem::Problem;
use crate::model::frame::{Frame, FrameInfo};
use crate::model::jpeg;
use crate::model::key::{FrameKey, KeyError, StreamId, Suffix, parse_suffix, parse_time};
use crate::model::time::UnixNanos;
use crate::query::Nearest;

/// RFC 9110, section 5.6.7.
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// The inverse of [`FrameKey::short_id`], which also serves as ETag.
pub(super) fn parse_short_id(stream: StreamId, text: &str) -> Result<FrameKey, KeyError> {
    match text.split_once('-') {
        Some((at, suffix)) => FrameKey::new(stream, parse_time(at)?, parse_suffix(suffix)?),
        None => FrameKey::new(stream, parse_time(text)?, Suffix::None),
    }
}

/// What is known of a frame whose bytes were read.
pub(super) fn info(nearest: &Nearest) -> FrameInfo {
    let frame = &nearest.frame;
    FrameInfo {
        key: frame.key.clone(),
        size: u32::try_from(frame.bytes.len()).ok(),
        expires_at: nearest.expires_at,
        dimensions: jpeg::inspect(&frame.bytes).ok().map(|info| info.dimensions),
    }
}

/// Where the picture of a frame is, from the server's root.
pub(super) fn url(key: &FrameKey) -> String {
    let StreamId { tenant, prefix, camera } = key.stream();
    let id = key.short_id();
    format!("/api/v1/cameras/{camera}/frames/{id}.jpg?tenant={tenant}&prefix={prefix}")
}

/// What every resource that answers a picture accepts.
pub(super) const ACCEPTED: [&str; 2] = ["height", "download"];

/// The picture, as high as the request's `height` allows, or 304 when the client named it in
/// `If-None-Match`. With `download` a browser saves it under a name of its own.
pub(super) async fn answer(
    call: &Call,
    params: &Params,
    frame: Frame,
) -> Result<Response, Problem> {
    let height = params.height()?;
    let etag = etag(&frame.key, height);
    let known = known(&call.headers, &etag);
    let mut headers = told(&frame.key, etag, params.now());
    if known {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if params.flag("download")? {
        insert(&mut headers, header::CONTENT_DISPOSITION, &attachment(&frame.key));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    let bytes = match height {
        None => frame.bytes,
        Some(height) => call.web.thumbnails.of(&frame, height).await?,
    };
    Ok((headers, bytes).into_response())
}

/// What names the picture of a frame in this height.
pub(super) fn etag(key: &FrameKey, height: Option<u32>) -> String {
    let height = height.map_or_else(String::new, |height| format!("-h{height}"));
    format!("\"{}{height}\"", key.short_id())
}

/// The headers that say which frame it is.
pub(super) fn told(key: &FrameKey, etag: String, now: UnixNanos) -> HeaderMap {
    let at = key.at();
    let mut headers = HeaderMap::new();
    for (name, text) in [
        (HeaderName::from_static("x-frame-key"), key.to_string()),
        (HeaderName::from_static("x-frame-timestamp-ns"), at.to_string()),
        (header::ETAG, etag),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::AGE, now.since(at).as_secs().to_string()),
        (header::LAST_MODIFIED, at.to_utc().format(HTTP_DATE).to_string()),
    ] {
        insert(&mut headers, name, &text);
    }
    if let Suffix::Live(seq) = key.suffix() {
        insert(&mut headers, HeaderName::from_static("x-frame-seq"), &seq.get().to_string());
    }
    headers
}

/// Names hold no byte that a header may not have; one that did would be left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    headers.extend(HeaderValue::from_str(text).map(|value| (name, value)));
}

/// Saved under camera and time, with no character that a file system refuses.
fn attachment(key: &FrameKey) -> String {
    let at = key.at().to_rfc3339().replace(':', "-");
    format!("attachment; filename=\"{}_{at}.jpg\"", key.stream().camera)
}

/// Whether the client has what is named `etag`.
pub(super) fn known(asked: &HeaderMap, etag: &str) -> bool {
    asked.get_all(header::IF_NONE_MATCH).iter().any(|value| names(value, etag))
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
    fn a_download_is_named_after_camera_and_time() {
        let key: FrameKey = "t:f:cam.1_a:1731024000123456789:00007".parse().unwrap();
        let expected = "attachment; filename=\"cam.1_a_2024-11-08T00-00-00.123456789Z.jpg\"";
        assert_eq!(attachment(&key), expected);
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
