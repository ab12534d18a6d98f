//! `GET /`: where a person starts. The cameras with their newest picture, and what else can be
//! asked. HTML for browsers, the same as plain text for `curl`.

use std::fmt::Write;

use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};

use super::params::Call;
use super::problem::Problem;
use crate::model::time::UnixNanos;
use crate::query::{CameraSummary, Via};
use crate::service::Service as _;

/// What can be asked, with a line for each.
const ENDPOINTS: [(&str, &str); 11] = [
    ("/api/v1/cameras", "cameras with live frames"),
    ("/api/v1/stats", "frames, bytes and ages by tenant and prefix"),
    ("/api/v1/frames?from=-30s", "frames of a window: from, to, every, limit, reverse, camera"),
    ("/api/v1/timeline?from=-10m&step=10s", "frames and bytes by step of time"),
    ("/api/v1/events", "announcements as server-sent events"),
    ("/api/v1/cameras/CAMERA/latest", "the newest frames of a camera: count"),
    ("/api/v1/cameras/CAMERA/latest.jpg", "its newest picture"),
    ("/api/v1/cameras/CAMERA/at.jpg?t=-10s", "its picture nearest to an instant: t, within"),
    ("/api/v1/cameras/CAMERA/frames", "its frames; POST a JPEG to add one"),
    ("/healthz", "whether the process answers"),
    ("/readyz", "whether frames can be stored and announced"),
];

/// Everything on the page comes from this server; no script runs.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color-scheme:light dark}main{display:grid;gap:1rem;\
grid-template-columns:repeat(auto-fill,minmax(16rem,1fr))}figure{margin:0}\
img{width:100%;border-radius:.5rem;background:#8883}table{border-spacing:0 .25rem}\
td{padding-right:1.5rem;vertical-align:top}";

pub(super) async fn index(call: Call) -> Result<Response, Problem> {
    let params = call.params(&[])?;
    let cameras = call.web.service.cameras(&params.scope()?, Via::Index).await;
    let cameras = cameras.map_err(|error| error.to_string());
    let place = call.web.service.place();
    if wants_html(&call.headers) {
        let page = html(&place, &cameras, params.now());
        return Ok(([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response());
    }
    Ok(text(&place, &cameras, params.now()).into_response())
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

fn text(place: &str, cameras: &Result<Vec<CameraSummary>, String>, now: UnixNanos) -> String {
    let mut out = format!("framecache, frames lie here: {place}\n\nCameras\n");
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

fn html(place: &str, cameras: &Result<Vec<CameraSummary>, String>, now: UnixNanos) -> String {
    let mut out = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><title>framecache</title>\
         <style>{STYLE}</style><h1>framecache</h1><p>Frames lie here: {}</p><main>\n",
        escaped(place)
    );
    match cameras {
        Err(error) => line(&mut out, format_args!("<p>Cameras are not known: {}", escaped(error))),
        Ok(cameras) if cameras.is_empty() => {
            line(&mut out, format_args!("<p>No camera has live frames."));
        }
        Ok(cameras) => cameras.iter().for_each(|camera| figure(&mut out, camera, now)),
    }
    line(&mut out, format_args!("</main><h2>Endpoints</h2><table>"));
    for (path, what) in ENDPOINTS {
        let path = escaped(path);
        let shown = if path.contains("CAMERA") {
            format!("<code>{path}</code>")
        } else {
            format!("<a href=\"{path}\"><code>{path}</code></a>")
        };
        line(&mut out, format_args!("<tr><td>{shown}<td>{what}"));
    }
    line(&mut out, format_args!("</table></html>"));
    out
}

/// Names need no escaping: their alphabet has no markup.
fn figure(out: &mut String, camera: &CameraSummary, now: UnixNanos) {
    let id = &camera.stream.camera;
    let (tenant, prefix) = (&camera.stream.tenant, &camera.stream.prefix);
    let url = format!("/api/v1/cameras/{id}/latest.jpg?tenant={tenant}&amp;prefix={prefix}");
    let age = age(camera, now);
    line(
        out,
        format_args!(
            "<figure><a href=\"{url}\"><img src=\"{url}\" alt=\"{id}\" loading=lazy></a>\
             <figcaption>{id}, {age}</figcaption></figure>"
        ),
    );
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
