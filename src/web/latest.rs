//! `GET /api/v1/cameras/{camera}/latest` and `latest.jpg`: the newest frames of a camera.

use axum::Json;
use axum::response::Response;
use serde::Serialize;

use super::params::Call;
use super::picture;
use super::problem::Problem;
use crate::model::frame::FrameInfo;
use crate::model::key::StreamId;
use crate::service::Service as _;

#[derive(Serialize)]
pub(super) struct Latest {
    frames: Vec<FrameInfo>,
}

pub(super) async fn info(call: Call) -> Result<Json<Latest>, Problem> {
    let params = call.params(&["count", "via", "verify"])?;
    let stream = call.stream(&params)?;
    let count = params.number("count")?.unwrap_or(1);
    let frames = call.web.service.latest(&stream, count, params.how()?).await?;
    if frames.is_empty() {
        return Err(nothing_lives(&stream));
    }
    Ok(Json(Latest { frames }))
}

pub(super) async fn jpeg(call: Call) -> Result<Response, Problem> {
    let params = call.params(&[&["via"], &picture::ACCEPTED[..]].concat())?;
    let stream = call.stream(&params)?;
    let frame = call.web.service.latest_frame(&stream, params.via()?).await?;
    let frame = frame.ok_or_else(|| nothing_lives(&stream))?;
    picture::answer(&call, &params, frame).await
}

fn nothing_lives(stream: &StreamId) -> Problem {
    Problem::not_found(format!(
        "no frame of camera {stream} lives: /api/v1/cameras lists those that have frames"
    ))
}
