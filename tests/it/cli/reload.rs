//! SIGHUP on a real `up`: its file is followed, or not at all.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::camera::{ends_exactly, lost_nothing, show, wait};
use super::{Place, Up};

const LIMIT: Duration = Duration::from_secs(40);

fn file(head: &str, cameras: &[(&str, &str)]) -> String {
    let mut text = format!("{head}[http]\nlisten = \"127.0.0.1:0\"\n");
    for (id, more) in cameras {
        let url = "synthetic:?size=64x48&fps=50";
        text += &format!("[[cameras]]\nid = \"{id}\"\nurl = \"{url}\"\n{more}\n");
    }
    text
}

/// Writes the file, says so, and waits for the sentence of the log about it.
fn reload(place: &Place, up: &Up, text: &str, said: &str) {
    let times = || fs::read_to_string(place.path("up.log")).unwrap().matches(said).count();
    let before = times();
    place.write("up.toml", text);
    kill_process(Pid::from_child(&up.child), Signal::HUP).unwrap();
    let began = Instant::now();
    while times() == before {
        let log = fs::read_to_string(place.path("up.log")).unwrap();
        assert!(began.elapsed() < LIMIT, "nothing about {said:?} in:\n{log}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Each camera, its origin and its limit.
fn fleet(place: &Place, up: &Up) -> Vec<Value> {
    let listed = place.run(&["camera", "list", "--json", "--url", &up.url]).ended(0).json();
    listed.iter().map(|one| json!([one["camera"], one["origin"], one["fps"]])).collect()
}

#[test]
fn a_changed_file_is_followed_and_a_broken_one_changes_nothing() {
    let place = Place::new();
    let up = Up::start(&place, &file("", &[("goes", ""), ("changes", ""), ("stays", "")]));
    let beside = wait(&place, &up, "stays", |shown| shown["state"] == "active");
    let changing = wait(&place, &up, "changes", |shown| shown["state"] == "active");
    place.run(&["camera", "add", "of-api", "push:", "--url", &up.url]).ended(0);

    let cameras = [("changes", "fps = 2"), ("stays", ""), ("comes", "")];
    let text = file("max_frame_bytes = 5000\n", &cameras);
    let said = "added 1 camera (comes); changed 1 camera (changes); removed 1 camera (goes)";
    reload(&place, &up, &text, said);
    let expected = [
        json!(["changes", "file", 2.0]),
        json!(["stays", "file", null]),
        json!(["comes", "file", null]),
        json!(["of-api", "api", null]),
    ];
    assert_eq!(fleet(&place, &up), expected);
    assert_eq!(show(&place, &up, "changes")["since"], changing["since"]);
    wait(&place, &up, "comes", |shown| shown["state"] == "active");
    let log = fs::read_to_string(place.path("up.log")).unwrap();
    assert!(log.contains("a restart is needed to bring into force: max_frame_bytes"), "{log}");

    let broken = text.replace("fps = 2", "fsp = 2");
    let said = "the configuration stays as it is: ";
    reload(&place, &up, &broken, said);
    let no_such_option = text.replace("?size=64x48&fps=50\"\nfps = 2", "?size=1x1\"");
    reload(&place, &up, &no_such_option, said);
    let log = fs::read_to_string(place.path("up.log")).unwrap();
    assert!(log.contains("did you mean \\\"fps\\\"?"), "{log}");
    assert_eq!(fleet(&place, &up), expected);

    let text = file("target_fps = 7\n", &[("of-api", ""), ("stays", "fps = 0")]);
    let said = "changed 1 camera (of-api); removed 2 cameras (changes, comes)";
    reload(&place, &up, &text, said);
    assert_eq!(
        fleet(&place, &up),
        [json!(["of-api", "file", 7.0]), json!(["stays", "file", null])]
    );
    lost_nothing(&place, &up, "stays", &beside);
    ends_exactly(up);
}
