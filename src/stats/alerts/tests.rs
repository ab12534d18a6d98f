//! Every alert by a number above its threshold and one at it.

use super::*;

fn camera(id: &str, down: Option<&str>, lost: &[(DropReason, u64)]) -> CameraFigures {
    let camera = CameraId::new(id).unwrap();
    CameraFigures { camera, down: down.map(str::to_owned), lost: lost.to_vec() }
}

/// "name severity value > threshold" of every alert.
fn told(cameras: &[CameraFigures], process: &ProcessFigures) -> Vec<String> {
    let shown = |alert: Alert| {
        let severity = serde_json::to_string(&alert.severity).unwrap();
        format!("{} {severity} {} > {}", alert.name, alert.value, alert.threshold)
    };
    alerts(cameras, Some(process)).into_iter().map(shown).collect()
}

fn figures(change: impl FnOnce(&mut ProcessFigures)) -> ProcessFigures {
    let mut figures = ProcessFigures::default();
    change(&mut figures);
    figures
}

#[test]
fn each_number_over_its_threshold_is_told_and_at_it_is_not() {
    let lookups = |hits, misses| Some(Lookups { hits, misses });
    let endless = |without_expiry| ExpirySample { looked_at: 200, without_expiry };
    let secs = Duration::from_secs;
    let table: [(ProcessFigures, &[&str]); 18] = [
        (ProcessFigures::default(), &[]),
        (figures(|f| f.memory = Some((80, 100))), &[]),
        (figures(|f| f.memory = Some((81, 100))), &["memory \"warning\" 0.81 > 0.8"]),
        (figures(|f| f.memory = Some((96, 100))), &["memory \"critical\" 0.96 > 0.95"]),
        (figures(|f| f.memory = Some((96, 0))), &[]),
        (figures(|f| f.lookups = lookups(80, 20)), &[]),
        (figures(|f| f.lookups = lookups(75, 25)), &["misses \"warning\" 0.25 > 0.2"]),
        (figures(|f| f.lookups = lookups(0, 99)), &[]),
        (figures(|f| f.connections = Some(1000)), &[]),
        (figures(|f| f.connections = Some(1001)), &["connections \"warning\" 1001 > 1000"]),
        (figures(|f| f.overdue = Some(secs(3))), &["expiry \"warning\" 3 > 0"]),
        (figures(|f| f.endless = endless(0)), &[]),
        (figures(|f| f.endless = endless(2)), &["frames_without_end \"warning\" 2 > 0"]),
        (figures(|f| (f.waiting, f.waiting_for) = (5, secs(10))), &[]),
        (
            figures(|f| (f.waiting, f.waiting_for) = (5, secs(11))),
            &["announcements_waiting \"warning\" 11 > 10"],
        ),
        (
            figures(|f| f.store_trouble = Some("it is away".to_owned())),
            &["store_away \"critical\" 1 > 0"],
        ),
        (
            figures(|f| f.bus_trouble = Some("it is away".to_owned())),
            &["bus_away \"critical\" 1 > 0"],
        ),
        (
            figures(|f| f.clock_trouble = Some("it stepped".to_owned())),
            &["clock_back \"warning\" 1 > 0"],
        ),
    ];
    for (figures, expected) in table {
        assert_eq!(told(&[], &figures), expected, "{figures:?}");
    }
}

#[test]
fn cameras_are_told_by_name_with_what_to_do_and_the_worst_comes_first() {
    let cameras = [
        camera("cam1", Some("no route to host"), &[]),
        camera("cam2", None, &[(DropReason::QueueFull, 40), (DropReason::Truncated, 2)]),
        camera("cam3", None, &[(DropReason::Truncated, 9)]),
        camera("cam4", None, &[]),
    ];
    let full = figures(|f| f.memory = Some((99, 100)));
    let told: Vec<(&str, String)> =
        alerts(&cameras, Some(&full)).into_iter().map(|one| (one.name, one.sentence)).collect();
    let memory = "the store uses 99 % of its memory, and when it is full frames go before their \
                  time: raise maxmemory of Redis, shorten ttl_seconds or lower fps";
    let down = "cam1 delivers no frames (no route to host): check its power, its network and its \
                URL; it is tried again by itself";
    let lost = "51 frames of cam2, cam3 were lost in the last minute, most by queue_full: the \
                store is too slow or away: look at its health, or lower fps of the cameras";
    let expected = [("memory", memory), ("cameras_down", down), ("frames_dropped", lost)];
    assert_eq!(told, expected.map(|(name, said)| (name, said.to_owned())));
}

#[test]
fn many_cameras_are_counted_and_whoever_sees_only_some_is_told_of_these_alone() {
    let cameras: Vec<CameraFigures> =
        (1..=9).map(|n| camera(&format!("cam{n}"), Some("away"), &[])).collect();
    let told = alerts(&cameras, None);
    assert_eq!((told.len(), told[0].value), (1, 9.0));
    assert!(told[0].sentence.starts_with("cam1, cam2, cam3 and 6 more deliver no frames (away)"));
    assert_eq!(alerts(&[], None), []);
}
