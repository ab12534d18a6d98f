//! What is restored keeps key, bytes and end, is counted and announced, and changes nothing twice.

use super::*;
use crate::model::frame::{Dimensions, Frame, StoredFrame};
use crate::store::FrameStat;

fn stored(ms: u64, seq: u32, bytes: Bytes, expires_at: Option<UnixNanos>) -> StoredFrame {
    let key = format!("t:frames:cam1:{}:{seq:05}", at(ms)).parse().unwrap();
    let ttl = Some(Ttl::from_secs(300).unwrap());
    StoredFrame { frame: Frame { key, bytes }, ttl, expires_at }
}

fn end(millis: u64) -> UnixNanos {
    UnixNanos::new((START / 1_000_000 + millis) * 1_000_000).unwrap()
}

#[tokio::test]
async fn what_is_restored_keeps_its_key_bytes_and_end_and_is_announced() {
    let rig = rig(IngestOptions::default());
    rig.clock.set(at(1_000_000));
    let mut events = rig.bus.subscribe().await.unwrap();
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    let jpeg = stored(0, 7, picture(1), Some(end(1_500_123)));
    let other = stored(0, 8, Bytes::from_static(b"no jpeg"), Some(end(9_999_999)));
    let plain = StoredFrame { ttl: None, expires_at: None, ..stored(1, 9, picture(2), None) };
    let ends = [end(1_500_123), end(9_999_999), at(1_060_000)];
    let seen = [
        Some(Dimensions { width: 16, height: 8 }),
        None,
        Some(Dimensions { width: 16, height: 8 }),
    ];
    for ((frame, end), dimensions) in [jpeg, other, plain].into_iter().zip(ends).zip(seen) {
        let key = frame.frame.key.clone();
        let pushed = lane.restore(frame.clone()).await.unwrap();
        assert_eq!(pushed, Pushed { key: key.clone(), again: false });
        let keys = std::slice::from_ref(&key);
        assert_eq!(rig.store.fetch(keys).await.unwrap(), [Some(frame.frame.bytes.clone())]);
        let size = u32::try_from(frame.frame.bytes.len()).unwrap();
        let stat = FrameStat { size, expires_at: Some(end) };
        assert_eq!(rig.store.stat(keys).await.unwrap(), [Some(stat)]);
        let Some(Event::Message { body, .. }) = events.next().await else { panic!("no event") };
        let announced = Announcement::from_json(&body).unwrap();
        assert_eq!((announced.key, announced.size, announced.dimensions), (key, size, dimensions));
    }
    rig.ingest.close().await;
    let counts = counts(&rig);
    assert_eq!((counts.captured, counts.stored, counts.announced, counts.pending()), (3, 3, 3, 0));
}

#[tokio::test]
async fn restoring_twice_is_restoring_once_and_other_bytes_are_refused() {
    let rig = rig(IngestOptions::default());
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    let frames = |shade| (0..40).map(move |n| stored(n, 1, picture(shade), Some(end(200_000 + n))));
    for again in [false, true] {
        let restoring = frames(1).map(|frame| lane.restore(frame));
        for pushed in futures_util::future::join_all(restoring).await {
            assert_eq!(pushed.unwrap().again, again);
        }
    }
    let taken = lane.restore(frames(2).next().unwrap()).await.unwrap_err();
    let said = format!(
        "t:frames:cam1:{}:00001 holds other bytes: delete it first, or restore under another camera \
         or prefix",
        at(0)
    );
    assert_eq!(taken.to_string(), said);
    let bucket = crate::model::bucket::Life::of(Ttl::from_secs(300).unwrap()).bucket(at(0));
    let records =
        crate::store::Outbox::tail(rig.store.as_ref(), &stream(), bucket, 0).await.unwrap();
    assert_eq!(records.len(), 40, "a repeat leaves no further record");
    rig.ingest.close().await;
    let counts = counts(&rig);
    assert_eq!((counts.captured, counts.stored, counts.announced), (81, 80, 40));
    assert_eq!(counts.drops().collect::<Vec<_>>(), [(DropReason::StoreError, 1)]);
}

#[tokio::test]
async fn what_cannot_be_restored_is_refused_with_a_reason() {
    let rig = rig(IngestOptions { max_frame_bytes: 5_000, ..IngestOptions::default() });
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    let other = "t:frames:cam2:1731024000123456789:00001".parse().unwrap();
    let other = Frame { key: other, bytes: picture(1) };
    let key = |ms| format!("t:frames:cam1:{}:00001", at(ms));
    for (frame, said) in [
        (
            stored(0, 1, Bytes::new(), None),
            format!("{} has no bytes: a frame has at least one", key(0)),
        ),
        (
            stored(0, 1, picture(1), Some(at(0))),
            format!("{} has expired: give it another lifetime", key(0)),
        ),
        (
            StoredFrame { frame: other, ttl: None, expires_at: None },
            "t:frames:cam2:1731024000123456789:00001 is no frame of t/frames/cam1".to_owned(),
        ),
        (
            stored(0, 1, Bytes::from(vec![1; 5_001]), None),
            "the pushed frame has 5001 bytes, more than the 5000 allowed (max_frame_bytes)"
                .to_owned(),
        ),
        (
            stored(10_001, 1, picture(1), None),
            format!(
                "the pushed time {} is over 10 s in the future: check the sender's clock",
                at(10_001).to_rfc3339()
            ),
        ),
    ] {
        assert_eq!(lane.restore(frame).await.unwrap_err().to_string(), said);
    }
    rig.ingest.close().await;
    assert_eq!((counts(&rig).captured, counts(&rig).rejected), (0, 5));
}

#[tokio::test]
async fn live_keys_go_on_behind_a_restored_one() {
    let rig = rig(IngestOptions::default());
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    lane.restore(stored(500, 41, picture(1), None)).await.unwrap();
    let live = lane.push(PushTime::Live(at(0)), picture(2)).await.unwrap().key;
    assert_eq!(live.to_string(), format!("t:frames:cam1:{}:00042", at(500).next()));
    rig.ingest.close().await;
}

#[tokio::test]
async fn a_full_queue_is_waited_for() {
    let options = IngestOptions { queue_frames: 2, ..IngestOptions::default() };
    let rig = rig(options);
    let lane = rig.ingest.lane(&stream(), &retention(), None);
    let restoring = (0..100).map(|n| lane.restore(stored(n, 1, picture(1), None)));
    let outcomes = futures_util::future::join_all(restoring).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    rig.ingest.close().await;
    assert_eq!(counts(&rig).stored, 100);
}
