//! `/api/v1/fleet` and `/api/v1/cameras/{camera}`: the cameras that this process collects, and what is
//! asked of them: shown, added, changed, paused, resumed, removed.
//!
//! Only cameras of the process's own tenant and prefix are collected here: any other is not found. A
//! caller that is bound to one tenant names no files of this machine.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::params::Call;
use super::problem::Problem;
use crate::collect::SourceUrl;
use crate::config::CameraTable;
use crate::fleet::{CameraOrder, CameraView, Ordered};
use crate::service::Service as _;

/// Bytes of the longest description of a camera.
const BODY_MAX: usize = 64 << 10;

#[derive(Serialize)]
pub(super) struct Fleet {
    cameras: Vec<CameraView>,
}

#[derive(Serialize)]
struct Removed {
    #[serde(flatten)]
    camera: CameraView,
    detail: &'static str,
}

pub(super) async fn fleet(call: Call) -> Result<Json<Fleet>, Problem> {
    let params = call.params(&[])?;
    let scope = params.scope()?;
    let own = |tenant: Option<_>| tenant.is_none_or(|tenant| tenant == call.web.tenant);
    if !call.caller.sees(&call.web.tenant) || !own(scope.tenant) {
        return Ok(Json(Fleet { cameras: Vec::new() }));
    }
    Ok(Json(Fleet { cameras: call.web.service.fleet().await? }))
}

pub(super) async fn show(call: Call) -> Result<Json<CameraView>, Problem> {
    Ok(Json(ordered(&call, CameraOrder::Show).await?.camera))
}

pub(super) async fn put(call: Call, body: Body) -> Result<Response, Problem> {
    let table = table(&call, body).await?;
    let Ordered { camera, created } = ordered(&call, CameraOrder::Put(table)).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Ordered { camera, created })).into_response())
}

pub(super) async fn patch(call: Call, body: Body) -> Result<Json<CameraView>, Problem> {
    let table = table(&call, body).await?;
    Ok(Json(ordered(&call, CameraOrder::Patch(table)).await?.camera))
}

pub(super) async fn pause(call: Call) -> Result<Json<CameraView>, Problem> {
    call.caller.may_write()?;
    Ok(Json(ordered(&call, CameraOrder::Pause).await?.camera))
}

pub(super) async fn resume(call: Call) -> Result<Json<CameraView>, Problem> {
    call.caller.may_write()?;
    Ok(Json(ordered(&call, CameraOrder::Resume).await?.camera))
}

pub(super) async fn remove(call: Call) -> Result<Response, Problem> {
    call.caller.may_write()?;
    let Ordered { camera, .. } = ordered(&call, CameraOrder::Remove).await?;
    let detail = "the camera is collected no more; its frames stay until their lives end";
    Ok(Json(Removed { camera, detail }).into_response())
}

async fn ordered(call: &Call, order: CameraOrder) -> Result<Ordered, Problem> {
    let stream = call.stream(&call.params(&[])?)?;
    let found = call.web.service.order(&stream, order).await?;
    found.ok_or_else(|| {
        let said = format!(
            "camera {} is not collected here: PUT its url to this path to add it",
            stream.camera
        );
        Problem::not_found(said)
    })
}

/// The body as the keys of a camera, of a caller who may say so.
async fn table(call: &Call, body: Body) -> Result<CameraTable, Problem> {
    call.caller.may_write()?;
    let stream = call.stream(&call.params(&[])?)?;
    call.caller.must_see(&stream.tenant)?;
    let bytes = super::body::small(body, BODY_MAX).await?;
    let read: Result<Value, _> = serde_json::from_slice(&bytes);
    let Ok(Value::Object(table)) = read else {
        let why = read.err().map(|error| format!(" ({error})")).unwrap_or_default();
        let said = format!(
            "the body is no JSON object{why}: write the keys of a camera, \
             e.g. {{\"url\":\"rtsp://host/path\",\"fps\":5}}"
        );
        return Err(Problem::bad_input(said));
    };
    if call.caller.tenant.is_some() && names_files(&table) {
        return Err(Problem::denied(
            "a token of one tenant may not name files of this machine: \
             file:, dir: and paths are for tokens of all tenants",
        ));
    }
    Ok(table)
}

fn names_files(table: &CameraTable) -> bool {
    let url = table.get("url").and_then(Value::as_str);
    url.and_then(|url| SourceUrl::parse(url).ok()).is_some_and(|url| url.is_local())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_of_this_machine_are_recognized_however_they_are_written() {
        for (url, local) in [
            (json!("file:///etc/passwd"), true),
            (json!("FILE:x.mp4"), true),
            (json!("dir:/srv"), true),
            (json!(" /srv/a.mp4"), true),
            (json!("../a.mp4"), true),
            (json!("C:\\a.mp4"), true),
            (json!("rtsp://h/file:"), false),
            (json!("synthetic:"), false),
            (json!(null), false),
        ] {
            let table = json!({"url": url}).as_object().unwrap().clone();
            assert_eq!(names_files(&table), local, "{url}");
        }
    }
}
