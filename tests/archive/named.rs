//! What is inside a recording of a running `up`, asked for by its name.

use std::time::{Duration, Instant};

use crate::support::binary::{Place, Up};

#[test]
fn info_of_a_name_is_told_by_the_up_that_has_the_recording() {
    let place = Place::new();
    let config = "[recordings]\nfolder = 'recorded'\n\
        [[cameras]]\nid = 'front'\nurl = 'synthetic:?size=64x48&fps=10'\n";
    let up = Up::start(&place, config);
    let told = |words: &[&str]| place.run(&[words, &["--url", up.url()]].concat());
    told(&["start", "night"]).ended(0);
    let first = || told(&["recordings", "status", "night", "--json"]).ended(0).json().remove(0);
    let until = Instant::now() + Duration::from_secs(30);
    while first()["frames"].as_u64().unwrap_or(0) == 0 {
        assert!(Instant::now() < until, "frames should have been recorded by now");
    }
    told(&["stop", "night"]).ended(0);
    let status = first();
    let info = told(&["info", "night", "--json"]).ended(0).json().remove(0);
    assert_eq!(
        (&info["name"], &info["frames"], &info["finished"]),
        (&"night".into(), &status["frames"], &true.into())
    );
    assert_eq!((&info["first"], &info["last"]), (&status["first"], &status["last"]));
    assert_eq!(info["cameras"][0]["camera"]["camera"], "front");
    let table = told(&["recordings", "info", "night"]).ended(0).text();
    assert!(table.starts_with("night  framecache, finished, "), "{table}");
    let nobody = told(&["info", "nobody"]).ended(3);
    assert!(nobody.stderr.contains("has no recording nobody"), "{}", nobody.stderr);
}
