//! `GET /api/v1/stats`: what lives, by family. Unlike elsewhere, without tenant and prefix every
//! family is meant.

use axum::Json;

use super::params::Call;
use super::problem::Problem;
use crate::query::StatsAnswer;
use crate::service::Service as _;

pub(super) async fn stats(call: Call) -> Result<Json<StatsAnswer>, Problem> {
    let params = call.params(&["camera"])?;
    let mut stats = call.web.service.stats(&params.wide_scope()?).await?;
    // The store's own figures count every tenant.
    stats.store = stats.store.filter(|_| call.caller.tenant.is_none());
    Ok(Json(stats))
}
