//! The service of a running `up` elsewhere, by its HTTP API.
//!
//! Answers and errors come back as the local service gives them there: a problem's kind and sentence
//! become a [`ServiceError`] again. Nothing is retried but [`Service::follow`], because the caller
//! knows what a push or a lookup is worth. An odd answer is an error with a sentence, never a panic,
//! and no answer is read past its bound.

mod answer;
pub(crate) mod client;
mod follow;
mod holds;
mod recordings;
mod replays;
mod transfer;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;

use self::answer::Http;
pub(crate) use self::answer::root;
pub use self::client::Credentials;
use super::{ErrorKind, Followed, Readiness, Service, ServiceError, TimelineRequest};
use crate::fleet::{CameraOrder, CameraView, Ordered};
use crate::ingest::Pushed;
use crate::model::frame::{Frame, FrameInfo};
use crate::model::key::{FrameKey, StreamId};
use crate::model::time::UnixNanos;
use crate::query::{
    CameraSummary, DeleteReport, DeleteRequest, How, Nearest, RangeAnswer, RangeRequest,
    ReindexReport, Scope, StatsAnswer, TimelineStep, Via,
};

/// How long an answer may take in all.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a reindex or a deletion may take: it walks a whole keyspace and writes.
const WRITE_PATIENCE: Duration = Duration::from_secs(3600);

/// Frames of a list that are asked for at once; the most that a server gives.
const PAGE: usize = 10_000;

/// The longest list that is read.
const FRAMES_MAX: usize = 2_000_000;

/// The one kind that odd answers get: not ours to mend, and no use to come again.
const ODD: ErrorKind = ErrorKind::Internal;

/// A running `up`, reached by HTTP. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct RemoteService {
    http: Http,
}

