//! The service of this process: its own ingest, query and bus.

mod holds;
mod newest;
mod reads;
mod recordings;
mod replays;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

pub use self::replays::LaneSink;
use super::{CameraDown, ErrorKind, Followed, Readiness, Service, ServiceError, TimelineRequest};
use crate::archive::record::Recorder;
use crate::archive::replay::Replays;
use crate::bus::{Bus, BusError, BusState};
use crate::clock::Clock;
use crate::collect::{HealthBoard, SourceState};
use crate::fleet::{CameraOrder, CameraView, Fleet, FleetError, Ordered};
use crate::hold::Holds;
use crate::ingest::{Ingest, Lane, PushError, PushTime, Pushed};
use crate::metrics::Metrics;
use crate::model::frame::{Frame, FrameInfo};
use crate::model::key::{FrameKey, StreamId};
use crate::model::name::Tenant;
use crate::model::retention::Retention;
use crate::model::time::{TimeRange, UnixNanos};
use crate::query::{
    CameraSummary, DeleteReport, DeleteRequest, Fetched, How, Nearest, Query, QueryError,
    RangeAnswer, RangeRequest, ReindexReport, Scope, StatsAnswer, TimelineStep, Via,
};
use crate::stats::{Observer, ObserverParts};
use crate::store::{FrameStore, Selector, StoreError};
use crate::watch::{Interest, Watch, WatchParts};

/// How long the store may take to answer before it counts as away.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// What a local service is made of.
#[derive(Debug, Clone)]
pub struct LocalParts {
    /// Where the frames lie, for messages.
    pub place: String,
    /// Where announcements go, for messages.
    pub bus_place: String,
    /// The way in.
    pub ingest: Arc<Ingest>,
    /// The way out.
    pub query: Query,
    /// The store itself, to ask whether it answers.
    pub store: Arc<dyn FrameStore>,
    /// Who tells followers.
    pub bus: Arc<dyn Bus>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The account of every frame.
    pub metrics: Arc<Metrics>,
    /// How the configured cameras do.
    pub health: HealthBoard,
    /// The cameras that are collected; `None` in a process that collects none.
    pub fleet: Option<Arc<Fleet>>,
    /// Who keeps frames longer.
    pub holds: Holds,
    /// Who plays recordings; `None` in a process that only asks or pushes.
    pub replays: Option<Arc<Replays>>,
    /// The one tenant that this process writes.
    pub tenant: Tenant,
    /// The tiers of frames that are pushed.
    pub retention: Retention,
    /// Who records; `None` in a process that only passes by.
    pub recorder: Option<Arc<Recorder>>,
    /// The most cameras that may be written to; a push to a further one is refused.
    pub max_cameras: usize,
}

/// Answers from this process.
#[derive(Debug)]
pub struct LocalService(LocalParts, Arc<Observer>, Watch);

impl LocalService {
    /// A service of these parts.
    #[must_use]
    pub fn new(parts: LocalParts) -> Self {
        let observer = Observer::new(ObserverParts {
            metrics: Arc::clone(&parts.metrics),
            ingest: Arc::clone(&parts.ingest),
            query: parts.query.clone(),
            store: Arc::clone(&parts.store),
        });
        let watch = Watch::new(WatchParts {
            store: Arc::clone(&parts.store),
            query: parts.query.clone(),
            bus: Arc::clone(&parts.bus),
            clock: Arc::clone(&parts.clock),
            tenant: parts.tenant.clone(),
        });
        Self(parts, Arc::new(observer), watch)
    }

    /// Who remembers the last minute; its [`Observer::run`] is to be spawned by the engine.
    #[must_use]
    pub fn observer(&self) -> &Arc<Observer> {
        &self.1
    }

    pub(super) fn parts(&self) -> &LocalParts {
        &self.0
    }

    /// Why frames cannot be stored now; waits for at most a second.
    pub(super) async fn store_trouble(&self) -> Option<String> {
        match tokio::time::timeout(READY_WITHIN, self.0.store.now()).await {
            Ok(Ok(_)) => self.0.ingest.store_trouble(),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the store does not answer within a second".to_owned()),
        }
    }

    /// Why frames cannot be announced now.
    pub(super) fn bus_trouble(&self) -> Option<String> {
        match self.0.bus.state() {
            BusState::Ready => None,
            BusState::Away(why) => Some(format!("the bus is away: {why}")),
            BusState::Refused(why) => Some(format!("the bus refuses: {why}")),
        }
    }

