//! Frames of a window taken out of the store, batch by batch.
//!
//! What goes is what the walk over the window lists: a frame that arrives behind it stays. Each batch
//! is one transaction, so an error, or a caller that goes away, leaves whole frames only.

use super::answer::{DeleteReport, DeleteRequest, RangeRequest};
use super::counts::Kind;
use super::pick::Need;
use super::read::count;
use super::walk::Walk;
use super::{Query, QueryError};
use crate::model::key::FrameKey;
use crate::store::DELETE_MAX;

impl Query {
    /// Deletes frames and their index records, oldest first; with `dry_run` only says what it would
    /// delete. Holds no more than one slice of the window at a time.
    ///
    /// # Errors
    /// [`QueryError::Store`]; what was deleted until then is gone.
    pub async fn delete(
        &self,
        request: DeleteRequest,
        dry_run: bool,
    ) -> Result<DeleteReport, QueryError> {
        let DeleteRequest { streams, window, limit, via } = request;
        self.counts.begin(Kind::Delete, via);
        let range = RangeRequest { limit, how: via.into(), ..RangeRequest::new(streams, window) };
        let mut report = DeleteReport { dry_run, ..DeleteReport::default() };
        let outcome = match dry_run {
            true => self.would_delete(range, &mut report).await,
            false => self.delete_all(range, &mut report).await,
        };
        if report.frames == 0 {
            self.counts.missed(Kind::Delete);
        } else if !dry_run {
            self.counts.deleted_frames(report.frames);
            // An earlier scan would list them for some seconds more.
            self.sweeper.forget().await;
        }
        outcome.map(|()| report)
    }

    async fn would_delete(
        &self,
        range: RangeRequest,
        report: &mut DeleteReport,
    ) -> Result<(), QueryError> {
        let mut walk = Walk::open(self, range, Need::Size).await?;
        while let Some(page) = walk.next().await? {
            report.frames += count(page.len());
            report.bytes += page.iter().filter_map(|one| one.size).map(u64::from).sum::<u64>();
        }
        Ok(())
    }

    async fn delete_all(
        &self,
        range: RangeRequest,
        report: &mut DeleteReport,
    ) -> Result<(), QueryError> {
        let mut walk = Walk::open(self, range, Need::Key).await?;
        while let Some(page) = walk.next().await? {
            for batch in page.chunks(DELETE_MAX) {
                let keys: Vec<FrameKey> = batch.iter().map(|one| one.key(&walk.streams)).collect();
                let sizes = self.store.delete(&keys).await?;
                let gone = sizes.iter().flatten();
                report.frames += count(gone.clone().count());
                report.bytes += gone.map(|size| u64::from(*size)).sum::<u64>();
                report.dead += count(sizes.iter().filter(|size| size.is_none()).count());
            }
        }
        Ok(())
    }
}
