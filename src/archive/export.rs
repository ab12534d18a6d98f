//! A range of keys as a recording, while it is read: frames out of a store, bytes of a file out.
//!
//! The file is written as the client takes it. In memory are one chunk, two batches of frames and the
//! index that the file will end with, some hundred bytes for each MiB. Frames that die before they are
//! read are counted in the last metadata record. An error ends the stream in the middle, so that what
//! was sent is no whole file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::ArchiveError;
use super::format::{About, Ending, SnapshotWriter};
use crate::model::frame::StoredFrame;
use crate::model::time::UnixNanos;
use crate::query::{Copied, Query, QueryError, RangeRequest};

/// The bytes of a file, as they are made.
pub type Exported = BoxStream<'static, Result<Bytes, ArchiveError>>;

/// A recording of what a request asks for, in the order of its times; `None` when nothing lives there.
/// `facts` go into its first metadata record, beside those of the query.
///
/// # Errors
/// [`ArchiveError::Query`]: the store failed before the first frame was read.
pub async fn export(
    query: &Query,
    request: &RangeRequest,
    facts: BTreeMap<String, String>,
) -> Result<Option<Exported>, ArchiveError> {
    let request = RangeRequest { reverse: false, ..request.clone() };
    let captured_at = query.store_now().await?;
    let began = Instant::now();
    let mut frames = query.range_stored(request.clone());
    let mut lost = 0;
    let first = loop {
        match frames.try_next().await? {
            None => return Ok(None),
            Some(Copied::Lost(_)) => lost += 1,
            Some(Copied::Frame(first)) => break first,
        }
    };
    let facts = queried(&request).into_iter().chain(facts).collect();
    let mut writer = SnapshotWriter::begin(&About { window: request.window, captured_at, facts })?;
    writer.add(&first, captured_at)?;
    let copying = Copying { frames, writer, lost, captured_at, began };
    Ok(Some(stream::try_unfold(Some(copying), step).boxed()))
}

/// What was asked, by name.
fn queried(request: &RangeRequest) -> BTreeMap<String, String> {
    let RangeRequest { streams, every, limit, how, .. } = request;
    let listed: Vec<String> = streams.iter().map(ToString::to_string).collect();
    let tenants: BTreeSet<_> = streams.iter().map(|stream| &stream.tenant).collect();
    let prefixes: BTreeSet<_> = streams.iter().map(|stream| &stream.prefix).collect();
    let mut facts = BTreeMap::new();
    let mut fact = |name: &str, value: String| facts.insert(name.to_owned(), value);
    fact("cameras", listed.join(","));
    fact("via", how.via.label().to_owned());
    if let ([tenant], [prefix]) = (
        &tenants.into_iter().collect::<Vec<_>>()[..],
        &prefixes.into_iter().collect::<Vec<_>>()[..],
    ) {
        fact("tenant", tenant.to_string());
        fact("prefix", prefix.to_string());
    }
    if let Some(every) = every {
        fact("every_ns", every.as_nanos().to_string());
    }
    if let Some(limit) = limit {
        fact("limit", limit.to_string());
    }
    facts
}

/// A file that is being written.
struct Copying {
    frames: BoxStream<'static, Result<Copied, QueryError>>,
    writer: SnapshotWriter,
    lost: u64,
    /// The store's time when it was begun.
    captured_at: UnixNanos,
    began: Instant,
}

impl Copying {
    fn add(&mut self, stored: &StoredFrame) -> Result<Bytes, ArchiveError> {
        self.writer.add(stored, self.captured_at.plus(self.began.elapsed()))?;
        Ok(self.writer.written())
    }
}

/// The next bytes of the file: a chunk, at its end its index.
async fn step(copying: Option<Copying>) -> Result<Option<(Bytes, Option<Copying>)>, ArchiveError> {
    let Some(mut copying) = copying else { return Ok(None) };
    loop {
        let bytes = match copying.frames.try_next().await? {
            Some(Copied::Lost(_)) => {
                copying.lost += 1;
                continue;
            }
            Some(Copied::Frame(stored)) => copying.add(&stored)?,
            None => {
                let ending = Ending { lost: copying.lost, facts: BTreeMap::new() };
                copying.writer.finish(&ending)?;
                return Ok(Some((copying.writer.written(), None)));
            }
        };
        if !bytes.is_empty() {
            return Ok(Some((bytes, Some(copying))));
        }
    }
}
