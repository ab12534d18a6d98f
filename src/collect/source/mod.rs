//! The sources of frames: one file each, behind one small trait.
//!
//! A source is opened once and run again and again: what it learned (that the stream is H.264, which
//! login the camera asks for, which picture comes next) it keeps from one attempt to the next.

mod child;
mod dir;
mod ffmpeg;
mod http;
mod login;
mod push;
mod rtsp;
mod sender_time;
mod synthetic;

use std::fmt;

use anyhow::Result;
use async_trait::async_trait;

use super::multipart::MultipartParser;
use super::sink::Sink;
use super::spec::CameraSpec;
use super::url::SourceKind;

/// How a source ended without failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was told to stop.
    Stopped,
    /// It has no more frames and is not to be repeated.
    Finished,
}

/// Reads one camera.
#[async_trait]
pub(super) trait Source: Send + fmt::Debug {
    /// Reads until the source ends, fails, stalls or is told to stop. What it read before it failed,
    /// half frames included, it has handed to `sink`.
    ///
    /// # Errors
    /// One sentence that says what failed. It may hold secrets: the caller masks it.
    async fn run(&mut self, sink: &Sink) -> Result<End>;
}

/// The source that a camera asks for. Connects to nothing yet.
///
/// # Errors
/// One sentence when an option in the URL does not fit.
pub(super) fn open(spec: &CameraSpec) -> Result<Box<dyn Source>> {
    let kind = match spec.url.kind() {
        SourceKind::Rtsp | SourceKind::Http if spec.by_ffmpeg => SourceKind::Ffmpeg,
        kind => kind,
    };
    Ok(match kind {
        SourceKind::Synthetic => Box::new(synthetic::SyntheticSource::new(spec)?),
        SourceKind::Dir => Box::new(dir::DirSource::new(spec)?),
        SourceKind::Push => Box::new(push::PushSource),
        SourceKind::Rtsp => Box::new(rtsp::RtspSource::new(spec)?),
        SourceKind::Http => Box::new(http::HttpSource::new(spec)?),
        SourceKind::File | SourceKind::Ffmpeg => Box::new(ffmpeg::FfmpegSource::new(spec)?),
    })
}

/// Hands over the parts that are complete by now. A part that says it is no picture, such as the
/// events or the sound that some cameras mix in, is no frame.
fn hand_over(parser: &mut MultipartParser, sink: &Sink) {
    while let Some(found) = parser.next_part() {
        match found {
            Ok(part) => {
                let said = part.content_type.as_deref().unwrap_or("image/jpeg");
                if said.trim_start().to_ascii_lowercase().starts_with("image/") {
                    sink.frame(part.began, part.body);
                }
            }
            Err(fragment) => sink.fragment(fragment),
        }
    }
}
