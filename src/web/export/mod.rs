//! Frames of a window as one download: a zip of pictures, a recording, an H.264 video, or a
//! replay at their pace.
//!
//! What they share: the window is read page by page while the client takes it, so memory follows a few
//! batches and never the window; a client that goes away drops the work; a window without frames is
//! a 404 before any of the body is sent; a download that cannot be finished breaks off instead of
//! looking complete.

pub(super) mod mcap;
pub(super) mod mp4;
pub(super) mod replay;
pub(super) mod zip;

use std::future::ready;
use std::io;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::params::Params;
use super::problem::Problem;
use crate::model::key::StreamId;
use crate::model::time::UnixNanos;
use crate::query::{How, RangeRequest};
use crate::service::ServiceError;

/// Every frame of a window, or one of each step. Without `to` it ends now: else frames that come while
/// it is read would lengthen it, without end where reading takes as long as they do.
fn request(params: &Params, streams: Vec<StreamId>) -> Result<RangeRequest, Problem> {
    let how = How { via: params.via()?, verify: false };
    let every = params.duration("every")?;
    let window = params.window_until_now()?;
    Ok(RangeRequest { every, how, ..RangeRequest::new(streams, window) })
}

/// The first of some items, and all of them again; a 404 where there is none.
async fn peek<T: Clone + Send + 'static>(
    mut items: BoxStream<'static, Result<T, ServiceError>>,
) -> Result<(T, BoxStream<'static, Result<T, ServiceError>>), Problem> {
    let first = items.try_next().await?.ok_or_else(nothing_lives)?;
    let again = stream::once(ready(Ok(first.clone()))).chain(items).boxed();
    Ok((first, again))
}

fn nothing_lives() -> Problem {
    Problem::not_found(
        "no frame lives in this window: /api/v1/timeline shows where frames are".to_owned(),
    )
}

/// An instant in a file name: RFC 3339 without colons, so that every system takes it.
fn file_time(at: UnixNanos) -> String {
    at.to_rfc3339().replace(':', "-")
}

/// A download of this type and name. It breaks off when the server stops.
fn download(
    kind: &'static str,
    name: &str,
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    stop: CancellationToken,
) -> Response {
    let stopped = stop.clone();
    let broken = stream::once(async move {
        stopped.is_cancelled().then(|| Err(io::Error::other("the server is stopping")))
    });
    let body = body.take_until(stop.cancelled_owned()).chain(broken.filter_map(ready));
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, Body::from_stream(body)).into_response()
}
