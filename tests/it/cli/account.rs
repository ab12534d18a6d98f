//! `up` ends with an account of every frame.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PUSHED, Place, Up, jpeg};

#[test]
fn a_pushed_camera_is_accounted_for_exactly_on_sigterm() {
    let place = Place::new();
    let up = Up::start(&place, PUSHED);
    assert_eq!(
        (&up.started["event"], &up.started["cameras"], &up.started["store"]),
        (&json!("started"), &json!(["cam1"]), &json!("embedded, in memory"))
    );
    for number in 0..5 {
        place.write(&format!("{number}.jpg"), jpeg(number));
    }
    place.write("not.jpg", b"nothing");
    place.run(&["push", "cam1", ".", "--url", &up.url]).ended(1);
    let bytes: usize = (0..5).map(|number| jpeg(number).len()).sum();
    let (code, last) = up.terminate();
    assert_eq!(code, 0);
    assert_eq!(
        last,
        json!({
            "event": "stopped", "captured": 5, "stored": 5, "stored_bytes": bytes, "dropped": {},
            "pending": 0, "rejected": 1, "announced": 5, "unroutable": 5,
            "announcements_expired": 0, "from_outbox": 0,
        })
    );
}

#[test]
fn cameras_that_run_are_drained_and_nothing_is_pending() {
    let place = Place::new();
    let camera = "\"synthetic:?size=64x48&fps=100\"";
    let up = Up::start(&place, &PUSHED.replace("\"push:\"", &format!("{camera}\nfps = 20")));
    let stored = || place.run(&["range", "cam1", "--limit", "3", "--url", &up.url]).code == 0;
    for _ in 0..200 {
        if stored() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (code, last) = up.terminate();
    let count = |name: &str| last[name].as_u64().unwrap();
    let dropped: u64 =
        last["dropped"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(code, 0);
    assert!(count("stored") > 0, "{last}");
    assert_eq!((count("captured"), count("pending")), (count("stored") + dropped, 0), "{last}");
    assert_eq!(count("announced"), count("stored"), "{last}");
}

#[test]
fn a_stop_does_not_wait_for_pictures_that_are_still_being_drawn() {
    let place = Place::new();
    let camera = "\"synthetic:?size=8192x8192&fps=10\"";
    let up = Up::start(&place, &PUSHED.replace("\"push:\"", camera));
    let begun = std::time::Instant::now();
    let (code, last) = up.terminate();
    assert_eq!((code, &last["captured"]), (0, &json!(0)), "{last}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
