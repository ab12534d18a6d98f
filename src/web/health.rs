//! `GET /healthz` says that the process answers, `GET /readyz` whether frames can be stored and
//! announced now. Both need no token; but places, cameras and reasons are told only to a caller who
//! may see every tenant, because they name what others have.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::WebState;
use super::caller::Asker;
use super::problem::Problem;
use crate::service::Service as _;

pub(super) async fn healthz() -> &'static str {
    "ok"
}

pub(super) async fn readyz(
    State(web): State<Arc<WebState>>,
    Extension(Asker(asker)): Extension<Asker>,
) -> Result<Response, Problem> {
    let readiness = web.service.readiness().await?;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if asker.is_ok_and(|caller| caller.tenant.is_none()) {
        return Ok((status, Json(readiness)).into_response());
    }
    Ok((status, Json(json!({ "ready": readiness.ready }))).into_response())
}
