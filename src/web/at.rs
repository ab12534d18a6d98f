//! `GET /api/v1/cameras/{camera}/at` and `at.jpg`: the frame nearest to an instant.

use axum::Json;
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::params::{Call, Params};
use super::picture;
use super::problem::Problem;
use crate::model::frame::FrameInfo;
use crate::query::Nearest;
use crate::service::Service as _;

#[derive(Serialize)]
pub(super) struct At {
    frame: FrameInfo,
    /// Negative when the frame is earlier than asked.
    distance_nanos: String,
}

pub(super) async fn info(call: Call) -> Result<Json<At>, Problem> {
    let (_, nearest) = nearest(&call, &[]).await?;
    let distance_nanos = nearest.distance_nanos.to_string();
    Ok(Json(At { frame: picture::info(&nearest.frame), distance_nanos }))
}

pub(super) async fn jpeg(call: Call) -> Result<Response, Problem> {
    let (params, nearest) = nearest(&call, &picture::ACCEPTED).await?;
    let distance = HeaderName::from_static("x-frame-distance-ns");
    let distance = [(distance, nearest.distance_nanos.to_string())];
    let picture = picture::answer(&call, &params, nearest.frame).await?;
    Ok((distance, picture).into_response())
}

async fn nearest(call: &Call, also: &[&str]) -> Result<(Params, Nearest), Problem> {
    let params = call.params(&[&["t", "within", "via"], also].concat())?;
    let stream = call.stream(&params)?;
    let asked = "the parameter t is missing: say which instant, e.g. t=-30s";
    let at = params.time("t")?.ok_or_else(|| Problem::bad_input(asked))?;
    let within = params.duration("within")?;
    let nearest = call.web.service.at(&stream, at, within, params.via()?).await?;
    let nearest = nearest.ok_or_else(|| {
        let near = within.map_or_else(String::new, |within| {
            format!(" within {} of {}", humantime::format_duration(within), at.to_rfc3339())
        });
        Problem::not_found(format!("no frame of camera {stream} lives{near}"))
    })?;
    Ok((params, nearest))
}
