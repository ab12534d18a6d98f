//! Windows in pieces: page by page with a cursor, or as one stream that never holds the whole.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};

use super::answer::{RangeAnswer, RangeRequest};
use super::counts::Kind;
use super::page::{After, Cursor, CutAt, cut};
use super::pick::{Candidate, Need};
use super::walk::Walk;
use super::{Query, QueryError};
use crate::model::frame::FrameInfo;

/// Frames of one piece of a [`Query::listing`].
const PIECE: usize = 1000;

/// A page of a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RangePage {
    /// Its frames; the counts are of this page.
    pub answer: RangeAnswer,
    /// What gives the next page; `None` at the end.
    pub next: Option<Cursor>,
}

/// A piece of a window, in the order of [`Query::range`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// Up to a thousand frames.
    Frames(Vec<FrameInfo>),
    /// The end, with the counts of the whole and no frames. Without it the list is not complete.
    End(RangeAnswer),
}

impl Query {
    /// The first frames of a window, or those after a cursor: at most the request's limit, a thousand
    /// where it has none.
    ///
    /// # Errors
    /// As [`Query::range`].
    pub async fn page(
        &self,
        request: RangeRequest,
        cursor: Option<Cursor>,
    ) -> Result<RangePage, QueryError> {
        let limit = request.limit.unwrap_or(PIECE);
        // One more, to know whether there is one.
        let asked = RangeRequest { limit: Some(limit.saturating_add(1)), ..request.clone() };
        let mut walk = self.resume(asked, cursor.as_ref()).await?;
        let mut picked = Vec::new();
        while let Some(some) = walk.next().await? {
            picked.extend(some);
        }
        let end = cut(&picked, limit, &request);
        picked.truncate(end.keep);
        let after = |at| match (at, picked.last()) {
            (CutAt::Edge(edge), _) => Some(After::Instant(edge)),
            (CutAt::Last, Some(last)) => {
                Some(After::Frame(walk.streams[last.place()].clone(), last.at, last.suffix))
            }
            (CutAt::Last, None) => None,
        };
        let next = end.next.and_then(after).map(|after| Cursor::new(&request, after));
        let frames = self.infos(&walk.streams, &picked).await?;
        let Walk { dead, foreign, any_scan: scanned, .. } = walk;
        Ok(RangePage { answer: RangeAnswer { frames, dead, foreign, scanned }, next })
    }

    /// Every frame of a window, or those after a cursor, in pieces; holds one slice of the window at a
    /// time and reads the next one when it is asked for. An error ends the stream.
    pub fn listing(
        &self,
        request: RangeRequest,
        cursor: Option<Cursor>,
    ) -> BoxStream<'static, Result<Listed, QueryError>> {
        let query = self.clone();
        stream::try_unfold(Progress::Begin(Box::new((request, cursor))), move |progress| {
            let query = query.clone();
            async move { query.piece(progress).await }
        })
        .boxed()
    }

    async fn resume(
        &self,
        request: RangeRequest,
        cursor: Option<&Cursor>,
    ) -> Result<Walk, QueryError> {
        self.counts.begin(Kind::Range, request.how.via);
        let mut walk = Walk::open(self, request, Need::End).await?;
        if let Some(cursor) = cursor {
            walk.resume(cursor);
        }
        Ok(walk)
    }

    async fn piece(&self, progress: Progress) -> Result<Option<(Listed, Progress)>, QueryError> {
        let (mut walk, mut waiting) = match progress {
            Progress::Begin(asked) => {
                let walk = self.resume(asked.0, asked.1.as_ref()).await?;
                (Box::new(walk), VecDeque::new())
            }
            Progress::Under(walk, waiting) => (walk, waiting),
            Progress::Done => return Ok(None),
        };
        if waiting.is_empty() {
            waiting = walk.next().await?.unwrap_or_default().into();
        }
        if waiting.is_empty() {
            let (dead, foreign, scanned) = (walk.dead, walk.foreign, walk.any_scan);
            let end = RangeAnswer { frames: Vec::new(), dead, foreign, scanned };
            return Ok(Some((Listed::End(end), Progress::Done)));
        }
        let piece: Vec<Candidate> = waiting.drain(..PIECE.min(waiting.len())).collect();
        let frames = self.infos(&walk.streams, &piece).await?;
        Ok(Some((Listed::Frames(frames), Progress::Under(walk, waiting))))
    }
}

/// How far a listing came.
enum Progress {
    Begin(Box<(RangeRequest, Option<Cursor>)>),
    Under(Box<Walk>, VecDeque<Candidate>),
    Done,
}
