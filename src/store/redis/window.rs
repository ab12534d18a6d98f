//! Which buckets a window needs, and what their bytes say: the pure half of reading the index.
//!
//! A life is worth reading only where its frames can still be alive, bucket by bucket; listed
//! buckets are read wherever they lie. Where a wide life (600 s buckets) and the window have very
//! many buckets in common, only listed ones are read: all of a wide life are. A bucket that is not
//! understood, or that may be missing for another reason than that nothing was written, makes its
//! span unsure: the caller scans it.

use std::collections::HashSet;

use bytes::Bytes;

use crate::model::bucket::{Bucket, FoundRecord, Life, decode_bucket};
use crate::model::time::{TimeRange, UnixNanos};

/// Buckets of one MGET: a few megabytes at 30 frames a second, whatever their width.
const SLICE_WEIGHT: usize = 512;
/// A wide bucket holds 60 times as much as a narrow one, but is mostly read where frames are rare.
const WIDE_WEIGHT: usize = 8;

/// With more buckets than this in a window, a wide life is read by its list alone.
const TRIED_MAX: u64 = 1024;

/// Whether every bucket of this life is listed.
pub(super) fn is_wide(life: Life) -> bool {
    life.width.as_secs() > 10
}

/// Whether this life is read by its list alone.
fn by_list(life: Life, horizon: TimeRange) -> bool {
    let span = horizon.to().since(horizon.from()).as_secs();
    is_wide(life) && span / u64::from(life.width.as_secs()) > TRIED_MAX
}

/// The buckets of these lives that are tried because frames of `window` can be alive in them.
pub(super) fn of_lives(lives: &[Life], window: TimeRange, now: UnixNanos) -> Vec<Bucket> {
    let horizons = lives.iter().filter_map(|life| Some((*life, life.horizon(window, now)?)));
    let tried = horizons.filter(|(life, horizon)| !by_list(*life, *horizon));
    tried.flat_map(|(life, horizon)| life.buckets(horizon)).collect()
}

/// The spans in which late frames with these lives can have come in `window` and still be alive.
pub(super) fn of_arrivals(lives: &[Life], window: TimeRange, now: UnixNanos) -> Vec<Bucket> {
    let horizons = lives.iter().filter_map(|life| Some((*life, life.horizon(window, now)?)));
    horizons.flat_map(|(life, horizon)| life.buckets(horizon)).collect()
}

/// Those of `listed` that overlap the window.
pub(super) fn of_list(listed: &[Bucket], window: TimeRange) -> Vec<Bucket> {
    let overlaps = |bucket: &Bucket| bucket.window().is_some_and(|span| meets(span, window));
    listed.iter().copied().filter(overlaps).collect()
}

fn meets(span: TimeRange, window: TimeRange) -> bool {
    span.intersect(window).is_some()
}

/// What of `wanted` has not been read, each once.
pub(super) fn missing(
    wanted: impl IntoIterator<Item = Bucket>,
    read: &[(Bucket, Option<Bytes>)],
) -> Vec<Bucket> {
    let mut done: HashSet<Bucket> = read.iter().map(|(bucket, _)| *bucket).collect();
    wanted.into_iter().filter(|bucket| done.insert(*bucket)).collect()
}

/// Cuts a list of buckets into what one MGET may ask for.
pub(super) fn slices(buckets: &[Bucket]) -> Vec<&[Bucket]> {
    let mut rest = buckets;
    let mut slices = Vec::new();
    while !rest.is_empty() {
        let mut weight = 0;
        let fits = rest.iter().take_while(|bucket| {
            weight += if is_wide(bucket.life) { WIDE_WEIGHT } else { 1 };
            weight <= SLICE_WEIGHT
        });
        let (slice, more) = rest.split_at(fits.count().max(1));
        slices.push(slice);
        rest = more;
    }
    slices
}

/// How far an absent bucket can be trusted to have been empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trust {
    /// Buckets may have been evicted before their frames.
    pub(super) may_lose_buckets: bool,
    /// When the server started, where it tells: buckets of before may have been lost with a restart.
    pub(super) started: Option<UnixNanos>,
}

impl Trust {
    /// The part of `window` where an absent bucket of this life may have held frames that live: not
    /// in the future, not dead, and not where buckets cannot have been lost.
    fn doubtful(self, life: Life, window: TimeRange, now: UnixNanos) -> Option<TimeRange> {
        let until = if self.may_lose_buckets { now.next() } else { self.started? };
        TimeRange::new(now.minus(life.ttl.as_duration()), until).ok()?.intersect(window)
    }
}

/// The records of the buckets that were read, and the spans that the index cannot vouch for.
pub(super) fn digest(
    read: &[(Bucket, Option<Bytes>)],
    lives: &[Life],
    window: TimeRange,
    now: UnixNanos,
    trust: Trust,
) -> (Vec<FoundRecord>, Vec<TimeRange>) {
    let (mut found, mut unsure) = (Vec::new(), Vec::new());
    for life in lives {
        let by_list = life.horizon(window, now).is_some_and(|horizon| by_list(*life, horizon));
        let doubtful = trust.doubtful(*life, window, now).filter(|_| by_list);
        unsure.extend(doubtful.into_iter().flat_map(|span| gaps_of_list(*life, read, span)));
    }
    for (bucket, bytes) in read {
        let ttl = bucket.life.ttl;
        match bytes.as_deref().map(decode_bucket) {
            Some(Ok(records)) => {
                found.extend(records.into_iter().map(|record| FoundRecord { record, ttl }));
            }
            Some(Err(error)) => {
                tracing::warn!(?bucket, %error, "a bucket of the index is not understood");
                unsure.extend(bucket.window().and_then(|span| span.intersect(window)));
            }
            None => {
                let doubtful = trust.doubtful(bucket.life, window, now);
                unsure.extend(doubtful.and_then(|span| bucket.window()?.intersect(span)));
            }
        }
    }
    (found, merge(unsure))
}

