//! Which cameras there are, from the registries or, for frames of other programs, from a scan.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::answer::{CameraSummary, Scope, Via};
use super::counts::Kind;
use super::read::CAMERAS_IN_FLIGHT;
use super::{Query, QueryError};
use crate::model::key::StreamId;
use crate::model::time::{TimeRange, UnixNanos};
use crate::store::Selector;

impl Query {
    /// Every camera in `scope` that was ever written to, sorted; its frames may all have expired.
    /// With [`Via::Scan`] those that have a frame now; with [`Via::Auto`] a scan is made when the
    /// index knows none.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn streams(&self, scope: &Scope, via: Via) -> Result<Vec<StreamId>, QueryError> {
        Ok(self.seen(scope, via).await?.into_keys().collect())
    }

    /// The cameras in `scope` with their newest live frame, sorted. Cameras without a live frame
    /// are left out unless `silent`.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn cameras(
        &self,
        scope: &Scope,
        silent: bool,
        via: Via,
    ) -> Result<Vec<CameraSummary>, QueryError> {
        self.counts.begin(Kind::Cameras, via);
        let asked =
            self.seen(scope, via).await?.into_iter().map(|(stream, last_seen)| async move {
                let newest = self.latest(&stream, 1, via).await?.pop();
                Ok::<_, QueryError>(CameraSummary { stream, newest, last_seen })
            });
        let cameras = stream::iter(asked).buffered(CAMERAS_IN_FLIGHT);
        let wanted = |camera: &CameraSummary| silent || camera.newest.is_some();
        let cameras: Vec<CameraSummary> =
            cameras.try_filter(|camera| std::future::ready(wanted(camera))).try_collect().await?;
        if cameras.is_empty() {
            self.counts.missed(Kind::Cameras);
        }
        Ok(cameras)
    }

    async fn seen(
        &self,
        scope: &Scope,
        via: Via,
    ) -> Result<BTreeMap<StreamId, Option<UnixNanos>>, QueryError> {
        let mut seen = BTreeMap::new();
        if via != Via::Scan {
            for family in self.store.families().await? {
                if !scope.holds_family(&family.tenant, &family.prefix) {
                    continue;
                }
                for camera in self.store.cameras(&family.tenant, &family.prefix).await? {
                    let (tenant, prefix) = (family.tenant.clone(), family.prefix.clone());
                    let stream = StreamId { tenant, prefix, camera: camera.camera };
                    if scope.contains(&stream) {
                        seen.insert(stream, Some(camera.newest));
                    }
                }
            }
        }
        if via == Via::Scan || (via == Via::Auto && seen.is_empty()) {
            let Scope { tenant, prefix, camera } = scope.clone();
            let selector = Selector { tenant, prefix, camera, window: TimeRange::ALL };
            let answer = self.sweeper.scan(self.store.as_ref(), selector, &self.counts).await?;
            seen.extend(answer.keys.iter().map(|key| (key.stream().clone(), None)));
        }
        Ok(seen)
    }
}