    /// The frames of a window with their bytes, as they are read: memory follows two batches of 16.
    pub fn fetched(
        &self,
        request: RangeRequest,
    ) -> BoxStream<'static, Result<Fetched, ServiceError>> {
        self.0.query.range_fetched(request).map_err(ServiceError::from).boxed()
    }

    /// The keys of a window, page by page.
    pub fn keys(
        &self,
        request: RangeRequest,
    ) -> BoxStream<'static, Result<Vec<FrameKey>, ServiceError>> {
        self.0.query.range_keys(request).map_err(ServiceError::from).boxed()
    }

    /// Refuses to change anything of another tenant.
    fn must_own(&self, stream: &StreamId) -> Result<(), ServiceError> {
        let tenant = &self.0.tenant;
        if stream.tenant == *tenant {
            return Ok(());
        }
        let said = format!(
            "this process writes tenant {tenant} only, not {}: use one that is configured for it",
            stream.tenant
        );
        Err(ServiceError::new(ErrorKind::BadInput, said))
    }

    /// What is live: events with a cursor, and the newest frames.
    #[must_use]
    pub fn watch(&self) -> &Watch {
        &self.2
    }

    /// Ends what is live, for followers and viewers too.
    pub async fn close(&self) {
        self.2.close().await;
    }

    fn lane(&self, stream: &StreamId) -> Result<Lane, ServiceError> {
        let LocalParts { ingest, retention, max_cameras, .. } = &self.0;
        self.must_own(stream)?;
        if !ingest.has_lane(stream) && ingest.lanes() >= *max_cameras {
            let said = format!(
                "camera {} would be number {}: [http] max_cameras allows {max_cameras}",
                stream.camera,
                ingest.lanes() + 1
            );
            return Err(ServiceError::new(ErrorKind::Refused, said));
        }
        Ok(ingest.lane(stream, retention, None))
    }
}

impl LocalService {
    fn collecting(&self) -> Result<&Arc<Fleet>, ServiceError> {
        self.0.fleet.as_ref().ok_or_else(|| {
            let said = "this process collects no cameras: name the running `up` with --url";
            ServiceError::new(ErrorKind::BadInput, said)
        })
    }
}

#[async_trait]
impl Service for LocalService {
    fn place(&self) -> String {
        self.0.place.clone()
    }

    async fn push(
        &self,
        stream: &StreamId,
        at: Option<UnixNanos>,
        bytes: Bytes,
    ) -> Result<Pushed, ServiceError> {
        let time = at.map_or_else(|| PushTime::Live(self.0.clock.now()), PushTime::Exact);
        Ok(self.lane(stream)?.push(time, bytes).await?)
    }

    async fn get(&self, key: &FrameKey) -> Result<Option<Frame>, ServiceError> {
        Ok(self.0.query.get(key).await?)
    }

    async fn latest(
        &self,
        stream: &StreamId,
        count: usize,
        how: How,
    ) -> Result<Vec<FrameInfo>, ServiceError> {
        Ok(self.0.query.latest(stream, count, how).await?)
    }

    async fn latest_frame(
        &self,
        stream: &StreamId,
        via: Via,
    ) -> Result<Option<Frame>, ServiceError> {
        Ok(self.0.query.latest_frame(stream, via).await?)
    }

    async fn range(&self, request: &RangeRequest) -> Result<RangeAnswer, ServiceError> {
        Ok(self.0.query.range(request.clone()).await?)
    }

    async fn at(
        &self,
        stream: &StreamId,
        at: UnixNanos,
        within: Option<Duration>,
        via: Via,
    ) -> Result<Option<Nearest>, ServiceError> {
        Ok(self.0.query.at(stream, at, within, via).await?)
    }

    async fn timeline(&self, request: &TimelineRequest) -> Result<Vec<TimelineStep>, ServiceError> {
        let TimelineRequest { streams, window, step, how } = request.clone();
        Ok(self.0.query.timeline(streams, window, step, how).await?)
    }

    async fn cameras(&self, scope: &Scope, via: Via) -> Result<Vec<CameraSummary>, ServiceError> {
        Ok(self.0.query.cameras(scope, false, via).await?)
    }

