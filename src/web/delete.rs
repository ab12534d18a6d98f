//! `DELETE /api/v1/cameras/{camera}/frames`: removes the frames of a window, and their records.
//!
//! Both ends of the window must be given: a forgotten or mistyped one would delete everything. Who
//! means everything writes `all`.

use axum::Json;

use super::params::Call;
use super::problem::Problem;
use crate::query::{DeleteReport, DeleteRequest};
use crate::service::Service as _;

pub(super) async fn frames(call: Call) -> Result<Json<DeleteReport>, Problem> {
    let params = call.params(&["from", "to", "dry_run", "limit", "via"])?;
    let stream = call.stream(&params)?;
    call.caller.may_write()?;
    call.must_be_written_here(&stream)?;
    let request = DeleteRequest {
        streams: vec![stream],
        window: params.explicit_window()?,
        limit: params.limit(None::<usize>)?,
        via: params.via()?,
    };
    Ok(Json(call.web.service.delete(&request, params.flag("dry_run")?).await?))
}
