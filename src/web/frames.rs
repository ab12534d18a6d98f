//! `GET /api/v1/frames`, `/cameras/{camera}/frames` and one frame by its key.

use axum::Json;
use axum::response::Response;

use super::WebState;
use super::params::{Call, Params};
use super::picture;
use super::problem::Problem;
use crate::model::key::StreamId;
use crate::query::{RangeAnswer, RangeRequest, Via};
use crate::service::Service as _;

/// The most frames that are listed where no limit is given.
const DEFAULT_LIMIT: usize = 1000;

const ACCEPTED: [&str; 7] = ["from", "to", "every", "limit", "reverse", "via", "verify"];

pub(super) async fn of_cameras(call: Call) -> Result<Json<RangeAnswer>, Problem> {
    let params = call.params(&[&ACCEPTED[..], &["camera"]].concat())?;
    let streams = streams(&call.web, &params, params.via()?).await?;
    range(&call.web, &params, streams).await
}

pub(super) async fn of_camera(call: Call) -> Result<Json<RangeAnswer>, Problem> {
    let params = call.params(&ACCEPTED)?;
    let stream = call.stream(&params)?;
    range(&call.web, &params, vec![stream]).await
}

async fn range(
    web: &WebState,
    params: &Params,
    streams: Vec<StreamId>,
) -> Result<Json<RangeAnswer>, Problem> {
    let request = RangeRequest {
        streams,
        window: params.window()?,
        every: params.duration("every")?,
        limit: params.limit(DEFAULT_LIMIT)?,
        reverse: params.flag("reverse")?,
        how: params.how()?,
    };
    Ok(Json(web.service.range(&request).await?))
}

/// The cameras that a request names, or all of the family where it names none.
pub(super) async fn streams(
    web: &WebState,
    params: &Params,
    via: Via,
) -> Result<Vec<StreamId>, Problem> {
    let named = params.streams()?;
    if !named.is_empty() {
        return Ok(named);
    }
    let cameras = web.service.cameras(&params.scope()?, via).await?;
    Ok(cameras.into_iter().map(|camera| camera.stream).collect())
}

pub(super) async fn one(call: Call) -> Result<Response, Problem> {
    let params = call.params(&picture::ACCEPTED)?;
    let stream = call.stream(&params)?;
    let name = call.path("frame");
    let short = name
        .strip_suffix(".jpg")
        .ok_or_else(|| Problem::bad_input(format!("{name} should read <unix_nano>-<seq>.jpg")))?;
    let key = picture::parse_short_id(stream, short).map_err(Problem::bad_input)?;
    let frame = call.web.service.get(&key).await?;
    let frame = frame.ok_or_else(|| Problem::not_found(format!("no frame lives under {key}")))?;
    picture::answer(&call, &params, frame).await
}
