//! Index answers equal scan answers equal a naive filter, for whatever was written.
//!
//! Frames nanoseconds apart, equal times with different sequence numbers, out of order, late,
//! repeated, taken, of several lifetimes, some of them dead, deleted or held by the time of the question.

use std::collections::BTreeMap;
use std::time::Duration;

use framecache::model::key::{FrameKey, StreamId};
use framecache::model::time::UnixNanos;
use framecache::store::{Put, Selector};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{SEC, Subject, frame, key, keys_of, span, stream};

/// One frame: camera, nanoseconds or a longer way from the anchor, sequence, lifetime, content.
#[derive(Debug, Clone)]
struct Write {
    camera: usize,
    back: u64,
    seq: u32,
    secs: u64,
    content: u8,
}

const BACKS: [u64; 8] =
    [0, 1, 2, 1_000_000, 999_999_999, 11_000_000_000, 700_000_000_000, 40_000_000_000_000];

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let one = (0..2usize, prop::sample::select(&BACKS[..]), 1..4u32, 0..4usize, 0..2u8);
    let one = one.prop_map(|(camera, back, seq, life, content)| {
        let secs = [1, 20, 3600, 86_400][life];
        Write { camera, back, seq, secs, content }
    });
    prop::collection::vec(one, 1..40)
}

/// Windows between two of the written times, from just before to just after.
fn windows() -> impl Strategy<Value = Vec<(usize, usize, u64, u64)>> {
    prop::collection::vec((0..BACKS.len(), 0..BACKS.len(), 0..3u64, 0..3u64), 1..6)
}

/// Which of the frames are deleted or held, by their place among all.
fn deleted() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..6)
}

/// All of one case, for a tenant of its own.
struct Case {
    tenant: String,
    writes: Vec<Write>,
    windows: Vec<(usize, usize, u64, u64)>,
    deleted: Vec<prop::sample::Index>,
    held: Vec<prop::sample::Index>,
}

#[test]
fn index_equals_scan_equals_a_naive_filter_on_memory() {
    check(&Subject::memory(), 64);
}

#[test]
fn index_equals_scan_equals_a_naive_filter_on_redis() {
    check(&Subject::redis(), 8);
}

fn check(subject: &Subject, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let tenants = std::cell::Cell::new(0);
    runner
        .run(&(writes(), windows(), deleted(), deleted()), |(writes, windows, deleted, held)| {
            tenants.set(tenants.get() + 1);
            let tenant = format!("tenant{}", tenants.get());
            let case = Case { tenant, writes, windows, deleted, held };
            runtime.block_on(one_case(subject, &case));
            Ok(())
        })
        .unwrap();
}

async fn one_case(subject: &Subject, Case { tenant, writes, windows, deleted, held }: &Case) {
    let cameras = ["cam1", "cam10"].map(|camera| stream(tenant, "frames", camera));
    let anchor = subject.now().await;
    let mut truth: BTreeMap<FrameKey, (u8, u64)> = BTreeMap::new();
    for batch in writes.chunks(7) {
        let frames: Vec<_> = batch
            .iter()
            .map(|one| {
                let at = anchor.minus(Duration::from_nanos(one.back));
                frame(&key(&cameras[one.camera], at, one.seq), &[one.content], one.secs)
            })
            .collect();
        let outcomes = subject.store.put(&frames).await;
        for ((one, frame), outcome) in batch.iter().zip(&frames).zip(outcomes) {
            note(&mut truth, &frame.key, one, outcome.unwrap());
        }
    }
    delete(subject, &mut truth, deleted).await;
    hold(subject, &mut truth, held).await;
    let written = subject.now().await;
    subject.wait_until(written.plus(SEC + Duration::from_millis(5))).await;
    truth.retain(|_, (_, secs)| *secs > 1);
    for camera in &cameras {
        for window in windows {
            compare(subject, camera, anchor, &truth, *window).await;
        }
        compare(subject, camera, anchor, &truth, (BACKS.len() - 1, 0, 9, 9)).await;
    }
}

/// Deletes some frames at once; one of a second may have ended before.
async fn delete(
    subject: &Subject,
    truth: &mut BTreeMap<FrameKey, (u8, u64)>,
    deleted: &[prop::sample::Index],
) {
    let all: Vec<FrameKey> = truth.keys().cloned().collect();
    let mut doomed: Vec<FrameKey> = deleted.iter().map(|one| one.get(&all).clone()).collect();
    doomed.sort();
    doomed.dedup();
    let sizes = subject.store.delete(&doomed).await.unwrap();
    for (key, size) in doomed.iter().zip(sizes) {
        let (_, secs) = truth.remove(key).unwrap();
        assert!(size == Some(1) || secs == 1 && size.is_none(), "{key}: {size:?}");
    }
}

/// Lets some frames live for an hour at least; one of a second may have ended before.
async fn hold(
    subject: &Subject,
    truth: &mut BTreeMap<FrameKey, (u8, u64)>,
    held: &[prop::sample::Index],
) {
    let all: Vec<FrameKey> = truth.keys().cloned().collect();
    let until = subject.now().await.plus(SEC * 3600);
    for key in held.iter().filter(|_| !all.is_empty()).map(|one| one.get(&all)) {
        let told = subject.holds.lengthen(std::slice::from_ref(key), until).await.unwrap();
        let (_, secs) = truth.get_mut(key).unwrap();
        if told[0].is_some() {
            *secs = 3600.max(*secs);
        } else {
            assert_eq!(*secs, 1, "{key}");
        }
    }
}

/// Holds the outcome of one write against what is known to lie there. A frame of one second may have
/// ended in between.
fn note(truth: &mut BTreeMap<FrameKey, (u8, u64)>, key: &FrameKey, one: &Write, outcome: Put) {
    match (truth.get(key).copied(), outcome) {
        (None | Some((_, 1)), Put::Stored { again: false, .. }) => {
            truth.insert(key.clone(), (one.content, one.secs));
        }
        (Some((content, _)), Put::Stored { again: true, .. }) => assert_eq!(content, one.content),
        (Some((content, _)), Put::Taken) => assert_ne!(content, one.content),
        other => panic!("{key}: {other:?}"),
    }
}

async fn compare(
    subject: &Subject,
    camera: &StreamId,
    anchor: UnixNanos,
    truth: &BTreeMap<FrameKey, (u8, u64)>,
    (a, b, before, after): (usize, usize, u64, u64),
) {
    let (a, b) = (BACKS[a].max(BACKS[b]), BACKS[a].min(BACKS[b]));
    let from = anchor.minus(Duration::from_nanos(a + before));
    let to = anchor.minus(Duration::from_nanos(b)).plus(Duration::from_nanos(after + 1));
    let window = span(from, to);
    let expected: Vec<FrameKey> = truth
        .keys()
        .filter(|key| key.stream() == camera && window.contains(key.at()))
        .cloned()
        .collect();
    let indexed = subject.index(camera, window).await;
    assert_eq!(keys_of(camera, &indexed.records), expected);
    assert!(indexed.records.iter().all(|one| one.record.size == Some(1)), "{indexed:?}");
    let scanned = subject.store.scan(&Selector::stream(camera, window)).await.unwrap();
    assert_eq!((scanned.keys, scanned.foreign), (expected, 0));
}
