//! What lives in each family, summed from index records: exact, and no scan.
//!
//! One camera is read at a time, so memory follows the busiest camera and not the fleet.

use super::answer::{FamilyStats, Scope, StatsAnswer, Via};
use super::counts::Kind;
use super::pick::{Candidate, Need, Rules};
use super::sums::FamilySum;
use super::{Query, QueryError};
use crate::model::key::StreamId;
use crate::model::time::TimeRange;
use crate::store::FamilySeen;

impl Query {
    /// Sums over all live frames in `scope`, by family, and what the server says of itself.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn stats(&self, scope: &Scope) -> Result<StatsAnswer, QueryError> {
        let families = self.families(scope).await?;
        Ok(StatsAnswer { families, store: Some(self.store.info().await?) })
    }

    /// Sums over all live frames in `scope`, by family.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn families(&self, scope: &Scope) -> Result<Vec<FamilyStats>, QueryError> {
        self.counts.begin(Kind::Stats, Via::Index);
        let mut families = Vec::new();
        for family in self.store.families().await? {
            if scope.holds_family(&family.tenant, &family.prefix) {
                families.extend(self.family_stats(scope, family).await?);
            }
        }
        families.sort_by(|a, b| (&a.tenant, &a.prefix).cmp(&(&b.tenant, &b.prefix)));
        if families.is_empty() {
            self.counts.missed(Kind::Stats);
        }
        Ok(families)
    }

    async fn family_stats(
        &self,
        scope: &Scope,
        family: FamilySeen,
    ) -> Result<Option<FamilyStats>, QueryError> {
        let FamilySeen { tenant, prefix, .. } = family;
        let now = self.store.now().await?;
        let mut sum = FamilySum::default();
        let mut complete = true;
        for seen in self.store.cameras(&tenant, &prefix).await? {
            let (tenant, prefix) = (tenant.clone(), prefix.clone());
            let stream = StreamId { tenant, prefix, camera: seen.camera };
            if scope.contains(&stream) {
                let (frames, sure) = self.live_of(&stream).await?;
                complete &= sure;
                sum.add(&stream.camera, &frames, now);
            }
        }
        Ok(sum.finish(tenant, prefix, complete, now))
    }

    /// Every live frame that the index has of a camera, and whether it vouches for all.
    async fn live_of(&self, stream: &StreamId) -> Result<(Vec<Candidate>, bool), QueryError> {
        let answer = self.store.index(stream, TimeRange::ALL).await?;
        self.counts.met_dead(answer.dead);
        let read = |record| Candidate::of_record(0, record, Need::End);
        let candidates = answer.records.into_iter().filter_map(read).collect();
        let all = Rules {
            start: TimeRange::ALL.from(),
            every: None,
            reverse: false,
            room: None,
            after: None,
        };
        let streams = std::slice::from_ref(stream);
        let (live, _) = self.settle(streams, candidates, &all).await?;
        Ok((live, answer.unsure.is_empty()))
    }
}
