//! `GET /api/v1/cameras/{camera}/clip.mp4`: a window as H.264, made while it is sent.
//!
//! What the video is like stands in `archive::video`; here it is bound, begun and sent. A client that
//! goes away ends ffmpeg.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{download, file_time, peek, request};
use crate::archive::video::{Video, VideoPlan};
use crate::model::jpeg;
use crate::service::{ErrorKind, ServiceError};
use crate::web::params::Call;
use crate::web::problem::Problem;

/// Videos that are made at the same time; each may use two threads.
const JOBS: usize = 2;

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
    let pictures = frames.map_ok(|frame| (frame.key.at(), frame.bytes)).map_err(io::Error::other);
    let plan = VideoPlan { ffmpeg: &exports.ffmpeg, begin, size, fps };
    let video = Video::start(&plan, pictures.boxed());
    let mut video = video.map_err(|error| not_startable(exports, &error))?;
    let head = match video.next().await {
        Some(Ok(head)) => head,
        failed => return Err(failure(failed)),
    };
    let rest = stream::unfold(Some((video, held)), |under_way| async {
        let (mut video, held) = under_way?;
        match video.next().await? {
            Ok(bytes) => Some((Ok(bytes), Some((video, held)))),
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
