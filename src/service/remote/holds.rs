//! Holds of a running `up` elsewhere.

use async_trait::async_trait;

use super::{PATIENCE, RemoteService, WRITE_PATIENCE, duration_text, scope_query};
use crate::hold::{HoldList, HoldOrder, HoldReport, Released};
use crate::model::name::HoldId;
use crate::model::time::UnixNanos;
use crate::query::Scope;
use crate::service::{Holds, ServiceError};

#[async_trait]
impl Holds for RemoteService {
    async fn hold(&self, order: &HoldOrder) -> Result<HoldReport, ServiceError> {
        let HoldOrder { stream, window, keep, note, dry_run } = order;
        let to = Some(window.to()).filter(|to| *to < UnixNanos::MAX);
        let to = to.map_or_else(|| "all".to_owned(), UnixNanos::to_rfc3339);
        let query = [
            ("camera", stream.to_string()),
            ("from", window.from().to_rfc3339()),
            ("to", to),
            ("for", duration_text(*keep)),
            ("note", note.clone()),
            ("dry_run", dry_run.to_string()),
        ];
        self.http.json(self.http.post("/api/v1/holds").query(&query).timeout(WRITE_PATIENCE)).await
    }

    async fn holds(&self, scope: &Scope) -> Result<HoldList, ServiceError> {
        let request = self.http.get("/api/v1/holds").query(&scope_query(scope));
        self.http.json(request.timeout(PATIENCE)).await
    }

    async fn release(&self, id: &HoldId, scope: &Scope) -> Result<Option<Released>, ServiceError> {
        let request = self.http.delete(&format!("/api/v1/holds/{id}")).query(&scope_query(scope));
        self.http.found(request.timeout(WRITE_PATIENCE)).await
    }
}
