//! `GET /api/v1/cameras/{camera}/clip.mp4`: a window as H.264, made while it is sent.
//!
//! Frames go into ffmpeg with the time between them as recorded, so gaps and uneven rates stay as they
//! were: the last picture before a gap is held. With `fps` the rate is constant and pictures are
//! repeated or left out for it. The picture has the size of the first frame, to even numbers; later
//! ones of another size are fitted into it. The file is fragmented MP4, which plays while it arrives.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::encoder::Encoder;
use super::{download, file_time, matroska, peek, request};
use crate::model::frame::{Dimensions, Frame};
use crate::model::jpeg;
use crate::model::time::UnixNanos;
use crate::service::{ErrorKind, ServiceError};
use crate::web::params::Call;
use crate::web::problem::Problem;

/// Videos that are made at the same time; each may use two threads.
const JOBS: usize = 2;

/// Frames closer together than this are moved apart, in microseconds: a player shows each.
const STEP_MICROS: u64 = 100;

/// The longest video of constant rate, in microseconds: gaps are filled with pictures, a day at most.
const FILLED_MICROS: u64 = 86_400_000_000;

/// Zips and recordings that are sent at the same time; each may hold a list of 50 MB.
const ZIPS: usize = 8;

/// What makes videos and zips. Cheap to clone; clones share the bounds.
#[derive(Debug, Clone)]
pub struct Exports {
    ffmpeg: PathBuf,
    jobs: Arc<Semaphore>,
    zips: Arc<Semaphore>,
}

impl Exports {
    /// Makes videos with this ffmpeg, a path or a name looked up in `PATH`, two at a time, and eight
    /// zips at a time.
    #[must_use]
    pub fn new(ffmpeg: PathBuf) -> Self {
        let (jobs, zips) = (Semaphore::new(JOBS), Semaphore::new(ZIPS));
        Self { ffmpeg, jobs: Arc::new(jobs), zips: Arc::new(zips) }
    }

    /// A place among the zips and recordings that are sent.
    pub(super) fn hold_zip(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.zips).try_acquire_owned().map_err(|_| {
            let said = format!("{ZIPS} downloads are being sent: come again when one is done");
            ServiceError::new(ErrorKind::Unavailable, said).into()
        })
    }

    fn hold(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.jobs).try_acquire_owned().map_err(|_| {
            let said = format!("{JOBS} videos are being made: come again when one is done");
            ServiceError::new(ErrorKind::Unavailable, said).into()
        })
    }
}

type Frames = BoxStream<'static, Result<Frame, ServiceError>>;

pub(crate) async fn clip(call: Call) -> Result<Response, Problem> {
    let params = call.params(&["from", "to", "every", "fps", "via"])?;
    let stream = call.stream(&params)?;
    let fps = params.rate("fps", 0.1..=120.0)?;
    let wanted = request(&params, vec![stream.clone()])?;
    let frames = call.web.service.fetched(wanted);
    let frames = frames.try_filter_map(|one| async move { Ok(one.frame()) }).boxed();
    let (first, frames) = peek(frames).await?;
    let size = jpeg::inspect(&first.bytes).map_err(|error| {
        let key = &first.key;
        Problem::undecodable(format!(
            "no video begins with {key}: {error}; start the window after it"
        ))
    })?;
    let (exports, size) = (&call.web.exports, size.dimensions);
    let held = exports.hold()?;
    let begin = first.key.at();
    let feed = |stdin| -> BoxFuture<'static, io::Result<()>> {
        Box::pin(feed(stdin, Timing::new(begin, fps.is_some()), size, frames))
    };
    let encoder = Encoder::start(&exports.ffmpeg, &arguments(size, fps), feed, held);
    let mut encoder = encoder.map_err(|error| not_startable(exports, &error))?;
    let head = match encoder.next().await {
        Some(Ok(head)) => head,
        failed => return Err(failure(failed)),
    };
    let rest = stream::unfold(Some(encoder), |encoder| async {
        let mut encoder = encoder?;
        match encoder.next().await? {
            Ok(bytes) => Some((Ok(bytes), Some(encoder))),
            Err(error) => {
                tracing::warn!("a video breaks off: {error}");
                Some((Err(error), None))
            }
        }
    });
    let body = stream::once(async { Ok(head) }).chain(rest);
    let name = format!("{}_{}.mp4", stream.camera, file_time(begin));
    Ok(download("video/mp4", &name, body, call.web.stop.clone()))
}

