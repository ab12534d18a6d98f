//! Frames as H.264 with their times, by ffmpeg.
//!
//! Frames go into ffmpeg with the time between them as recorded, so gaps and uneven rates stay as they
//! were: the last picture before a gap is held. With a rate it is constant, and pictures are repeated or
//! left out for it. The picture has the size of the first frame, to even numbers; later ones of another
//! size are fitted into it. The output is fragmented MP4, which plays while it arrives.

mod encoder;
mod matroska;

use std::io;
use std::path::Path;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;

use self::encoder::Encoder;
use crate::model::frame::Dimensions;
use crate::model::time::UnixNanos;

/// Frames closer together than this are moved apart, in microseconds: a player shows each.
const STEP_MICROS: u64 = 100;

/// The longest video of constant rate, in microseconds: gaps are filled with pictures, a day at most.
const FILLED_MICROS: u64 = 86_400_000_000;

/// The pictures of a video with their times, in the order of these.
pub type Pictures = BoxStream<'static, io::Result<(UnixNanos, Bytes)>>;

/// How a video is made.
#[derive(Debug, Clone, Copy)]
pub struct VideoPlan<'a> {
    /// The ffmpeg program, a path or a name looked up in `PATH`.
    pub ffmpeg: &'a Path,
    /// When the first picture was taken.
    pub begin: UnixNanos,
    /// Its size.
    pub size: Dimensions,
    /// Pictures a second; else as they were taken.
    pub fps: Option<f64>,
}

/// A video that is being made. Dropping it ends ffmpeg.
pub struct Video(Encoder);

impl Video {
    /// Starts ffmpeg. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The program cannot be started; [`io::ErrorKind::NotFound`] where it is not there.
    pub fn start(plan: &VideoPlan<'_>, pictures: Pictures) -> io::Result<Self> {
        let VideoPlan { ffmpeg, begin, size, fps } = *plan;
        let timing = Timing::new(begin, fps.is_some());
        let feed = |stdin| -> BoxFuture<'static, io::Result<()>> {
            Box::pin(feed(stdin, timing, size, pictures))
        };
        Encoder::start(ffmpeg, &arguments(size, fps), feed).map(Self)
    }

    /// The next bytes of the file; `None` at a good end. Pictures are taken only while bytes are.
    ///
    /// # Errors
    /// What the pictures failed with, or the last that ffmpeg said.
    pub async fn next(&mut self) -> Option<io::Result<Bytes>> {
        self.0.next().await
    }
}

impl std::fmt::Debug for Video {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Video").finish_non_exhaustive()
    }
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
    mut pictures: Pictures,
) -> io::Result<()> {
    stdin.write_all(&matroska::head(size)).await?;
    while let Some((at, bytes)) = pictures.try_next().await? {
        let Some(micros) = timing.micros(at) else {
            let said = "a video of constant rate is a day at most: leave fps out, or ask for less";
            return Err(io::Error::other(said));
        };
        stdin.write_all(&matroska::before(micros, bytes.len())).await?;
        stdin.write_all(&bytes).await?;
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
