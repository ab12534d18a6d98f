//! What is asked of a fleet, and the set of cameras that is wanted then. Decides, and does nothing.

use thiserror::Error;

use super::plan::find;
use super::{CameraOrigin, FleetCamera};
use crate::collect::SourceUrl;
use crate::config::{CameraConfig, CameraTable, ConfigError};
use crate::model::name::CameraId;

/// What is asked of one camera.
#[derive(Debug, Clone, PartialEq)]
pub enum CameraOrder {
    /// Nothing but how it stands.
    Show,
    /// Have these settings and no others; the camera need not be there.
    Put(CameraTable),
    /// Have these settings too; `null` takes one away (RFC 7396).
    Patch(CameraTable),
    /// Collect no more until resumed. Frames that others push are still taken.
    Pause,
    /// Collect again.
    Resume,
    /// Go; the frames stay until their lives end.
    Remove,
}

/// Why a fleet stays as it is.
#[derive(Debug, Error)]
pub enum FleetError {
    /// The settings do not fit.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// The URL or one of its options is none that a source reads; without secrets.
    #[error("camera {camera}: {why}")]
    Source {
        /// Which camera.
        camera: CameraId,
        /// What does not fit.
        why: String,
    },
    /// Others push its frames.
    #[error("camera {0} is pushed by others, so there is nothing to pause or resume")]
    Pushed(CameraId),
    /// There are as many cameras as there may be.
    #[error("camera {camera} would be number {number}: [http] max_cameras allows {max}")]
    Full {
        /// Which camera.
        camera: CameraId,
        /// Its number.
        number: usize,
        /// How many may be.
        max: usize,
    },
    /// The process is ending.
    #[error("this process is shutting down: come again")]
    Stopping,
    /// A defect.
    #[error("the change was interrupted: {0}")]
    Interrupted(String),
}

/// The cameras that are wanted after an order for `id`; `None` where there is no such camera.
///
/// # Errors
/// The order does not fit that camera.
pub(super) fn wanted(
    old: &[FleetCamera],
    id: &CameraId,
    order: CameraOrder,
    target_fps: Option<f64>,
) -> Result<Option<Vec<FleetCamera>>, FleetError> {
    let before = find(old, id);
    let camera = match (order, before) {
        (CameraOrder::Put(table), before) => {
            let config = CameraConfig::from_table(id, &table, target_fps)?;
            let (origin, paused) =
                before.map_or((CameraOrigin::Api, false), |before| (before.origin, before.paused));
            Some(FleetCamera { config, origin, paused })
        }
        (_, None) => return Ok(None),
        (CameraOrder::Show, Some(before)) => Some(before.clone()),
        (CameraOrder::Remove, Some(_)) => None,
        (CameraOrder::Patch(table), Some(before)) => {
            let mut whole = before.config.to_table();
            whole.extend(table);
            let config = CameraConfig::from_table(id, &whole, target_fps)?;
            Some(FleetCamera { config, ..before.clone() })
        }
        (CameraOrder::Pause | CameraOrder::Resume, Some(before)) if is_pushed(&before.config) => {
            return Err(FleetError::Pushed(id.clone()));
        }
        (CameraOrder::Pause, Some(before)) => Some(FleetCamera { paused: true, ..before.clone() }),
        (CameraOrder::Resume, Some(before)) => {
            Some(FleetCamera { paused: false, ..before.clone() })
        }
    };
    Ok(Some(replaced(old, id, camera)))
}

/// `old` with `camera` in the place of the one called `id`, or at the end.
fn replaced(old: &[FleetCamera], id: &CameraId, camera: Option<FleetCamera>) -> Vec<FleetCamera> {
    let mut camera = camera.map(FleetCamera::settled);
    let mut new = Vec::with_capacity(old.len() + 1);
    for one in old {
        if one.id() == id {
            new.extend(camera.take());
        } else {
            new.push(one.clone());
        }
    }
    new.extend(camera);
    new
}

/// The cameras that are wanted after the file was read again: its own, in its order, and those that
/// the API added and the file does not name. A paused camera stays paused.
pub(super) fn reread(old: &[FleetCamera], file: &[CameraConfig]) -> Vec<FleetCamera> {
    let of_file = file.iter().map(|config| {
        let paused = find(old, &config.id).is_some_and(|before| before.paused);
        FleetCamera { config: config.clone(), origin: CameraOrigin::File, paused }.settled()
    });
    let of_api = old.iter().filter(|camera| {
        camera.origin == CameraOrigin::Api && file.iter().all(|config| config.id != *camera.id())
    });
    of_file.chain(of_api.cloned()).collect()
}

