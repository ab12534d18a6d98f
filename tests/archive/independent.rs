//! Recordings and the MCAP project's own Python packages: what we write they read, what they write we read.

use std::path::Path;

use bytes::Bytes;
use framecache::archive::format::{About, Ending, SnapshotWriter};
use framecache::archive::read::{Recording, Select};
use framecache::model::frame::{Frame, StoredFrame};
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, Ttl, UnixNanos};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::python;

/// 2024-11-08T00:00:00Z.
const START: u64 = 1_731_024_000_000_000_000;

fn at(nanos: u64) -> UnixNanos {
    UnixNanos::new(nanos).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Frames over several chunks; some late, some of one nanosecond, every kind of key, some no JPEG.
fn frames() -> Vec<StoredFrame> {
    let keys = (0..200_u64).map(|n| {
        let time = START + n / 2 * 40_000_000 + if n % 17 == 0 { 0 } else { n % 3 };
        let suffix = match n % 10 {
            8 => format!(":{:08x}", n * 7919),
            9 => String::new(),
            _ => format!(":{:05}", 99_900 + n / 10),
        };
        format!("client-a:frames:cam.{}:{time}{suffix}", n % 3)
    });
    let stored = |(n, key): (usize, String)| {
        let key: FrameKey = key.parse().unwrap();
        let mut bytes: Vec<u8> =
            (0..40_000 + n * 13).map(|place| (place * 31 % 251) as u8).collect();
        bytes[..2].copy_from_slice(if n % 13 == 0 { b"no" } else { b"\xff\xd8" });
        let expires_at = (n % 5 != 0).then(|| at(START + 300_000_000_000));
        let frame = Frame { key, bytes: bytes.into() };
        StoredFrame { frame, ttl: Ttl::from_secs(300).ok(), expires_at }
    };
    keys.enumerate().map(stored).collect()
}

fn write(path: &Path, frames: &[StoredFrame]) {
    let window = TimeRange::new(at(START), at(START + 10_000_000_000)).unwrap();
    let facts = [("query".to_owned(), "all of it".to_owned())].into();
    let about = About { window, captured_at: at(START + 20_000_000_000), facts };
    let mut writer = SnapshotWriter::begin(&about).unwrap();
    frames.iter().for_each(|one| writer.add(one, about.captured_at).unwrap());
    writer.finish(&Ending::default()).unwrap();
    std::fs::write(path, writer.written()).unwrap();
}

const READER: &str = r#"
import hashlib, json
from mcap.reader import make_reader, NonSeekingReader
from mcap_protobuf.decoder import DecoderFactory
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage

def told(reader, **how):
    key = None
    for schema, channel, message, decoded in reader.iter_decoded_messages(**how):
        if channel.message_encoding == "json":
            key = (message.log_time, message.sequence, json.loads(message.data))
            continue
        assert schema.name == "foxglove.CompressedImage"
        image = CompressedImage.FromString(message.data)
        assert image.SerializeToString() == decoded.SerializeToString()
        assert (key[0], key[1]) == (message.log_time, message.sequence)
        assert message.publish_time == message.log_time
        assert image.timestamp.ToNanoseconds() == message.log_time
        yield [channel.topic, channel.metadata, message.log_time, message.sequence, key[2],
               image.frame_id, image.format, hashlib.sha256(image.data).hexdigest()]

class Json:
    def decoder_for(self, encoding, schema):
        return json.loads if encoding == "json" else None

factories = lambda: [DecoderFactory(), Json()]
with open("x.mcap", "rb") as file:
    # every checksum, in the order of the file
    streamed = list(told(NonSeekingReader(file, validate_crcs=True, decoder_factories=factories()), log_time_order=False))
with open("x.mcap", "rb") as file:
    reader = make_reader(file, validate_crcs=True, decoder_factories=factories())
    print(json.dumps({
        "streamed": streamed,
        "indexed": sorted(told(reader, log_time_order=False), key=str) == sorted(streamed, key=str),
        "messages": reader.get_summary().statistics.message_count,
        "metadata": [[record.name, record.metadata] for record in reader.iter_metadata()],
        "header": reader.get_header().library,
    }))
"#;

#[test]
fn every_message_is_decoded_by_the_python_packages() {
    let folder = tempfile::tempdir().unwrap();
    let frames = frames();
    write(&folder.path().join("x.mcap"), &frames);
    let read: Value = serde_json::from_str(&python::run(READER, folder.path())).unwrap();
    let expected: Vec<Value> = frames
        .iter()
        .map(|stored| {
            let (key, bytes) = (&stored.frame.key, &stored.frame.bytes);
            let camera = key.stream().camera.as_str();
            let text = key.to_string();
            let kind = if bytes.starts_with(b"\xff\xd8") {
                "image/jpeg"
            } else {
                "application/octet-stream"
            };
            json!([
                format!("/client-a/frames/{camera}/image"),
                { "format_version": "1", "tenant": "client-a", "prefix": "frames", "camera": camera,
                  "content_type": "image/jpeg" },
                key.at().get(),
                key.suffix().number(),
                { "key": text, "seq": text.splitn(5, ':').nth(4).unwrap_or(""), "size": bytes.len(),
                  "crc32": crc32fast::hash(bytes), "content_type": kind, "ttl_ms": 300_000,
                  "expire_at_ms": stored.expires_at.map(UnixNanos::as_millis),
                  "recorded_at_ms": START / 1_000_000 + 20_000 },
                camera,
                "jpeg",
                sha256(bytes),
            ])
        })
        .collect();
    assert_eq!(read["streamed"].as_array().unwrap(), &expected);
    assert_eq!((&read["indexed"], &read["messages"]), (&json!(true), &json!(2 * frames.len())));
    assert_eq!(read["header"], concat!("framecache/", env!("CARGO_PKG_VERSION")));
    let records = read["metadata"].as_array().unwrap();
    assert_eq!((records.len(), &records[0][1]["query"]), (2, &json!("all of it")));
    let keys: String = frames.iter().map(|one| format!("{}\n", one.frame.key)).collect();
    assert_eq!(records[1][1]["keys_sha256"], sha256(keys.as_bytes()));
}

const WRITERS: &str = r#"
import json
from base64 import b64encode
from mcap.writer import Writer, CompressionType
from mcap_protobuf.writer import Writer as ProtobufWriter
from mcap_ros2.writer import Writer as Ros2Writer
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage

START = 1731024000000000000
def picture(n): return b"\xff\xd8" + bytes([n]) * (100 + n % 7)

with open("protobuf.mcap", "wb") as file, ProtobufWriter(file, chunk_size=3000) as writer:
    for n in range(100):
        image = CompressedImage(data=picture(n), format="jpeg", frame_id="f")
        image.timestamp.FromNanoseconds(5)
        writer.write_message("/camera", image, log_time=START + n * 1000, publish_time=7, sequence=n)

DEFINITION = """std_msgs/Header header
string format
uint8[] data
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
with open("ros2.mcap", "wb") as file:
    writer = Ros2Writer(file, chunk_size=3000)
    schema = writer.register_msgdef("sensor_msgs/msg/CompressedImage", DEFINITION)
    for n in range(100):
        header = {"stamp": {"sec": 1, "nanosec": 2}, "frame_id": "f" * (n % 5)}
        message = {"header": header, "format": "jpeg", "data": picture(n)}
        writer.write_message("/camera", schema, message, log_time=START + n * 1000, publish_time=7, sequence=n)
    writer.finish()

with open("json.mcap", "wb") as file:
    writer = Writer(file, chunk_size=3000, compression=CompressionType.LZ4)
    writer.start()
    schema = writer.register_schema("foxglove.CompressedImage", "jsonschema", b"{}")
    channel = writer.register_channel("/camera", "json", schema)
    for n in range(100):
        message = {"timestamp": {"sec": 1, "nsec": 2}, "frame_id": "f", "format": "jpeg",
                   "data": b64encode(picture(n)).decode()}
        writer.add_message(channel, START + n * 1000, json.dumps(message).encode(), 7, n)
    writer.finish()
"#;

#[tokio::test]
async fn files_of_the_python_packages_are_read() {
    let folder = tempfile::tempdir().unwrap();
    python::run(WRITERS, folder.path());
    for (file, format) in
        [("protobuf.mcap", "foxglove"), ("ros2.mcap", "ros2"), ("json.mcap", "foxglove")]
    {
        let recording = Recording::open_path(&folder.path().join(file)).await.unwrap();
        let entries = recording.entries(&Select::ALL);
        let entries = entries.map_ok(|one| (one.channel.to_string(), one.at.get(), one.bytes));
        let entries: Vec<(String, u64, Bytes)> = entries.try_collect().await.unwrap();
        let expected: Vec<(String, u64, Bytes)> = (0..100_u64)
            .map(|n| {
                let bytes = [&b"\xff\xd8"[..], &vec![n as u8; 100 + n as usize % 7]].concat();
                ("/camera".to_owned(), START + n * 1000, bytes.into())
            })
            .collect();
        assert_eq!(entries, expected, "{file}");
        assert_eq!((recording.format(), recording.finished()), (format, true), "{file}");
    }
}
