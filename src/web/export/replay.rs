//! `GET /api/v1/cameras/{camera}/replay.mjpeg`: past frames at the pace they were taken, or another.
//!
//! A frame is read while the one before it is shown, and sent when it is due. A client that is slow, or
//! a speed that nobody can follow, costs frames and not pace: of those that are due the newest is
//! sent. Frames that died meanwhile are passed over. The stream ends with the window.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::time::{Instant, sleep_until};

use super::{nothing_lives, request};
use crate::model::frame::Frame;
use crate::model::key::FrameKey;
use crate::model::time::UnixNanos;
use crate::service::{Service as _, ServiceError};
use crate::web::params::Call;
use crate::web::problem::Problem;
use crate::web::{WebState, thumbnail};

/// Between the parts of the answer.
const BOUNDARY: &str = "frame";

pub(crate) async fn mjpeg(call: Call) -> Result<Response, Problem> {
    let params = call.params(&["from", "to", "every", "speed", "height", "via"])?;
    let stream = call.stream(&params)?;
    let height = params.number("height")?.map(|height| u32::try_from(height).unwrap_or(u32::MAX));
    height.map(thumbnail::checked).transpose()?;
    let speed = params.rate("speed", 0.1..=100.0)?.unwrap_or(1.0);
    let pages = call.web.service.keys(request(&params, vec![stream])?);
    let (web, keys) = (Arc::clone(&call.web), VecDeque::new());
    let mut replay = Replay { web, pages, keys, speed, pace: None, height };
    let first = replay.next().await?.ok_or_else(nothing_lives)?;
    let rest = stream::try_unfold(replay, |mut replay| async {
        let part = replay.next().await.inspect_err(|_| tracing::warn!("a replay breaks off"))?;
        Ok(part.map(|part| (part, replay)))
    });
    let rest = rest.map_err(|_: Problem| std::io::Error::other("the store failed"));
    let end = stream::once(async { Ok(Bytes::from(format!("--{BOUNDARY}--\r\n"))) });
    let parts = stream::once(async { Ok(first) }).chain(rest).chain(end);
    let headers = [
        (header::CONTENT_TYPE, format!("multipart/x-mixed-replace; boundary={BOUNDARY}")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let parts = parts.take_until(call.web.stop.clone().cancelled_owned());
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// A replay under way.
struct Replay {
    web: Arc<WebState>,
    pages: BoxStream<'static, Result<Vec<FrameKey>, ServiceError>>,
    /// What is left of the page.
    keys: VecDeque<FrameKey>,
    speed: f64,
    /// `None` until the first frame.
    pace: Option<Pace>,
    height: Option<u32>,
}

impl Replay {
    /// The next part, when it is due; `None` at the end of the window.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            if let Some(pace) = &self.pace {
                let late = pace.late(self.keys.iter().map(FrameKey::at), Instant::now());
                self.keys.drain(..late);
            }
            let Some(key) = self.keys.pop_front() else {
                match self.pages.try_next().await? {
                    Some(page) => self.keys.extend(page),
                    None => return Ok(None),
                }
                continue;
            };
            let Some(frame) = self.web.service.get(&key).await? else { continue };
            let Some(bytes) = scaled(&self.web, self.height, &frame).await else { continue };
            let speed = self.speed;
            let begin = || Pace { began: Instant::now(), first: key.at(), speed };
            sleep_until(self.pace.get_or_insert_with(begin).due(key.at())).await;
            return Ok(Some(part(&key, &bytes)));
        }
    }
}

/// The picture at the height asked for; `None` where it cannot be decoded.
async fn scaled(web: &WebState, height: Option<u32>, frame: &Frame) -> Option<Bytes> {
    match height {
        None => Some(frame.bytes.clone()),
        Some(height) => web.thumbnails.of(frame, height).await.ok(),
    }
}

/// When frames are due.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// When the first frame was sent.
    began: Instant,
    first: UnixNanos,
    speed: f64,
}

impl Pace {
    fn due(&self, at: UnixNanos) -> Instant {
        let after = at.since(self.first).as_secs_f64() / self.speed;
        let after = Duration::try_from_secs_f64(after).unwrap_or(Duration::MAX);
        // Further away than clocks reach is never waited for: the window ends before.
        self.began.checked_add(after).unwrap_or(self.began)
    }

    /// How many of the next frames to leave out at `now`: all that are due but the newest of these.
    fn late(&self, next: impl Iterator<Item = UnixNanos>, now: Instant) -> usize {
        next.take_while(|at| self.due(*at) <= now).count().saturating_sub(1)
    }
}

/// A frame as one part of the answer.
fn part(key: &FrameKey, bytes: &[u8]) -> Bytes {
    let (secs, nanos) = (key.at().get() / 1_000_000_000, key.at().get() % 1_000_000_000);
    let head = format!(
        "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\
         X-Timestamp: {secs}.{nanos:09}\r\nX-Frame-Key: {key}\r\n\r\n",
        bytes.len()
    );
    let mut part = BytesMut::with_capacity(head.len() + bytes.len() + 2);
    part.extend_from_slice(head.as_bytes());
    part.extend_from_slice(bytes);
    part.extend_from_slice(b"\r\n");
    part.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> UnixNanos {
        UnixNanos::new((1_731_024_000_000 + millis) * 1_000_000).unwrap()
    }

    #[test]
    fn frames_are_due_as_they_were_taken_times_the_speed() {
        let began = Instant::now();
        for (speed, millis, expected) in
            [(1.0, 40, 40), (10.0, 400, 40), (0.1, 40, 400), (100.0, 60_000, 600), (1.0, 0, 0)]
        {
            let pace = Pace { began, first: at(0), speed };
            assert_eq!(pace.due(at(millis)) - began, Duration::from_millis(expected), "{speed}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_the_frames_that_are_due_only_the_newest_is_sent() {
        let pace = Pace { began: Instant::now(), first: at(0), speed: 2.0 };
        let late = || pace.late([100, 200, 300, 900].map(at).into_iter(), Instant::now());
        let mut seen = vec![late()];
        for _ in 0..5 {
            tokio::time::advance(Duration::from_millis(50)).await;
            seen.push(late());
        }
        assert_eq!(seen, [0, 0, 1, 2, 2, 2]);
    }

    #[test]
    fn a_part_tells_length_time_and_key() {
        let key: FrameKey = "t:f:c:1731024000023456789:00007".parse().unwrap();
        let expected = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\
            X-Timestamp: 1731024000.023456789\r\nX-Frame-Key: t:f:c:1731024000023456789:00007\r\n\
            \r\njpeg\r\n";
        assert_eq!(&part(&key, b"jpeg")[..], expected);
    }
}
