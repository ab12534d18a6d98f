//! What the recorder makes of orders: names, states, repeats, refusals.

use framecache::archive::record::{MaybeNamed, Order, Phase, Why};
use framecache::model::time::TimeRange;
use framecache::service::ErrorKind;

use super::*;

#[tokio::test]
async fn a_recording_is_begun_listed_stopped_and_deleted_by_its_name() {
    let rig = Rig::start("");
    assert_eq!(rig.service.record(&Order::List).await.unwrap(), []);
    assert!(!rig.path(".lock").exists(), "nothing is made before something is recorded");
    let begun = rig.begin(start("night")).await;
    assert_eq!((begun.state, begun.frames, begun.reason), (Phase::Recording, Some(0), None));
    rig.push("cam1", None, picture(1)).await;
    rig.until("night", |status| status.frames == Some(1)).await;
    assert!(rig.path("night.mcap.part").exists() && !rig.path("night.mcap").exists());
    let again = rig.begin(start("night")).await;
    assert_eq!((again.state, again.started_at), (Phase::Recording, begun.started_at));

    let stopped = rig.order(Order::Stop(named("night"))).await.unwrap();
    assert_eq!((stopped.state, stopped.reason), (Phase::Stopping, Some(Why::Stopped)));
    let finished = rig.finished("night").await;
    assert_eq!(finished.files, ["night.mcap"]);
    assert!(!rig.path("night.mcap.part").exists());
    let size = std::fs::metadata(rig.path("night.mcap")).unwrap().len();
    assert_eq!((finished.bytes, finished.lost, finished.behind_ms), (size, 0, None));
    assert_eq!(rig.order(Order::Stop(named("night"))).await.unwrap(), finished);
    assert_eq!(rig.service.record(&Order::List).await.unwrap(), [finished]);

    let taken = rig.service.record(&Order::Start(start("night"))).await.unwrap_err();
    assert_eq!(taken.kind, ErrorKind::BadInput);
    assert!(taken.message.contains("choose another name"), "{taken}");
    assert!(rig.order(Order::Delete(named("night"))).await.is_some());
    assert!(rig.order(Order::Delete(named("night"))).await.is_none());
    assert!(!rig.path("night.mcap").exists() && !rig.path("night.json").exists());
}

#[tokio::test]
async fn a_pause_keeps_what_was_before_and_nothing_from_it_on() {
    let rig = Rig::start("");
    rig.begin(start("p")).await;
    let mut keys = Vec::new();
    keys.push(rig.push("cam1", None, picture(1)).await);
    let paused = rig.order(Order::Pause(named("p"))).await.unwrap();
    assert_eq!(paused.state, Phase::Paused);
    assert_eq!(rig.order(Order::Pause(named("p"))).await.unwrap().state, Phase::Paused);
    let left_out = rig.push("cam1", None, picture(2)).await;
    rig.until("p", |status| status.frames == Some(1)).await;
    assert_eq!(rig.order(Order::Resume(named("p"))).await.unwrap().state, Phase::Recording);
    keys.push(rig.push("cam1", None, picture(3)).await);
    let status = rig.stop_recording("p").await;
    let recorded: Vec<String> = rig.recorded(&status).await.into_keys().collect();
    assert_eq!(recorded, keys.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert!(!recorded.contains(&left_out.to_string()));
}

#[tokio::test]
async fn cameras_are_chosen_by_pattern_and_a_later_one_is_recorded_too() {
    let rig = Rig::start("");
    let order = Start {
        cameras: vec!["gate*".to_owned(), "cam1".to_owned()],
        except: vec!["gate9".to_owned()],
        ..start("some")
    };
    let begun = rig.begin(order).await.started_at.unwrap();
    for camera in ["cam1", "cam2", "gate1", "gate9"] {
        rig.push(camera, None, picture(1)).await;
    }
    rig.until("some", |status| status.frames == Some(2)).await;
    rig.push("gate2", None, picture(2)).await;
    let status = rig.stop_recording("some").await;
    let window = TimeRange::new(begun, UnixNanos::MAX).unwrap();
    let expected = rig.stored(&["cam1", "gate1", "gate2"], window).await;
    assert_eq!((expected.len(), rig.recorded(&status).await), (3, expected));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_a_sentence() {
    let rig = Rig::start("");
    for (order, why) in [
        (Start { cameras: vec!["a/b".to_owned()], ..start("x") }, "camera \"a/b\" does not fit"),
        (Start { from: Some("soon".to_owned()), ..start("x") }, "from: \"soon\" is no time"),
        (Start { from: Some("+5m".to_owned()), ..start("x") }, "lies in the future"),
        (
            Start { segment: Some("15s".parse().unwrap()), ..start("x") },
            "segments of 15s do not fit: give whole tens of seconds",
        ),
    ] {
        let error = rig.service.record(&Order::Start(order)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadInput);
        assert!(error.message.contains(why), "{error}");
    }
    rig.begin(start("x")).await;
    let error = rig.service.record(&Order::Delete(named("x"))).await.unwrap_err();
    assert_eq!(error.message, "recording x runs: stop it first");
    for order in [Order::Stop(named("y")), Order::Recover(MaybeNamed { name: "y".parse().ok() })] {
        assert_eq!(rig.service.record(&order).await.unwrap(), []);
    }
}

#[tokio::test]
async fn only_one_process_records_into_a_folder() {
    let rig = Rig::start("");
    rig.begin(start("x")).await;
    let other = Engine::start(&rig.config, Cameras::Recorded).unwrap();
    let error = other.service().record(&Order::Start(start("y"))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains("is in use by another framecache"), "{error}");
    other.stop().await;
}
