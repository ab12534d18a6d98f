//! Pictures in MCAP files of other programs: every encoding, every compression, with and without chunks.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use framecache::archive::format::{CompressedImage, Timestamp};
use framecache::archive::read::{Recording, Select};
use futures_util::TryStreamExt as _;
use mcap::records::MessageHeader;
use mcap::{Compression, WriteOptions, Writer};
use prost::Message as _;

/// 2024-11-08T00:00:00Z.
const START: u64 = 1_731_024_000_000_000_000;

fn picture(number: u64) -> Vec<u8> {
    let mut bytes = b"\xff\xd8".to_vec();
    bytes.extend(std::iter::repeat_n(number as u8, 100 + number as usize % 7));
    bytes
}

fn protobuf(number: u64) -> Vec<u8> {
    let timestamp = Some(Timestamp { seconds: 1, nanos: 2 });
    let (format, frame_id) = ("jpeg".to_owned(), "elsewhere".to_owned());
    CompressedImage { timestamp, data: picture(number).into(), format, frame_id }.encode_to_vec()
}

fn json(number: u64) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({
        "timestamp": { "sec": 1, "nsec": 2 }, "frame_id": "a \"b\"",
        "data": STANDARD.encode(picture(number)), "format": "jpeg",
    }))
    .unwrap()
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text);
}

fn ros1(number: u64) -> Vec<u8> {
    let mut out = [7_u32, 1, 2].map(u32::to_le_bytes).concat();
    string(&mut out, b"frame");
    string(&mut out, b"jpeg");
    string(&mut out, &picture(number));
    out
}

fn ros2(number: u64) -> Vec<u8> {
    let mut out = vec![0, 1, 0, 0];
    out.extend([1_u32, 2].map(u32::to_le_bytes).concat());
    for text in [&b"frame_id\0"[..], b"jpeg\0", &picture(number)] {
        out.resize(out.len().next_multiple_of(4), 0);
        string(&mut out, text);
    }
    out
}

type Encode = fn(u64) -> Vec<u8>;

/// Schema, its encoding, message encoding, how a message is written.
const CODECS: [(&str, &str, &str, &str, Encode); 5] = [
    ("foxglove", "foxglove.CompressedImage", "protobuf", "protobuf", protobuf),
    ("foxglove", "foxglove.CompressedImage", "jsonschema", "json", json),
    ("ros1", "sensor_msgs/CompressedImage", "ros1msg", "ros1", ros1),
    ("ros2", "sensor_msgs/msg/CompressedImage", "ros2msg", "cdr", ros2),
    ("ros2", "sensor_msgs/CompressedImage", "ros2idl", "cdr", ros2),
];

fn file(options: WriteOptions, codec: usize) -> Vec<u8> {
    let (_, schema, schema_encoding, encoding, encode) = CODECS[codec];
    let mut writer: Writer<Cursor<Vec<u8>>> = options.create(Cursor::new(Vec::new())).unwrap();
    let schema = writer.add_schema(schema, schema_encoding, b"whatever").unwrap();
    let none = BTreeMap::new();
    let front = writer.add_channel(schema, "/cam/front", encoding, &none).unwrap();
    let rear = writer.add_channel(schema, "/cam/rear", encoding, &none).unwrap();
    let other = writer.add_channel(0, "/speed", "json", &none).unwrap();
    for number in 0..60_u64 {
        let mut write = |channel_id, number: u64, data: &[u8]| {
            let log_time = START + number * 1000;
            let head = MessageHeader { channel_id, sequence: 0, log_time, publish_time: 5 };
            writer.write_to_known_channel(&head, data).unwrap();
        };
        // Out of order: the rear camera lags behind.
        write(front, number, &encode(number));
        write(other, number, b"{}");
        write(rear, number.saturating_sub(20), &encode(number.saturating_sub(20)));
    }
    writer.finish().unwrap();
    writer.into_inner().into_inner()
}