type Query = Vec<(&'static str, String)>;

impl RemoteService {
    /// The service at `url`, e.g. `http://127.0.0.1:8080`. Connects on first use, not here.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when `url` is no address of an HTTP server.
    pub fn connect(url: &str) -> Result<Self, ServiceError> {
        Self::connect_with(url, &Credentials::default())
    }

    /// As [`RemoteService::connect`], with a token and an authority to trust. Blocks on reading its
    /// file.
    ///
    /// # Errors
    /// As [`RemoteService::connect`], and for a token or authority that cannot be used.
    pub fn connect_with(url: &str, by: &Credentials) -> Result<Self, ServiceError> {
        Ok(Self { http: Http::new(url, by)? })
    }

    fn get_of(&self, stream: &StreamId, rest: &str, query: &Query) -> RequestBuilder {
        let StreamId { tenant, prefix, camera } = stream;
        let family = [("tenant", tenant.to_string()), ("prefix", prefix.to_string())];
        let path = format!("/api/v1/cameras/{camera}/{rest}");
        self.http.get(&path).query(&family).query(query).timeout(PATIENCE)
    }

    fn get(&self, path: &str, query: &Query) -> RequestBuilder {
        self.http.get(path).query(query).timeout(PATIENCE)
    }
}

#[derive(Deserialize)]
struct Cameras {
    cameras: Vec<CameraSummary>,
}

#[derive(Deserialize)]
struct Fleet {
    cameras: Vec<CameraView>,
}

#[derive(Deserialize)]
struct Latest {
    frames: Vec<FrameInfo>,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page {
    frames: Vec<FrameInfo>,
    dead: u64,
    foreign: u64,
    scanned: bool,
    next_cursor: Option<String>,
}

impl Page {
    fn add_to(self, whole: &mut RangeAnswer) {
        whole.frames.extend(self.frames);
        whole.dead += self.dead;
        whole.foreign = whole.foreign.max(self.foreign);
        whole.scanned |= self.scanned;
    }
}

#[derive(Deserialize)]
struct Timeline {
    steps: Vec<TimelineStep>,
}

#[derive(Deserialize)]
struct Stored {
    key: FrameKey,
    again: bool,
}

#[async_trait]
impl Service for RemoteService {
    fn place(&self) -> String {
        self.http.place().to_owned()
    }

    async fn push(
        &self,
        stream: &StreamId,
        at: Option<UnixNanos>,
        bytes: Bytes,
    ) -> Result<Pushed, ServiceError> {
        let StreamId { tenant, prefix, camera } = stream;
        let family = [("tenant", tenant.to_string()), ("prefix", prefix.to_string())];
        let request = self.http.post(&format!("/api/v1/cameras/{camera}/frames")).query(&family);
        let mut request = request.timeout(PATIENCE).body(bytes);
        if let Some(at) = at {
            request = request.header("x-timestamp", at.to_rfc3339());
        }
        let Stored { key, again } = self.http.json(request).await?;
        if key.stream() != stream {
            return Err(self.http.odd(&format!("a push to {stream} was stored as {key}")));
        }
        Ok(Pushed { key, again })
    }

    async fn get(&self, key: &FrameKey) -> Result<Option<Frame>, ServiceError> {
        let path = format!("frames/{}.jpg", key.short_id());
        let request = self.get_of(key.stream(), &path, &Vec::new());
        let Some(picture) = self.http.picture(request, key.stream()).await? else {
            return Ok(None);
        };
        if picture.frame.key != *key {
            return Err(self.http.odd(&format!("it answered {} for {key}", picture.frame.key)));
        }
        Ok(Some(picture.frame))
    }

    async fn latest(
        &self,
        stream: &StreamId,
        count: usize,
        how: How,
    ) -> Result<Vec<FrameInfo>, ServiceError> {
        let mut query = how_query(how);
        query.push(("count", count.to_string()));
        let latest: Option<Latest> = self.http.found(self.get_of(stream, "latest", &query)).await?;
        Ok(latest.map_or_else(Vec::new, |latest| latest.frames))
    }

    async fn latest_frame(
        &self,
        stream: &StreamId,
        via: Via,
    ) -> Result<Option<Frame>, ServiceError> {
        let request = self.get_of(stream, "latest.jpg", &vec![("via", via_text(via))]);
        Ok(self.http.picture(request, stream).await?.map(|picture| picture.frame))
    }

    async fn range(&self, request: &RangeRequest) -> Result<RangeAnswer, ServiceError> {
        let mut whole = RangeAnswer::default();
        if request.streams.is_empty() {
            return Ok(whole);
        }
        let most = request.limit.unwrap_or(FRAMES_MAX + 1);
        let mut query = range_query(request);
        loop {
            let room = most.saturating_sub(whole.frames.len()).min(PAGE);
            query.push(("limit", room.to_string()));
            let page: Page = self.http.json(self.get("/api/v1/frames", &query)).await?;
            let (came, next) = (page.frames.len(), page.next_cursor.clone());
            page.add_to(&mut whole);
            let Some(next) = next.filter(|_| whole.frames.len() < most) else { break };
            if came == 0 {
                return Err(self.http.odd("a page without frames is not the last one"));
            }
            query.retain(|(name, _)| !matches!(*name, "limit" | "cursor"));
            query.push(("cursor", next));
        }
        if whole.frames.len() > FRAMES_MAX {
            let said = format!("the list has over {FRAMES_MAX} frames: ask for a shorter window");
            return Err(ServiceError::new(ErrorKind::BadInput, said));
        }
        Ok(whole)
    }

    async fn at(
        &self,
        stream: &StreamId,
        at: UnixNanos,
        within: Option<Duration>,
        via: Via,
    ) -> Result<Option<Nearest>, ServiceError> {
        let mut query = vec![("via", via_text(via)), ("t", at.to_rfc3339())];
        query.extend(within.map(|within| ("within", duration_text(within))));
        let request = self.get_of(stream, "at.jpg", &query);
        let Some(picture) = self.http.picture(request, stream).await? else { return Ok(None) };
        let distance_nanos = picture
            .distance_nanos
            .ok_or_else(|| self.http.odd("the header X-Frame-Distance-Ns is missing"))?;
        let expires_at = picture.expires_at;
        Ok(Some(Nearest { frame: picture.frame, distance_nanos, expires_at }))
    }

    async fn timeline(&self, request: &TimelineRequest) -> Result<Vec<TimelineStep>, ServiceError> {
        let TimelineRequest { streams, window, step, how } = request;
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = how_query(*how);
        query.extend(streams.iter().map(|stream| ("camera", stream.to_string())));
        query.push(("from", window.from().to_rfc3339()));
        query.push(("to", window.to().to_rfc3339()));
        query.push(("step", duration_text(*step)));
        let timeline: Timeline = self.http.json(self.get("/api/v1/timeline", &query)).await?;
        Ok(timeline.steps)
    }

    async fn cameras(&self, scope: &Scope, via: Via) -> Result<Vec<CameraSummary>, ServiceError> {
        let mut query = scope_query(scope);
        query.push(("via", via_text(via)));
        let cameras: Cameras = self.http.json(self.get("/api/v1/cameras", &query)).await?;
        Ok(cameras.cameras)
    }

    async fn stats(&self, scope: &Scope) -> Result<StatsAnswer, ServiceError> {
        self.http.json(self.get("/api/v1/stats", &scope_query(scope))).await
    }

    async fn reindex(&self, scope: &Scope, dry_run: bool) -> Result<ReindexReport, ServiceError> {
        let mut query = scope_query(scope);
        query.push(("dry_run", dry_run.to_string()));
        let request = self.http.post("/api/v1/reindex").query(&query).timeout(WRITE_PATIENCE);
        self.http.json(request).await
    }

    async fn delete(
        &self,
        request: &DeleteRequest,
        dry_run: bool,
    ) -> Result<DeleteReport, ServiceError> {
        let DeleteRequest { streams, window, limit, via } = request;
        let mut all = DeleteReport { dry_run, ..DeleteReport::default() };
        let mut streams = streams.clone();
        streams.sort_unstable();
        streams.dedup();
        for StreamId { tenant, prefix, camera } in streams {
            let done = usize::try_from(all.frames + all.dead).unwrap_or(usize::MAX);
            let left = limit.map(|limit| limit.saturating_sub(done).to_string());
            let mut query = vec![("via", via_text(*via)), ("dry_run", dry_run.to_string())];
            query.extend([("tenant", tenant.to_string()), ("prefix", prefix.to_string())]);
            query.extend([("from", window.from().to_rfc3339()), ("to", window.to().to_rfc3339())]);
            query.extend(left.map(|left| ("limit", left)));
            let request = self.http.delete(&format!("/api/v1/cameras/{camera}/frames"));
            let request = request.query(&query).timeout(WRITE_PATIENCE);
            let one: DeleteReport = self.http.json(request).await?;
            all.frames += one.frames;
            all.bytes += one.bytes;
            all.dead += one.dead;
        }
        Ok(all)
    }

    async fn readiness(&self) -> Result<Readiness, ServiceError> {
        let request = self.http.get("/readyz").timeout(PATIENCE);
        self.http.json_of(request, &[StatusCode::SERVICE_UNAVAILABLE]).await
    }

    async fn fleet(&self) -> Result<Vec<CameraView>, ServiceError> {
        let fleet: Fleet = self.http.json(self.get("/api/v1/fleet", &Vec::new())).await?;
        Ok(fleet.cameras)
    }

    async fn order(
        &self,
        stream: &StreamId,
        order: CameraOrder,
    ) -> Result<Option<Ordered>, ServiceError> {
        let StreamId { tenant, prefix, camera } = stream;
        let (method, rest, table) = match order {
            CameraOrder::Show => (Method::GET, "", None),
            CameraOrder::Put(table) => (Method::PUT, "", Some(table)),
            CameraOrder::Patch(table) => (Method::PATCH, "", Some(table)),
            CameraOrder::Pause => (Method::POST, "/pause", None),
            CameraOrder::Resume => (Method::POST, "/resume", None),
            CameraOrder::Remove => (Method::DELETE, "", None),
        };
        let family = [("tenant", tenant.to_string()), ("prefix", prefix.to_string())];
        let path = format!("/api/v1/cameras/{camera}{rest}");
        let request = self.http.request(method, &path).query(&family).timeout(PATIENCE);
        let request = match table {
            Some(table) => request.json(&table),
            None => request,
        };
        self.http.found(request).await
    }

    async fn follow(&self) -> Result<BoxStream<'static, Followed>, ServiceError> {
        follow::follow(self.http.clone()).await
    }
}

fn via_text(via: Via) -> String {
    via.label().to_owned()
}

fn how_query(how: How) -> Query {
    vec![("via", via_text(how.via)), ("verify", how.verify.to_string())]
}

/// A list without its limit and cursor.
fn range_query(request: &RangeRequest) -> Query {
    let RangeRequest { streams, window, every, limit: _, reverse, how } = request;
    let mut query = how_query(*how);
    query.extend(streams.iter().map(|stream| ("camera", stream.to_string())));
    query.push(("from", window.from().to_rfc3339()));
    query.push(("to", window.to().to_rfc3339()));
    query.extend(every.map(|every| ("every", duration_text(every))));
    query.push(("reverse", reverse.to_string()));
    query
}

/// `*` is any tenant or prefix.
fn scope_query(scope: &Scope) -> Query {
    let any = || "*".to_owned();
    let mut query = vec![
        ("tenant", scope.tenant.as_ref().map_or_else(any, ToString::to_string)),
        ("prefix", scope.prefix.as_ref().map_or_else(any, ToString::to_string)),
    ];
    query.extend(scope.camera.as_ref().map(|camera| ("camera", camera.to_string())));
    query
}

/// Exact, up to 584 years.
fn duration_text(duration: Duration) -> String {
    format!("{}ns", u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