    async fn stats(&self, scope: &Scope) -> Result<StatsAnswer, ServiceError> {
        Ok(self.0.query.stats(scope).await?)
    }

    async fn reindex(&self, scope: &Scope, dry_run: bool) -> Result<ReindexReport, ServiceError> {
        let selector = Selector {
            tenant: scope.tenant.clone(),
            prefix: scope.prefix.clone(),
            camera: scope.camera.clone(),
            window: TimeRange::ALL,
        };
        Ok(self.0.query.reindex(&selector, dry_run).await?)
    }

    async fn delete(
        &self,
        request: &DeleteRequest,
        dry_run: bool,
    ) -> Result<DeleteReport, ServiceError> {
        request.streams.iter().try_for_each(|stream| self.must_own(stream))?;
        Ok(self.0.query.delete(request.clone(), dry_run).await?)
    }

    async fn readiness(&self) -> Result<Readiness, ServiceError> {
        let parts = &self.0;
        let reasons: Vec<String> =
            self.store_trouble().await.into_iter().chain(self.bus_trouble()).collect();
        let down = parts.health.snapshot().into_iter();
        let down = down.filter(|camera| camera.state == SourceState::Inactive);
        Ok(Readiness {
            ready: reasons.is_empty(),
            store: parts.place.clone(),
            bus: parts.bus_place.clone(),
            reasons,
            warnings: parts.ingest.clock_trouble().into_iter().collect(),
            announcements_waiting: parts.ingest.announcements_waiting(),
            cameras_down: down
                .map(|camera| CameraDown { camera: camera.camera, error: camera.last_error })
                .collect(),
        })
    }

    async fn fleet(&self) -> Result<Vec<CameraView>, ServiceError> {
        Ok(self.collecting()?.cameras())
    }

    async fn order(
        &self,
        stream: &StreamId,
        order: CameraOrder,
    ) -> Result<Option<Ordered>, ServiceError> {
        let fleet = self.collecting()?;
        if fleet.stream(&stream.camera) != *stream {
            return Ok(None);
        }
        Ok(fleet.order(&stream.camera, order).await?)
    }

    async fn follow(&self) -> Result<BoxStream<'static, Followed>, ServiceError> {
        let (_, happenings) = self.2.follow(Interest::default(), None).await;
        Ok(happenings.map(|happening| happening.followed).boxed())
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::Unavailable(_) => ErrorKind::Unavailable,
            StoreError::Refused(_) | StoreError::Format(_) => ErrorKind::Refused,
        };
        Self::new(kind, error)
    }
}

impl From<QueryError> for ServiceError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Store(error) => error.into(),
            other => Self::new(ErrorKind::BadInput, other),
        }
    }
}

impl From<BusError> for ServiceError {
    fn from(error: BusError) -> Self {
        let kind = match error {
            BusError::Unavailable(_) => ErrorKind::Unavailable,
            BusError::Refused(_) => ErrorKind::Refused,
        };
        Self::new(kind, error)
    }
}

impl From<FleetError> for ServiceError {
    fn from(error: FleetError) -> Self {
        let kind = match &error {
            FleetError::Settings(_) | FleetError::Source { .. } | FleetError::Pushed(_) => {
                ErrorKind::BadInput
            }
            FleetError::Full { .. } => ErrorKind::Refused,
            FleetError::Stopping => ErrorKind::Unavailable,
            FleetError::Interrupted(_) => ErrorKind::Internal,
        };
        Self::new(kind, error)
    }
}

impl From<PushError> for ServiceError {
    fn from(error: PushError) -> Self {
        let kind = match &error {
            PushError::Jpeg(_)
            | PushError::Future(_)
            | PushError::Time(_)
            | PushError::Empty(_)
            | PushError::Expired(_)
            | PushError::OtherCamera { .. } => ErrorKind::BadInput,
            PushError::Taken(_) => ErrorKind::Refused,
            PushError::TooLarge { .. } => ErrorKind::TooLarge,
            PushError::Busy(_) | PushError::Stopping | PushError::Removed(_) => {
                ErrorKind::Unavailable
            }
            PushError::Store(StoreError::Unavailable(_)) => ErrorKind::Unavailable,
            PushError::Store(_) => ErrorKind::Refused,
        };
        Self::new(kind, error)
    }
}
