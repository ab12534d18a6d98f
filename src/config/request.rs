//! A camera that a request describes: the keys, checks and sentences of `[[cameras]]`, as JSON.
//!
//! So what the API takes is what a file may say, and the other way round: [`toml`] writes a camera
//! as it would stand in a file. A `null` is a key that is not given.

use serde_json::{Map, Value as Json};

use super::camera::{CameraConfig, CameraMode, read_camera};
use super::error::{ConfigError, hint};
use super::keys::{CAMERA_KEYS, find, nearest};
use super::settings::{Origin, Settings};
use super::value::{Raw, span_text};
use crate::model::name::CameraId;

/// The keys of a camera but its id, with their values.
pub type CameraTable = Map<String, Json>;

impl CameraConfig {
    /// Reads and checks the camera `id`; `target_fps` is the limit of a camera that names none.
    ///
    /// # Errors
    /// One sentence for the first key that is unknown and the first value that does not fit.
    pub fn from_table(
        id: &CameraId,
        table: &CameraTable,
        target_fps: Option<f64>,
    ) -> Result<Self, ConfigError> {
        let mut settings = Settings::empty(Origin::Request);
        for (name, value) in table.iter().filter(|(_, value)| !value.is_null()) {
            let known = find(CAMERA_KEYS, name).filter(|key| key.name != "id");
            let Some(key) = known else { return Err(unknown(name)) };
            settings.read(key, raw(value), Origin::Request)?;
        }
        if let Some(key) = find(CAMERA_KEYS, "id") {
            settings.read(key, Raw::Bare(id.as_str()), Origin::Request)?;
        }
        read_camera("the camera", &settings, target_fps)
    }

    /// What [`CameraConfig::from_table`] reads back as this camera. Holds the secrets of its URL.
    #[must_use]
    pub fn to_table(&self) -> CameraTable {
        let mode = match self.mode {
            CameraMode::Auto => None,
            CameraMode::Snapshot => Some("snapshot"),
            CameraMode::Ffmpeg => Some("ffmpeg"),
        };
        let name = (self.name != self.id.as_str()).then(|| self.name.clone());
        let pairs = [
            ("url", Some(Json::from(self.url.expose()))),
            ("name", name.map(Json::from)),
            ("fps", Some(Json::from(self.fps.unwrap_or(0.0)))),
            ("ttl_seconds", self.ttl.map(|ttl| Json::from(ttl.as_secs()))),
            ("quality", self.quality.map(Json::from)),
            ("mode", mode.map(Json::from)),
            ("interval", self.interval.map(|interval| Json::from(span_text(interval)))),
        ];
        pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

/// A camera as it would stand in a configuration file. Holds the secrets of its URL.
#[must_use]
pub fn toml(id: &CameraId, table: &CameraTable) -> String {
    // texts and numbers of JSON are written the same in TOML
    let given = CAMERA_KEYS.iter().filter_map(|key| Some((key.name, table.get(key.name)?)));
    let lines: Vec<String> = given
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("\n{name} = {value}"))
        .collect();
    format!("[[cameras]]\nid = \"{id}\"{}", lines.concat())
}

fn unknown(name: &str) -> ConfigError {
    if name == "id" {
        let message = "the id of a camera stands in the path and cannot be changed: remove id";
        return ConfigError::refused(Origin::Request, message);
    }
    let names = CAMERA_KEYS.iter().map(|key| key.name).filter(|name| *name != "id");
    let near = hint(nearest(name, names));
    ConfigError::UnknownKey { place: Origin::Request, key: name.to_owned(), hint: near }
}

fn raw(value: &Json) -> Raw<'_> {
    match value {
        Json::Bool(given) => Raw::Bool(*given),
        Json::String(text) => Raw::Quoted(text),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Raw::Whole(whole),
            (None, Some(given)) => Raw::Number(given),
            (None, None) => Raw::Other("a number that is too large"),
        },
        Json::Null => Raw::Other("null"),
        Json::Array(_) => Raw::Other("a list"),
        Json::Object(_) => Raw::Other("a table"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(table: &Json) -> Result<CameraConfig, String> {
        let id = CameraId::new("cam1").unwrap();
        let table = table.as_object().unwrap();
        CameraConfig::from_table(&id, table, Some(7.0)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        for (table, written) in [
            (json!({"url": "push:"}), json!({"url": "push:", "fps": 7.0})),
            (
                json!({"url": "push:", "fps": 0, "name": null, "mode": ""}),
                json!({"url": "push:", "fps": 0.0}),
            ),
            (
                json!({"url": "http://u:p@h/a", "fps": 2.5, "ttl_seconds": 60, "name": "Door",
                       "mode": "snapshot", "interval": "1m 30s"}),
                json!({"url": "http://u:p@h/a", "fps": 2.5, "ttl_seconds": 60, "name": "Door",
                       "mode": "snapshot", "interval": "1m 30s"}),
            ),
            (
                json!({"url": "rtsp://h", "mode": "ffmpeg", "quality": 60, "interval": 2}),
                json!({"url": "rtsp://h", "fps": 7.0, "mode": "ffmpeg", "quality": 60,
                       "interval": "2s"}),
            ),
        ] {
            let camera = read(&table).unwrap();
            assert_eq!(Json::Object(camera.to_table()), written);
            assert_eq!(read(&written), Ok(camera));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_as_in_a_file() {
        for (table, said) in [
            (
                json!({"url": "push:", "fsp": 1}),
                "the request: unknown key \"fsp\": did you mean \"fps\"?",
            ),
            (json!({}), "the request: the camera has no url: add url = \"...\" to it"),
            (
                json!({"url": "push:", "id": "cam2"}),
                "the request: the id of a camera stands in the path and cannot be changed: remove id",
            ),
            (
                json!({"url": "push:", "fps": "5"}),
                "the request: fps = \"5\" does not fit: it must be a number from 0.01 to 1000, or 0",
            ),
            (
                json!({"url": ["rtsp://h"]}),
                "the request: url = a list does not fit: it must be text",
            ),
            (
                json!({"url": "gopher://u:secret@h"}),
                "the request: the camera (cam1): its url has the unknown scheme \"gopher\": known are synthetic:, rtsp://, rtsps://, rtmp://, http://, https://, dir:PATH, file:PATH, a path, or push:",
            ),
        ] {
            assert_eq!(read(&table), Err(said.to_owned()), "{table}");
        }
    }

    #[test]
    fn a_camera_is_shown_as_it_stands_in_a_file() {
        let table = json!({"fps": 5, "url": "rtsp://u:p@h/\"a", "name": null});
        let written = toml(&CameraId::new("cam1").unwrap(), table.as_object().unwrap());
        let expected = "[[cameras]]\nid = \"cam1\"\nurl = \"rtsp://u:p@h/\\\"a\"\nfps = 5";
        assert_eq!(written, expected);
    }
}
