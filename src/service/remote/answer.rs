//! Requests out, answers in: the HTTP client, and how its failures and answers become ours.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::client::{self, Credentials};
use super::{ErrorKind, ODD, ServiceError};
use crate::model::bucket::FRAME_MAX_BYTES;
use crate::model::frame::Frame;
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::UnixNanos;

/// The longest JSON that is read: about a million frames.
const JSON_MAX_BYTES: usize = 256 << 20;

/// How long a connection may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Silence after which a stream of events counts as broken; the server speaks every 15 s.
const SILENCE: Duration = Duration::from_secs(45);

/// What the types of problems start with.
const PROBLEM: &str = "urn:framecache:error:";

/// A picture and what its headers say.
pub(super) struct Picture {
    pub(super) frame: Frame,
    pub(super) distance_nanos: Option<i64>,
    pub(super) expires_at: Option<UnixNanos>,
}

/// The client, and the address that it asks.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: Client,
    follower: Client,
    base: String,
    place: String,
}

#[derive(Deserialize)]
struct Problem {
    r#type: String,
    detail: String,
}

/// What a problem's type says.
enum Verdict {
    /// With the sentence that says what.
    NothingFound(String),
    Failed(ServiceError),
}

impl Http {
    pub(super) fn new(url: &str, by: &Credentials) -> Result<Self, ServiceError> {
        let (base, place) = addresses(url).ok_or_else(|| {
            let shown = if url.contains('@') { "the given URL" } else { url };
            let said = format!(
                "{shown} is no address of a running framecache: write it like http://127.0.0.1:8080"
            );
            ServiceError::new(ErrorKind::BadInput, said)
        })?;
        let follower = client::builder(&base, by)?.read_timeout(SILENCE);
        let (client, follower) = (client::builder(&base, by)?, client::build(follower)?);
        let client = client::build(client)?;
        Ok(Self { client, follower, base, place })
    }

    /// The address without secrets.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    pub(super) fn delete(&self, path: &str) -> RequestBuilder {
        self.client.delete(format!("{}{path}", self.base))
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Opens the stream of events of all tenants and prefixes: from now on, or after the event with
    /// this id.
    pub(super) async fn events(&self, after: Option<&str>) -> Result<Response, ServiceError> {
        let everything = [("tenant", "*"), ("prefix", "*")];
        let mut request =
            self.follower.get(format!("{}/api/v1/events", self.base)).query(&everything);
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        self.sent(request, &[]).await?.map_err(ServiceError::from)
    }

    /// A long answer, as it comes; `None` when nothing was found. The server may be silent for
    /// [`SILENCE`] at most.
    pub(super) async fn download(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Option<BoxStream<'static, Result<Bytes, ServiceError>>>, ServiceError> {
        let request = self.follower.get(format!("{}{path}", self.base)).query(query);
        let response = match self.sent(request, &[]).await? {
            Ok(response) => response,
            Err(Verdict::NothingFound(_)) => return Ok(None),
            Err(Verdict::Failed(error)) => return Err(error),
        };
        let http = self.clone();
        let broke = move |error: reqwest::Error| http.unreached(&error);
        Ok(Some(response.bytes_stream().map_err(broke).boxed()))
    }

