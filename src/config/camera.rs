//! One configured camera: an id that fits a key, a URL of a known kind, and what is special to it.
//!
//! Only the shape of the URL is judged here; whether the camera answers is found out by collecting.

use std::time::Duration;

use crate::model::name::CameraId;
use crate::model::time::Ttl;

use super::error::ConfigError;
use super::secret::SecretUrl;
use super::server::names_host;
use super::settings::Settings;

/// The kinds of URL that are read, as one part of a sentence.
const ACCEPTED: &str = "synthetic:, rtsp://, rtsps://, rtmp://, http://, https://, dir:PATH, file:PATH, a path, or push:";

/// Schemes of cameras in the network; those after the first three are read by ffmpeg only.
const NETWORK: [&str; 11] =
    ["http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt", "mms"];

/// How a camera's URL is read when its scheme leaves a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CameraMode {
    /// By what the camera offers.
    #[default]
    Auto,
    /// `http://`, `https://`: one picture a request.
    Snapshot,
    /// By ffmpeg, even where it could be read without.
    Ffmpeg,
}

/// One `[[cameras]]` entry.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraConfig {
    /// Third part of its frame keys; unique in the configuration.
    pub id: CameraId,
    /// For people; the id unless given.
    pub name: String,
    /// Where its frames come from, as configured; shown without its password. Scheme and host, or
    /// path, have been checked.
    pub url: SecretUrl,
    /// How the URL is read.
    pub mode: CameraMode,
    /// Time between two snapshots, for other sources the longest pause that is no stall,
    /// 10 ms ..= 1 h; `None` = a second, and what the source does.
    pub interval: Option<Duration>,
    /// Most frames a second taken from it, 0.01..=1000; `None` = no limit. `target_fps` is in it.
    pub fps: Option<f64>,
    /// How long its frames live; `None` = as those of all cameras.
    pub ttl: Option<Ttl>,
    /// Of the JPEGs that are made here, 1..=100; `None` = what the source does by itself.
    pub quality: Option<u8>,
}

/// Checks the list of cameras.
pub(super) fn read_cameras(
    items: &[Settings],
    target_fps: Option<f64>,
) -> Result<Vec<CameraConfig>, ConfigError> {
    let mut cameras: Vec<CameraConfig> = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let camera = read_camera(&format!("camera {number}"), item, target_fps)?;
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

/// Checks one camera, which errors call `label`.
pub(super) fn read_camera(
    label: &str,
    item: &Settings,
    target_fps: Option<f64>,
) -> Result<CameraConfig, ConfigError> {
    let missing = |what: &str| {
        let message = format!("{label} has no {what}: add {what} = \"...\" to it");
        ConfigError::refused(item.origin.clone(), message)
    };
    let id = item.text("id").ok_or_else(|| missing("id"))?;
    let id = CameraId::new(id)
        .map_err(|error| ConfigError::refused(item.origin("id"), format!("{label}: {error}")))?;
    let url = item.text("url").ok_or_else(|| missing("url"))?;
    let refuse = |key: &str, message: &str| {
        ConfigError::refused(item.origin(key), format!("{label} ({id}): {message}"))
    };
    let family = family_of(url).map_err(|message| refuse("url", &message))?;
    let mode = mode(family, item.text("mode")).map_err(|message| refuse("mode", message))?;
    let quality = item.whole("quality").map(|given| quality(given, url, mode)).transpose();
    let quality = quality.map_err(|message| refuse("quality", message))?;
    Ok(CameraConfig {
        name: item.text("name").unwrap_or(id.as_str()).to_owned(),
        url: SecretUrl::new(url.to_owned()),
        mode,
        interval: item.span("interval"),
        fps: item.number("fps").or(target_fps).filter(|fps| *fps > 0.0),
        ttl: item.ttl("ttl_seconds"),
        quality,
        id,
    })
}

/// Refuses a quality for pictures that are passed on as they come.
fn quality(given: u64, url: &str, mode: CameraMode) -> Result<u8, &'static str> {
    let scheme = split_scheme(url).map(|(scheme, _)| scheme);
    match scheme.as_deref() {
        Some("dir" | "push") => Err(
            "the pictures of this kind of url are stored as they come, so none has another quality: remove quality",
        ),
        Some("http" | "https" | "rtsp") if mode != CameraMode::Ffmpeg => Err(
            "the camera's own JPEGs are stored as they come: remove quality, or add mode = \"ffmpeg\" to have every picture encoded anew",
        ),
        _ => Ok(u8::try_from(given).unwrap_or(100)),
    }
}

/// What the modes of reading depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Http,
    /// Any other that ffmpeg can read: in the network, or a file.
    Video,
    /// Never read by ffmpeg.
    Own,
}

fn family_of(url: &str) -> Result<Family, String> {
    let Some((scheme, rest)) = split_scheme(url) else { return Ok(Family::Video) };
    let path = rest.strip_prefix("//").unwrap_or(rest).split(['?', '#']).next();
    let family = match scheme.as_str() {
        "synthetic" | "push" => return Ok(Family::Own),
        "dir" | "file" if path.is_none_or(str::is_empty) => {
            return Err(format!("its url names no path: write {scheme}:PATH"));
        }
        "dir" => return Ok(Family::Own),
        "file" => return Ok(Family::Video),
        "http" | "https" => Family::Http,
        other if NETWORK.contains(&other) => Family::Video,
        other => {
            return Err(format!("its url has the unknown scheme {other:?}: known are {ACCEPTED}"));
        }
    };
    if names_host(url) {
        return Ok(family);
    }
    let shown = SecretUrl::new(url.to_owned());
    Err(format!(
        "{shown:?} is no URL of a camera: write {scheme}://user:password@host/path, and in the password %XX for what is no letter or digit"
    ))
}

/// `scheme:rest`; none for a path. A scheme has two letters or more: `C:\\a.mp4` is a path.
fn split_scheme(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let starts_well = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    (scheme.len() > 1 && starts_well && scheme.bytes().all(fits))
        .then(|| (scheme.to_ascii_lowercase(), rest))
}

fn mode(family: Family, given: Option<&str>) -> Result<CameraMode, &'static str> {
    match (given, family) {
        (Some("snapshot"), Family::Http) => Ok(CameraMode::Snapshot),
        (Some("snapshot" | "mjpeg"), Family::Video | Family::Own) => {
            Err("mjpeg and snapshot are modes of http:// and https:// only: remove mode")
        }
        (Some("ffmpeg"), Family::Own) => Err("ffmpeg does not read this kind of url: remove mode"),
        (Some("ffmpeg"), _) => Ok(CameraMode::Ffmpeg),
        _ => Ok(CameraMode::Auto),
    }
}
