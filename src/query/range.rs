//! Every frame of a window, with or without bytes, and single frames by key.

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::answer::{Fetched, RangeAnswer, RangeRequest, Via};
use super::counts::Kind;
use super::pick::Need;
use super::walk::Walk;
use super::{Query, QueryError};
use crate::model::frame::Frame;
use crate::model::key::FrameKey;
use crate::store::FETCH_MAX;

/// Batches of frames in flight: one being read while the next one is on its way.
pub(super) const BATCHES_IN_FLIGHT: usize = 2;

impl Query {
    /// The frames of a window, without bytes, merged across cameras. One round trip for a window of
    /// minutes. The answer is as long as what lives in the window, unless a limit is given.
    ///
    /// # Errors
    /// [`QueryError::Store`]; [`QueryError::EmptyStep`] for `every` of no length.
    pub async fn range(&self, request: RangeRequest) -> Result<RangeAnswer, QueryError> {
        self.counts.begin(Kind::Range, request.how.via);
        let mut walk = Walk::open(self, request, Need::End).await?;
        let mut picked = Vec::new();
        while let Some(page) = walk.next().await? {
            picked.extend(page);
        }
        if picked.is_empty() {
            self.counts.missed(Kind::Range);
        }
        let frames = self.infos(&walk.streams, &picked).await?;
        let Walk { dead, foreign, any_scan, .. } = walk;
        Ok(RangeAnswer { frames, dead, foreign, scanned: any_scan })
    }

    /// The keys of a window in the order of [`Query::range`], page by page: never more than one
    /// slice of the window at a time. With `every` or `limit` those that live are counted.
    pub fn range_keys(
        &self,
        request: RangeRequest,
    ) -> BoxStream<'static, Result<Vec<FrameKey>, QueryError>> {
        self.counts.begin(Kind::Range, request.how.via);
        let picks = request.every.is_some() || request.limit.is_some();
        let need = if picks { Need::Size } else { Need::Key };
        let query = self.clone();
        let pages = async move {
            let walk = Walk::open(&query, request, need).await?;
            Ok::<_, QueryError>(stream::try_unfold(walk, |mut walk| async move {
                let page = walk.next().await?;
                Ok(page.map(|page| {
                    let keys = page.iter().map(|one| one.key(&walk.streams)).collect();
                    (keys, walk)
                }))
            }))
        };
        stream::once(pages).try_flatten().boxed()
    }

    /// The frames of a window with their bytes, in the order of [`Query::range`]: fetched 16 at a
    /// time, two batches in flight, one slice of the window planned ahead.
    ///
    /// Frames that die meanwhile are left out and counted, so it may yield fewer than the limit.
    /// An error ends the stream.
    pub fn range_frames(
        &self,
        request: RangeRequest,
    ) -> BoxStream<'static, Result<Frame, QueryError>> {
        live(self.range_fetched(request))
    }

    /// As [`Query::range_frames`], with the keys of those that died meanwhile in their places.
    pub fn range_fetched(
        &self,
        request: RangeRequest,
    ) -> BoxStream<'static, Result<Fetched, QueryError>> {
        self.fetch_pages(self.range_keys(request))
    }

    /// The frames under these keys, in their order; those that do not live are left out and
    /// counted. Fetched 16 at a time, two batches in flight. An error ends the stream.
    pub fn frames(&self, keys: Vec<FrameKey>) -> BoxStream<'static, Result<Frame, QueryError>> {
        live(self.fetch_pages(stream::once(async move { Ok(keys) }).boxed()))
    }

    fn fetch_pages(
        &self,
        pages: BoxStream<'static, Result<Vec<FrameKey>, QueryError>>,
    ) -> BoxStream<'static, Result<Fetched, QueryError>> {
        let query = self.clone();
        pages
            .map_ok(|keys| stream::iter(batches(keys)).map(Ok))
            .try_flatten()
            .map_ok(move |batch| {
                let query = query.clone();
                async move { query.fetch_listed(batch).await }
            })
            .try_buffered(BATCHES_IN_FLIGHT)
            .map_ok(|frames| stream::iter(frames).map(Ok))
            .try_flatten()
            .boxed()
    }

    /// One frame by its key; `None` when it does not live.
    ///
    /// # Errors
    /// [`QueryError::Store`].
    pub async fn get(&self, key: &FrameKey) -> Result<Option<Frame>, QueryError> {
        self.counts.begin(Kind::Get, Via::Index);
        let bytes = self.store.fetch(std::slice::from_ref(key)).await?.pop().flatten();
        if bytes.is_none() {
            self.counts.missed(Kind::Get);
        }
        Ok(bytes.map(|bytes| Frame { key: key.clone(), bytes }))
    }
}

/// Leaves out what died.
fn live(
    fetched: BoxStream<'static, Result<Fetched, QueryError>>,
) -> BoxStream<'static, Result<Frame, QueryError>> {
    fetched.try_filter_map(|one| async move { Ok(one.frame()) }).boxed()
}

/// Cuts a page into batches, one at a time.
pub(super) fn batches<T>(page: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rest = page.into_iter();
    std::iter::from_fn(move || {
        let batch: Vec<T> = rest.by_ref().take(FETCH_MAX).collect();
        (!batch.is_empty()).then_some(batch)
    })
}
