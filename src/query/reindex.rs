//! Frames of other programs, or of a lost index, put into the index so that lookups find them.

use std::collections::{BTreeMap, HashSet};

use super::answer::ReindexReport;
use super::read::count;
use super::{Query, QueryError};
use crate::model::key::{FrameKey, StreamId, Suffix};
use crate::model::time::{TimeRange, UnixNanos};
use crate::store::Selector;

/// Keys that are handed to the store at once.
const BATCH: usize = 1000;

impl Query {
    /// Scans for `selector`, now and afresh, and adds to the index what it does not list; with
    /// `dry_run` only counts. Repeats are harmless. A frame that dies meanwhile is not counted as
    /// indexed.
    ///
    /// # Errors
    /// [`QueryError::Store`]; what was indexed until then stays.
    pub async fn reindex(
        &self,
        selector: &Selector,
        dry_run: bool,
    ) -> Result<ReindexReport, QueryError> {
        let answer = self.sweeper.scan_now(self.store.as_ref(), selector, &self.counts).await?;
        let mut report = ReindexReport {
            found: count(answer.keys.len()),
            foreign: answer.foreign,
            ..ReindexReport::default()
        };
        let mut by_stream: BTreeMap<StreamId, Vec<FrameKey>> = BTreeMap::new();
        for key in answer.keys {
            by_stream.entry(key.stream().clone()).or_default().push(key);
        }
        for (stream, mut keys) in by_stream {
            let known = self.known(&stream, selector.window).await?;
            let found = keys.len();
            keys.retain(|key| !known.contains(&(key.at(), key.suffix())));
            report.known += count(found - keys.len());
            if dry_run {
                report.indexed += count(keys.len());
                continue;
            }
            for batch in keys.chunks(BATCH) {
                report.indexed += self.store.reindex(batch).await?;
            }
        }
        Ok(report)
    }

    async fn known(
        &self,
        stream: &StreamId,
        window: TimeRange,
    ) -> Result<HashSet<(UnixNanos, Suffix)>, QueryError> {
        let answer = self.store.index(stream, window).await?;
        Ok(answer.records.iter().map(|one| (one.record.at, one.record.suffix)).collect())
    }
}
