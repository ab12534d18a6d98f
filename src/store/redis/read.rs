//! Reading: the index of a window in one round trip, and frames by key.
//!
//! The lives of a camera change rarely, so the buckets that the lives known from last time ask for
//! go out in the same pipeline as the question for the lives; what turns out to be missing is read
//! in a second one. Dead records are told by the server's own clock, read in the same pipeline.
//! Records flagged `ask` are confirmed by asking for the length of their frame.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use redis::{Pipeline, RedisError, cmd, pipe};

use super::connect::{Lane, Link};
use super::keys::{self, StreamKeys};
use super::server;
use super::window::{self, Trust};
use crate::model::bucket::{Bucket, FoundRecord, Life, select_live};
use crate::model::key::{FrameKey, StreamId, check_time};
use crate::model::time::{NANOS_PER_SEC, TimeRange, UnixNanos};
use crate::store::{FrameStat, IndexAnswer, StoreError};

/// Keys that one pipeline asks for.
const ASK_SLICE: usize = 512;
/// Cameras whose lives are remembered; then all are forgotten.
const LIVES_MAX: usize = 10_000;
/// The widest bucket: how far before a window a listed bucket may begin that reaches into it.
const WIDEST_SECS: u64 = 86_400;

type Buckets = Vec<(Bucket, Option<Bytes>)>;

/// Reads index and frames.
#[derive(Debug)]
pub(super) struct Reader {
    lane: Lane,
    lives: Mutex<HashMap<StreamId, Vec<Life>>>,
}

/// What the first round trip of a window tells.
struct Opening {
    now: UnixNanos,
    lives: Vec<Life>,
    listed: Vec<Bucket>,
    buckets: Vec<Option<Bytes>>,
}

/// What was read of a window.
struct Found {
    now: UnixNanos,
    lives: Vec<Life>,
    read: Buckets,
}

impl Reader {
    pub(super) fn new(lane: Lane) -> Self {
        Self { lane, lives: Mutex::default() }
    }

    pub(super) async fn link(&self) -> Result<Link<'_>, StoreError> {
        self.lane.link().await
    }

    pub(super) async fn index(
        &self,
        stream: &StreamId,
        window: TimeRange,
    ) -> Result<IndexAnswer, StoreError> {
        let mut link = self.link().await?;
        let known = self.lane.shared().server.known(&link);
        let Found { now, lives, read } =
            self.buckets(&mut link, stream, window, known.now()).await?;
        let trust = Trust { may_lose_buckets: known.may_lose_buckets(), started: known.started() };
        let (found, unsure) = window::digest(&read, &lives, window, now, trust);
        let (records, dead) = select_live(found, window, now);
        let (records, gone) = confirm(&mut link, stream, records).await?;
        Ok(IndexAnswer { records, dead: dead + gone, unsure })
    }

    /// Every bucket that can hold live frames of the window.
    async fn buckets(
        &self,
        link: &mut Link<'_>,
        stream: &StreamId,
        window: TimeRange,
        estimate: UnixNanos,
    ) -> Result<Found, StoreError> {
        let keys = StreamKeys::new(stream);
        let guessed = self.guess(stream);
        let wanted = window::of_lives(&guessed, window, estimate);
        let mut slices = window::slices(&wanted).into_iter();
        let first = slices.next().unwrap_or_default();
        let opening = open(link, &keys, window, estimate, first).await?;
        let mut read: Buckets = first.iter().copied().zip(opening.buckets).collect();
        for slice in slices {
            read_slice(link, &keys, slice, &mut read).await?;
        }
        self.remember(stream, &guessed, &opening.lives);
        let mut wanted = window::of_lives(&opening.lives, window, opening.now);
        wanted.extend(window::of_list(&opening.listed, window));
        for slice in window::slices(&window::missing(wanted, &read)) {
            read_slice(link, &keys, slice, &mut read).await?;
        }
        Ok(Found { now: opening.now, lives: opening.lives, read })
    }

    /// The buckets that can hold records of live frames of the window, as far as they are there.
    pub(super) async fn buckets_of(
        &self,
        stream: &StreamId,
        window: TimeRange,
    ) -> Result<Vec<(Bucket, Bytes)>, StoreError> {
        let mut link = self.link().await?;
        let now = self.server_time(&link);
        let found = self.buckets(&mut link, stream, window, now).await?;
        let there = found.read.into_iter().filter_map(|(bucket, bytes)| Some((bucket, bytes?)));
        Ok(there.collect())
    }

    /// The server's time, as this process knows it.
    pub(super) fn server_time(&self, link: &Link<'_>) -> UnixNanos {
        self.lane.shared().server.known(link).now()
    }

    pub(super) fn guess(&self, stream: &StreamId) -> Vec<Life> {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        lives.get(stream).cloned().unwrap_or_default()
    }

    pub(super) fn remember(&self, stream: &StreamId, guessed: &[Life], fresh: &[Life]) {
        if guessed != fresh {
            let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
            if lives.len() >= LIVES_MAX {
                lives.clear();
            }
            lives.insert(stream.clone(), fresh.to_vec());
        }
    }

    pub(super) async fn fetch(
        &self,
        frames: &[FrameKey],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let mut mget = cmd("MGET");
        mget.arg(frames.iter().map(FrameKey::to_string).collect::<Vec<_>>());
        self.link().await?.run(&mget).await
    }

    pub(super) async fn stat(
        &self,
        frames: &[FrameKey],
    ) -> Result<Vec<Option<FrameStat>>, StoreError> {
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = pipe();
        ask.ignore_errors();
        for key in frames.iter().map(FrameKey::to_string) {
            ask.cmd("STRLEN").arg(&key).cmd("PEXPIRETIME").arg(&key);
        }
        let answers: Vec<Result<i64, RedisError>> = self.link().await?.pipe(&ask).await?;
        Ok(answers.chunks_exact(2).map(|pair| stat_of(&pair[0], &pair[1])).collect())
    }
}

