//! `GET /healthz` says that the process answers, `GET /readyz` whether frames can be stored and
//! announced now.

use axum::Json;
use axum::http::StatusCode;

use super::params::Call;
use super::problem::Problem;
use crate::service::{Readiness, Service as _};

pub(super) async fn healthz() -> &'static str {
    "ok"
}

pub(super) async fn readyz(call: Call) -> Result<(StatusCode, Json<Readiness>), Problem> {
    let readiness = call.web.service.readiness().await?;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(readiness)))
}
