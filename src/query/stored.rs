//! Every frame of a window with its bytes and its life: what it takes to store it again elsewhere.
//!
//! The end is the one that the store keeps, to the millisecond: computed where a record tells it, asked
//! for where frames came late or were held. A frame that dies between being listed and being read is
//! told as lost, so that whoever copies can say that it is missing.

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::answer::{Copied, RangeRequest};
use super::counts::Kind;
use super::pick::{Candidate, Need};
use super::range::{BATCHES_IN_FLIGHT, batches};
use super::walk::Walk;
use super::{Fetched, Query, QueryError};
use crate::model::frame::{Frame, StoredFrame};
use crate::model::key::FrameKey;
use crate::model::time::{Ttl, UnixNanos};

/// A frame that was listed, and its life.
type Listed = (FrameKey, Option<Ttl>, Option<UnixNanos>);

impl Query {
    /// The frames of a window with bytes, lifetimes and exact ends, in the order of
    /// [`Query::range`]: fetched 16 at a time, two batches in flight, one slice of the window planned
    /// ahead. An error ends the stream.
    pub fn range_stored(
        &self,
        request: RangeRequest,
    ) -> BoxStream<'static, Result<Copied, QueryError>> {
        self.counts.begin(Kind::Range, request.how.via);
        let (query, fetching) = (self.clone(), self.clone());
        let pages = async move {
            let walk = Walk::open(&query, request, Need::End).await?;
            Ok::<_, QueryError>(stream::try_unfold(walk, next_page))
        };
        stream::once(pages)
            .try_flatten()
            .map_ok(|page| stream::iter(batches(page)).map(Ok))
            .try_flatten()
            .map_ok(move |batch| {
                let query = fetching.clone();
                async move { query.copy(batch).await }
            })
            .try_buffered(BATCHES_IN_FLIGHT)
            .map_ok(|copied| stream::iter(copied).map(Ok))
            .try_flatten()
            .boxed()
    }

    /// At most 16 frames, with their bytes where they live; counts the others as dead.
    async fn copy(&self, batch: Vec<Listed>) -> Result<Vec<Copied>, QueryError> {
        let keys = batch.iter().map(|(key, ..)| key.clone()).collect();
        let fetched = self.fetch_listed(keys).await?;
        let copied = |(fetched, (_, ttl, expires_at)): (Fetched, Listed)| match fetched.bytes {
            Some(bytes) => {
                let frame = Frame { key: fetched.key, bytes };
                Copied::Frame(StoredFrame { frame, ttl, expires_at })
            }
            None => Copied::Lost(fetched.key),
        };
        Ok(fetched.into_iter().zip(batch).map(copied).collect())
    }

    /// What time the store has: by it frames expire.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn store_now(&self) -> Result<UnixNanos, QueryError> {
        Ok(self.store.now().await?)
    }
}

async fn next_page(mut walk: Walk) -> Result<Option<(Vec<Listed>, Walk)>, QueryError> {
    let Some(page) = walk.next().await? else { return Ok(None) };
    let life = |one: &Candidate| (one.key(&walk.streams), one.ttl, one.expires_at);
    let listed = page.iter().map(life).collect();
    Ok(Some((listed, walk)))
}
