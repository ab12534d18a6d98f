//! How a running process does: the one answer behind the live page and whoever watches over it.
//!
//! Gathers what ingest, bus, store and cameras say of themselves; what is worth telling is decided in
//! `stats::alerts`. Whoever may see one tenant only gets that tenant's cameras, sums over these, and
//! nothing of the process.

mod answer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use self::answer::{BusStatus, CameraStatus, CountsShown, Status, StoreStatus};
use super::ServiceError;
use super::local::{LocalParts, LocalService};
use crate::collect::{CameraHealth, SourceState};
use crate::ingest::{QueueDepth, Waiting};
use crate::metrics::{Account, Counts};
use crate::model::key::StreamId;
use crate::model::name::{Prefix, Tenant};
use crate::model::time::UnixNanos;
use crate::query::Scope;
use crate::stats::alerts::{CameraFigures, ProcessFigures, alerts};
use crate::stats::{History, Observer};
use crate::store::StoreInfo;

/// Who asks, as far as the answer depends on it.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Whose frames are meant by default.
    pub tenant: Tenant,
    /// The family of the configured cameras.
    pub prefix: Prefix,
    /// Which cameras were asked for and may be seen.
    pub scope: Scope,
    /// Whether the process as a whole may be seen.
    pub whole: bool,
}

/// A camera of this process.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) stream: StreamId,
    /// `None` when it is not configured.
    health: Option<CameraHealth>,
    account: Option<Arc<Account>>,
    pub(super) waiting: Waiting,
}

impl LocalService {
    /// How this process does. Waits for a store that is away for about a second at most.
    ///
    /// # Errors
    /// None at present: what is away is part of the answer.
    pub async fn status(&self, viewer: &Viewer) -> Result<Status, ServiceError> {
        let (store_trouble, info) = tokio::join!(self.store_trouble(), self.observer().store());
        let (parts, observer) = (self.parts(), self.observer());
        let troubles = [store_trouble, self.bus_trouble()];
        let warnings: Vec<String> = parts.ingest.clock_trouble().into_iter().collect();
        let known = self.known_cameras(&viewer.prefix, &viewer.scope);
        let queues = parts.ingest.queues();
        let history = observer.history();
        let waits = |one: &Known| history.waiting_for(&one.stream, observer.elapsed());
        let waiting_for = known.iter().map(waits).max().unwrap_or_default();
        let of_cameras: Vec<CameraFigures> =
            known.iter().map(|one| camera_figures(one, &history)).collect();
        let waiting = known.iter().map(|one| one.waiting.records).sum();
        let process = viewer.whole.then(|| {
            let figures = process_figures(parts, observer, &history, &troubles, &info);
            ProcessFigures { waiting, waiting_for, ..figures }
        });
        let mut totals = Counts::default();
        known.iter().for_each(|one| totals.add(&one.counts()));
        let show = |one: Known| {
            let rate = history.rate_fps(&one.stream);
            let queue = queues.get(&one.stream).copied().unwrap_or_default();
            one.shown(rate, queue)
        };
        let seen = |said: Vec<String>| if viewer.whole { said } else { Vec::new() };
        Ok(Status {
            now: parts.clock.now(),
            version: env!("CARGO_PKG_VERSION"),
            tenant: viewer.tenant.clone(),
            prefix: viewer.prefix.clone(),
            ready: troubles.iter().all(Option::is_none),
            reasons: seen(troubles.into_iter().flatten().collect()),
            warnings: seen(warnings),
            store: viewer.whole.then(|| StoreStatus::of(parts.place.clone(), info.ok())),
            bus: BusStatus::of(&parts.bus_place, parts.bus.state(), viewer.whole),
            announcements_waiting: waiting,
            oldest_waiting_seconds: waiting_for.as_secs_f64(),
            alerts: alerts(&of_cameras, process.as_ref()),
            totals: totals.into(),
            cameras: known.into_iter().map(show).collect(),
        })
    }

