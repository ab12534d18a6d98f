//! `/api/v1/holds`: frames that are to live longer. Listed, begun and released.
//!
//! The start of a window must be given: `from=all` is as far back as frames live. Without `to` it
//! ends now; `to=all` is as long as the hold lasts.

use axum::Json;
use axum::http::StatusCode;

use super::params::{Call, Params};
use super::problem::Problem;
use crate::hold::{HoldList, HoldOrder, HoldReport, Released};
use crate::model::key::StreamId;
use crate::model::name::HoldId;
use crate::model::time::{TimeRange, UnixNanos};
use crate::service::Holds as _;

pub(super) async fn list(call: Call) -> Result<Json<HoldList>, Problem> {
    let params = call.params(&["camera"])?;
    Ok(Json(call.web.service.holds(&params.scope()?).await?))
}

pub(super) async fn begin(call: Call) -> Result<(StatusCode, Json<HoldReport>), Problem> {
    let params = call.params(&["camera", "from", "to", "for", "note", "dry_run"])?;
    let stream = one_camera(&params)?;
    call.caller.may_write()?;
    call.must_be_written_here(&stream)?;
    let missing = "the parameter for is missing: say for how long, e.g. for=24h";
    let keep = params.duration("for")?.ok_or_else(|| Problem::bad_input(missing))?;
    let order = HoldOrder {
        stream,
        window: window(&params)?,
        keep,
        note: params.text("note").unwrap_or_default().to_owned(),
        dry_run: params.flag("dry_run")?,
    };
    let report = call.web.service.hold(&order).await?;
    let status = if order.dry_run { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(report)))
}

pub(super) async fn release(call: Call) -> Result<Json<Released>, Problem> {
    let params = call.params(&[])?;
    let scope = params.wide_scope()?;
    call.caller.may_write()?;
    let id = call.path("hold");
    let unknown =
        || Problem::not_found(format!("there is no hold {id} here: GET /api/v1/holds lists them"));
    let Ok(hold) = HoldId::new(id) else { return Err(unknown()) };
    let released = call.web.service.release(&hold, &scope).await?;
    released.map(Json).ok_or_else(unknown)
}

fn one_camera(params: &Params) -> Result<StreamId, Problem> {
    let mut streams = params.streams()?;
    match (streams.pop(), streams.is_empty()) {
        (Some(stream), true) => Ok(stream),
        _ => {
            Err(Problem::bad_input("give one camera, e.g. camera=cam1: each has holds of its own"))
        }
    }
}

fn window(params: &Params) -> Result<TimeRange, Problem> {
    let missing = "the parameter from is missing: give an instant, or from=all for no bound";
    let from = match params.text("from") {
        None => return Err(Problem::bad_input(missing)),
        Some("all") => UnixNanos::MIN,
        Some(_) => params.time("from")?.unwrap_or(UnixNanos::MIN),
    };
    let to = match params.text("to") {
        None => params.now(),
        Some("all") => UnixNanos::MAX,
        Some(_) => params.time("to")?.unwrap_or(UnixNanos::MAX),
    };
    TimeRange::new(from, to).map_err(Problem::bad_input)
}
