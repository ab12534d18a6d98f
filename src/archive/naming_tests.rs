//! Keys as recorded, renamed and shifted; what would mix cameras is refused.

use bytes::Bytes;

use super::*;

fn at(nanos: u64) -> UnixNanos {
    UnixNanos::new(nanos).unwrap()
}

fn naming() -> Naming {
    Naming::recorded(Tenant::new("me").unwrap(), Prefix::new("frames").unwrap())
}

fn channel(topic: &str) -> (Arc<str>, Option<StreamId>) {
    (topic.into(), None)
}

fn entry(channel: &str, key: Option<&str>, order: u32) -> Entry {
    Entry {
        channel: channel.into(),
        key: key.map(|key| key.parse().unwrap()),
        at: at(1_731_024_000_000_000_007),
        order,
        bytes: Bytes::from_static(b"bytes"),
        ttl: None,
        expires_at: Some(at(1_731_024_300_000_000_000)),
        recorded_at: None,
        fields: Vec::new(),
    }
}

fn ours() -> (Entry, (Arc<str>, Option<StreamId>)) {
    let entry = entry("/t/p/cam/image", Some("t:p:cam:1731024000000000007:0a1b2c3d"), 0);
    let stream = entry.key.as_ref().map(|key| key.stream().clone());
    let channel = (Arc::clone(&entry.channel), stream);
    (entry, channel)
}

#[test]
fn our_frames_keep_their_keys_but_for_what_is_renamed() {
    let (entry, channel) = ours();
    let rename = |text: &str| vec![text.parse().unwrap()];
    let (tenant, prefix) = (Tenant::new("x").unwrap(), Prefix::new("y").unwrap());
    for (naming, expected) in [
        (naming(), "t:p:cam:1731024000000000007:0a1b2c3d"),
        (
            Naming { tenant: Some(tenant), prefix: Some(prefix), ..naming() },
            "x:y:cam:1731024000000000007:0a1b2c3d",
        ),
        (Naming { cameras: rename("cam=new"), ..naming() }, "t:p:new:1731024000000000007:0a1b2c3d"),
        (
            Naming { cameras: rename("t/p/cam=new"), ..naming() },
            "t:p:new:1731024000000000007:0a1b2c3d",
        ),
    ] {
        let names = naming.settle(std::slice::from_ref(&channel)).unwrap();
        assert_eq!(names.key(&entry).unwrap().to_string(), expected);
    }
}

#[test]
fn a_shift_moves_the_time_and_the_end_alike() {
    let (entry, channel) = ours();
    let shift = Shift::between(at(1_731_024_000_000_000_000), at(1_731_025_000_000_000_000));
    let names = Naming { shift, ..naming() }.settle(&[channel]).unwrap();
    let moved = names.frame(entry).unwrap();
    assert_eq!(moved.frame.key.at(), at(1_731_025_000_000_000_007));
    assert_eq!(moved.expires_at, Some(at(1_731_025_300_000_000_000)));
    let back = Shift::between(at(1_731_025_000_000_000_000), at(1_731_024_000_000_000_000));
    assert_eq!(back.of(moved.frame.key.at()), at(1_731_024_000_000_000_007));
    assert_eq!(back.of(at(5)), UnixNanos::MIN);
    assert_eq!(Shift::between(at(0), UnixNanos::MAX).of(UnixNanos::MAX), UnixNanos::MAX);
}

#[test]
fn channels_of_other_programs_become_cameras_and_are_numbered() {
    let topics = ["/cam/front", "cam-rear:raw", "_._", "café"];
    let names = naming().settle(&topics.map(channel)).unwrap();
    for (topic, order, expected) in [
        ("/cam/front", 0, "me:frames:cam-front:1731024000000000007:00001"),
        ("cam-rear:raw", 41, "me:frames:cam-rear-raw:1731024000000000007:00042"),
        ("_._", 0, "me:frames:_._:1731024000000000007:00001"),
        ("café", 0, "me:frames:caf:1731024000000000007:00001"),
    ] {
        assert_eq!(names.key(&entry(topic, None, order)).unwrap().to_string(), expected);
    }
    let many = names.key(&entry("/cam/front", None, 99_999)).unwrap_err().to_string();
    assert!(many.ends_with("too many frames have this time"), "{many}");
}

#[test]
fn what_would_mix_or_miss_cameras_is_refused_with_the_way_out() {
    let refused = |naming: Naming, topics: &[&str]| {
        let channels: Vec<_> = topics.iter().map(|topic| channel(topic)).collect();
        naming.settle(&channels).unwrap_err().to_string()
    };
    assert_eq!(
        refused(naming(), &["/cam/1", "cam-1"]),
        "/cam/1 and cam-1 would both become the camera me/frames/cam-1: \
         give one of them another name, cam-1=NEW"
    );
    assert_eq!(
        refused(naming(), &["///"]),
        "the channel \"///\" gives no camera a name: give it one, ///=NEW"
    );
    let renamed = Naming { cameras: vec!["front=x".parse().unwrap()], ..naming() };
    assert_eq!(
        refused(renamed, &["/rear"]),
        "no camera \"front\" is in the recording, which has /rear"
    );
    for text in ["front", "=x", "a=", "a=b c"] {
        assert!(text.parse::<Rename>().is_err(), "{text}");
    }
}
