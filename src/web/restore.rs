//! `POST /api/v1/restore`: takes a small recording and stores its frames again as they were.
//!
//! Keys, bytes and ends are kept, so it takes a caller that may write, and frames of the one tenant that
//! is written here. The body is held whole, from the room that all pushes share; who has a larger
//! recording sends it in pieces, as `framecache import` does.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::params::Call;
use super::problem::Problem;
use super::push;
use crate::archive::format;
use crate::service::transfer::{RESTORE_BYTES, Restored, Transfer as _};
use crate::service::{ErrorKind, ServiceError};

/// The longest body beside one frame of the largest size: the pictures, their keys, and what an MCAP file
/// has beside them.
const BODY_BYTES: usize = RESTORE_BYTES + (1 << 20);

#[derive(Serialize)]
pub(super) struct Answer {
    frames: Vec<Restored>,
}

pub(super) async fn frames(
    call: Call,
    Extension(room): Extension<Arc<Semaphore>>,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    call.params(&[])?;
    call.caller.may_write()?;
    let max = BODY_BYTES + call.web.max_frame_bytes;
    let (bytes, _held) = push::whole(&call.headers, room, body, max).await.map_err(|problem| {
        if problem.status() != StatusCode::PAYLOAD_TOO_LARGE {
            return problem;
        }
        let said =
            format!("at most {max} bytes are restored at once: send the recording in pieces");
        ServiceError::new(ErrorKind::TooLarge, said).into()
    })?;
    let unpacked = tokio::task::spawn_blocking(move || format::unpack(&bytes)).await;
    let frames = unpacked.map_err(|_| Problem::bad_input("the recording is not understood"))?;
    let frames = frames.map_err(Problem::bad_input)?;
    for stored in &frames {
        let stream = stored.frame.key.stream();
        call.caller.must_see(&stream.tenant)?;
        call.must_be_written_here(stream)?;
    }
    Ok(Json(Answer { frames: call.web.service.restore(frames).await? }))
}
