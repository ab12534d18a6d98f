//! Everything that ffmpeg reads, by a supervised ffmpeg that hands over JPEGs with their lengths.
//!
//! Its output is `mpjpeg`: multipart with a Content-Length, so no frame is searched for. Every frame
//! that it decodes is handed over (`passthrough`): the default would repeat and drop frames to reach
//! the rate that it guessed. Live streams are started with the least probing, which halves the time
//! to the first frame, and encoded by one thread: more of them would keep a frame back until the next
//! one comes. If the least probing shows nothing, the next attempt lets ffmpeg look as long as it likes.
//!
//! A frame's time is when its first byte came out of ffmpeg: decoding has taken some milliseconds by
//! then. The URL, with its password, stands in the arguments of the child, where other users of the
//! machine may read it: ffmpeg takes it no other way.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use async_trait::async_trait;

use super::child::{Ended, GuardedChild};
use super::{End, Source, hand_over};
use crate::collect::multipart::MultipartParser;
use crate::collect::options::Options;
use crate::collect::sink::Sink;
use crate::collect::spec::CameraSpec;
use crate::collect::url::SourceKind;

/// The boundary of ffmpeg's `mpjpeg`.
const BOUNDARY: &str = "ffmpeg";

/// After so many microseconds without a byte a connection is given up.
const NETWORK_TIMEOUT: &str = "10000000";

/// The exit status of a shell that found no such program.
const NOT_FOUND: i32 = 127;

/// The quantizer of ffmpeg's encoder (`-q:v`) without a configured quality: 93 on our scale.
const USUAL_QUANTIZER: u8 = 4;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct FfmpegSource {
    program: PathBuf,
    input: Input,
    /// Whether the last attempt with the least probing showed nothing.
    patient: bool,
    max_frame_bytes: usize,
    quantizer: u8,
}

/// What ffmpeg is to read.
#[derive(Debug)]
enum Input {
    Live { url: String, options: &'static [&'static str] },
    File { path: PathBuf, realtime: bool, repeat: bool },
}

impl FfmpegSource {
    pub(super) fn new(spec: &CameraSpec) -> Result<Self> {
        let url = spec.url.reveal();
        let input = if spec.url.kind() == SourceKind::File {
            let mut options = Options::of(url);
            let realtime = options.flag("realtime", true)?;
            let repeat = options.flag("loop", false)?;
            options.end()?;
            Input::File { path: spec.url.path().to_owned(), realtime, repeat }
        } else {
            Input::Live { url: url.to_string(), options: live_options(url.scheme()) }
        };
        let (program, max_frame_bytes) = (spec.ffmpeg.clone(), spec.max_frame_bytes);
        let quantizer = spec.quality.map_or(USUAL_QUANTIZER, quantizer);
        Ok(Self { program, input, patient: false, max_frame_bytes, quantizer })
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = words("-hide_banner -nostats -nostdin -loglevel warning");
        match &self.input {
            Input::Live { url, options } => {
                arguments.extend(options.iter().map(OsString::from));
                arguments.extend(words("-fflags nobuffer -flags low_delay"));
                if !self.patient {
                    arguments.extend(words("-analyzeduration 0 -probesize 32"));
                }
                arguments.extend(["-i".into(), url.into()]);
            }
            Input::File { path, realtime, repeat } => {
                arguments.extend(words(if *realtime { "-re" } else { "" }));
                arguments.extend(words(if *repeat { "-stream_loop -1" } else { "" }));
                let mut file = OsString::from("file:");
                file.push(path);
                arguments.extend(["-i".into(), file]);
            }
        }
        arguments.extend(words("-map 0:v:0 -c:v mjpeg -threads 1 -pix_fmt yuvj420p"));
        arguments.extend(["-q:v".into(), self.quantizer.to_string().into()]);
        arguments.extend(words("-fps_mode passthrough -f mpjpeg -flush_packets 1 -"));
        arguments
    }

    /// Hands over frames until the output ends; only a live stream may stall.
    async fn read(
        &self,
        child: &mut GuardedChild,
        parser: &mut MultipartParser,
        sink: &Sink,
    ) -> Result<Read> {
        loop {
            let chunk = match self.input {
                Input::Live { .. } => sink.wait(child.read()).await?,
                Input::File { .. } => sink.wait_for_ever(child.read()).await,
            };
            let Some(chunk) = chunk else { return Ok(Read::Stop) };
            let chunk = chunk.context("the output of ffmpeg cannot be read")?;
            if chunk.is_empty() {
                return Ok(Read::EndOfOutput);
            }
            parser.push(&chunk, sink.now());
            hand_over(parser, sink);
        }
    }

