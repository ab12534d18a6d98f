//! Frames in and out again, on the embedded store of a running `up`: every verb, as people and as
//! programs read it.

use std::fs;

use serde_json::{Value, json};

use super::{PUSHED, Place, Up, jpeg, names_in};

/// Three frames of one camera, half a second apart, and where they lie.
struct Three {
    place: Place,
    up: Up,
    first: u64,
    keys: Vec<String>,
}

const HALF: u64 = 500_000_000;

fn three() -> Three {
    let place = Place::new();
    let up = Up::start(&place, PUSHED);
    fs::create_dir(place.path("in")).unwrap();
    for number in 0..3 {
        place.write(&format!("in/{number}.jpg"), jpeg(number));
    }
    let second = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() - 10;
    let first = second * 1_000_000_000 + 123_456_789;
    let at = first.to_string();
    let pushed =
        place.run(&["push", "cam1", "in", "--at", &at, "--fps", "2", "--url", &up.url]).ended(0);
    let keys: Vec<String> = pushed.text().lines().map(str::to_owned).collect();
    let expected: Vec<String> =
        (0..3).map(|n| format!("default:frames:cam1:{}:0000{}", first + n * HALF, n + 1)).collect();
    assert_eq!(keys, expected);
    assert_eq!(pushed.stderr, format!("3 frames ({}) pushed to cam1\n", total()));
    Three { place, up, first, keys }
}

fn total() -> String {
    let bytes: usize = (0..3).map(|number| jpeg(number).len()).sum();
    format!("{:.1} kB", bytes as f64 / 1000.0)
}

impl Three {
    fn run(&self, arguments: &[&str]) -> super::Ran {
        let arguments = [arguments, &["--url", &self.up.url]].concat();
        self.place.run(&arguments)
    }

