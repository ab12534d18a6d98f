//! `GET /api/v1/cameras/{camera}/stream.mjpeg`: a live picture as `multipart/x-mixed-replace`.
//!
//! What an `<img>`, a video wall or a recorder shows without a line of code. Each part says when its
//! frame was taken and under which key it lies. The next part is asked for when the client has taken
//! the one before, so a slow client skips frames. A part ends with the boundary of the next, because
//! browsers show a part only when they have seen it.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Extension;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::Seats;
use crate::model::frame::Frame;
use crate::model::time::{NANOS_PER_SEC, UnixNanos};
use crate::watch::{Pace, Viewer};
use crate::web::params::Call;
use crate::web::problem::Problem;
use crate::web::thumbnail::{Thumbnails, checked};

const CONTENT_TYPE: &str = "multipart/x-mixed-replace; boundary=frame";

const BOUNDARY: &str = "--frame\r\n";

pub(in crate::web) async fn stream(
    call: Call,
    Extension(seats): Extension<Seats>,
) -> Result<Response, Problem> {
    let params = call.params(&["fps", "height"])?;
    let stream = call.stream(&params)?;
    let fps: Option<f64> = params.decimal("fps")?;
    let height = params.number("height")?.map(|height| u32::try_from(height).unwrap_or(u32::MAX));
    height.map(checked).transpose()?;
    let show = Show {
        viewer: call.web.service.watch().newest(&stream),
        pace: Pace::new(super::limit(fps)?),
        height,
        thumbnails: call.web.thumbnails.clone(),
    };
    let seat = seats.take()?;
    let parts = stream::unfold(show, |mut show| async move {
        let part = show.next().await?;
        Some((part, show))
    });
    let begin = stream::iter([Bytes::from_static(BOUNDARY.as_bytes())]);
    let body = begin
        .chain(parts.flat_map(stream::iter))
        .take_until(call.web.stop.clone().cancelled_owned())
        .map(move |bytes| {
            let _held = &seat;
            Ok::<_, Infallible>(bytes)
        });
    let headers = [(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// One client's view of a camera.
struct Show {
    viewer: Viewer,
    pace: Pace,
    height: Option<u32>,
    thumbnails: Thumbnails,
}

impl Show {
    /// The next part; `None` when there will be none.
    async fn next(&mut self) -> Option<[Bytes; 3]> {
        while self.viewer.changed().await {
            let Some(shown) = self.viewer.newest() else { continue };
            if self.pace.admit(&shown).is_none() {
                continue;
            }
            let picture = match self.height {
                Some(height) => self.thumbnails.of(&shown.frame, height).await,
                None => Ok(shown.frame.bytes.clone()),
            };
            match picture {
                Ok(picture) => return Some(part(&shown.frame, picture)),
                Err(problem) => tracing::debug!("a live picture is skipped: {problem:?}"),
            }
        }
        None
    }
}

fn part(frame: &Frame, picture: Bytes) -> [Bytes; 3] {
    let head = format!(
        "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Timestamp: {}\r\nX-Frame-Key: {}\r\n\r\n",
        picture.len(),
        seconds(frame.key.at()),
        frame.key
    );
    [Bytes::from(head), picture, Bytes::from_static(b"\r\n--frame\r\n")]
}

/// Unix seconds with all nine digits of the fraction.
fn seconds(at: UnixNanos) -> String {
    format!("{}.{:09}", at.get() / NANOS_PER_SEC, at.get() % NANOS_PER_SEC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_how_long_it_is_when_it_was_taken_and_where_it_lies() {
        let key = "t:f:c:1731024000000456789:00007";
        let frame = Frame { key: key.parse().unwrap(), bytes: Bytes::from_static(b"whole") };
        let written = part(&frame, Bytes::from_static(b"jpeg")).concat();
        let expected = format!(
            "Content-Type: image/jpeg\r\nContent-Length: 4\r\nX-Timestamp: 1731024000.000456789\r\n\
             X-Frame-Key: {key}\r\n\r\njpeg\r\n--frame\r\n"
        );
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}
