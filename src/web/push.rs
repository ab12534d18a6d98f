//! `POST /api/v1/cameras/{camera}/frames`: takes one JPEG and answers once the store has it.
//!
//! A body over the limit is not kept; its rest is read and thrown away for a moment, because a
//! client that is still sending when the connection closes never sees why. Bodies on their way share
//! one room; when it is full, a push is told to come again instead of growing the process.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use futures_util::StreamExt;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::batch;
use super::multipart;
use super::params::Call;
use super::picture;
use super::problem::Problem;
use crate::ingest::PushError;
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::{UnixNanos, parse_instant};
use crate::service::{ErrorKind, Service as _, ServiceError};

/// When the frame was taken.
const TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");

/// Bytes of a refused body that are read and thrown away.
const DISCARD_MAX: usize = 64 << 20;

/// How long a refused body is read and thrown away.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(60);

/// What all bodies on their way may hold together, in KiB: 256 MiB.
const ROOM_KIB: usize = 256 << 10;

/// The room that pushes share.
pub(super) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(ROOM_KIB))
}

#[derive(Serialize)]
struct Stored {
    key: FrameKey,
    again: bool,
}

pub(super) async fn push(
    call: Call,
    Extension(room): Extension<Arc<Semaphore>>,
    body: Body,
) -> Result<Response, Problem> {
    let params = call.params(&[])?;
    let stream = call.stream(&params)?;
    call.caller.may_write()?;
    call.must_be_written_here(&stream)?;
    if let Some(boundary) = form(&call.headers)? {
        return batch::push(&call, (&params, &stream), room, (&boundary, body)).await;
    }
    let at = timestamp(&call.headers, params.now())?;
    let (bytes, _held) = whole(&call.headers, room, body, call.web.max_frame_bytes).await?;
    let (key, again) = stored(&call, &stream, at, bytes).await?;
    let status = if again { StatusCode::OK } else { StatusCode::CREATED };
    let location = [(header::LOCATION, picture::url(&key))];
    Ok((status, location, Json(Stored { key, again })).into_response())
}

/// A whole body, at most `max` bytes, and its share of the room for as long as it is held.
pub(super) async fn whole(
    headers: &HeaderMap,
    room: Arc<Semaphore>,
    body: Body,
    max: usize,
) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let length = length(headers);
    let held = hold(room, length.unwrap_or(max).min(max))?;
    let reading = tokio::time::timeout(BODY_TIME, read(body, length, max));
    let late =
        |_| Problem::bad_input(format!("the body did not arrive within {} s", BODY_TIME.as_secs()));
    Ok((reading.await.map_err(late)??, held))
}

/// Stores one frame: its key, and whether the same bytes lay there already.
pub(super) async fn stored(
    call: &Call,
    stream: &StreamId,
    at: Option<UnixNanos>,
    bytes: Bytes,
) -> Result<(FrameKey, bool), Problem> {
    let pushed = call.web.service.push(stream, at, bytes).await?;
    Ok((pushed.key, pushed.again))
}

/// The boundary of a form; `None` where the body is the picture itself.
fn form(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let Some(kind) = kind.filter(|kind| kind.to_ascii_lowercase().starts_with("multipart/")) else {
        return Ok(None);
    };
    let said = "a form should be multipart/form-data and name its boundary";
    multipart::boundary(kind).map(Some).ok_or_else(|| Problem::bad_input(said))
}

fn timestamp(headers: &HeaderMap, now: UnixNanos) -> Result<Option<UnixNanos>, Problem> {
    let Some(value) = headers.get(TIMESTAMP) else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    instant(&text, now).map(Some)
}

/// The instant that a sender wrote.
pub(super) fn instant(text: &str, now: UnixNanos) -> Result<UnixNanos, Problem> {
    let at = parse_instant(text, now, &Utc);
    at.map_err(|error| Problem::bad_input(format!("X-Timestamp: {error}")))
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Keeps so many bytes of the room, which is never waited for: who waits would hold its sender.
pub(super) fn hold(room: Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    room.try_acquire_many_owned(kib).map_err(|_| {
        let said = "too many pushes are on their way at once: come again";
        ServiceError::new(ErrorKind::Unavailable, said).into()
    })
}

/// The body, at most `max` bytes; `length` is what its sender announced.
async fn read(body: Body, length: Option<usize>, max: usize) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let mut whole = BytesMut::with_capacity(length.unwrap_or(0).min(max));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::bad_input(format!("the body did not arrive in full: {error}"))
        })?;
        if whole.len() + chunk.len() > max {
            let seen = whole.len() + chunk.len();
            drop(whole);
            discard(chunks).await;
            let bytes = length.unwrap_or(seen);
            let error = ServiceError::new(ErrorKind::TooLarge, PushError::TooLarge { bytes, max });
            return Err(error.into());
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

async fn discard(mut chunks: axum::body::BodyDataStream) {
    let discarding = async {
        let mut seen = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            seen += chunk.len();
            if seen > DISCARD_MAX {
                return;
            }
        }
    };
    // What comes after the time is cut off with the connection.
    let _ = tokio::time::timeout(DISCARD_TIME, discarding).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_on_their_way_share_one_room() {
        let room = Arc::new(Semaphore::new(20));
        let first = hold(Arc::clone(&room), 10_240).unwrap();
        let second = hold(Arc::clone(&room), 9_217).unwrap();
        let said = "too many pushes are on their way at once: come again";
        let full = Problem::from(ServiceError::new(ErrorKind::Unavailable, said));
        assert_eq!(hold(Arc::clone(&room), 1).err(), Some(full));
        drop(first);
        assert_eq!(room.available_permits(), 10);
        drop(second);
        assert_eq!(hold(Arc::clone(&room), 20_480).map(|held| held.num_permits()), Ok(20));
    }
}
