//! What is written is read back by the `mcap` crate's own reader, message by message.

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::*;
use crate::model::frame::Frame;
use crate::model::time::Ttl;

fn stored(key: &str, bytes: &'static [u8]) -> StoredFrame {
    let key: crate::model::key::FrameKey = key.parse().unwrap();
    let ttl = Ttl::from_secs(300).unwrap();
    let expires_at = Some(key.at().plus(ttl.as_duration()));
    let frame = Frame { key, bytes: Bytes::from_static(bytes) };
    StoredFrame { frame, ttl: Some(ttl), expires_at }
}

fn about() -> About {
    let at = |nanos| UnixNanos::new(nanos).unwrap();
    let window =
        TimeRange::new(at(1_731_024_000_000_000_000), at(1_731_024_060_000_000_000)).unwrap();
    let facts = [("tenant".to_owned(), "t".to_owned())].into();
    About { window, captured_at: at(1_731_024_070_000_000_000), facts }
}

fn file(frames: &[StoredFrame]) -> Bytes {
    let mut writer = SnapshotWriter::begin(&about()).unwrap();
    for frame in frames {
        writer.add(frame, about().captured_at).unwrap();
    }
    let ending = Ending { lost: 2, facts: [("reason".to_owned(), "done".to_owned())].into() };
    writer.finish(&ending).unwrap();
    writer.written()
}

#[test]
fn each_frame_is_a_key_and_a_picture_of_its_time_and_number() {
    let frames = [
        stored("t:p:a.1:1731024000123456789:00001", b"\xff\xd8one\xff\xd9"),
        stored("t:p:b:1731024000123456789:0a1b2c3d", b"no jpeg"),
        stored("t:p:a.1:1731024000123456790", b"\xff\xd8two\xff\xd9"),
    ];
    let bytes = file(&frames);
    let messages: Vec<_> =
        mcap::MessageStream::new(&bytes).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(messages.len(), 6);
    for (pair, frame) in messages.chunks(2).zip(&frames) {
        let key = &frame.frame.key;
        let topics: Vec<&str> = pair.iter().map(|one| one.channel.topic.as_str()).collect();
        let StreamId { tenant, prefix, camera } = key.stream();
        let base = format!("/{tenant}/{prefix}/{camera}");
        assert_eq!(topics, [format!("{base}/key"), format!("{base}/image")]);
        for message in pair {
            assert_eq!((message.log_time, message.publish_time), (key.at().get(), key.at().get()));
            assert_eq!(message.sequence, key.suffix().number());
            assert_eq!(message.channel.metadata["camera"], camera.as_str());
        }
        let sidecar: Sidecar = serde_json::from_slice(&pair[0].data).unwrap();
        assert_eq!(sidecar, Sidecar::of(frame, about().captured_at));
        assert_eq!(sidecar.key, *key);
        assert_eq!(CompressedImage::decode(&pair[1].data[..]).unwrap(), CompressedImage::of(frame));
    }
    let seqs: Vec<String> =
        frames.iter().map(|one| Sidecar::of(one, about().captured_at).seq).collect();
    assert_eq!(seqs, ["00001", "0a1b2c3d", ""]);
}

#[test]
fn the_picture_is_understood_by_the_schema_that_the_file_carries() {
    let frame = stored("t:p:cam1:1731024000123456789:00001", b"\xff\xd8one\xff\xd9");
    let bytes = file(std::slice::from_ref(&frame));
    let messages: Vec<_> =
        mcap::MessageStream::new(&bytes).unwrap().collect::<Result<_, _>>().unwrap();
    let schema = messages[1].channel.schema.clone().unwrap();
    assert_eq!((schema.name.as_str(), schema.encoding.as_str()), (IMAGE_SCHEMA, "protobuf"));
    let pool = DescriptorPool::decode(&schema.data[..]).unwrap();
    let descriptor = pool.get_message_by_name(IMAGE_SCHEMA).unwrap();
    let message = DynamicMessage::decode(descriptor, &messages[1].data[..]).unwrap();
    let json = serde_json::to_value(&message).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "timestamp": "2024-11-08T00:00:00.123456789Z",
            "data": "/9hvbmX/2Q==",
            "format": "jpeg",
            "frameId": "cam1",
        })
    );
}

#[test]
fn the_first_and_the_last_record_tell_what_was_asked_and_what_is_inside() {
    let bytes = file(&[stored("t:p:cam1:1731024000123456789:00001", b"\xff\xd8one\xff\xd9")]);
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    let read = |index: &mcap::records::MetadataIndex| mcap::read::metadata(&bytes, index).unwrap();
    let records: Vec<Metadata> = summary.metadata_indexes.iter().map(read).collect();
    let (first, last) = (&records[0], &records[1]);
    assert_eq!(records.len(), 2);
    assert_eq!(first.name.strip_prefix(SNAPSHOT_RECORD), last.name.strip_prefix(RESULT_RECORD));
    assert_eq!(first.metadata["tenant"], "t");
    assert_eq!(first.metadata["range_start_ns"], "1731024000000000000");
    let told =
        ["frames", "image_bytes", "lost", "complete", "reason"].map(|name| &last.metadata[name]);
    assert_eq!(told, ["1", "7", "2", "true", "done"]);
    assert_eq!(summary.stats.unwrap().message_count, 2);
}

#[test]
fn what_was_flushed_is_read_without_the_end_of_the_file() {
    let mut writer = SnapshotWriter::begin(&about()).unwrap();
    writer.add(&stored("t:p:a:1731024000123456789:00001", b"one"), about().captured_at).unwrap();
    writer.flush().unwrap();
    let whole = writer.written();
    writer.add(&stored("t:p:a:1731024000123456790:00002", b"two"), about().captured_at).unwrap();
    assert!(writer.written().is_empty(), "a chunk that fills is held");
    let options = mcap::read::Options::IgnoreEndMagic;
    let read = mcap::MessageStream::new_with_options(&whole, options.into()).unwrap();
    assert_eq!(read.filter_map(Result::ok).count(), 2);
}
