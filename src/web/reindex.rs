//! `POST /api/v1/reindex`: adds frames that other programs wrote to the index.

use axum::Json;

use super::params::Call;
use super::problem::Problem;
use crate::query::ReindexReport;
use crate::service::Service as _;

pub(super) async fn reindex(call: Call) -> Result<Json<ReindexReport>, Problem> {
    let params = call.params(&["camera", "dry_run"])?;
    call.caller.may_write()?;
    params.may_scan()?;
    let dry_run = params.flag("dry_run")?;
    Ok(Json(call.web.service.reindex(&params.scope()?, dry_run).await?))
}
