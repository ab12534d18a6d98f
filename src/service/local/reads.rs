//! What only the HTTP API asks: pages, listings, drawn windows, one side of an instant, tenants.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::LocalService;
use crate::model::key::{FrameKey, StreamId};
use crate::query::{
    AtRequest, Cursor, Density, DensityRequest, Listed, Nearest, RangePage, RangeRequest, Scope,
    TenantStats, by_tenant,
};
use crate::service::ServiceError;

impl LocalService {
    /// A page of a window: at most the request's limit, from `cursor` on.
    ///
    /// # Errors
    /// As [`crate::service::Service::range`].
    pub async fn page(
        &self,
        request: RangeRequest,
        cursor: Option<Cursor>,
    ) -> Result<RangePage, ServiceError> {
        Ok(self.0.query.page(request, cursor).await?)
    }

    /// A whole window in pieces. An error ends the stream.
    pub fn listing(
        &self,
        request: RangeRequest,
        cursor: Option<Cursor>,
    ) -> BoxStream<'static, Result<Listed, ServiceError>> {
        let pieces = self.0.query.listing(request, cursor);
        pieces.map(|piece| piece.map_err(ServiceError::from)).boxed()
    }

    /// The frame near an instant, on one side of it if so asked.
    ///
    /// # Errors
    /// As [`crate::service::Service::at`].
    pub async fn nearest(
        &self,
        stream: &StreamId,
        asked: &AtRequest,
    ) -> Result<Option<Nearest>, ServiceError> {
        Ok(self.0.query.nearest(stream, asked).await?)
    }

    /// Whether the frame under this key, which does not live, has expired.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn is_gone(&self, key: &FrameKey) -> Result<bool, ServiceError> {
        Ok(self.0.query.is_gone(key).await?)
    }

    /// A window drawn: how much lies where, and where nothing does.
    ///
    /// # Errors
    /// As [`crate::service::Service::timeline`].
    pub async fn density(&self, request: DensityRequest) -> Result<Density, ServiceError> {
        Ok(self.0.query.density(request).await?)
    }

    /// What each tenant in `scope` has.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn tenants(&self, scope: &Scope) -> Result<Vec<TenantStats>, ServiceError> {
        Ok(by_tenant(self.0.query.families(scope).await?))
    }
}
