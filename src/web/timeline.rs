//! `GET /api/v1/timeline`: frames and bytes of each step of a window, its gaps, and what expires when.
//!
//! Unlike elsewhere the window has a default, the last hour in minutes: all of time in steps would
//! be refused.

use std::time::Duration;

use axum::Json;

use super::frames;
use super::params::Call;
use super::problem::Problem;
use crate::model::time::TimeRange;
use crate::query::{Density, DensityRequest};

const DEFAULT_WINDOW: Duration = Duration::from_secs(3600);
const DEFAULT_STEP: Duration = Duration::from_secs(60);

const ACCEPTED: [&str; 8] = ["camera", "from", "to", "step", "gap", "by", "via", "verify"];

pub(super) async fn steps(call: Call) -> Result<Json<Density>, Problem> {
    let params = call.params(&ACCEPTED)?;
    let to = params.time("to")?.unwrap_or(params.now());
    let from = params.time("from")?.unwrap_or(to.minus(DEFAULT_WINDOW));
    let step = params.duration("step")?.unwrap_or(DEFAULT_STEP);
    let by = params.read("by", |text| (text == "camera").then_some(()), "camera")?;
    let request = DensityRequest {
        window: TimeRange::new(from, to).map_err(Problem::bad_input)?,
        step,
        gap: params.duration("gap")?.unwrap_or(step),
        by_camera: by.is_some(),
        how: params.how()?,
        streams: frames::streams(&call.web, &params, params.via()?).await?,
    };
    Ok(Json(call.web.service.density(request).await?))
}
