//! `delete`: shown before, never by accident, and only what was named.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{PUSHED, Place, Up, finished, jpeg};

fn filled() -> (Place, Up) {
    let place = Place::new();
    let up = Up::start(&place, PUSHED);
    for number in 0..3 {
        place.write(&format!("in/{number}.jpg"), jpeg(number));
    }
    place.run(&["push", "cam1", "in", "--at", "-10s", "--fps", "1", "--url", &up.url]).ended(0);
    (place, up)
}

fn left(place: &Place, up: &Up) -> usize {
    place.run(&["range", "cam1", "--json", "--url", &up.url]).json().len()
}

#[test]
fn a_dry_run_shows_what_would_go_and_yes_deletes_it() {
    let (place, up) = filled();
    let run = |rest: &[&str]| {
        place.run(&[&["delete", "cam1", "cam2", "--url", &up.url, "--from"], rest].concat())
    };
    let size = |frames: std::ops::Range<u8>| {
        let bytes: usize = frames.map(|number| jpeg(number).len()).sum();
        format!("{:.1} kB", bytes as f64 / 1000.0)
    };
    let would = run(&["all", "--to", "all", "--dry-run"]).ended(0);
    assert_eq!(would.text(), format!("3 frames ({}) would be deleted\n", size(0..3)));
    let would = run(&["all", "--to", "all", "--dry-run", "--json"]).ended(0).json();
    assert_eq!((&would[0]["frames"], &would[0]["dry_run"]), (&json!(3), &json!(true)));
    assert_eq!(left(&place, &up), 3);

    let keys = place.run(&["range", "cam1", "--json", "--url", &up.url]).json();
    let third = keys[2]["timestamp_nano"].as_str().unwrap().to_owned();
    let gone = run(&["all", "--to", &third, "--yes"]).ended(0);
    assert_eq!(gone.text(), format!("2 frames ({}) deleted\n", size(0..2)));
    assert_eq!(left(&place, &up), 1);
    let nothing = run(&["all", "--to", &third, "-y"]).ended(3);
    assert_eq!(nothing.stderr, "no live frame of these cameras lies in this window\n");
    let rest = run(&["all", "--to", "all", "--yes", "--json"]).ended(0);
    let expected = json!({
        "frames": 1, "bytes": jpeg(2).len(), "dead": 0, "dry_run": false
    });
    assert_eq!(rest.json(), [expected]);
}

#[test]
fn without_a_terminal_and_without_yes_nothing_goes() {
    let (place, up) = filled();
    let window = ["--from", "all", "--to", "all", "--url", &up.url];
    let refused = place.run(&[&["delete", "cam1"][..], &window].concat()).ended(2);
    let said = "error: delete asks before it deletes, and nobody is there to answer: \
                give --yes, or --dry-run to only look\n";
    assert_eq!(refused.stderr, said);
    for (arguments, said) in [
        (&["delete", "--from", "all", "--to", "all"][..], "<CAMERA>..."),
        (&["delete", "cam1", "--from", "all"], "--to <TIME>"),
        (&["delete", "cam1", "--to", "all"], "--from <TIME>"),
    ] {
        let refused = place.run(arguments).ended(2);
        assert!(refused.stderr.contains(said), "{arguments:?}: {}", refused.stderr);
    }
    assert_eq!(left(&place, &up), 3);
}

/// Runs the verb on a terminal of its own, with this answer typed in.
fn on_a_terminal(place: &Place, up: &Up, answer: &str) -> super::Ran {
    let verb = "delete cam1 --from all --to all --url";
    let line = format!("'{}' {verb} {}", env!("CARGO_BIN_EXE_framecache"), up.url);
    let mut child = Command::new("script")
        .args(["-qefc", &line, "/dev/null"])
        .current_dir(place.path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(answer.as_bytes()).unwrap();
    let ran = finished(child);
    drop(keyboard);
    ran
}

#[test]
fn on_a_terminal_it_asks_and_only_yes_is_a_yes() {
    let (place, up) = filled();
    for answer in ["n\n", "\n", "delete\n"] {
        let kept = on_a_terminal(&place, &up, answer).ended(1).text();
        assert!(kept.contains("delete 3 frames (") && kept.contains(" of cam1 for good? [y/N]"));
        assert!(kept.contains("nothing was deleted"), "{kept}");
    }
    assert_eq!(left(&place, &up), 3);
    let gone = on_a_terminal(&place, &up, "y\n").ended(0).text();
    assert!(gone.contains(") deleted"), "{gone}");
    place.run(&["range", "cam1", "--url", &up.url]).ended(3);
}
