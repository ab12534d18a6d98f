//! Late frames by when they came: the notes that a writer leaves beside their records.
//!
//! As for a window of the index, the spans that the lives known from last time ask for go out in the
//! same pipeline as the question for the lives, so asking for the last seconds is one round trip.

use bytes::Bytes;
use redis::{Pipeline, pipe};

use super::connect::Link;
use super::keys::{self, StreamKeys};
use super::read::Reader;
use super::window;
use crate::model::arrival::{Arrival, decode_arrivals};
use crate::model::bucket::{Bucket, FoundRecord, Life};
use crate::model::key::StreamId;
use crate::model::time::{NANOS_PER_SEC, TimeRange, UnixNanos};
use crate::store::StoreError;

type Spans = Vec<(Bucket, Option<Bytes>)>;

impl Reader {
    /// The late frames of a camera that came in `window`, in order of arrival.
    pub(super) async fn arrived(
        &self,
        stream: &StreamId,
        window: TimeRange,
    ) -> Result<Vec<FoundRecord>, StoreError> {
        let mut link = self.link().await?;
        let now = self.server_time(&link);
        let keys = StreamKeys::new(stream);
        let guessed = self.guess(stream);
        let wanted = window::of_arrivals(&guessed, window, now);
        let mut slices = window::slices(&wanted).into_iter();
        let first = slices.next().unwrap_or_default();
        let (lives, mut read) = open(&mut link, &keys, now, first).await?;
        self.remember(stream, &guessed, &lives);
        for slice in slices {
            read_slice(&mut link, &keys, slice, &mut read).await?;
        }
        let wanted = window::of_arrivals(&lives, window, now);
        for slice in window::slices(&window::missing(wanted, &read)) {
            read_slice(&mut link, &keys, slice, &mut read).await?;
        }
        Ok(told(&read, window))
    }
}

/// The lives of the camera and the notes of the first spans, in one round trip.
async fn open(
    link: &mut Link<'_>,
    keys: &StreamKeys,
    now: UnixNanos,
    first: &[Bucket],
) -> Result<(Vec<Life>, Spans), StoreError> {
    let mut ask = pipe();
    let oldest = (now.get() / NANOS_PER_SEC).saturating_sub(1);
    ask.cmd("ZRANGEBYSCORE").arg(keys.lives()).arg(oldest).arg("+inf");
    let (lives, notes): (Vec<String>, Vec<Option<Bytes>>) = if first.is_empty() {
        let (lives,) = link.pipe(&ask).await?;
        (lives, Vec::new())
    } else {
        push_mget(&mut ask, keys, first);
        link.pipe(&ask).await?
    };
    let lives = lives.iter().filter_map(|text| keys::parse_life(text)).collect();
    Ok((lives, first.iter().copied().zip(notes).collect()))
}

async fn read_slice(
    link: &mut Link<'_>,
    keys: &StreamKeys,
    slice: &[Bucket],
    read: &mut Spans,
) -> Result<(), StoreError> {
    let mut ask = pipe();
    push_mget(&mut ask, keys, slice);
    let (notes,): (Vec<Option<Bytes>>,) = link.pipe(&ask).await?;
    read.extend(slice.iter().copied().zip(notes));
    Ok(())
}

fn push_mget(ask: &mut Pipeline, keys: &StreamKeys, spans: &[Bucket]) {
    ask.cmd("MGET").arg(spans.iter().map(|span| keys.arrived(*span)).collect::<Vec<_>>());
}

/// What the notes say of `window`, in order of arrival.
fn told(read: &Spans, window: TimeRange) -> Vec<FoundRecord> {
    let notes = read.iter().flat_map(|(span, notes)| {
        let notes = decode_arrivals(notes.as_deref().unwrap_or_default());
        notes.map(|note| (note, span.life.ttl))
    });
    let mut came: Vec<(Arrival, _)> = notes.filter(|(note, _)| window.contains(note.at)).collect();
    came.sort_by_key(|(note, _)| note.at);
    came.into_iter().map(|(note, ttl)| FoundRecord { record: note.record, ttl }).collect()
}
