//! A process that ends and starts again goes on with its recordings.

use framecache::archive::record::{Order, Phase, Why};
use framecache::model::time::TimeRange;

use super::*;
use crate::support::redis::RedisServer;

fn on(redis: &RedisServer) -> String {
    format!("[redis]\nenabled = true\naddress = '{}'\nttl_seconds = 120\n", redis.address())
}

async fn everything(rig: &Rig, status: &Status) -> Frames {
    let window = TimeRange::new(status.from.unwrap(), status.to.unwrap()).unwrap();
    rig.stored(&["cam1", "cam2"], window).await
}

#[tokio::test]
async fn a_recording_goes_on_after_an_orderly_end_and_takes_what_came_meanwhile() {
    let redis = RedisServer::start();
    for segment in [None, Some("10s".parse().unwrap())] {
        let rig = Rig::start(&on(&redis));
        rig.begin(Start { segment, ..start("on") }).await;
        for number in 0..20 {
            rig.push("cam1", None, picture(number)).await;
        }
        // not waited for: what is stored when the process ends is in the file
        let folder = rig.stop().await;
        let (frames, count) = match segment {
            None => read(&folder.path().join("on.mcap")).await,
            Some(_) => {
                let files = std::fs::read_dir(folder.path().join("on")).unwrap();
                read(&files.map(|file| file.unwrap().path()).next().unwrap()).await
            }
        };
        assert_eq!((frames.len(), count), (20, 20));
        assert!(!folder.path().join("on.mcap.part").exists());

        let away = Rig::start(&on(&redis));
        for number in 20..30 {
            away.push("cam2", None, picture(number)).await;
        }
        away.stop().await;

        let rig = Rig::start_in(folder, &on(&redis));
        rig.until("on", |status| status.frames == Some(30)).await;
        rig.push("cam1", None, picture(31)).await;
        let status = rig.stop_recording("on").await;
        let expected = everything(&rig, &status).await;
        assert_eq!((expected.len(), rig.recorded(&status).await), (31, expected));
        assert_eq!((status.frames, status.lost, status.gaps.len()), (Some(31), 0, 0));
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_pause_outlasts_the_process() {
    let redis = RedisServer::start();
    let rig = Rig::start(&on(&redis));
    rig.begin(start("p")).await;
    rig.push("cam1", None, picture(1)).await;
    rig.order(Order::Pause(named("p"))).await.unwrap();
    let folder = rig.stop().await;
    let rig = Rig::start_in(folder, &on(&redis));
    let status = rig.until("p", |status| status.state == Phase::Paused).await;
    assert_eq!(status.frames, Some(1));
    rig.push("cam1", None, picture(2)).await;
    let status = rig.stop_recording("p").await;
    assert_eq!((status.frames, status.reason), (Some(1), Some(Why::Stopped)));
    rig.stop().await;
}

#[tokio::test]
async fn what_was_cut_off_without_a_state_is_closed_at_the_next_start() {
    let rig = Rig::start("");
    rig.begin(start("a")).await;
    for number in 0..5 {
        rig.push("cam1", None, picture(number)).await;
    }
    rig.until("a", |status| status.frames == Some(5)).await;
    let cut = tempfile::tempdir().unwrap();
    let since = Instant::now();
    loop {
        // a copy of the file as a power loss would leave it
        std::fs::copy(rig.path("a.mcap.part"), cut.path().join("a.mcap.part")).unwrap();
        let recording = Recording::open_path(&cut.path().join("a.mcap.part")).await;
        if let Ok(recording) = recording
            && recording.entries(&Select::ALL).try_collect::<Vec<_>>().await.unwrap().len() == 5
        {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "what was given comes onto the disk by itself");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let expected = read(&cut.path().join("a.mcap.part")).await.0;
    let other = Rig::start_in(cut, "");
    let closed = other.until("a", |status| status.state == Phase::Finished).await;
    assert_eq!(
        (closed.reason, closed.files.as_slice()),
        (Some(Why::Recovered), &["a.mcap".to_owned()][..])
    );
    assert_eq!(other.recorded(&closed).await, expected);
    assert!(!other.path("a.mcap.part").exists());
}

#[tokio::test]
async fn nothing_of_finished_files_is_recorded_again_after_a_crash() {
    let redis = RedisServer::start();
    let rig = Rig::start(&on(&redis));
    let now = framecache::clock::Clock::now(&framecache::clock::SystemClock);
    for number in 0..60_u16 {
        let at = now.minus(Duration::from_millis(u64::from(60 - number) * 600));
        rig.push("cam1", Some(at), picture(number)).await;
    }
    let (from, segment) = (Some("-50s".to_owned()), Some("10s".parse().unwrap()));
    rig.begin(Start { from, segment, ..start("r") }).await;
    rig.until("r", |status| status.frames == Some(60) && status.files.len() >= 3).await;
    let crashed = tempfile::tempdir().unwrap();
    std::fs::create_dir(crashed.path().join("r")).unwrap();
    for file in rig.status("r").await.files {
        std::fs::copy(rig.path(&file), crashed.path().join(file)).unwrap();
    }
    let cut = crashed.path().join("r.mcap.part");
    std::fs::copy(rig.path("r.mcap.part"), cut).unwrap();
    // what a crash leaves that comes before the state was written down
    let state = std::fs::read_to_string(rig.path("r.json")).unwrap();
    let mut state: serde_json::Value = serde_json::from_str(&state).unwrap();
    state["verified"] = state["spans"][0]["from"].clone();
    std::fs::write(crashed.path().join("r.json"), state.to_string()).unwrap();
    rig.stop().await;

    let rig = Rig::start_in(crashed, &on(&redis));
    rig.until("r", |status| {
        status.frames == Some(60) && status.behind_ms.is_some_and(|ms| ms < 1000)
    })
    .await;
    let status = rig.stop_recording("r").await;
    let expected = everything(&rig, &status).await;
    assert_eq!((expected.len(), rig.recorded(&status).await), (60, expected));
    assert_eq!((status.frames, status.lost), (Some(60), 0));
    rig.stop().await;
}