/// Nothing, or nothing that is a string, is no frame.
fn stat_of(length: &Result<i64, RedisError>, end: &Result<i64, RedisError>) -> Option<FrameStat> {
    let size = u32::try_from(*length.as_ref().ok()?).ok().filter(|size| *size > 0)?;
    let end = *end.as_ref().ok()?;
    if end == -2 {
        return None;
    }
    let millis = u64::try_from(end).ok();
    let expires_at = millis.and_then(|ms| UnixNanos::new(ms.checked_mul(1_000_000)?));
    Some(FrameStat { size, expires_at })
}

/// The server's time, lives, listed buckets and the buckets of the first slice, in one round trip.
async fn open(
    link: &mut Link<'_>,
    keys: &StreamKeys,
    window: TimeRange,
    estimate: UnixNanos,
    first: &[Bucket],
) -> Result<Opening, StoreError> {
    let mut ask = pipe();
    let oldest = (estimate.get() / NANOS_PER_SEC).saturating_sub(1);
    let from = (window.from().get() / NANOS_PER_SEC).saturating_sub(WIDEST_SECS);
    let to = window.to().get() / NANOS_PER_SEC;
    ask.cmd("TIME");
    ask.cmd("ZRANGEBYSCORE").arg(keys.lives()).arg(oldest).arg("+inf");
    ask.cmd("ZRANGEBYSCORE").arg(keys.late()).arg(from).arg(to);
    type Told = ((u64, u64), Vec<String>, Vec<String>);
    let ((time, lives, listed), buckets): (Told, _) = if first.is_empty() {
        (link.pipe(&ask).await?, Vec::new())
    } else {
        push_mget(&mut ask, keys, first);
        let (time, lives, listed, buckets) = link.pipe(&ask).await?;
        ((time, lives, listed), buckets)
    };
    Ok(Opening {
        now: server::time_of(time),
        lives: lives.iter().filter_map(|text| keys::parse_life(text)).collect(),
        listed: listed.iter().filter_map(|text| keys::parse_bucket(text)).collect(),
        buckets,
    })
}

async fn read_slice(
    link: &mut Link<'_>,
    keys: &StreamKeys,
    slice: &[Bucket],
    read: &mut Buckets,
) -> Result<(), StoreError> {
    let mut ask = pipe();
    push_mget(&mut ask, keys, slice);
    let (bytes,): (Vec<Option<Bytes>>,) = link.pipe(&ask).await?;
    read.extend(slice.iter().copied().zip(bytes));
    Ok(())
}

fn push_mget(ask: &mut Pipeline, keys: &StreamKeys, buckets: &[Bucket]) {
    ask.cmd("MGET").arg(buckets.iter().map(|bucket| keys.bucket(*bucket)).collect::<Vec<_>>());
}

/// Asks Redis for the frames of `ask` records: those that are gone are dropped and counted, the
/// others get the size that they have.
async fn confirm(
    link: &mut Link<'_>,
    stream: &StreamId,
    records: Vec<FoundRecord>,
) -> Result<(Vec<FoundRecord>, u64), StoreError> {
    let mut live = records;
    live.retain(|one| check_time(one.record.at).is_ok());
    let asked: Vec<String> = live
        .iter()
        .filter(|one| one.record.ask)
        .filter_map(|one| one.record.key(stream).ok())
        .map(|key| key.to_string())
        .collect();
    let mut sizes = Vec::with_capacity(asked.len());
    for slice in asked.chunks(ASK_SLICE) {
        sizes.extend(lengths(link, slice).await?);
    }
    let (all, mut sizes) = (live.len(), sizes.into_iter());
    live.retain_mut(|one| {
        if one.record.ask {
            one.record.size = sizes.next().flatten();
        }
        !one.record.ask || one.record.size.is_some()
    });
    let gone = u64::try_from(all - live.len()).unwrap_or(u64::MAX);
    Ok((live, gone))
}

/// The length of each key; `None` where there is no string.
pub(super) async fn lengths(
    link: &mut Link<'_>,
    keys: &[String],
) -> Result<Vec<Option<u32>>, StoreError> {
    let mut ask = pipe();
    ask.ignore_errors();
    for key in keys {
        ask.cmd("STRLEN").arg(key);
    }
    let answers: Vec<Result<u32, RedisError>> = link.pipe(&ask).await?;
    Ok(answers.into_iter().map(|answer| answer.ok().filter(|size| *size > 0)).collect())
}
