//! `GET /api/v1/events`: frames and status messages as server-sent events, from now on.
//!
//! `frame` carries the announcement as consumers of the bus see it, `status` the routing key and the
//! message, `missed` how many messages were lost, null where that is not known. With `camera` given,
//! frames and states of other cameras are left out. There is no replay: who reconnects has missed
//! what came between, and asks `/frames` for it.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};

use super::params::Call;
use super::problem::Problem;
use crate::model::key::StreamId;
use crate::model::name::CameraId;
use crate::service::{Followed, Service as _};

/// A comment after so much silence, so that both ends notice a dead connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) async fn follow(
    call: Call,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let cameras = call.params(&["camera"])?.streams()?;
    let followed = call.web.service.follow().await?;
    let events = followed
        .take_until(call.web.stop.clone().cancelled_owned())
        .filter_map(move |one| ready(event(one, &cameras)))
        .map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat")))
}

/// What a follower of `cameras` is told; of all cameras when there are none.
fn event(followed: Followed, cameras: &[StreamId]) -> Option<Event> {
    let (name, data) = match followed {
        Followed::Frame(announcement) => {
            let stream = announcement.key.stream();
            if !cameras.is_empty() && !cameras.contains(stream) {
                return None;
            }
            ("frame", String::from_utf8(announcement.to_json()).ok()?)
        }
        Followed::Status { routing_key, body } => {
            if !concerns(&body, cameras) {
                return None;
            }
            let message: Value = serde_json::from_slice(&body).ok()?;
            ("status", json!({ "routing_key": routing_key, "message": message }).to_string())
        }
        Followed::Missed { count } => ("missed", json!({ "count": count }).to_string()),
    };
    Some(Event::default().event(name).data(data))
}

/// Whether a status message is of one of these cameras or of none in particular.
fn concerns(body: &[u8], cameras: &[StreamId]) -> bool {
    #[derive(Deserialize)]
    struct Of {
        camera_id: Option<CameraId>,
    }
    let of = serde_json::from_slice(body).ok().and_then(|of: Of| of.camera_id);
    of.is_none_or(|id| cameras.is_empty() || cameras.iter().any(|stream| stream.camera == id))
}
