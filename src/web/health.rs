//! `GET /healthz` says that the process answers, `GET /readyz` whether frames can be stored and
//! announced now. Both need no token; but places, cameras and reasons are told only to a caller who
//! may see every tenant, because they name what others have.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::WebState;
use super::caller::Asker;
use super::problem::{Problem, RETRY_AFTER};
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
    let mut response = match asker {
        Ok(caller) if caller.tenant.is_none() => (status, Json(&readiness)).into_response(),
        _ => (status, Json(json!({ "ready": readiness.ready }))).into_response(),
    };
    if !readiness.ready {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER.into());
    }
    Ok(response)
}