    fn keys_of(&self, arguments: &[&str]) -> Vec<String> {
        let arguments = [arguments, &["--json"]].concat();
        let lines = self.run(&arguments).ended(0).json();
        lines.iter().map(|line| line["key"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_range_lists_and_saves_what_was_pushed() {
    let three = three();
    assert_eq!(three.keys_of(&["range", "cam1"]), three.keys);
    let reversed: Vec<String> = three.keys.iter().rev().take(2).cloned().collect();
    assert_eq!(three.keys_of(&["range", "--reverse", "--limit", "2"]), reversed);
    let (from, to) = (three.first.to_string(), (three.first + 2 * HALF).to_string());
    assert_eq!(three.keys_of(&["range", "--from", &from, "--to", &to]), three.keys[..2]);
    let table = three.run(&["range", "cam1"]).ended(0).text();
    assert!(table.starts_with("TIME ") && table.lines().count() == 4, "{table}");
    assert!(table.contains("16x8") && table.contains(&three.keys[2]), "{table}");

    let saved = three.run(&["range", "cam1", "-o", "out"]).ended(0);
    assert_eq!(saved.stderr, format!("3 frames, {} saved into out\n", total()));
    let out = three.place.path("out");
    let names = names_in(&out);
    assert_eq!(names.len(), 3, "{names:?}");
    for (number, name) in (0..).zip(&names) {
        assert!(name.starts_with("cam1_20") && name.ends_with("456789Z.jpg"), "{name}");
        assert_eq!(fs::read(out.join(name)).unwrap(), jpeg(number), "{name}");
    }
}

#[test]
fn single_frames_come_to_a_pipe_a_file_and_with_their_distance() {
    let three = three();
    assert_eq!(three.run(&["get", &three.keys[1]]).ended(0).stdout, jpeg(1));
    let got = three.run(&["get", &three.keys[1], "-o", "one.jpg", "--json"]).ended(0).json();
    assert_eq!((&got[0]["key"], &got[0]["file"]), (&json!(three.keys[1]), &json!("one.jpg")));
    assert_eq!(fs::read(three.place.path("one.jpg")).unwrap(), jpeg(1));
    assert_eq!(three.run(&["latest", "cam1", "-o", "-"]).ended(0).stdout, jpeg(2));
    let newest: Vec<String> = three.keys.iter().rev().take(2).cloned().collect();
    assert_eq!(three.keys_of(&["latest", "cam1", "-n", "2"]), newest);
    assert_eq!(three.keys_of(&["latest"]), three.keys[2..]);

    let near = (three.first + HALF + 7).to_string();
    let found = three.run(&["at", "cam1", &near, "--json"]).ended(0).json();
    assert_eq!(
        (&found[0]["key"], &found[0]["distance_nanos"]),
        (&json!(three.keys[1]), &json!(-7))
    );
    let none = three.run(&["at", "cam1", &near, "--within", "5ns"]).ended(3);
    assert!(none.stderr.starts_with("camera cam1 has no live frame within"), "{}", none.stderr);
    assert_eq!(three.run(&["at", "cam1", &near, "-o", "-"]).ended(0).stdout, jpeg(1));
}

#[test]
fn sums_agree_with_what_was_pushed() {
    let three = three();
    let bytes: usize = (0..3).map(|number| jpeg(number).len()).sum();
    let (from, to) = (three.first.to_string(), (three.first + 2 * HALF + 1).to_string());
    let steps = ["timeline", "--from", &from, "--to", &to, "--step", "1s"];
    let lines = three.run(&[&steps[..], &["--json"]].concat()).ended(0).json();
    let frames: Vec<&Value> = lines.iter().map(|line| &line["frames"]).collect();
    assert_eq!(frames, [&json!(2), &json!(1)]);
    assert_eq!(lines[1]["max_gap_nanos"], json!(HALF));
    let table = three.run(&steps).ended(0).text();
    assert!(table.contains(&"█".repeat(40)) && table.lines().count() == 3, "{table}");

    let cameras = three.run(&["cameras", "--json"]).ended(0).json();
    assert_eq!(cameras[0]["newest"]["key"], json!(three.keys[2]));
    assert!(three.run(&["cameras"]).ended(0).text().starts_with("CAMERA "));
    let stats = three.run(&["stats", "--json"]).ended(0).json();
    assert_eq!(
        (&stats[0]["frames"], &stats[0]["bytes"], &stats[0]["cameras"]),
        (&json!(3), &json!(bytes), &json!(["cam1"]))
    );
    assert_eq!(stats[1]["store"]["backend"], "embedded");
    assert!(three.run(&["stats"]).ended(0).text().contains("store embedded"));
    let again = three.run(&["reindex", "--dry-run", "--json"]).ended(0).json();
    assert_eq!(again, [json!({"found": 3, "known": 3, "indexed": 0, "foreign": 0})]);
    assert_eq!(three.run(&["healthcheck"]).ended(0).text(), "healthy\n");
}

#[test]
fn a_stream_on_stdin_is_cut_into_frames_and_a_refused_one_is_named() {
    let place = Place::new();
    let up = Up::start(&place, PUSHED);
    let whole = jpeg(3);
    let stream = [&jpeg(0)[..], &jpeg(1), &whole[..whole.len() - 2], &jpeg(2)].concat();
    let pushed = place.run_with_stdin(&["push", "cam1", "-", "--url", &up.url], &stream).ended(1);
    assert_eq!(pushed.text().lines().count(), 3);
    assert!(pushed.stderr.contains("error: stdin frame 3: truncated JPEG"), "{}", pushed.stderr);
    assert!(pushed.stderr.contains("pushed to cam1, 1 not pushed"), "{}", pushed.stderr);
    let saved = place.run(&["range", "cam1", "-o", "out", "--url", &up.url]).ended(0);
    assert!(saved.stderr.starts_with("3 frames"), "{}", saved.stderr);
    let out = place.path("out");
    let got: Vec<Vec<u8>> =
        names_in(&out).iter().map(|name| fs::read(out.join(name)).unwrap()).collect();
    assert_eq!(got, [jpeg(0), jpeg(1), jpeg(2)]);
}

#[test]
fn a_file_that_is_no_jpeg_is_named_and_the_others_go_on() {
    let place = Place::new();
    let up = Up::start(&place, PUSHED);
    let names = ["a.jpg", "b.jpg", "c.jpg"];
    place.write("a.jpg", jpeg(0));
    place.write("b.jpg", b"GIF89a");
    place.write("c.jpg", jpeg(2));
    let arguments = [&["push", "cam1"], &names[..], &["--url", &up.url, "--json"]].concat();
    let pushed = place.run(&arguments).ended(1);
    let sources: Vec<Value> = pushed.json().iter().map(|line| line["source"].clone()).collect();
    assert_eq!(sources, [json!("a.jpg"), json!("c.jpg")]);
    let said = "error: b.jpg: the pushed bytes are refused: not a JPEG: it starts with 47 49 46 38";
    assert!(pushed.stderr.contains(said), "{}", pushed.stderr);
}

#[test]
fn what_cannot_be_written_is_one_sentence_and_keeps_what_was_complete() {
    let three = three();
    three.place.write("file", "");
    let refused = three.run(&["range", "cam1", "-o", "file"]).ended(2);
    assert_eq!(refused.stderr, "error: file is no folder: give one for the frames\n");
    let full = three.run(&["get", &three.keys[0], "-o", "/dev/full"]).ended(1);
    assert!(
        full.stderr.starts_with("error: cannot write /dev/full: No space left on device"),
        "{}",
        full.stderr
    );
    let piped = three.run(&["get", &three.keys[0], "-o", "none/a.jpg"]).ended(1);
    assert!(piped.stderr.starts_with("error: cannot write none/a.jpg"), "{}", piped.stderr);
}

#[test]
fn announcements_are_consumed_saved_and_handed_to_a_command() {
    let place = Place::new();
    let up = Up::start(&place, PUSHED);
    let command = "cat > \"$FRAMECACHE_SIZE.copy\"; echo \"$FRAMECACHE_KEY\" >> keys";
    let arguments = ["consume", "--camera", "cam1", "--limit", "2", "-o", "out", "--exec", command];
    let arguments = [&arguments[..], &["--json", "--url", &up.url]].concat();
    let mut consumer = place.command(&arguments);
    let mut consumer = consumer
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut notes = std::io::BufReader::new(consumer.stderr.take().unwrap());
    let mut note = String::new();
    std::io::BufRead::read_line(&mut notes, &mut note).unwrap();
    assert!(note.starts_with("following http://127.0.0.1:"), "{note}");
    for number in 0..2 {
        let file = place.write("x.jpg", jpeg(number));
        place.run(&["push", "cam1", file.to_str().unwrap(), "--url", &up.url]).ended(0);
    }
    let mut summary = String::new();
    std::io::Read::read_to_string(&mut notes, &mut summary).unwrap();
    let ran = super::finished(consumer).ended(0);
    let lines = ran.json();
    assert!(lines.iter().all(|line| line["found"] == json!(true)), "{lines:?}");
    assert!(summary.starts_with("2 frames announced: 2 found"), "{summary}");
    let keys: Vec<&str> = lines.iter().map(|line| line["key"].as_str().unwrap()).collect();
    let told = fs::read_to_string(place.path("keys")).unwrap();
    assert_eq!(told.lines().collect::<Vec<_>>(), keys);
    let copy = fs::read(place.path(&format!("{}.copy", jpeg(1).len()))).unwrap();
    assert_eq!(copy, jpeg(1));
    assert_eq!(names_in(&place.path("out")).len(), 2);
}