    /// What the end of ffmpeg means, when nobody asked for it.
    fn judge(&self, ended: &Ended) -> Result<End> {
        let said = &ended.said;
        match (ended.code, &self.input) {
            (Some(0), Input::File { .. }) => Ok(End::Finished),
            (Some(0), Input::Live { .. }) if said.is_empty() => bail!("the stream ended"),
            (Some(0), Input::Live { .. }) => bail!("the stream ended: {said}"),
            (Some(NOT_FOUND), _) => bail!(
                "{} is not there: install ffmpeg (apt-get install ffmpeg), or say where it is",
                self.program.display()
            ),
            (_, _) if said.is_empty() => bail!("ffmpeg failed without a word"),
            (_, _) => bail!("ffmpeg failed: {said}"),
        }
    }
}

#[async_trait]
impl Source for FfmpegSource {
    async fn run(&mut self, sink: &Sink) -> Result<End> {
        let mut child = GuardedChild::start(&self.program, &self.arguments())
            .context("ffmpeg could not be started")?;
        let mut parser = MultipartParser::with_boundary(BOUNDARY, self.max_frame_bytes);
        let read = self.read(&mut child, &mut parser, sink).await;
        let ended = child.end().await;
        if matches!(read, Ok(Read::Stop)) {
            return Ok(End::Stopped);
        }
        parser.finish();
        hand_over(&mut parser, sink);
        if sink.frames() == 0 {
            self.patient = !self.patient;
        }
        match read {
            Ok(_) => self.judge(&ended),
            Err(error) if ended.said.is_empty() => Err(error),
            Err(error) => Err(anyhow!("{error:#}; ffmpeg said: {}", ended.said)),
        }
    }
}

/// Why reading was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Stop,
    EndOfOutput,
}

fn live_options(scheme: &str) -> &'static [&'static str] {
    match scheme {
        "rtsp" | "rtsps" => &["-rtsp_transport", "tcp", "-timeout", NETWORK_TIMEOUT],
        "rtmp" | "rtmps" | "http" | "https" => &["-rw_timeout", NETWORK_TIMEOUT],
        _ => &[],
    }
}

/// ffmpeg's 31 (worst) to 2 (best) for a quality of 1 to 100, in even steps.
fn quantizer(quality: u8) -> u8 {
    let worse = u32::from(100 - quality.clamp(1, 100));
    2 + u8::try_from((worse * 29 + 49) / 99).unwrap_or(29)
}

fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::url::SourceUrl;
    use crate::model::name::CameraId;

    fn source(url: &str) -> FfmpegSource {
        let url = SourceUrl::parse(url).unwrap();
        FfmpegSource::new(&CameraSpec::new(CameraId::new("cam1").unwrap(), url)).unwrap()
    }

    fn input_arguments(source: &FfmpegSource) -> String {
        let arguments = source.arguments();
        let text: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
        let text = text.join(" ");
        let start = text.find("warning ").unwrap() + "warning ".len();
        text[start..text.find(" -map").unwrap()].to_owned()
    }

    #[test]
    fn files_are_read_at_the_pace_and_as_often_as_the_url_says() {
        for (url, arguments) in [
            ("file:///v/a b.mp4", "-re -i file:/v/a b.mp4"),
            ("v/a.mp4?realtime=false", "-i file:v/a.mp4"),
            ("file:a.mp4?loop=true", "-re -stream_loop -1 -i file:a.mp4"),
        ] {
            assert_eq!(input_arguments(&source(url)), arguments);
        }
    }

    #[test]
    fn live_streams_are_first_probed_little_then_at_length() {
        let mut rtsp = source("rtsp://me:pw@cam/1");
        let network = "-rtsp_transport tcp -timeout 10000000 -fflags nobuffer -flags low_delay";
        let url = "-i rtsp://me:pw@cam/1";
        let hasty = format!("{network} -analyzeduration 0 -probesize 32 {url}");
        assert_eq!(input_arguments(&rtsp), hasty);
        rtsp.patient = true;
        assert_eq!(input_arguments(&rtsp), format!("{network} {url}"));
    }

    #[test]
    fn quality_is_spread_over_what_the_encoder_takes() {
        let quantizers = [1, 25, 50, 75, 90, 91, 92, 100].map(quantizer);
        assert_eq!(quantizers, [31, 24, 17, 9, 5, 5, 4, 2]);
        let all: Vec<u8> = (1..=100).map(quantizer).collect();
        assert!(all.is_sorted_by(|one, next| one >= next), "{all:?}");
    }
}
