//! `hold`, `holds`, `release`: what they say, and that frames live on meanwhile.

use serde_json::{Value, json};

use super::{Place, Up, jpeg};

const SHORT: &str = "[http]\nlisten = \"127.0.0.1:0\"\n[redis]\nttl_seconds = 5\n\
                     [[cameras]]\nid = \"cam1\"\nurl = \"push:\"\n";

fn left(place: &Place, up: &Up) -> Vec<Value> {
    let lines = place.run(&["range", "cam1", "--json", "--url", &up.url]).json();
    lines.into_iter().map(|line| line["timestamp_nano"].clone()).collect()
}

#[test]
fn held_frames_outlive_their_lives_until_they_are_released() {
    let place = Place::new();
    let up = Up::start(&place, SHORT);
    for number in 0..2 {
        place.write(&format!("in/{number}.jpg"), jpeg(number));
    }
    place.run(&["push", "cam1", "in", "--at", "-10s", "--fps", "1", "--url", &up.url]).ended(0);
    let pushed = left(&place, &up);
    let from = pushed[1].as_str().unwrap();
    let run = |arguments: &[&str]| place.run(&[arguments, &["--url", &up.url]].concat());
    let hold = ["hold", "cam1", "--from", from, "--for", "2h", "--note", "gate 3"];
    let would = run(&[&hold[..], &["--dry-run", "--json"]].concat()).ended(0).json();
    assert_eq!((&would[0]["frames"], &would[0]["dry_run"]), (&json!(1), &json!(true)));
    run(&["holds"]).ended(3);
    let said = run(&hold).ended(0).text();
    let size = format!("{} B", jpeg(1).len());
    assert!(said.contains(&format!(": 1 frame ({size}) of cam1 live until ")), "{said}");

    let began = std::time::Instant::now();
    while left(&place, &up).len() > 1 {
        assert!(began.elapsed().as_secs() < 30, "the frame that is not held should end");
    }
    assert_eq!(left(&place, &up), pushed[1..]);
    let listed = run(&["holds", "cam1", "--json"]).ended(0).json();
    assert_eq!((&listed[0]["note"], &listed[0]["frames"]), (&json!("gate 3"), &json!(1)));
    let table = run(&["holds"]).ended(0).text();
    assert!(
        table.contains("cam1") && table.contains("1h 59m") && table.contains("gate 3"),
        "{table}"
    );
    let id = listed[0]["id"].as_str().unwrap();
    let released = run(&["release", id]).ended(0).text();
    assert_eq!(
        released,
        format!("hold {id} is released: 1 frame of cam1 end as they would have\n")
    );
    assert_eq!(left(&place, &up), Vec::<Value>::new());
    let gone = run(&["release", id]).ended(3);
    assert_eq!(
        gone.stderr,
        format!("error: there is no hold {id}: `framecache holds` lists them\n")
    );
}

#[test]
fn what_cannot_be_held_is_bad_usage() {
    let place = Place::new();
    let up = Up::start(&place, SHORT);
    for (arguments, said) in [
        (&["--from", "all", "--to", "all"][..], "holds everything of a camera"),
        (
            &["--from", "-1m", "--to", "+2h", "--for", "1h"],
            "hold for longer, or end the window earlier",
        ),
        (&["--from", "-1m", "--for", "0s"], "a length of time above zero"),
        (&["--from", "-1m", "--note", "a\nb"], "the note does not fit"),
        (&[], "--from <TIME>"),
    ] {
        let refused =
            place.run(&[&["hold", "cam1", "--url", &up.url], arguments].concat()).ended(2);
        assert!(refused.stderr.contains(said), "{arguments:?}: {}", refused.stderr);
    }
}
