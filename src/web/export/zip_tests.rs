//! Names, dates, bounds, and that an archive of many entries can be read back.

use std::io::Read as _;

use super::*;

fn key(text: &str) -> FrameKey {
    text.parse().unwrap()
}

fn fetched(seq: u32, bytes: Option<&'static [u8]>) -> Fetched {
    let key = key(&format!("t:f:cam1:17310240001234567{:02}:{seq:05}", seq % 100));
    Fetched { key, bytes: bytes.map(Bytes::from_static) }
}

fn archive(room: usize) -> Archive {
    Archive::new(Names { families: false }, json!({ "limit": room }), room)
}

#[test]
fn names_are_unique_and_fit_every_file_system() {
    let streams = |texts: &[&str]| -> Vec<StreamId> {
        texts
            .iter()
            .map(|text| key(&format!("{text}:1731024000123456789")).stream().clone())
            .collect()
    };
    let one = Names::of(&streams(&["t:f:a", "t:f:b"]));
    let many = Names::of(&streams(&["t:f:a", "u:f:a"]));
    for (names, text, expected) in [
        (one, "t:f:a:1731024000123456789:00007", "a/2024-11-08T00-00-00.123456789Z_00007.jpg"),
        (
            one,
            "t:f:a:1731024000123456789:0a1b2c3d",
            "a/2024-11-08T00-00-00.123456789Z_0a1b2c3d.jpg",
        ),
        (one, "t:f:a:1731024000123456789", "a/2024-11-08T00-00-00.123456789Z.jpg"),
        (many, "u:f:a:1731024000123456789", "u/f/a/2024-11-08T00-00-00.123456789Z.jpg"),
    ] {
        assert_eq!(names.of_frame(&key(text)), expected);
    }
}

#[test]
fn dates_are_told_to_two_seconds_and_impossible_ones_are_the_first() {
    let at = |text: &str| modified(key(&format!("t:f:a:{text}")).at()).to_string();
    assert_eq!(at("1731024003123456789"), "2024-11-08 00:00:02");
    assert_eq!(modified(UnixNanos::MIN), DateTime::default());
}

#[test]
fn what_is_full_tells_where_to_go_on_and_what_had_expired() {
    let mut archive = archive(2);
    assert!(archive.take(fetched(1, Some(b"jpeg"))).unwrap());
    assert!(archive.take(fetched(2, None)).unwrap());
    assert!(!archive.take(fetched(3, Some(b"more"))).unwrap());
    let mut bytes = archive.written().to_vec();
    assert_eq!(archive.written(), Bytes::new());
    bytes.extend(archive.finish().unwrap());
    let mut read = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
    let mut manifest = String::new();
    read.by_name("manifest.json").unwrap().read_to_string(&mut manifest).unwrap();
    let expected = json!({
        "query": { "limit": 2 },
        "expired": ["t:f:cam1:1731024000123456702:00002"],
        "more_from": "1731024000123456703",
        "frames": [{
            "name": "cam1/2024-11-08T00-00-00.123456701Z_00001.jpg",
            "key": "t:f:cam1:1731024000123456701:00001",
            "size": 4,
        }],
    });
    assert_eq!(serde_json::from_str::<Value>(&manifest).unwrap(), expected);
}

#[test]
fn more_entries_than_the_old_format_counts_are_read_back() {
    let (mut archive, mut bytes) = (archive(usize::MAX), Vec::new());
    for seq in 1..=70_000 {
        assert!(archive.take(fetched(seq, Some(b"x"))).unwrap());
        bytes.extend(archive.written());
    }
    bytes.extend(archive.finish().unwrap());
    let read = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
    assert_eq!(read.len(), 70_001);
}

#[test]
fn a_ninth_zip_is_told_to_come_again_until_one_is_sent() {
    let exports = crate::web::Exports::new("ffmpeg".into());
    let mut held: Vec<_> = (0..8).map(|_| exports.hold_zip().unwrap()).collect();
    assert!(exports.clone().hold_zip().is_err());
    held.pop();
    assert!(exports.hold_zip().is_ok());
}