async fn opened(folder: &Path, bytes: &[u8]) -> Recording {
    let path = folder.join("x.mcap");
    std::fs::write(&path, bytes).unwrap();
    Recording::open_path(&path).await.unwrap()
}

#[tokio::test]
async fn pictures_of_other_programs_are_read_in_every_encoding_and_compression() {
    let folder = tempfile::tempdir().unwrap();
    let small = || WriteOptions::new().chunk_size(Some(1500));
    for (codec, (word, ..)) in CODECS.iter().enumerate() {
        for (how, options) in [
            ("plain", small().compression(None)),
            ("zstd", small().compression(Some(Compression::Zstd))),
            ("lz4", small().compression(Some(Compression::Lz4))),
            ("no chunks", WriteOptions::new().use_chunks(false)),
            ("no index", small().emit_chunk_indexes(false).emit_statistics(false)),
            ("no message index", small().emit_message_indexes(false)),
            ("no summary", small().emit_summary_records(false).emit_summary_offsets(false)),
        ] {
            let recording = opened(folder.path(), &file(options, codec)).await;
            let entries: Vec<_> = recording.entries(&Select::ALL).try_collect().await.unwrap();
            let what = format!("{word} {codec} {how}");
            let mut times: Vec<u64> =
                (0..60).chain((0..60).map(|n: u64| n.saturating_sub(20))).collect();
            times.sort_unstable();
            let found: Vec<u64> = entries.iter().map(|one| (one.at.get() - START) / 1000).collect();
            assert_eq!(found, times, "{what}");
            for entry in &entries {
                let number = (entry.at.get() - START) / 1000;
                assert_eq!(entry.bytes, picture(number), "{what}");
                assert_eq!((&entry.key, entry.ttl), (&None, None), "{what}");
            }
            // The rear camera's first 21 pictures have one time: they are numbered.
            let rear = entries.iter().filter(|one| &*one.channel == "/cam/rear");
            let orders: Vec<u32> = rear.take(23).map(|one| one.order).collect();
            let expected: Vec<u32> = (0..21).chain([0, 0]).collect();
            assert_eq!(orders, expected, "{what}");
            assert_eq!((recording.format(), recording.finished()), (*word, true), "{what}");
            let names: Vec<_> = recording.channels().into_iter().map(|(name, _)| name).collect();
            assert_eq!(
                names.iter().map(|one| &**one).collect::<Vec<_>>(),
                ["/cam/front", "/cam/rear"]
            );
        }
    }
}

#[tokio::test]
async fn a_file_whose_chunks_all_overlap_is_read_without_holding_it() {
    // Three chunks of 40 MB when decompressed, each from the start to the end.
    let options =
        WriteOptions::new().compression(Some(Compression::Zstd)).chunk_size(Some(40 << 20));
    let mut writer: Writer<Cursor<Vec<u8>>> = options.create(Cursor::new(Vec::new())).unwrap();
    let schema = writer.add_schema(CODECS[0].1, "protobuf", b"whatever").unwrap();
    let none = BTreeMap::new();
    for camera in 0..3_u64 {
        let channel_id =
            writer.add_channel(schema, &format!("/{camera}"), "protobuf", &none).unwrap();
        for number in 0..4 {
            let data = CompressedImage {
                data: vec![camera as u8; 10 << 20].into(),
                ..CompressedImage::default()
            };
            let log_time = START + number * 10 + camera;
            let head = MessageHeader { channel_id, sequence: 0, log_time, publish_time: 0 };
            writer.write_to_known_channel(&head, &data.encode_to_vec()).unwrap();
        }
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let recording = opened(folder.path(), &writer.into_inner().into_inner()).await;
    let entries =
        recording.entries(&Select::ALL).map_ok(|one| (one.at.get() - START, one.bytes[0]));
    let found: Vec<(u64, u8)> = entries.try_collect().await.unwrap();
    let expected: Vec<(u64, u8)> = (0..4)
        .flat_map(|number| (0..3_u64).map(move |camera| (number * 10 + camera, camera as u8)))
        .collect();
    assert_eq!(found, expected);
}