    /// An answer in JSON.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, ServiceError> {
        self.json_of(request, &[]).await
    }

    /// As [`Http::json`], where answers of these statuses are in JSON too.
    pub(super) async fn json_of<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        also: &[StatusCode],
    ) -> Result<T, ServiceError> {
        let response = self.sent(request, also).await?.map_err(ServiceError::from)?;
        self.parsed(response).await
    }

    /// An answer in JSON; `None` when nothing was found.
    pub(super) async fn found<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<Option<T>, ServiceError> {
        match self.sent(request, &[]).await? {
            Ok(response) => self.parsed(response).await.map(Some),
            Err(Verdict::NothingFound(_)) => Ok(None),
            Err(Verdict::Failed(error)) => Err(error),
        }
    }

    /// A picture of `stream`; `None` when nothing was found.
    pub(super) async fn picture(
        &self,
        request: RequestBuilder,
        stream: &StreamId,
    ) -> Result<Option<Picture>, ServiceError> {
        let response = match self.sent(request, &[]).await? {
            Ok(response) => response,
            Err(Verdict::NothingFound(_)) => return Ok(None),
            Err(Verdict::Failed(error)) => return Err(error),
        };
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let key: Option<FrameKey> = header("x-frame-key").and_then(|text| text.parse().ok());
        let distance_nanos = header("x-frame-distance-ns").and_then(|text| text.parse().ok());
        let end = header("x-frame-expires-ns").and_then(|text| text.parse().ok());
        let expires_at = end.and_then(UnixNanos::new);
        let key = key.ok_or_else(|| self.odd("the header X-Frame-Key is missing"))?;
        if key.stream() != stream {
            return Err(self.odd(&format!("it answered {key} for camera {stream}")));
        }
        let bytes = self.body(response, FRAME_MAX_BYTES).await?;
        Ok(Some(Picture { frame: Frame { key, bytes }, distance_nanos, expires_at }))
    }

    /// The error for an answer that no framecache gives.
    pub(super) fn odd(&self, what: &str) -> ServiceError {
        let said = format!("{} does not answer like a framecache: {what}", self.place);
        ServiceError::new(ODD, said)
    }

    async fn parsed<T: DeserializeOwned>(&self, response: Response) -> Result<T, ServiceError> {
        let body = self.body(response, JSON_MAX_BYTES).await?;
        serde_json::from_slice(&body).map_err(|error| self.odd(&error.to_string()))
    }

    /// Sends, and tells answers of success (and of the statuses `also`) from all others.
    async fn sent(
        &self,
        request: RequestBuilder,
        also: &[StatusCode],
    ) -> Result<Result<Response, Verdict>, ServiceError> {
        let response = request.send().await.map_err(|error| self.unreached(&error))?;
        let status = response.status();
        if status.is_success() || also.contains(&status) && !is_problem(&response) {
            return Ok(Ok(response));
        }
        let body = self.body(response, JSON_MAX_BYTES).await?;
        Ok(Err(self.verdict(status, &body)))
    }

    fn verdict(&self, status: StatusCode, body: &[u8]) -> Verdict {
        let problem: Option<Problem> = serde_json::from_slice(body).ok();
        let kind = problem.as_ref().and_then(|problem| problem.r#type.strip_prefix(PROBLEM));
        if matches!(kind, Some("not-found" | "gone")) {
            return Verdict::NothingFound(
                problem.map(|problem| problem.detail).unwrap_or_default(),
            );
        }
        let known = kind.and_then(|kind| match kind {
            "unauthorized" | "unknown-host" => Some(ErrorKind::Denied),
            "too-many-requests" => Some(ErrorKind::Unavailable),
            kind => serde_json::from_value(kind.into()).ok(),
        });
        Verdict::Failed(match (known, problem) {
            (Some(kind), Some(problem)) => ServiceError { kind, message: problem.detail },
            (None, Some(problem)) => self.odd(&problem.detail),
            _ if status.is_server_error() => {
                let said = format!("{} answered {status}: come again", self.place);
                ServiceError::new(ErrorKind::Unavailable, said)
            }
            _ => self.odd(&format!("it answered {status}")),
        })
    }

    async fn body(&self, mut response: Response, max: usize) -> Result<Bytes, ServiceError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreached(&error))? {
            if whole.len() + chunk.len() > max {
                return Err(self.odd(&format!("the answer is longer than {max} bytes")));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    fn unreached(&self, error: &reqwest::Error) -> ServiceError {
        let (place, cause) = (&self.place, root(error));
        let said = if error.is_timeout() && !error.is_connect() {
            format!("{place} takes too long to answer: is its store away?")
        } else if error.is_connect() {
            format!(
                "no framecache answers at {place} ({cause}): start one with `framecache up` \
                 or give --url / --redis"
            )
        } else {
            format!("the connection to {place} broke: {cause}")
        };
        ServiceError::new(ErrorKind::Unavailable, said)
    }
}

impl From<Verdict> for ServiceError {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Failed(error) => error,
            // What always is there is hidden only from tokens of another tenant.
            Verdict::NothingFound(detail) => {
                let said = format!("{detail}: a token of one tenant needs --tenant with its name");
                Self::new(ErrorKind::Denied, said)
            }
        }
    }
}

/// Where requests go, and the same without user, password, query and fragment.
fn addresses(url: &str) -> Option<(String, String)> {
    let given = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let mut url = Url::parse(&given).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    let base = url.as_str().trim_end_matches('/').to_owned();
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let place = url.as_str().trim_end_matches('/').to_owned();
    Some((base, place))
}

fn is_problem(response: &Response) -> bool {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

/// The innermost cause: the outer ones repeat the URL, which may hold a password.
pub(crate) fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::ConnectionReset) => "connection reset".to_owned(),
        _ if cause.is::<reqwest::Error>() => "the HTTP client gave up".to_owned(),
        _ if error.is_timeout() => "no connection in time".to_owned(),
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_secrets() {
        for (given, base, place) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("localhost:8080/", "http://localhost:8080", "http://localhost:8080"),
            ("https://u:p@host/cache/?q#f", "https://u:p@host/cache", "https://host/cache"),
            ("http://[::1]:8080", "http://[::1]:8080", "http://[::1]:8080"),
        ] {
            let expected = Some((base.to_owned(), place.to_owned()));
            assert_eq!(addresses(given), expected, "{given}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for given in ["", "redis://127.0.0.1", "http://", "http://a b", "http://h:99999"] {
            let error = Http::new(given, &Credentials::default()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadInput);
            assert_eq!(
                error.message,
                format!(
                    "{given} is no address of a running framecache: write it like http://127.0.0.1:8080"
                )
            );
        }
        let error = Http::new("redis://u:secret@h", &Credentials::default()).unwrap_err();
        assert!(!error.message.contains("secret"), "{error}");
    }
}
