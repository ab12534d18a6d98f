//! `GET /api/v1/status`: how this process does. As with `stats`, without tenant and prefix every
//! family is meant.

use axum::Json;

use super::params::Call;
use super::problem::Problem;
use crate::service::status::{Status, Viewer};

pub(super) async fn status(call: Call) -> Result<Json<Status>, Problem> {
    let scope = call.params(&["camera"])?.wide_scope()?;
    Ok(Json(call.web.service.status(&viewer(&call, scope)).await?))
}

/// Whoever is bound to one tenant sees the cameras of the scope only, others the process as well.
pub(super) fn viewer(call: &Call, scope: crate::query::Scope) -> Viewer {
    let bound = call.caller.tenant.as_ref();
    Viewer {
        tenant: bound.unwrap_or(&call.web.tenant).clone(),
        prefix: call.web.prefix.clone(),
        scope,
        whole: bound.is_none(),
    }
}
