//! Recordings of a running `up`, by its HTTP API.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;

use super::{PATIENCE, RemoteService};
use crate::archive::read::Info;
use crate::archive::record::{MaybeNamed, Order, Phase, Status};
use crate::model::recording::RecordingName;
use crate::service::ServiceError;
use crate::service::recordings::Recordings;

/// How long a recording may be read for its description.
const READING: Duration = Duration::from_secs(600);

const PATH: &str = "/api/v1/recordings";

#[derive(Deserialize)]
struct Listed {
    recordings: Vec<Status>,
}

impl RemoteService {
    /// Asks something of one recording.
    async fn of(
        &self,
        method: Method,
        name: &RecordingName,
        rest: &str,
    ) -> Result<Vec<Status>, ServiceError> {
        let request = self.http.request(method, &format!("{PATH}/{name}{rest}")).timeout(PATIENCE);
        let found: Option<Status> = self.http.found(request).await?;
        Ok(found.into_iter().collect())
    }

    async fn list(&self) -> Result<Vec<Status>, ServiceError> {
        let listed: Listed = self.http.json(self.get(PATH, &Vec::new())).await?;
        Ok(listed.recordings)
    }

    /// Closes one recording that was left open, or all.
    async fn recover(&self, which: &MaybeNamed) -> Result<Vec<Status>, ServiceError> {
        let names: Vec<RecordingName> = match &which.name {
            Some(name) => vec![name.clone()],
            None => {
                let failed = self.list().await?.into_iter();
                failed.filter(|one| one.state == Phase::Failed).map(|one| one.name).collect()
            }
        };
        let mut recovered = Vec::new();
        for name in names {
            recovered.extend(self.of(Method::POST, &name, "/recover").await?);
        }
        Ok(recovered)
    }
}

#[async_trait]
impl Recordings for RemoteService {
    async fn record(&self, order: &Order) -> Result<Vec<Status>, ServiceError> {
        match order {
            Order::Start(start) => {
                let request = self.http.post(PATH).timeout(PATIENCE).json(start);
                Ok(vec![self.http.json(request).await?])
            }
            Order::Stop(one) => self.of(Method::POST, &one.name, "/stop").await,
            Order::Pause(one) => self.of(Method::POST, &one.name, "/pause").await,
            Order::Resume(one) => self.of(Method::POST, &one.name, "/resume").await,
            Order::Status(one) => self.of(Method::GET, &one.name, "").await,
            Order::Delete(one) => self.of(Method::DELETE, &one.name, "").await,
            Order::List => self.list().await,
            Order::Recover(which) => self.recover(which).await,
        }
    }

    async fn contents(&self, name: &RecordingName) -> Result<Option<Info>, ServiceError> {
        let request = self.http.request(Method::GET, &format!("{PATH}/{name}/info"));
        self.http.found(request.timeout(READING)).await
    }
}
