//! Frames one by one with key, time and bytes, the same from a file and from a live range.

use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};

use super::read::{Recording, Select};
use super::{ArchiveError, Naming};
use crate::model::frame::StoredFrame;
use crate::query::{Copied, Query, RangeRequest};

/// The frames of a recording by time, under the keys that `naming` gives them. In bounded memory.
///
/// An error about one frame or a damaged part is told in its place, and the stream goes on behind it.
///
/// # Errors
/// [`ArchiveError::Naming`]: the recording's channels cannot be named so.
pub fn frames_of(
    recording: &Recording,
    select: &Select,
    naming: &Naming,
) -> Result<BoxStream<'static, Result<StoredFrame, ArchiveError>>, ArchiveError> {
    let names = naming.settle(&recording.channels_of(select))?;
    let entries = recording.entries(select);
    Ok(entries.map(move |entry| entry.and_then(|entry| names.frame(entry))).boxed())
}

/// The frames of a live range by time, as [`frames_of`] gives those of a file. In bounded memory; what
/// dies between being listed and being read is left out. An error ends the stream.
///
/// ```
/// use std::time::Duration;
/// use framecache::archive::frames_live;
/// use framecache::model::time::TimeRange;
/// use framecache::query::RangeRequest;
/// use framecache::testing::{FrozenCache, jpeg};
/// use futures_util::TryStreamExt;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let cache = FrozenCache::at("2024-11-08T00:00:00Z", Duration::from_secs(60));
/// let key = cache.push("cam1", jpeg(64, 48)).await;
///
/// let request = RangeRequest::new(vec![key.stream().clone()], TimeRange::ALL);
/// let frames: Vec<_> = frames_live(&cache.query, request).try_collect().await.unwrap();
/// assert_eq!(frames[0].frame.key, key);
/// # });
/// ```
#[must_use]
pub fn frames_live(
    query: &Query,
    request: RangeRequest,
) -> BoxStream<'static, Result<StoredFrame, ArchiveError>> {
    let frames = query.range_stored(request).err_into();
    let live = frames.try_filter_map(|copied| async {
        Ok(match copied {
            Copied::Frame(stored) => Some(stored),
            Copied::Lost(_) => None,
        })
    });
    live.boxed()
}