fn not_startable(exports: &Exports, error: &io::Error) -> Problem {
    let program = exports.ffmpeg.display();
    if error.kind() == io::ErrorKind::NotFound {
        return Problem::not_possible(format!(
            "{program} is not there: install ffmpeg (apt-get install ffmpeg), or say under [ingest] \
             ffmpeg where it is"
        ));
    }
    ServiceError::new(ErrorKind::Internal, format!("{program} cannot be started: {error}")).into()
}

/// What to answer when not even the first bytes came.
fn failure(ended: Option<io::Result<Bytes>>) -> Problem {
    let said = match ended {
        Some(Err(error)) => error.to_string(),
        _ => "ffmpeg made nothing of these frames".to_owned(),
    };
    tracing::warn!("no video: {said}");
    ServiceError::new(ErrorKind::Internal, said).into()
}

fn arguments(size: Dimensions, fps: Option<f64>) -> Vec<String> {
    let Dimensions { width, height } = size;
    let even = |length: u16| u32::from(length).next_multiple_of(2);
    let (wide, high) = (even(width), even(height));
    let fit = format!(
        "scale={width}:{height}:force_original_aspect_ratio=decrease,\
         pad={wide}:{high}:(ow-iw)/2:(oh-ih)/2,setsar=1,format=yuv420p"
    );
    let rate = match fps {
        Some(fps) => format!("-fps_mode cfr -r {fps}"),
        None => "-fps_mode passthrough -enc_time_base 1:90000".to_owned(),
    };
    // A key frame each two seconds, because fragments end there; no frame waits for a later one.
    let text = format!(
        "-hide_banner -nostats -loglevel warning -f matroska -i pipe:0 -map 0:v:0 -vf {fit} \
         -c:v libx264 -preset veryfast -crf 23 -bf 0 -threads 2 {rate} \
         -force_key_frames expr:gte(t,n_forced*2) -video_track_timescale 90000 \
         -movflags frag_keyframe+empty_moov+default_base_moof -f mp4 pipe:1"
    );
    text.split_whitespace().map(str::to_owned).collect()
}

/// When each picture is shown.
#[derive(Debug, PartialEq, Eq)]
struct Timing {
    begin: UnixNanos,
    filled: bool,
    next: u64,
}

impl Timing {
    fn new(begin: UnixNanos, filled: bool) -> Self {
        Self { begin, filled, next: 0 }
    }

    /// Microseconds after the first picture, more for each; `None` past what is filled.
    fn micros(&mut self, at: UnixNanos) -> Option<u64> {
        let since = u64::try_from(at.since(self.begin).as_micros()).unwrap_or(u64::MAX);
        let micros = since.max(self.next);
        self.next = micros.saturating_add(STEP_MICROS);
        (!self.filled || micros <= FILLED_MICROS).then_some(micros)
    }
}

/// Writes the frames with their times, then ends the input.
async fn feed(
    mut stdin: ChildStdin,
    mut timing: Timing,
    size: Dimensions,
    mut frames: Frames,
) -> io::Result<()> {
    stdin.write_all(&matroska::head(size)).await?;
    while let Some(frame) = frames.try_next().await.map_err(io::Error::other)? {
        let Some(micros) = timing.micros(frame.key.at()) else {
            let said = "a video of constant rate is a day at most: leave fps out, or ask for less";
            return Err(io::Error::other(said));
        };
        stdin.write_all(&matroska::before(micros, frame.bytes.len())).await?;
        stdin.write_all(&frame.bytes).await?;
    }
    stdin.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_and_equal_ones_moved_apart() {
        let at = |micros: u64| UnixNanos::new((1_731_024_000_000_000 + micros) * 1_000).unwrap();
        let times = [0, 0, 50, 1_000, 3_600_000_000, 86_400_000_001];
        let shown = |filled| {
            let mut timing = Timing::new(at(0), filled);
            times.map(|micros| timing.micros(at(micros)))
        };
        let kept = [0, 100, 200, 1_000, 3_600_000_000].map(Some);
        assert_eq!(shown(false)[..5], kept);
        assert_eq!((shown(false)[5], shown(true)[5]), (Some(86_400_000_001), None));
    }

    #[test]
    fn odd_sizes_are_padded_and_the_rate_is_as_asked() {
        let size = Dimensions { width: 15, height: 8 };
        let words = arguments(size, None).join(" ");
        assert!(words.contains("scale=15:8:") && words.contains("pad=16:8:"), "{words}");
        assert!(words.contains("passthrough") && !words.contains(" -r "), "{words}");
        assert!(arguments(size, Some(12.5)).join(" ").contains("-fps_mode cfr -r 12.5"));
    }
}
