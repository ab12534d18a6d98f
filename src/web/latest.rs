//! `GET /api/v1/cameras/{camera}/latest` and `latest.jpg`: the newest frames of a camera.
//!
//! A client that polls says what it has (`newer_than`), how long it would wait (`wait`) and how old a
//! picture may be (`max_age`). It is never shown an old picture that looks live: where none is fresh
//! the answer is an error.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::frames::Item;
use super::params::{Call, Params};
use super::picture;
use super::problem::Problem;
use crate::model::key::StreamId;
use crate::query::{Mark, Newest, Wanted};
use crate::service::{ErrorKind, ServiceError};

/// The longest that a request may wait for a frame.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What a client that polls may say.
const POLL: [&str; 4] = ["max_age", "newer_than", "wait", "via"];

#[derive(Serialize)]
struct Latest {
    frames: Vec<Item>,
}

pub(super) async fn info(call: Call) -> Result<Response, Problem> {
    let params = call.params(&[&["count", "verify"], &POLL[..]].concat())?;
    let stream = call.stream(&params)?;
    let (wanted, wait) = polled(&params)?;
    let asked = (params.number("count")?.unwrap_or(1), params.how()?);
    let looking = call.web.service.newest_infos(&stream, wanted, wait, asked);
    match until_stop(&call, looking).await? {
        Newest::Found(frames) => {
            let frames = frames.into_iter().map(Item::of).collect();
            Ok(Json(Latest { frames }).into_response())
        }
        other => not_found(&call, &params, &stream, other).await,
    }
}

pub(super) async fn jpeg(call: Call) -> Result<Response, Problem> {
    let params = call.params(&[&POLL[..], &picture::ACCEPTED].concat())?;
    let stream = call.stream(&params)?;
    let (wanted, wait) = polled(&params)?;
    let looking = call.web.service.newest_frame(&stream, wanted, wait, params.via()?);
    match until_stop(&call, looking).await? {
        Newest::Found(frame) => picture::answer(&call, &params, frame).await,
        other => not_found(&call, &params, &stream, other).await,
    }
}

fn polled(params: &Params) -> Result<(Wanted, Duration), Problem> {
    let newer_than = params.text("newer_than").map(Mark::parse).transpose();
    let newer_than =
        newer_than.map_err(|error| Problem::bad_input(format!("newer_than: {error}")))?;
    let max_age = params.duration("max_age")?;
    let wait = params.duration("wait")?.unwrap_or_default();
    if wait > WAIT_MAX {
        return Err(Problem::bad_input("wait is refused: give at most 60s, and ask again"));
    }
    if !wait.is_zero() && newer_than.is_none() && max_age.is_none() {
        let said = "wait has nothing to wait for: give newer_than= or max_age= as well";
        return Err(Problem::bad_input(said));
    }
    Ok((Wanted { newer_than, max_age }, wait))
}

/// Nobody is kept waiting by a server that ends.
async fn until_stop<T>(
    call: &Call,
    looking: impl Future<Output = Result<T, ServiceError>>,
) -> Result<T, Problem> {
    tokio::select! {
        biased;
        found = looking => Ok(found?),
        () = call.web.stop.cancelled() => {
            let said = "this process is shutting down: come again";
            Err(ServiceError::new(ErrorKind::Unavailable, said).into())
        }
    }
}

async fn not_found<T>(
    call: &Call,
    params: &Params,
    stream: &StreamId,
    newest: Newest<T>,
) -> Result<Response, Problem> {
    match newest {
        Newest::NotNewer(key) => {
            let etag = picture::etag(&key, params.height()?);
            let known = picture::known(&call.headers, &etag);
            let headers = picture::told(&key, etag, call.web.clock.now());
            let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::NO_CONTENT };
            Ok((status, headers).into_response())
        }
        Newest::Stale { at, age } => {
            let age = humantime::format_duration(Duration::from_millis(
                u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            ));
            let at = at.to_rfc3339();
            Err(Problem::stale(format!(
                "the newest frame of camera {stream} is {age} old, of {at}"
            )))
        }
        Newest::Nothing if params.text("max_age").is_some() => {
            match call.web.service.last_seen(stream).await? {
                Some(at) => {
                    let at = at.to_rfc3339();
                    let said =
                        format!("no frame of camera {stream} lives: it was last seen at {at}");
                    Err(Problem::stale(said))
                }
                None => Err(nothing_lives(stream)),
            }
        }
        Newest::Nothing | Newest::Found(_) => Err(nothing_lives(stream)),
    }
}

fn nothing_lives(stream: &StreamId) -> Problem {
    Problem::not_found(format!(
        "no frame of camera {stream} lives: /api/v1/cameras lists those that have frames"
    ))
}