/// What of `span` lies between the buckets of a life that is read by its list alone.
fn gaps_of_list(life: Life, read: &[(Bucket, Option<Bytes>)], span: TimeRange) -> Vec<TimeRange> {
    let present = read.iter().filter(|(bucket, bytes)| bucket.life == life && bytes.is_some());
    let mut covered: Vec<TimeRange> = present.filter_map(|(bucket, _)| bucket.window()).collect();
    covered.sort_unstable_by_key(|bucket| bucket.from());
    let (mut gaps, mut from) = (Vec::new(), span.from());
    for bucket in covered {
        gaps.extend(TimeRange::new(from, bucket.from().min(span.to())).ok());
        from = from.max(bucket.to());
    }
    gaps.extend(TimeRange::new(from, span.to()).ok());
    gaps
}

/// Sorted spans, those that touch made one.
fn merge(mut spans: Vec<TimeRange>) -> Vec<TimeRange> {
    spans.sort_unstable_by_key(|span| (span.from(), span.to()));
    let mut merged: Vec<TimeRange> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.from() <= last.to() => {
                let to = last.to().max(span.to());
                *last = TimeRange::new(last.from(), to).unwrap_or(*last);
            }
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Ttl;

    const START: u64 = 1_731_024_000;
    const TRUSTED: Trust = Trust { may_lose_buckets: false, started: None };

    fn at(secs: u64) -> UnixNanos {
        UnixNanos::new((START + secs) * 1_000_000_000).unwrap()
    }

    fn span(from: u64, to: u64) -> TimeRange {
        TimeRange::new(at(from), at(to)).unwrap()
    }

    fn life(secs: u64) -> Life {
        Life::of(Ttl::from_secs(secs).unwrap())
    }

    #[test]
    fn only_buckets_that_can_hold_live_frames_are_wanted() {
        let lives = [life(60), life(86_400)];
        let wanted = of_lives(&lives, span(0, 4000), at(4000));
        let narrow = wanted.iter().filter(|bucket| bucket.life == lives[0]).count();
        assert_eq!((narrow, wanted.len() - narrow), (7, 7));
        assert_eq!(of_lives(&lives, TimeRange::ALL, at(4000)).len(), 8 + 146);
        let late = [life(60).bucket(at(0)), life(60).bucket(at(10))];
        assert_eq!(of_list(&late, span(10, 20)), [late[1]]);
    }

    #[test]
    fn buckets_are_asked_for_once_and_in_slices() {
        let narrow: Vec<Bucket> = life(3600).buckets(span(0, 6000)).collect();
        assert_eq!(slices(&narrow).iter().map(|s| s.len()).collect::<Vec<_>>(), [512, 88]);
        let wide: Vec<Bucket> = life(86_400).buckets(span(0, 60_000)).collect();
        assert_eq!(slices(&wide).iter().map(|s| s.len()).collect::<Vec<_>>(), [64, 36]);
        assert!(slices(&[]).is_empty());
        let read = [(narrow[0], None)];
        assert_eq!(missing([narrow[0], narrow[1], narrow[1]], &read), [narrow[1]]);
    }

    #[test]
    fn absent_buckets_are_unsure_only_where_they_may_have_been_lost() {
        let life = life(60);
        let read: Vec<_> = life.buckets(span(0, 120)).map(|bucket| (bucket, None)).collect();
        let unsure = |trust| digest(&read, &[life], span(5, 120), at(100), trust).1;
        let alive = TimeRange::new(at(40), at(100).next()).unwrap();
        assert_eq!(unsure(TRUSTED), []);
        assert_eq!(unsure(Trust { may_lose_buckets: true, ..TRUSTED }), [alive]);
        let restarted = |secs| unsure(Trust { started: Some(at(secs)), ..TRUSTED });
        assert_eq!(restarted(70), [span(40, 70)]);
        assert_eq!(restarted(40), []);
    }

    #[test]
    fn a_life_of_years_is_read_by_its_list_and_what_lies_between_may_be_unsure() {
        let year = life(365 * 86_400);
        let now = at(1_000_000);
        assert_eq!(of_lives(&[year], TimeRange::ALL, now), []);
        assert_eq!(of_lives(&[year], span(0, 6000), now).len(), 10);

        let read = [(year.bucket(at(6000)), Some(Bytes::new())), (year.bucket(at(600)), None)];
        let unsure = |trust| digest(&read, &[year], span(0, 900_000), now, trust).1;
        assert_eq!(unsure(TRUSTED), []);
        let careful = Trust { may_lose_buckets: true, ..TRUSTED };
        assert_eq!(unsure(careful), [span(0, 6000), span(6600, 900_000)]);
    }

    #[test]
    fn a_bucket_that_is_not_understood_makes_its_span_unsure() {
        let odd = Some(Bytes::from_static(b"odd"));
        let read = [(life(60).bucket(at(10)), odd.clone()), (life(60).bucket(at(20)), odd)];
        let (found, unsure) = digest(&read, &[life(60)], span(12, 100), at(25), TRUSTED);
        assert_eq!((found, unsure), (vec![], vec![span(12, 30)]));
    }
}
