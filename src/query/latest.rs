//! The newest frames of a camera: from now backwards until a live one is found.
//!
//! Normally two round trips, one for the newest buckets and one for the frame. A camera that has
//! been silent costs one more, for when it was last seen.

use super::answer::{How, RangeRequest, Via};
use super::counts::Kind;
use super::pick::{Candidate, Need};
use super::plan;
use super::walk::Walk;
use super::{Query, QueryError};
use crate::model::frame::{Frame, FrameInfo};
use crate::model::key::StreamId;
use crate::model::time::TimeRange;

impl Query {
    /// The `n` newest live frames of a camera, newest first, without bytes. Fewer when fewer live.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn latest(
        &self,
        stream: &StreamId,
        n: usize,
        how: impl Into<How>,
    ) -> Result<Vec<FrameInfo>, QueryError> {
        let how = how.into();
        self.counts.begin(Kind::Latest, how.via);
        let mut back = WalkBack::open(self, stream, Some(n), how, Need::End).await?;
        let mut picked = Vec::new();
        while let Some(page) = back.next().await? {
            picked.extend(page);
        }
        if picked.is_empty() {
            self.counts.missed(Kind::Latest);
        }
        self.infos(&back.walk.streams, &picked).await
    }

    /// The newest live frame of a camera with its bytes; steps back over frames that are gone.
    /// `None` when none lives.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn latest_frame(
        &self,
        stream: &StreamId,
        via: Via,
    ) -> Result<Option<Frame>, QueryError> {
        self.counts.begin(Kind::Latest, via);
        let mut back = WalkBack::open(self, stream, None, via.into(), Need::Key).await?;
        while let Some(page) = back.next().await? {
            if let Some(frame) = self.first_live(&back.walk.streams, &page).await? {
                return Ok(Some(frame));
            }
        }
        self.counts.missed(Kind::Latest);
        Ok(None)
    }
}

/// A walk that looks at the last seconds first, and only then asks where else to look.
struct WalkBack {
    walk: Walk,
    via: Via,
    only_recent: bool,
    any: bool,
}

impl WalkBack {
    async fn open(
        query: &Query,
        stream: &StreamId,
        limit: Option<usize>,
        how: How,
        need: Need,
    ) -> Result<Self, QueryError> {
        let via = if how.via == Via::Scan { Via::Scan } else { Via::Index };
        let mut request = RangeRequest::new(vec![stream.clone()], TimeRange::ALL);
        (request.limit, request.reverse, request.how) = (limit, true, How { via, ..how });
        let mut walk = Walk::open(query, request, need).await?;
        let only_recent = via == Via::Index;
        if only_recent {
            walk.slices = [plan::newest_first(query.clock.now())].into();
        }
        Ok(Self { walk, via: how.via, only_recent, any: false })
    }

    async fn next(&mut self) -> Result<Option<Vec<Candidate>>, QueryError> {
        let mut page = self.walk.next().await?;
        if page.is_none() && !self.walk.is_full() && std::mem::take(&mut self.only_recent) {
            self.look_further().await?;
            page = self.walk.next().await?;
        }
        self.any |= page.is_some();
        Ok(page)
    }

    async fn look_further(&mut self) -> Result<(), QueryError> {
        let query = self.walk.query.clone();
        match query.store.last_seen(&self.walk.streams[0]).await? {
            Some(seen) => self.walk.slices = plan::walk_back(query.clock.now(), seen).into(),
            None if self.via == Via::Auto && !self.any => self.walk.scan_all().await?,
            None => {}
        }
        Ok(())
    }
}
