//! Exactly the frames between start and stop, in one file or in many.

use std::time::Duration;

use framecache::archive::record::{Order, Phase, Why};
use framecache::model::time::TimeRange;

use super::*;

/// Pushes frames of two cameras, each some milliseconds, until the future is done.
async fn under_load<T>(rig: &Rig, work: impl Future<Output = T>) -> T {
    let pushing = async {
        for number in 0.. {
            rig.push("cam1", None, picture(number % 200)).await;
            rig.push("cam2", None, picture(number % 200 + 1)).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = pushing => unreachable!("pushing has no end"),
        done = work => done,
    }
}

#[tokio::test]
async fn start_and_stop_under_load_record_exactly_what_lies_between() {
    let rig = Rig::start("");
    let status = under_load(&rig, async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        rig.begin(start("live")).await;
        rig.until("live", |status| status.frames >= Some(200)).await;
        rig.stop_recording("live").await
    })
    .await;
    assert_eq!((status.reason, status.lost), (Some(Why::Stopped), 0));
    let window = TimeRange::new(status.from.unwrap(), status.to.unwrap()).unwrap();
    let expected = rig.stored(&["cam1", "cam2"], window).await;
    assert!(expected.len() >= 200);
    assert_eq!(rig.recorded(&status).await, expected);
    assert_eq!(status.frames, Some(expected.len() as u64));
}

#[tokio::test]
async fn a_start_in_the_past_records_what_the_store_still_has() {
    let rig = Rig::start("");
    let now = framecache::clock::Clock::now(&framecache::clock::SystemClock);
    for number in 0..100_u16 {
        let at = now.minus(Duration::from_millis(u64::from(number) * 500 + 300));
        rig.push("cam1", Some(at), picture(number)).await;
    }
    let order = Start { from: Some("-30s".to_owned()), ..start("past") };
    rig.begin(order).await;
    rig.push("cam1", None, picture(1)).await;
    let status = rig.stop_recording("past").await;
    let window = TimeRange::new(status.from.unwrap(), status.to.unwrap()).unwrap();
    let expected = rig.stored(&["cam1"], window).await;
    assert!((58..=61).contains(&expected.len()), "{}", expected.len());
    assert_eq!(rig.recorded(&status).await, expected);
}

#[tokio::test]
async fn frames_that_come_late_are_recorded_once() {
    let rig = Rig::start("");
    let order = Start { from: Some("-60s".to_owned()), ..start("late") };
    let begun = rig.begin(order).await.started_at.unwrap();
    rig.push("cam1", None, picture(1)).await;
    rig.until("late", |status| status.frames == Some(1)).await;
    for secs in [40, 20, 90, 3] {
        rig.push("cam1", Some(begun.minus(Duration::from_secs(secs))), picture(2)).await;
    }
    rig.until("late", |status| status.frames == Some(4)).await;
    let status = rig.stop_recording("late").await;
    let window = TimeRange::new(status.from.unwrap(), status.to.unwrap()).unwrap();
    let expected = rig.stored(&["cam1"], window).await;
    assert_eq!((expected.len(), rig.recorded(&status).await), (4, expected));
}

#[tokio::test]
async fn all_segments_together_are_the_recording_in_one_file() {
    let rig = Rig::start("");
    let now = framecache::clock::Clock::now(&framecache::clock::SystemClock);
    for number in 0..400_u16 {
        let at = now.minus(Duration::from_millis(u64::from(number) * 150 + 3000));
        rig.push(["cam1", "cam2"][usize::from(number % 2)], Some(at), picture(number)).await;
    }
    let from = Some("-50s".to_owned());
    rig.begin(Start { from: from.clone(), ..start("whole") }).await;
    let segment = Some("20s".parse().unwrap());
    rig.begin(Start { from, segment, ..start("parts") }).await;
    let (whole, parts) = (rig.stop_recording("whole").await, rig.stop_recording("parts").await);
    assert_eq!(whole.files, ["whole.mcap"]);
    assert!((3..=4).contains(&parts.files.len()), "{:?}", parts.files);
    let expected = rig.recorded(&whole).await;
    assert!(expected.len() > 280);
    let mut recorded = rig.recorded(&parts).await;
    // the two were not begun in the same nanosecond
    let from = whole.from.unwrap().max(parts.from.unwrap());
    let later = |key: &String| key.parse::<FrameKey>().unwrap().at() >= from;
    recorded.retain(|key, _| later(key));
    assert_eq!(recorded, expected.into_iter().filter(|(key, _)| later(key)).collect());
    for file in &parts.files {
        let (frames, _) = read(&rig.path(file)).await;
        let twenties: std::collections::BTreeSet<u64> = frames
            .keys()
            .map(|key| key.parse::<FrameKey>().unwrap().at().get() / 20_000_000_000)
            .collect();
        assert_eq!(twenties.len(), 1, "{file} begins anew at multiples of its length");
    }
}

#[tokio::test]
async fn a_recording_ends_by_itself_by_length_by_size_and_when_nothing_comes() {
    let rig = Rig::start("");
    let size = picture(10).len() as u64;
    let order = |name: &str| start(name);
    rig.begin(Start { max_length: Some("700ms".parse().unwrap()), ..order("length") }).await;
    rig.begin(Start { max_bytes: Some("16KiB".parse().unwrap()), ..order("size") }).await;
    rig.begin(Start { idle: Some("1s".parse().unwrap()), ..order("idle") }).await;
    for number in 0..60 {
        rig.push("cam1", None, picture(10)).await;
        if number % 2 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let length = rig.finished("length").await;
    assert_eq!(length.reason, Some(Why::MaxLength));
    let span = length.to.unwrap().since(length.from.unwrap());
    assert_eq!(span, Duration::from_millis(700));
    let full = rig.finished("size").await;
    assert_eq!(full.reason, Some(Why::MaxBytes));
    assert!(full.image_bytes.unwrap() < 16 << 10 && full.image_bytes.unwrap() + size > 8 << 10);
    let idle = rig.finished("idle").await;
    assert_eq!((idle.reason, idle.frames), (Some(Why::Idle), Some(60)));
    assert_eq!(idle.state, Phase::Finished);
}

#[tokio::test]
async fn what_expires_before_it_is_read_is_counted_and_written_down() {
    // frames that are dead when the recording comes to them: the index still knows of them
    let rig = Rig::start("[redis]\nttl_seconds = 1\n");
    let now = framecache::clock::Clock::now(&framecache::clock::SystemClock);
    for number in 0..7_u16 {
        let at = now.minus(Duration::from_millis(u64::from(number) * 10));
        rig.push("cam1", Some(at), picture(number)).await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let order = Start { from: Some("-4s".to_owned()), ..start("lossy") };
    rig.begin(order).await;
    let kept = rig.push("cam1", None, picture(9)).await;
    let status = rig.stop_recording("lossy").await;
    let recorded = rig.recorded(&status).await;
    assert_eq!(recorded.into_keys().collect::<Vec<_>>(), [kept.to_string()]);
    assert_eq!((status.lost, status.frames), (7, Some(1)));
    let recording = Recording::open_path(&rig.path("lossy.mcap")).await.unwrap();
    let last = recording.metadata().last().unwrap();
    assert_eq!((last.1["lost"].as_str(), last.1["reason"].as_str()), ("7", "stopped"));
    assert!(rig.order(Order::Status(named("lossy"))).await.is_some());
}
