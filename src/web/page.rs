//! `GET /`: where a person starts. The live page for browsers, plain text for `curl`.
//!
//! The page is the files of `page/`: HTML, CSS and ES modules as they are, held in the binary (a debug
//! build reads them from the source tree at each request). It asks the same API as everybody else, so
//! nothing is rendered here. Every address in it is relative: it works below any path of a proxy that
//! ends with a slash. A file may be kept by the browser, which asks each time whether it still holds.

use std::fmt::Write;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::params::Call;
use super::picture;
use super::problem::Problem;
use crate::model::time::UnixNanos;
use crate::query::{CameraSummary, Via};
use crate::service::Service as _;

/// What can be asked, with a line for each.
const ENDPOINTS: [(&str, &str); 23] = [
    ("/api/v1/cameras", "cameras with live frames"),
    ("/api/v1/status", "how this process and its cameras do, and alerts"),
    ("/api/v1/tenants", "what each tenant has"),
    ("/api/v1/stats", "frames, bytes and ages by tenant and prefix"),
    ("/api/v1/frames?from=-30s", "frames of a window: from, to, every, limit, reverse, camera"),
    ("/api/v1/frames.zip?from=-30s", "their pictures in one file"),
    ("/api/v1/timeline?from=-10m&step=10s", "frames and bytes by step of time"),
    ("/api/v1/at?t=-10s", "the frames of all cameras nearest to an instant"),
    ("/api/v1/events", "announcements as server-sent events"),
    ("/api/v1/ws", "live pictures and announcements over a WebSocket"),
    ("/api/v1/cameras/CAMERA/latest", "the newest frames of a camera: count"),
    ("/api/v1/cameras/CAMERA/latest.jpg", "its newest picture"),
    ("/api/v1/cameras/CAMERA/at.jpg?t=-10s", "its picture nearest to an instant: t, within"),
    ("/api/v1/cameras/CAMERA/frames", "its frames; POST a JPEG to add one, DELETE a window"),
    ("/api/v1/holds", "frames that are kept longer; POST to hold a window"),
    ("/api/v1/replays", "recordings that are played; POST to play one"),
    ("/api/v1/cameras/CAMERA/stream.mjpeg", "live pictures: fps, height"),
    ("/api/v1/cameras/CAMERA/replay.mjpeg?from=-30s", "past pictures at their pace: speed, height"),
    ("/api/v1/cameras/CAMERA/clip.mp4?from=-30s", "a film: from, to, every, fps"),
    ("/api/v1/openapi.json", "all of it, as OpenAPI"),
    ("/metrics", "counts for Prometheus"),
    ("/healthz", "whether the process answers"),
    ("/readyz", "whether frames can be stored and announced"),
];

/// Scripts, styles and data come from this server alone; nothing inline, nothing framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "src/web/page/"]
struct Files;

/// `GET /`. The page itself needs no token, because it is what asks for one; the text does.
pub(super) async fn index(
    headers: HeaderMap,
    call: Result<Call, Problem>,
) -> Result<Response, Problem> {
    if wants_html(&headers) {
        return file("index.html", &headers);
    }
    let call = call?;
    let params = call.params(&[])?;
    let cameras = call.web.service.cameras(&params.scope()?, Via::Index).await;
    let cameras = cameras.map_err(|error| error.to_string());
    // Where the store is, is told to who may see every tenant, as at /readyz.
    let place = call.caller.tenant.is_none().then(|| call.web.service.place());
    Ok(text(place.as_deref(), &cameras, params.now()).into_response())
}

/// `GET /assets/{file}`.
pub(super) async fn asset(
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    file(&name, &headers)
}

fn file(name: &str, asked: &HeaderMap) -> Result<Response, Problem> {
    let file = Files::get(name).ok_or_else(|| Problem::unknown_path(&format!("/assets/{name}")))?;
    let etag = etag(&file);
    let fixed = [
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::VARY, "accept"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ];
    let known = picture::known(asked, &etag);
    let etag = [(header::ETAG, etag)];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, fixed, etag).into_response());
    }
    let kind = HeaderValue::from_static(content_type(name));
    Ok((fixed, etag, [(header::CONTENT_TYPE, kind)], file.data).into_response())
}

/// The first half of the file's SHA-256.
fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex = hash.iter().take(16).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("\"{hex}\"")
}

/// By the endings that the page has; a module with another type would not be run.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn age(camera: &CameraSummary, now: UnixNanos) -> String {
    camera.newest.as_ref().map_or_else(
        || "no live frame".to_owned(),
        |frame| format!("{:.1} s ago", now.since(frame.key.at()).as_secs_f64()),
    )
}

fn text(
    place: Option<&str>,
    cameras: &Result<Vec<CameraSummary>, String>,
    now: UnixNanos,
) -> String {
    let place = place.map_or_else(String::new, |place| format!(", frames lie here: {place}"));
    let mut out = format!("framecache{place}\n\nCameras\n");
    match cameras {
        Err(error) => line(&mut out, format_args!("  not known: {error}")),
        Ok(cameras) if cameras.is_empty() => line(&mut out, format_args!("  none has live frames")),
        Ok(cameras) => {
            for camera in cameras {
                let id = &camera.stream.camera;
                let path = format!("/api/v1/cameras/{id}/latest.jpg");
                line(&mut out, format_args!("  {path:<50} {}", age(camera, now)));
            }
        }
    }
    line(&mut out, format_args!("\nEndpoints"));
    for (path, what) in ENDPOINTS {
        line(&mut out, format_args!("  {path:<50} {what}"));
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_that_is_listed_is_described() {
        let described: serde_json::Value =
            serde_json::from_str(include_str!("openapi.json")).unwrap();
        for (listed, _) in ENDPOINTS {
            let path = listed.split('?').next().unwrap_or_default().replace("CAMERA", "{camera}");
            assert!(described["paths"].get(&path).is_some(), "{path}");
        }
    }
}
