//! `http://` and `https://`: an MJPEG stream, or one picture after another.
//!
//! The content type of the first answer decides: `multipart/...` is read as a stream until it ends;
//! `image/...` is one picture, and the next is asked for every interval, with `If-None-Match` where
//! the camera gave an `ETag`; video goes to ffmpeg. A frame's time is the arrival of its first byte.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::ffmpeg::FfmpegSource;
use super::login::Login;
use super::{End, Source, hand_over};
use crate::collect::multipart::MultipartParser;
use crate::collect::pace::Pacer;
use crate::collect::sink::Sink;
use crate::collect::spec::CameraSpec;
use crate::ingest::DropReason;

/// How long a camera may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(1);

/// See the head of this file.
#[derive(Debug)]
pub(super) struct HttpSource {
    client: Client,
    url: Url,
    login: Option<Login>,
    /// Set where one picture is to be asked for after another.
    snapshot_interval: Option<Duration>,
    etag: Option<HeaderValue>,
    max_frame_bytes: usize,
    /// For what turns out to be video.
    ffmpeg: FfmpegSource,
    is_video: bool,
}

/// What the first answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Stream,
    Picture,
    Video,
}

impl HttpSource {
    pub(super) fn new(spec: &CameraSpec) -> Result<Self> {
        crate::tls::install_provider();
        let client = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .user_agent(concat!("framecache/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("the HTTP client cannot be made")?;
        Ok(Self {
            client,
            url: spec.url.without_login(),
            login: spec.url.login().map(|(user, password)| Login::new(user, password)),
            snapshot_interval: spec.snapshot_interval,
            etag: None,
            max_frame_bytes: spec.max_frame_bytes,
            ffmpeg: FfmpegSource::new(spec)?,
            is_video: false,
        })
    }

    /// Asks for the URL, and once more with the login when the camera demands one.
    async fn get(&mut self) -> Result<Response> {
        let mut response = self.send().await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let login = self.login.as_mut().context(
                "the camera asks for a login: write user:password@ before its host in the URL",
            )?;
            ensure!(login.note(response.headers()), "the camera asks for an unknown kind of login");
            // A digest is bound to a path: the one we were sent to, if that is on the same camera.
            if response.url().host() == self.url.host() {
                self.url = response.url().clone();
            }
            response = self.send().await?;
        }
        match (response.status(), &self.login) {
            (StatusCode::UNAUTHORIZED, Some(login)) => {
                bail!("the camera refuses the user {:?} or the password", login.user())
            }
            (status, _) if status.is_success() || status == StatusCode::NOT_MODIFIED => {
                Ok(response)
            }
            (status, _) => bail!("the camera answers {status}"),
        }
    }

    async fn send(&mut self) -> Result<Response> {
        let mut request = self.client.get(self.url.clone());
        if let Some(etag) = &self.etag {
            request = request.header(IF_NONE_MATCH, etag.clone());
        }
        if let Some(login) = &mut self.login {
            request = login.sign(request, &self.url)?;
        }
        request.send().await.map_err(|error| explain(error, "the camera does not answer"))
    }

    /// Reads a stream of pictures until it ends.
    async fn stream(&self, mut response: Response, sink: &Sink) -> Result<End> {
        let mut parser = MultipartParser::new(content_type(&response), self.max_frame_bytes)?;
        let why = loop {
            match sink.wait(response.chunk()).await {
                Ok(None) => return Ok(End::Stopped),
                Ok(Some(Ok(Some(chunk)))) => {
                    parser.push(&chunk, sink.now());
                    hand_over(&mut parser, sink);
                }
                Ok(Some(Ok(None))) => break anyhow!("the camera ended the stream"),
                Ok(Some(Err(error))) => break explain(error, "the stream broke off"),
                Err(stall) => break stall,
            }
        };
        parser.finish();
        hand_over(&mut parser, sink);
        Err(why)
    }

    /// Takes the picture in `response`, then one every interval.
    async fn poll(&mut self, mut response: Response, sink: &Sink) -> Result<End> {
        let interval = self.snapshot_interval.unwrap_or(SNAPSHOT_INTERVAL);
        let mut pacer = Pacer::new(Instant::now(), interval);
        pacer.next_due(Instant::now());
        loop {
            self.etag = response.headers().get(ETAG).cloned().or(self.etag.take());
            if response.status() == StatusCode::NOT_MODIFIED {
                sink.alive();
            } else if !self.picture(response, sink).await? {
                return Ok(End::Stopped);
            }
            if !sink.sleep_until(pacer.next_due(Instant::now())).await {
                return Ok(End::Stopped);
            }
            response = match sink.wait(self.get()).await? {
                None => return Ok(End::Stopped),
                Some(response) => response?,
            };
        }
    }

    /// Hands over one picture; false when it was told to stop meanwhile.
    async fn picture(&self, mut response: Response, sink: &Sink) -> Result<bool> {
        let mut began = None;
        let mut body = BytesMut::new();
        loop {
            let chunk: Option<Bytes> = match sink.wait(response.chunk()).await {
                Ok(None) => return Ok(false),
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => {
                    sink.lost(DropReason::Truncated);
                    return Err(explain(error, "the picture broke off"));
                }
                Err(stall) => {
                    sink.lost(DropReason::Truncated);
                    return Err(stall);
                }
            };
            let Some(chunk) = chunk else { break };
            began.get_or_insert_with(|| sink.now());
            body.extend_from_slice(&chunk);
            if body.len() > self.max_frame_bytes {
                sink.lost(DropReason::TooLarge);
                return Ok(true);
            }
        }
        sink.frame(began.unwrap_or_else(|| sink.now()), body.freeze());
        Ok(true)
    }
}

#[async_trait]
impl Source for HttpSource {
    async fn run(&mut self, sink: &Sink) -> Result<End> {
        if self.is_video {
            return self.ffmpeg.run(sink).await;
        }
        self.etag = None;
        let Some(response) = sink.wait(self.get()).await? else { return Ok(End::Stopped) };
        let response = response?;
        let content = match self.snapshot_interval {
            Some(_) => Content::Picture,
            None => content(content_type(&response))?,
        };
        match content {
            Content::Stream => self.stream(response, sink).await,
            Content::Picture => self.poll(response, sink).await,
            Content::Video => {
                drop(response);
                self.is_video = true;
                self.ffmpeg.run(sink).await
            }
        }
    }
}

fn content_type(response: &Response) -> &str {
    let header = response.headers().get(CONTENT_TYPE);
    header.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What a content type stands for.
fn content(content_type: &str) -> Result<Content> {
    let name = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Ok(match name.split('/').next().unwrap_or_default() {
        "multipart" => Content::Stream,
        "image" => Content::Picture,
        "video" => Content::Video,
        _ if name.contains("mpegurl") => Content::Video,
        "" => bail!("the camera does not say what it sends: try mode = \"snapshot\""),
        _ => bail!(
            "the camera sends {name}: give the URL of its MJPEG stream (multipart/x-mixed-replace) \
             or of a snapshot (image/jpeg)"
        ),
    })
}

/// Why it failed, without the URL, which may hold a password in its query. Of a connection that was
/// never made only the innermost cause says something.
fn explain(error: reqwest::Error, what: &'static str) -> anyhow::Error {
    let error = anyhow::Error::from(error.without_url());
    let away = error.downcast_ref().is_some_and(reqwest::Error::is_connect);
    let error = if away { anyhow::anyhow!("{}", error.root_cause()) } else { error };
    error.context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_decides_how_an_answer_is_read() {
        for (content_type, expected) in [
            ("multipart/x-mixed-replace; boundary=x", Content::Stream),
            ("Multipart/Mixed;boundary=x", Content::Stream),
            ("image/jpeg", Content::Picture),
            ("video/mp4", Content::Video),
            ("application/vnd.apple.mpegurl", Content::Video),
        ] {
            assert_eq!(content(content_type).unwrap(), expected, "{content_type}");
        }
    }

    #[test]
    fn an_answer_that_is_no_picture_is_explained() {
        let said = |name| content(name).unwrap_err().to_string();
        assert!(said("text/html; charset=utf-8").starts_with("the camera sends text/html: give"));
        assert!(said("").starts_with("the camera does not say what it sends"));
    }
}
