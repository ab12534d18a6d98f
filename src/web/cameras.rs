//! `GET /api/v1/cameras`: the cameras that have live frames, and the newest of each.

use axum::Json;
use serde::Serialize;

use super::params::Call;
use super::problem::Problem;
use crate::query::CameraSummary;
use crate::service::Service as _;

#[derive(Serialize)]
pub(super) struct Cameras {
    cameras: Vec<CameraSummary>,
}

pub(super) async fn list(call: Call) -> Result<Json<Cameras>, Problem> {
    let params = call.params(&["camera", "via"])?;
    let cameras = call.web.service.cameras(&params.scope()?, params.via()?).await?;
    Ok(Json(Cameras { cameras }))
}
