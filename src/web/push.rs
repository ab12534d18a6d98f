//! `POST /api/v1/cameras/{camera}/frames`: takes one JPEG and answers once the store has it.
//!
//! A body over the limit is not kept; its rest is read and thrown away for a moment, because a
//! client that is still sending when the connection closes never sees why.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use futures_util::StreamExt;
use serde::Serialize;

use super::params::Call;
use super::picture;
use super::problem::Problem;
use crate::ingest::PushError;
use crate::model::key::FrameKey;
use crate::model::time::{UnixNanos, parse_instant};
use crate::service::{ErrorKind, ServiceError};

/// When the frame was taken.
const TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");

/// Bytes of a refused body that are read and thrown away.
const DISCARD_MAX: usize = 64 << 20;

/// How long a refused body is read and thrown away.
const DISCARD_TIME: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Stored {
    key: FrameKey,
    again: bool,
}

pub(super) async fn push(call: Call, body: Body) -> Result<Response, Problem> {
    let params = call.params(&[])?;
    let stream = call.stream(&params)?;
    let at = timestamp(&call.headers, params.now())?;
    let bytes = read(body, &call.headers, call.web.max_frame_bytes).await?;
    let pushed = call.web.service.push(&stream, at, bytes).await?;
    let status = if pushed.again { StatusCode::OK } else { StatusCode::CREATED };
    let stream = pushed.key.stream();
    let location = format!(
        "/api/v1/cameras/{}/frames/{}.jpg?tenant={}&prefix={}",
        stream.camera,
        picture::short_id(&pushed.key),
        stream.tenant,
        stream.prefix
    );
    let stored = Stored { key: pushed.key, again: pushed.again };
    Ok((status, [(header::LOCATION, location)], Json(stored)).into_response())
}

fn timestamp(headers: &HeaderMap, now: UnixNanos) -> Result<Option<UnixNanos>, Problem> {
    let Some(value) = headers.get(TIMESTAMP) else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let at = parse_instant(&text, now, &Utc);
    at.map(Some).map_err(|error| Problem::bad_input(format!("X-Timestamp: {error}")))
}

/// The body, at most `max` bytes.
async fn read(body: Body, headers: &HeaderMap, max: usize) -> Result<Bytes, Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: Option<usize> = length.and_then(|text| text.parse().ok());
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
