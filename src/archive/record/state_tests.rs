//! What is remembered is read back as it was written, and nothing else is.

use super::*;
use crate::archive::record::{Length, Size};

fn at(secs: u64) -> UnixNanos {
    UnixNanos::new((1_731_024_000 + secs) * 1_000_000_000).unwrap()
}

fn state(start: &Start) -> Result<State, RecordError> {
    let family = (Tenant::new("t").unwrap(), Prefix::new("f").unwrap());
    State::new(start, (&family.0, &family.1), at(100))
}

fn named(name: &str) -> Start {
    Start::new(name.parse().unwrap())
}

#[test]
fn an_order_becomes_times_and_bounds() {
    let order = Start {
        from: Some("-60s".to_owned()),
        max_length: Some("10m".parse::<Length>().unwrap()),
        max_bytes: Some("1MiB".parse::<Size>().unwrap()),
        idle: Some("5s".parse::<Length>().unwrap()),
        tenant: Some(Tenant::new("other").unwrap()),
        ..named("x")
    };
    let state = state(&order).unwrap();
    assert_eq!((state.spans.start(), state.until), (Some(at(40)), Some(at(640))));
    assert_eq!((state.max_bytes, state.idle_ms), (Some(1 << 20), Some(5000)));
    assert_eq!((state.tenant.as_str(), state.prefix.as_str()), ("other", "f"));
    assert_eq!((state.verified, state.arrived), (at(40), at(100)));
}

#[test]
fn a_second_end_changes_nothing() {
    let mut state = state(&named("x")).unwrap();
    state.end(at(110), Ended { why: Why::Stopped, detail: None });
    let before = state.clone();
    state.end(at(105), Ended { why: Why::Idle, detail: None });
    assert_eq!(state, before);
    assert_eq!((state.spans.end(), state.phase), (Some(at(110)), Phase::Stopping));
}

#[test]
fn a_state_is_read_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = state(&named("x")).unwrap();
    state.note_gap(Gap { from: at(1), to: at(2) });
    state.note_gap(Gap { from: at(2), to: at(3) });
    assert_eq!(state.gaps, [Gap { from: at(1), to: at(3) }]);
    state.save(folder.path()).unwrap();
    state.lost = 7;
    state.save(folder.path()).unwrap();
    let read = |name: &str| State::load(folder.path(), &name.parse().unwrap());
    assert_eq!(read("x").unwrap(), Some(state));
    assert_eq!(read("y").unwrap(), None);
    fs::write(folder.path().join("z.mcap.part"), "").unwrap();
    let names: Vec<String> =
        State::names(folder.path()).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["x", "z"]);
    fs::write(folder.path().join("y.json"), "{}").unwrap();
    assert_eq!(read("y").unwrap_err().kind(), ErrorKind::InvalidData);
    fs::copy(folder.path().join("x.json"), folder.path().join("y.json")).unwrap();
    assert!(read("y").unwrap_err().to_string().contains("and of x"));
    assert!(State::remove(folder.path(), &"x".parse().unwrap()).unwrap());
    assert!(!State::remove(folder.path(), &"x".parse().unwrap()).unwrap());
}