    /// The cameras in `scope` that are configured, in their order, then those that were pushed to.
    pub(super) fn known_cameras(&self, prefix: &Prefix, scope: &Scope) -> Vec<Known> {
        let parts = self.parts();
        let mut accounts: BTreeMap<StreamId, Arc<Account>> =
            parts.metrics.accounts().into_iter().collect();
        let waiting: BTreeMap<StreamId, Waiting> = parts.ingest.waiting().into_iter().collect();
        let waits = |stream: &StreamId| waiting.get(stream).copied().unwrap_or_default();
        let mut known = Vec::new();
        for health in parts.health.snapshot() {
            let (tenant, prefix) = (parts.tenant.clone(), prefix.clone());
            let stream = StreamId { tenant, prefix, camera: health.camera.clone() };
            let (account, waiting) = (accounts.remove(&stream), waits(&stream));
            known.push(Known { stream, health: Some(health), account, waiting });
        }
        for (stream, account) in accounts {
            let waiting = waits(&stream);
            // One that was removed before it had a frame is not of those that were pushed to.
            if account.snapshot() != Counts::default() {
                known.push(Known { stream, health: None, account: Some(account), waiting });
            }
        }
        known.retain(|one| scope.contains(&one.stream));
        known
    }
}

impl Known {
    pub(super) fn counts(&self) -> Counts {
        self.account.as_ref().map(|account| account.snapshot()).unwrap_or_default()
    }

    pub(super) fn state(&self) -> SourceState {
        self.health.as_ref().map_or(SourceState::Push, |health| health.state)
    }

    /// When its newest stored frame was taken; before the first, its newest captured one.
    pub(super) fn newest(&self) -> Option<UnixNanos> {
        let stored = self.account.as_ref().and_then(|account| account.newest());
        stored.or_else(|| self.health.as_ref()?.last_frame)
    }

    fn shown(self, rate_fps: f64, queue: QueueDepth) -> CameraStatus {
        let (counts, state) = (self.counts(), self.state());
        let last_frame = self.newest();
        let StreamId { tenant, prefix, camera } = self.stream;
        let health = self.health;
        CameraStatus {
            tenant,
            prefix,
            camera,
            state,
            since: health.as_ref().and_then(|health| health.since),
            consecutive_failures: health.as_ref().map_or(0, |health| health.consecutive_failures),
            name: health.as_ref().map(|health| health.name.clone()).unwrap_or_default(),
            source: health.as_ref().map(|health| health.source.clone()).unwrap_or_default(),
            last_error: health.map(|health| health.last_error).unwrap_or_default(),
            last_frame,
            rate_fps,
            paused: state == SourceState::Paused,
            counts: counts.into(),
            queue,
        }
    }
}

fn camera_figures(one: &Known, history: &History) -> CameraFigures {
    let down = one.health.as_ref().filter(|health| health.state == SourceState::Inactive);
    CameraFigures {
        camera: one.stream.camera.clone(),
        down: down.map(|health| health.last_error.clone()),
        lost: history.lost(&one.stream),
    }
}

/// All but what waits to be announced.
fn process_figures(
    parts: &LocalParts,
    observer: &Observer,
    history: &History,
    [store_trouble, bus_trouble]: &[Option<String>; 2],
    info: &Result<StoreInfo, String>,
) -> ProcessFigures {
    let info = info.as_ref();
    let written = history.stored() > 0;
    ProcessFigures {
        store_trouble: store_trouble.clone().or_else(|| info.err().cloned()),
        bus_trouble: bus_trouble.clone(),
        clock_trouble: parts.ingest.clock_trouble(),
        waiting: 0,
        waiting_for: Duration::ZERO,
        embedded: info.is_ok_and(|info| info.backend == "embedded"),
        memory: info.ok().and_then(|info| Some((info.used_bytes, info.max_bytes?))),
        lookups: history.lookups(),
        connections: info.ok().and_then(|info| info.fact("connected_clients")?.parse().ok()),
        overdue: parts.metrics.expiry.overdue().filter(|_| written),
        endless: observer.endless(),
    }
}