impl FleetCamera {
    /// What others push is never paused.
    fn settled(self) -> Self {
        Self { paused: self.paused && !is_pushed(&self.config), ..self }
    }
}

fn is_pushed(camera: &CameraConfig) -> bool {
    SourceUrl::parse(camera.url.expose()).is_ok_and(|url| url.is_pushed())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn id(text: &str) -> CameraId {
        CameraId::new(text).unwrap()
    }

    fn table(value: &Value) -> CameraTable {
        value.as_object().unwrap().clone()
    }

    fn camera(name: &str, given: &Value) -> FleetCamera {
        let config = CameraConfig::from_table(&id(name), &table(given), Some(9.0)).unwrap();
        FleetCamera { config, origin: CameraOrigin::File, paused: false }
    }

    fn after(old: &[FleetCamera], order: CameraOrder) -> Option<Vec<FleetCamera>> {
        wanted(old, &id("a"), order, Some(9.0)).unwrap()
    }

    #[test]
    fn an_order_changes_its_camera_and_keeps_all_others_in_their_places() {
        let url = json!({"url": "rtsp://u:p@h", "ttl_seconds": 60});
        let old = [camera("a", &url), camera("b", &url)];
        let with = |a: FleetCamera| Some(vec![a, old[1].clone()]);
        let patch = json!({"fps": 2, "ttl_seconds": null});
        let patched = camera("a", &json!({"url": "rtsp://u:p@h", "fps": 2}));
        assert_eq!(after(&old, CameraOrder::Patch(table(&patch))), with(patched));
        let other = json!({"url": "synthetic:"});
        let put = after(&old, CameraOrder::Put(table(&other)));
        assert_eq!(put, with(camera("a", &other)));
        let paused = FleetCamera { paused: true, ..old[0].clone() };
        let after_pause = after(&old, CameraOrder::Pause).unwrap();
        assert_eq!(Some(after_pause.clone()), with(paused));
        assert_eq!(after(&after_pause, CameraOrder::Resume), Some(old.to_vec()));
        assert_eq!(after(&old, CameraOrder::Remove), Some(vec![old[1].clone()]));
        assert_eq!(after(&old, CameraOrder::Show), Some(old.to_vec()));
    }

    #[test]
    fn only_a_put_makes_a_camera_and_it_is_of_the_api() {
        let url = json!({"url": "synthetic:"});
        let made = FleetCamera { origin: CameraOrigin::Api, ..camera("a", &url) };
        assert_eq!(after(&[], CameraOrder::Put(table(&url))), Some(vec![made]));
        for order in [CameraOrder::Show, CameraOrder::Patch(table(&url)), CameraOrder::Pause] {
            assert_eq!(after(&[], order), None);
        }
    }

    #[test]
    fn what_others_push_is_never_paused() {
        let pushed = [camera("a", &json!({"url": "push:"}))];
        for order in [CameraOrder::Pause, CameraOrder::Resume] {
            let error = wanted(&pushed, &id("a"), order, None).unwrap_err().to_string();
            assert_eq!(
                error,
                "camera a is pushed by others, so there is nothing to pause or resume"
            );
        }
        let paused = FleetCamera { paused: true, ..camera("a", &json!({"url": "synthetic:"})) };
        let put = CameraOrder::Put(table(&json!({"url": "push:"})));
        assert_eq!(after(&[paused], put), Some(pushed.to_vec()));
    }

    #[test]
    fn a_file_that_is_read_again_owns_its_cameras_and_leaves_those_of_the_api() {
        let url = json!({"url": "synthetic:"});
        let of_api = |name| FleetCamera { origin: CameraOrigin::Api, ..camera(name, &url) };
        let paused = FleetCamera { paused: true, ..camera("b", &url) };
        let old = [camera("a", &url), paused.clone(), of_api("c"), of_api("d")];
        let file = [camera("d", &url).config, camera("b", &url).config];
        assert_eq!(reread(&old, &file), [camera("d", &url), paused, of_api("c")]);
    }
}
