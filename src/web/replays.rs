//! `/api/v1/replays`: recordings that this process plays into its store. Started, listed, told to pause,
//! to go on, elsewhere or faster, and ended.
//!
//! `tenant` and `prefix` say as whose frames a recording is played; without them as recorded. A caller
//! that is bound to a tenant plays, and knows of, recordings of that tenant's frames only.

use axum::Json;
use axum::http::StatusCode;

use super::params::{Call, Params};
use super::problem::Problem;
use crate::archive::Rename;
use crate::archive::replay::{Control, Manner, ReplayStatus, Speed, StartReplay, Times};
use crate::model::name::ReplayId;
use crate::model::recording::RecordingName;
use crate::model::time::Ttl;
use crate::service::replays::{ReplayList, ReplayOrder, Replays as _};

const ACCEPTED: [&str; 9] =
    ["recording", "speed", "from", "to", "camera", "as", "loop", "times", "ttl"];

pub(super) async fn list(call: Call) -> Result<Json<ReplayList>, Problem> {
    call.params(&[])?.family()?;
    Ok(Json(call.web.service.replays(call.caller.tenant.as_ref()).await?))
}

pub(super) async fn start(call: Call) -> Result<(StatusCode, Json<ReplayStatus>), Problem> {
    let params = call.params(&ACCEPTED)?;
    params.family()?;
    call.caller.may_write()?;
    let missing = "the parameter recording is missing: say which one is to be played";
    let recording = params.name::<RecordingName>("recording")?;
    let start = StartReplay {
        recording: recording.ok_or_else(|| Problem::bad_input(missing))?,
        manner: manner(&params)?,
        tenant: params.name("tenant")?,
        prefix: params.name("prefix")?,
        cameras: renames(&params)?,
    };
    let only = call.caller.tenant.as_ref();
    if only.is_some_and(|own| *own != call.web.tenant) {
        return Err(unknown_recording(&start));
    }
    let started = call.web.service.start_replay(&start, only).await;
    Ok((StatusCode::CREATED, Json(started?)))
}

/// As a recording that is not there.
fn unknown_recording(start: &StartReplay) -> Problem {
    Problem::bad_input(format!("there is no recording {} here", start.recording))
}

fn manner(params: &Params) -> Result<Manner, Problem> {
    let times = |text: &str| match text {
        "shifted" => Some(Times::Shifted),
        "original" => Some(Times::Original),
        _ => None,
    };
    let ttl = params.duration("ttl")?.map(|life| Ttl::from_secs(life.as_secs())).transpose();
    Ok(Manner {
        speed: params.name("speed")?.unwrap_or(Speed::RECORDED),
        window: params.window()?,
        cameras: params.all("camera").map(str::to_owned).collect(),
        looped: params.flag("loop")?,
        times: params.read("times", times, "shifted or original")?.unwrap_or_default(),
        ttl: ttl.map_err(Problem::bad_input)?,
    })
}

/// `OLD=NEW,OLD=NEW`.
fn renames(params: &Params) -> Result<Vec<Rename>, Problem> {
    let pairs = params.text("as").into_iter().flat_map(|text| text.split(','));
    pairs.map(|pair| pair.parse().map_err(Problem::bad_input)).collect()
}

pub(super) async fn show(call: Call) -> Result<Json<ReplayStatus>, Problem> {
    call.params(&[])?.family()?;
    told(&call, ReplayOrder::Show).await
}

pub(super) async fn pause(call: Call) -> Result<Json<ReplayStatus>, Problem> {
    ordered(&call, Control::Pause).await
}

pub(super) async fn resume(call: Call) -> Result<Json<ReplayStatus>, Problem> {
    ordered(&call, Control::Resume).await
}

pub(super) async fn seek(call: Call) -> Result<Json<ReplayStatus>, Problem> {
    let params = call.params(&["t"])?;
    params.family()?;
    call.caller.may_write()?;
    let missing = "the parameter t is missing: say where to go on, an instant of the recording";
    let to = params.time("t")?.ok_or_else(|| Problem::bad_input(missing))?;
    told(&call, ReplayOrder::Control(Control::Seek(to))).await
}

pub(super) async fn speed(call: Call) -> Result<Json<ReplayStatus>, Problem> {
    let params = call.params(&["speed"])?;
    params.family()?;
    call.caller.may_write()?;
    let missing = "the parameter speed is missing: give a number from 0.1 to 100, or max";
    let speed = params.name("speed")?.ok_or_else(|| Problem::bad_input(missing))?;
    told(&call, ReplayOrder::Control(Control::Speed(speed))).await
}

pub(super) async fn stop(call: Call) -> Result<Json<ReplayStatus>, Problem> {
    call.params(&[])?.family()?;
    call.caller.may_write()?;
    told(&call, ReplayOrder::Stop).await
}

async fn ordered(call: &Call, control: Control) -> Result<Json<ReplayStatus>, Problem> {
    call.params(&[])?.family()?;
    call.caller.may_write()?;
    told(call, ReplayOrder::Control(control)).await
}

async fn told(call: &Call, order: ReplayOrder) -> Result<Json<ReplayStatus>, Problem> {
    let id = call.path("replay");
    let unknown = || {
        Problem::not_found(format!("there is no replay {id} here: GET /api/v1/replays lists them"))
    };
    let Ok(replay) = ReplayId::new(id) else { return Err(unknown()) };
    let only = call.caller.tenant.as_ref();
    let status = call.web.service.replay(&replay, order, only).await?;
    status.map(Json).ok_or_else(unknown)
}
