//! `GET /api/v1/timeline`: frames and bytes of each step of a window.
//!
//! Unlike elsewhere the window has a default, the last hour in minutes: all of time in steps would
//! be refused.

use std::time::Duration;

use axum::Json;
use serde::Serialize;

use super::frames;
use super::params::Call;
use super::problem::Problem;
use crate::model::time::TimeRange;
use crate::query::TimelineStep;
use crate::service::{Service as _, TimelineRequest};

const DEFAULT_WINDOW: Duration = Duration::from_secs(3600);
const DEFAULT_STEP: Duration = Duration::from_secs(60);

#[derive(Serialize)]
pub(super) struct Timeline {
    steps: Vec<TimelineStep>,
}

pub(super) async fn steps(call: Call) -> Result<Json<Timeline>, Problem> {
    let params = call.params(&["camera", "from", "to", "step", "via", "verify"])?;
    let to = params.time("to")?.unwrap_or(params.now());
    let from = params.time("from")?.unwrap_or(to.minus(DEFAULT_WINDOW));
    let request = TimelineRequest {
        window: TimeRange::new(from, to).map_err(Problem::bad_input)?,
        step: params.duration("step")?.unwrap_or(DEFAULT_STEP),
        how: params.how()?,
        streams: frames::streams(&call.web, &params, params.via()?).await?,
    };
    Ok(Json(Timeline { steps: call.web.service.timeline(&request).await? }))
}
