//! Whole frames out of a running `up` and back into it, as recordings over HTTP.

use async_trait::async_trait;
use serde::Deserialize;

use super::{PATIENCE, RemoteService, range_query};
use crate::archive::format;
use crate::clock::Clock as _;
use crate::clock::SystemClock;
use crate::model::frame::StoredFrame;
use crate::query::RangeRequest;
use crate::service::transfer::{Exported, Restored, Transfer};
use crate::service::{ErrorKind, ServiceError};

#[derive(Deserialize)]
struct Answer {
    frames: Vec<Restored>,
}

#[async_trait]
impl Transfer for RemoteService {
    async fn export(&self, request: &RangeRequest) -> Result<Option<Exported>, ServiceError> {
        if request.streams.is_empty() {
            return Ok(None);
        }
        let mut query = range_query(request);
        query.retain(|(name, _)| !matches!(*name, "verify" | "reverse"));
        query.extend(request.limit.map(|limit| ("limit", limit.to_string())));
        self.http.download("/api/v1/export.mcap", &query).await
    }

    async fn restore(&self, frames: Vec<StoredFrame>) -> Result<Vec<Restored>, ServiceError> {
        let packed = format::pack(&frames, SystemClock.now());
        let body = packed.map_err(|error| ServiceError::new(ErrorKind::BadInput, error))?;
        let request = self.http.post("/api/v1/restore").timeout(PATIENCE).body(body);
        let Answer { frames: restored } = self.http.json(request).await?;
        let asked = frames.iter().map(|stored| &stored.frame.key);
        if !asked.eq(restored.iter().map(|one| &one.key)) {
            return Err(self.http.odd("it restored other frames than it was given"));
        }
        Ok(restored)
    }
}
