//! Replays of a running `up` elsewhere.

use async_trait::async_trait;
use reqwest::Method;

use super::{PATIENCE, RemoteService};
use crate::archive::replay::{Control, Manner, ReplayStatus, StartReplay, Times};
use crate::model::name::{ReplayId, Tenant};
use crate::model::time::TimeRange;
use crate::service::ServiceError;
use crate::service::replays::{ReplayList, ReplayOrder, Replays};

#[async_trait]
impl Replays for RemoteService {
    async fn start_replay(
        &self,
        start: &StartReplay,
        _: Option<&Tenant>,
    ) -> Result<ReplayStatus, ServiceError> {
        let request = self.http.post("/api/v1/replays").query(&query(start)).timeout(PATIENCE);
        self.http.json(request).await
    }

    async fn replays(&self, _: Option<&Tenant>) -> Result<ReplayList, ServiceError> {
        self.http.json(self.http.get("/api/v1/replays").timeout(PATIENCE)).await
    }

    async fn replay(
        &self,
        id: &ReplayId,
        order: ReplayOrder,
        _: Option<&Tenant>,
    ) -> Result<Option<ReplayStatus>, ServiceError> {
        let (method, rest, query) = match order {
            ReplayOrder::Show => (Method::GET, "", None),
            ReplayOrder::Stop => (Method::DELETE, "", None),
            ReplayOrder::Control(Control::Pause) => (Method::POST, "/pause", None),
            ReplayOrder::Control(Control::Resume) => (Method::POST, "/resume", None),
            ReplayOrder::Control(Control::Seek(to)) => {
                (Method::POST, "/seek", Some(("t", to.to_rfc3339())))
            }
            ReplayOrder::Control(Control::Speed(speed)) => {
                (Method::POST, "/speed", Some(("speed", speed.to_string())))
            }
        };
        let request = self.http.request(method, &format!("/api/v1/replays/{id}{rest}"));
        let query: Vec<_> = query.into_iter().collect();
        self.http.found(request.query(&query).timeout(PATIENCE)).await
    }
}

fn query(start: &StartReplay) -> Vec<(&'static str, String)> {
    let StartReplay { recording, manner, tenant, prefix, cameras } = start;
    let Manner { speed, window, cameras: selected, looped, times, ttl } = manner;
    let mut query = vec![("recording", recording.to_string()), ("speed", speed.to_string())];
    if *window != TimeRange::ALL {
        query.push(("from", window.from().to_rfc3339()));
        query.push(("to", window.to().to_rfc3339()));
    }
    query.extend(selected.iter().map(|camera| ("camera", camera.clone())));
    query.push(("loop", looped.to_string()));
    query
        .push(("times", if *times == Times::Original { "original" } else { "shifted" }.to_owned()));
    query.extend(ttl.map(|ttl| ("ttl", format!("{}s", ttl.as_secs()))));
    query.extend(tenant.as_ref().map(|tenant| ("tenant", tenant.to_string())));
    query.extend(prefix.as_ref().map(|prefix| ("prefix", prefix.to_string())));
    let renames: Vec<String> =
        cameras.iter().map(|one| format!("{}={}", one.from, one.to)).collect();
    if !renames.is_empty() {
        query.push(("as", renames.join(",")));
    }
    query
}
