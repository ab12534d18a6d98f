//! One configured camera: an id that fits a key, a URL of a known kind, and what is special to it.
//!
//! Only the shape of the URL is judged here; whether the camera answers is found out by collecting.

use std::time::Duration;

use crate::model::name::CameraId;
use crate::model::time::Ttl;

use super::error::ConfigError;
use super::secret::SecretUrl;
use super::settings::Settings;

/// The kinds of URL that are read, as one part of a sentence.
const ACCEPTED: &str = "synthetic:, rtsp://, rtsps://, rtmp://, http://, https://, dir:FOLDER, push:, file:PATH or a path";

/// From one snapshot to the next unless `interval` says otherwise.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(1);

/// What kind of source a camera's URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// `synthetic:?...`: pictures made by the program itself.
    Synthetic,
    /// `rtsp://` or `rtsps://`.
    Rtsp,
    /// `rtmp://` or `rtmps://`.
    Rtmp,
    /// `http://` or `https://`, one endless multipart answer.
    HttpMjpeg,
    /// `http://` or `https://`, one picture for each request.
    HttpSnapshot {
        /// From one request to the next, at least 10 ms.
        interval: Duration,
    },
    /// `dir:FOLDER` of JPEG files.
    Dir,
    /// `push:`, fed by the API.
    Push,
    /// `file:PATH`, or a bare path: a video file.
    File,
}

/// One `[[cameras]]` entry.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraConfig {
    /// Third part of its frame keys; unique in the configuration.
    pub id: CameraId,
    /// For people; the id unless given.
    pub name: String,
    /// Where its frames come from, as configured; shown without its password.
    pub url: SecretUrl,
    /// What kind of source `url` names.
    pub kind: SourceKind,
    /// Most frames a second taken from it, 0.01..=1000; `None` = no limit. `target_fps` is in it.
    pub fps: Option<f64>,
    /// How long its frames live; `None` = as those of all cameras.
    pub ttl: Option<Ttl>,
}

/// Checks the list of cameras.
pub(super) fn read_cameras(
    items: &[Settings],
    target_fps: Option<f64>,
) -> Result<Vec<CameraConfig>, ConfigError> {
    let mut cameras: Vec<CameraConfig> = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let camera = read_camera(number, item, target_fps)?;
        if let Some(at) = cameras.iter().position(|other| other.id == camera.id) {
            let message = format!(
                "cameras {} and {number} have the same id {:?}: give each camera its own",
                at + 1,
                camera.id.as_str()
            );
            return Err(ConfigError::refused(item.origin("id"), message));
        }
        cameras.push(camera);
    }
    Ok(cameras)
}

fn read_camera(
    number: usize,
    item: &Settings,
    target_fps: Option<f64>,
) -> Result<CameraConfig, ConfigError> {
    let missing = |what: &str| {
        let message = format!("camera {number} has no {what}: add {what} = \"...\" to it");
        ConfigError::refused(item.origin.clone(), message)
    };
    let id = item.text("id").ok_or_else(|| missing("id"))?;
    let id = CameraId::new(id).map_err(|error| {
        ConfigError::refused(item.origin("id"), format!("camera {number}: {error}"))
    })?;
    let url = item.text("url").ok_or_else(|| missing("url"))?;
    let refuse = |key: &str, message: &str| {
        let message = format!("camera {number} ({id}): {message}");
        ConfigError::refused(item.origin(key), message)
    };
    let scheme = scheme_of(url).map_err(|message| refuse("url", &message))?;
    let kind = source_kind(scheme, item).map_err(|(key, message)| refuse(key, message))?;
    let fps = item.number("fps").or(target_fps).filter(|fps| *fps > 0.0);
    let name = item.text("name").unwrap_or(id.as_str()).to_owned();
    let url = SecretUrl::new(url.to_owned());
    Ok(CameraConfig { name, url, kind, fps, ttl: item.ttl("ttl_seconds"), id })
}

/// The kind that the URL alone tells; every HTTP source is taken for MJPEG here.
fn scheme_of(url: &str) -> Result<SourceKind, String> {
    let Some((scheme, rest)) = split_scheme(url) else { return Ok(SourceKind::File) };
    let kind = match scheme.as_str() {
        "synthetic" => return Ok(SourceKind::Synthetic),
        "push" => return Ok(SourceKind::Push),
        "dir" | "file" if rest.trim_start_matches('/').is_empty() && rest.len() != 1 => {
            return Err(format!("its url names no path: write {scheme}:/path"));
        }
        "dir" => return Ok(SourceKind::Dir),
        "file" => return Ok(SourceKind::File),
        "rtsp" | "rtsps" => SourceKind::Rtsp,
        "rtmp" | "rtmps" => SourceKind::Rtmp,
        "http" | "https" => SourceKind::HttpMjpeg,
        _ => {
            return Err(format!("its url has the unknown scheme {scheme:?}: known are {ACCEPTED}"));
        }
    };
    match rest.strip_prefix("//") {
        Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(kind),
        _ => Err(format!("its url names no host: write {scheme}://HOST/...")),
    }
}

/// `scheme:rest`; none for a path. A scheme has two letters or more, so `C:\a.mp4` is a path.
fn split_scheme(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let starts_well = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    (scheme.len() > 1 && starts_well && scheme.bytes().all(fits))
        .then(|| (scheme.to_ascii_lowercase(), rest))
}

/// Adds `mode` and `interval`; refuses them where they would mean nothing.
fn source_kind(
    kind: SourceKind,
    item: &Settings,
) -> Result<SourceKind, (&'static str, &'static str)> {
    let (mode, interval) = (item.text("mode"), item.span("interval"));
    match (kind, mode, interval) {
        (SourceKind::HttpMjpeg, Some("snapshot"), interval) => {
            Ok(SourceKind::HttpSnapshot { interval: interval.unwrap_or(SNAPSHOT_INTERVAL) })
        }
        (_, _, Some(_)) => Err((
            "interval",
            "interval is for snapshots only: add mode = \"snapshot\", or remove it",
        )),
        (SourceKind::HttpMjpeg, _, None) | (_, None, None) => Ok(kind),
        (_, Some(_), None) => Err(("mode", "mode is for http:// and https:// only: remove it")),
    }
}
