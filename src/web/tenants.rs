//! `GET /api/v1/tenants`: what each tenant has. A caller that is bound to one sees only that.

use axum::Json;
use serde::Serialize;

use super::params::Call;
use super::problem::Problem;
use crate::query::TenantStats;

#[derive(Serialize)]
pub(super) struct Tenants {
    tenants: Vec<TenantStats>,
}

pub(super) async fn list(call: Call) -> Result<Json<Tenants>, Problem> {
    let scope = call.params(&[])?.wide_scope()?;
    Ok(Json(Tenants { tenants: call.web.service.tenants(&scope).await? }))
}
