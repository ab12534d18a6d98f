//! `POST /api/v1/cameras/{camera}/frames` with a form of many files: each is stored as if it had come
//! alone, and the answer tells of each.
//!
//! One part is held at a time. A part that is refused does not hold up the others; once the store is
//! away for one, the others are not tried, because each would wait as long.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::multipart::{Part, Parts};
use super::params::{Call, Params};
use super::picture;
use super::problem::Problem;
use super::push::{self, hold};
use crate::ingest::PushError;
use crate::model::key::{FrameKey, StreamId};
use crate::service::{ErrorKind, ServiceError};

/// The most parts of one request.
const PARTS_MAX: usize = 1000;

/// How long a part may take to arrive.
const PART_TIME: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Answer {
    frames: Vec<Outcome>,
}

/// What became of one part.
#[derive(Serialize)]
struct Outcome {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<FrameKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Value>,
}

impl Outcome {
    fn failed(problem: &Problem) -> Self {
        let status = problem.status().as_u16();
        Self { status, key: None, url: None, problem: Some(problem.body()) }
    }
}

/// Stores every part. 201 when all are new, 200 when all were there already, else 207.
pub(super) async fn push(
    call: &Call,
    (params, stream): (&Params, &StreamId),
    room: Arc<Semaphore>,
    (boundary, body): (&str, Body),
) -> Result<Response, Problem> {
    let max = call.web.max_frame_bytes;
    let _held = hold(room, max)?;
    let mut parts = Parts::new(body.into_data_stream(), boundary);
    let mut frames: Vec<Outcome> = Vec::new();
    loop {
        let away = frames.iter().any(|one| one.status == StatusCode::SERVICE_UNAVAILABLE);
        let read = tokio::time::timeout(PART_TIME, parts.next(max)).await;
        let part = read.unwrap_or_else(|_| {
            Err(format!("a part did not arrive within {} s", PART_TIME.as_secs()))
        });
        match part {
            Ok(None) => break,
            Ok(Some(_)) if frames.len() == PARTS_MAX => {
                frames.push(Outcome::failed(&Problem::bad_input(format!(
                    "a form may have at most {PARTS_MAX} parts: this one and those after it were not read"
                ))));
                break;
            }
            Ok(Some(_)) if away => frames.push(Outcome::failed(&not_tried())),
            Ok(Some(part)) => {
                let stored = store(call, params, stream, part).await;
                frames.push(stored.unwrap_or_else(|problem| Outcome::failed(&problem)));
            }
            Err(error) if frames.is_empty() => return Err(Problem::bad_input(error)),
            Err(error) => {
                frames.push(Outcome::failed(&Problem::bad_input(error)));
                break;
            }
        }
    }
    answer(frames)
}

fn answer(frames: Vec<Outcome>) -> Result<Response, Problem> {
    let Some(first) = frames.first() else {
        return Err(Problem::bad_input("the form has no part: send one file for each frame"));
    };
    let all = frames.iter().all(|one| one.status == first.status);
    let status = match first.status {
        201 if all => StatusCode::CREATED,
        200 if all => StatusCode::OK,
        _ => StatusCode::MULTI_STATUS,
    };
    let away = frames.iter().any(|one| one.status == StatusCode::SERVICE_UNAVAILABLE);
    let mut response = (status, Json(Answer { frames })).into_response();
    if away {
        response.headers_mut().insert(header::RETRY_AFTER, super::problem::RETRY_AFTER.into());
    }
    Ok(response)
}

fn not_tried() -> Problem {
    let said = "not tried, because the store was away for a part before it: come again";
    ServiceError::new(ErrorKind::Unavailable, said).into()
}

async fn store(
    call: &Call,
    params: &Params,
    stream: &StreamId,
    part: Part,
) -> Result<Outcome, Problem> {
    let at = part.timestamp.as_deref().map(|text| push::instant(text, params.now())).transpose()?;
    let bytes = part.body.map_err(|bytes| {
        let max = call.web.max_frame_bytes;
        Problem::from(ServiceError::new(ErrorKind::TooLarge, PushError::TooLarge { bytes, max }))
    })?;
    let (key, again) = push::stored(call, stream, at, bytes).await?;
    let status = if again { StatusCode::OK } else { StatusCode::CREATED };
    let url = Some(picture::url(&key));
    Ok(Outcome { status: status.as_u16(), key: Some(key), url, problem: None })
}
