//! `/api/v1/recordings`: recordings begun, ended, listed and deleted; and their files, to take away.
//!
//! A caller that is bound to one tenant sees recordings of that tenant and records its cameras only.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::params::Call;
use super::problem::Problem;
use super::ranged;
use crate::archive::read::Info;
use crate::archive::record::{Named, Order, Phase, Start, Status};
use crate::model::recording::{RecordingFile, RecordingName};

/// Bytes of the longest order.
const BODY_MAX: usize = 128 << 10;

/// What the path of a file ends with.
const FILE: &str = ".mcap";

#[derive(Serialize)]
pub(super) struct Listed {
    recordings: Vec<Status>,
}

pub(super) async fn list(call: Call) -> Result<Json<Listed>, Problem> {
    let scope = call.params(&[])?.wide_scope()?;
    let mut recordings =
        call.web.service.record_for(&Order::List, call.caller.tenant.as_ref()).await?;
    recordings.retain(|one| {
        let same = |wanted: &Option<_>, own: &Option<_>| wanted.is_none() || wanted == own;
        same(&scope.tenant, &one.tenant) && (scope.prefix.is_none() || scope.prefix == one.prefix)
    });
    Ok(Json(Listed { recordings }))
}

pub(super) async fn start(call: Call, body: Body) -> Result<Response, Problem> {
    call.caller.may_write()?;
    let params = call.params(&[])?;
    let scope = params.wide_scope()?;
    let bytes = super::body::small(body, BODY_MAX).await?;
    let mut start: Start = serde_json::from_slice(&bytes).map_err(|error| {
        Problem::bad_input(format!(
            "the body is no order to record ({error}): write e.g. \
             {{\"name\":\"night\",\"cameras\":[\"gate*\"],\"from\":\"-60s\"}}"
        ))
    })?;
    start.tenant = start.tenant.or(scope.tenant);
    start.prefix = start.prefix.or(scope.prefix);
    start.tenant.iter().try_for_each(|tenant| call.caller.must_see(tenant))?;
    let order = Order::Start(start);
    let status = call.web.service.record_for(&order, call.caller.tenant.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(first(status, "the recording")?)).into_response())
}

/// A recording, or its file where the name ends as files do.
pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    match call.path("name").strip_suffix(FILE) {
        Some(name) => {
            let name = RecordingName::new(name).map_err(Problem::bad_input)?;
            file(&call, RecordingFile::whole(name)).await
        }
        None => Ok(ordered(&call, Order::Status).await?.into_response()),
    }
}

/// A file of a rotated recording.
pub(super) async fn segment(call: Call) -> Result<Response, Problem> {
    let path = format!("{}/{}", call.path("name"), call.path("segment"));
    file(&call, path.parse().map_err(Problem::bad_input)?).await
}

/// What is inside a recording: its files are read for it.
pub(super) async fn info(call: Call) -> Result<Json<Info>, Problem> {
    let scope = call.params(&[])?.wide_scope()?;
    let name = RecordingName::new(call.path("name")).map_err(Problem::bad_input)?;
    let found = call.web.service.contents_for(&name, scope.tenant.as_ref()).await?;
    Ok(Json(first(found.into_iter().collect(), &format!("recording {name}"))?))
}

pub(super) async fn stop(call: Call) -> Result<Json<Status>, Problem> {
    call.caller.may_write()?;
    ordered(&call, Order::Stop).await
}

pub(super) async fn pause(call: Call) -> Result<Json<Status>, Problem> {
    call.caller.may_write()?;
    ordered(&call, Order::Pause).await
}

pub(super) async fn resume(call: Call) -> Result<Json<Status>, Problem> {
    call.caller.may_write()?;
    ordered(&call, Order::Resume).await
}

pub(super) async fn recover(call: Call) -> Result<Json<Status>, Problem> {
    call.caller.may_write()?;
    ordered(&call, |named| Order::Recover(named.into())).await
}

pub(super) async fn remove(call: Call) -> Result<Json<Status>, Problem> {
    call.caller.may_write()?;
    ordered(&call, Order::Delete).await
}

async fn ordered(call: &Call, order: fn(Named) -> Order) -> Result<Json<Status>, Problem> {
    let scope = call.params(&[])?.wide_scope()?;
    let name = RecordingName::new(call.path("name")).map_err(Problem::bad_input)?;
    let shown = format!("recording {name}");
    let order = order(name.into());
    // a tenant that is named bounds the order as a token would
    let status = call.web.service.record_for(&order, scope.tenant.as_ref()).await?;
    Ok(Json(first(status, &shown)?))
}

fn first<T>(mut found: Vec<T>, what: &str) -> Result<T, Problem> {
    found.pop().ok_or_else(|| {
        Problem::not_found(format!("there is no {what}: /api/v1/recordings lists those there are"))
    })
}

async fn file(call: &Call, file: RecordingFile) -> Result<Response, Problem> {
    let scope = call.params(&[])?.wide_scope()?;
    let bound = scope.tenant.as_ref();
    if let Some(blob) = call.web.service.recorded(&file, bound).await? {
        let shown = file.to_string().replace('/', "_");
        return ranged::download(&call.headers, blob, &shown, call.web.stop.clone());
    }
    let status = call.web.service.recording(&file.recording, bound).await?;
    let why = match status {
        Some(status) if !matches!(status.state, Phase::Finished | Phase::Failed) => {
            format!("recording {} still runs: stop it first", file.recording)
        }
        Some(status) if !status.files.is_empty() => {
            format!("recording {} has other files: {}", file.recording, status.files.join(", "))
        }
        _ => format!("there is no file {file}: /api/v1/recordings lists those there are"),
    };
    Err(Problem::not_found(why))
}
