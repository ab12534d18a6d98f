//! `rtsp://`: JPEG over RTP (RFC 2435) natively, everything else by ffmpeg.
//!
//! Natively the first frame is there at once, a camera costs megabytes instead of a process, the
//! pictures are the camera's own bytes, and its sender reports date them. RTP goes through the RTSP
//! connection (TCP), so nothing is lost on the way. What a camera was found to offer is remembered.

use anyhow::{Context as _, Result, anyhow};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use retina::client::{
    Credentials, Demuxed, Described, PlayOptions, Session, SessionOptions, SetupOptions,
};
use retina::codec::{CodecItem, VideoFrame};
use retina::rtcp::ReceivedCompoundPacket;
use url::Url;

use super::ffmpeg::FfmpegSource;
use super::sender_time::{SenderReport, capture_time};
use super::{End, Source};
use crate::collect::sink::Sink;
use crate::collect::spec::CameraSpec;
use crate::ingest::DropReason;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct RtspSource {
    url: Url,
    login: Option<(String, String)>,
    /// For every encoding but JPEG.
    ffmpeg: FfmpegSource,
    by_ffmpeg: bool,
}

impl RtspSource {
    pub(super) fn new(spec: &CameraSpec) -> Result<Self> {
        let (url, login) = (spec.url.without_login(), spec.url.login());
        Ok(Self { url, login, ffmpeg: FfmpegSource::new(spec)?, by_ffmpeg: false })
    }

    async fn describe(&self) -> Result<Session<Described>> {
        let credentials = self.login.clone();
        let credentials =
            credentials.map(|(username, password)| Credentials { username, password });
        let options = SessionOptions::default()
            .creds(credentials)
            .user_agent(concat!("framecache/", env!("CARGO_PKG_VERSION")).to_owned());
        let described = Session::describe(self.url.clone(), options).await;
        described.map_err(|error| match (error.status_code(), &self.login) {
            (Some(401), None) => anyhow!(
                "the camera asks for a login: write user:password@ before its host in the URL"
            ),
            (Some(401), Some((user, _))) => {
                anyhow!("the camera refuses the user {user:?} or the password")
            }
            (Some(404), _) => anyhow!("the camera has no stream at {}", self.url.path()),
            (_, _) => explain(&error),
        })
    }
}

#[async_trait]
impl Source for RtspSource {
    async fn run(&mut self, sink: &Sink) -> Result<End> {
        if !self.by_ffmpeg {
            let described = sink.wait(self.describe()).await?;
            let Some(session) = described else { return Ok(End::Stopped) };
            let session = session?;
            if let Some(stream) = jpeg_stream(&session) {
                let playing = sink.wait(play(session, stream)).await?;
                let Some(frames) = playing else { return Ok(End::Stopped) };
                return read(frames?, sink).await;
            }
            self.by_ffmpeg = true;
        }
        self.ffmpeg.run(sink).await
    }
}

fn jpeg_stream(session: &Session<Described>) -> Option<usize> {
    let streams = session.streams();
    streams.iter().position(|stream| stream.media() == "video" && stream.encoding_name() == "jpeg")
}

async fn play(mut session: Session<Described>, stream: usize) -> Result<Demuxed> {
    let setup = session.setup(stream, SetupOptions::default()).await;
    setup.map_err(|error| explain(&error))?;
    let playing = session.play(PlayOptions::default()).await.map_err(|error| explain(&error))?;
    playing.demuxed().map_err(|error| explain(&error))
}

async fn read(mut items: Demuxed, sink: &Sink) -> Result<End> {
    let mut report = None;
    loop {
        let Some(item) = sink.wait(items.next()).await? else { return Ok(End::Stopped) };
        match item.context("the camera ended the stream")?.map_err(|error| explain(&error))? {
            CodecItem::VideoFrame(frame) => hand_over(frame, report, sink),
            CodecItem::Rtcp(packet) => report = sender_report(&packet).or(report),
            _ => {}
        }
    }
}

fn hand_over(frame: VideoFrame, report: Option<SenderReport>, sink: &Sink) {
    if frame.loss() > 0 {
        // Packets of this frame, or of those before it, never came.
        sink.lost(DropReason::Truncated);
        return;
    }
    let arrival = sink.time_at(frame.start_ctx().received());
    let (rtp, clock_rate) = (frame.timestamp().timestamp(), frame.timestamp().clock_rate().get());
    let at = capture_time(report, rtp, clock_rate, arrival);
    sink.frame(at, frame.into_data().into());
}

fn sender_report(packet: &ReceivedCompoundPacket) -> Option<SenderReport> {
    let rtp = packet.rtp_timestamp()?.timestamp();
    let report = packet.pkts().next()?.as_sender_report().ok()??;
    Some(SenderReport { rtp, ntp: report.ntp_timestamp().0 })
}

/// The first line says what happened; the others are for reading packet captures.
fn explain(error: &retina::Error) -> anyhow::Error {
    let text = error.to_string();
    anyhow!("{}", text.lines().next().unwrap_or("the RTSP session failed").trim())
}
