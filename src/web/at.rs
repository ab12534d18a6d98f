//! `GET /api/v1/cameras/{camera}/at` and `at.jpg`: the frame nearest to an instant; `GET /api/v1/at`:
//! that of every camera, so that views of one moment can be laid side by side.

use axum::Json;
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

use super::frames::{self, Item};
use super::params::{Call, Params};
use super::picture;
use super::problem::Problem;
use crate::model::key::StreamId;
use crate::model::time::UnixNanos;
use crate::query::{AtRequest, Nearest, Side};

const ACCEPTED: [&str; 4] = ["t", "within", "match", "via"];

/// Cameras that are asked about side by side for a sync view; each holds a frame meanwhile.
const CAMERAS_IN_FLIGHT: usize = 8;

#[derive(Serialize)]
pub(super) struct At {
    frame: Item,
    /// Negative when the frame is earlier than asked.
    distance_nanos: String,
}

#[derive(Serialize)]
pub(super) struct SyncView {
    t: UnixNanos,
    cameras: Vec<Seen>,
}

#[derive(Serialize)]
struct Seen {
    stream: StreamId,
    frame: Option<Item>,
    distance_nanos: Option<String>,
}

pub(super) async fn info(call: Call) -> Result<Json<At>, Problem> {
    let (_, nearest) = nearest(&call, &[]).await?;
    let distance_nanos = nearest.distance_nanos.to_string();
    Ok(Json(At { frame: Item::of(picture::info(&nearest)), distance_nanos }))
}

pub(super) async fn jpeg(call: Call) -> Result<Response, Problem> {
    let (params, nearest) = nearest(&call, &picture::ACCEPTED).await?;
    let (distance, end) = (nearest.distance_nanos, nearest.expires_at);
    let distance = [(HeaderName::from_static("x-frame-distance-ns"), distance.to_string())];
    let end = end.map(|end| [(HeaderName::from_static("x-frame-expires-ns"), end.to_string())]);
    let picture = picture::answer(&call, &params, nearest.frame).await?;
    Ok(match end {
        Some(end) => (distance, end, picture).into_response(),
        None => (distance, picture).into_response(),
    })
}

/// The frames of all cameras that are nearest to one instant.
pub(super) async fn sync_view(call: Call) -> Result<Json<SyncView>, Problem> {
    let params = call.params(&[&ACCEPTED[..], &["camera"]].concat())?;
    let asked = asked(&params)?;
    let streams = frames::streams(&call.web, &params, asked.via).await?;
    let service = &call.web.service;
    let seen = streams.into_iter().map(|stream| async move {
        let nearest = service.nearest(&stream, &asked).await?;
        let distance_nanos = nearest.as_ref().map(|nearest| nearest.distance_nanos.to_string());
        let frame = nearest.map(|nearest| Item::of(picture::info(&nearest)));
        Ok::<_, Problem>(Seen { stream, frame, distance_nanos })
    });
    let cameras = stream::iter(seen).buffered(CAMERAS_IN_FLIGHT).try_collect().await?;
    Ok(Json(SyncView { t: asked.at, cameras }))
}

fn asked(params: &Params) -> Result<AtRequest, Problem> {
    let missing = "the parameter t is missing: say which instant, e.g. t=-30s";
    let at = params.time("t")?.ok_or_else(|| Problem::bad_input(missing))?;
    let read = |text: &str| match text {
        "nearest" => Some(Side::Nearest),
        "before" => Some(Side::Before),
        "after" => Some(Side::After),
        _ => None,
    };
    let side = params.read("match", read, "nearest, before or after")?.unwrap_or_default();
    Ok(AtRequest { at, within: params.duration("within")?, side, via: params.via()? })
}

async fn nearest(call: &Call, also: &[&str]) -> Result<(Params, Nearest), Problem> {
    let params = call.params(&[&ACCEPTED, also].concat())?;
    let stream = call.stream(&params)?;
    let asked = asked(&params)?;
    match call.web.service.nearest(&stream, &asked).await? {
        Some(nearest) => Ok((params, nearest)),
        None => Err(nothing_near(call, &stream, &asked).await?),
    }
}

/// Says where the nearest frame lies, when it is only too far away.
async fn nothing_near(
    call: &Call,
    stream: &StreamId,
    asked: &AtRequest,
) -> Result<Problem, Problem> {
    let at = asked.at.to_rfc3339();
    let side = match asked.side {
        Side::Nearest => String::new(),
        Side::Before => format!(" at or before {at}"),
        Side::After => format!(" at or after {at}"),
    };
    let Some(within) = asked.within else {
        return Ok(Problem::not_found(format!("no frame of camera {stream} lives{side}")));
    };
    let within = humantime::format_duration(within);
    let said = match asked.side {
        Side::Nearest => format!("no frame of camera {stream} lives within {within} of {at}"),
        _ => format!("no frame of camera {stream} lives within {within}{side}"),
    };
    let wide = AtRequest { within: None, ..*asked };
    let Some(nearest) = call.web.service.nearest(stream, &wide).await? else {
        return Ok(Problem::not_found(said));
    };
    let far = std::time::Duration::from_nanos(nearest.distance_nanos.unsigned_abs());
    let (far, there) = (humantime::format_duration(far), nearest.frame.key.at().to_rfc3339());
    let which = if nearest.distance_nanos < 0 { "earlier" } else { "later" };
    Ok(Problem::not_found(format!("{said}: the nearest was taken {far} {which}, at {there}")))
}
