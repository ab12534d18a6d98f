//! Messages that are cut or say what is not true are refused, and never cost more than they have.

use super::*;

#[test]
fn a_picture_of_ros_2_is_read_in_both_byte_orders() {
    let little = b"\x00\x01\x00\x00\x01\0\0\0\x02\0\0\0\x04\0\0\0cam\0\x05\0\0\0jpeg\0\0\0\0\x03\0\0\0\xff\xd8!";
    let big = b"\x00\x00\x00\x00\0\0\0\x01\0\0\0\x02\0\0\0\x04cam\0\0\0\0\x05jpeg\0\0\0\0\0\0\0\x03\xff\xd8!";
    for message in [&little[..], big] {
        let payload = Payload::read(Codec::Ros2, Bytes::copy_from_slice(message)).unwrap();
        assert_eq!(payload.bytes, &b"\xff\xd8!"[..]);
    }
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    let ros1 = b"\x07\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0cam\x04\0\0\0jpeg\x03\0\0\0\xff\xd8!";
    let ros2 = b"\x00\x01\x00\x00\x01\0\0\0\x02\0\0\0\x04\0\0\0cam\0\x05\0\0\0jpeg\0\0\0\0\x03\0\0\0\xff\xd8!";
    let entry = br#"{"stream_id":"cam","data":{"d":"/9gh"}}"#;
    for (codec, message) in
        [(Codec::Ros1, &ros1[..]), (Codec::Ros2, ros2), (Codec::RedisRecord, entry)]
    {
        let whole = Payload::read(codec, Bytes::copy_from_slice(message)).unwrap();
        assert_eq!(whole.bytes, &b"\xff\xd8!"[..], "{codec}");
        for length in 0..message.len() {
            let cut = Payload::read(codec, Bytes::copy_from_slice(&message[..length]));
            let why = cut.unwrap_err().to_string();
            assert!(why.starts_with(&format!("a message is no {codec}: ")), "{why}");
        }
    }
}

#[test]
fn an_entry_of_redis_record_keeps_its_other_fields() {
    let entry = br#"{"stream_id":"cam","data":{"w":"/w==","d":"/9gh","seq":"MDA="}}"#;
    let payload = Payload::read(Codec::RedisRecord, Bytes::copy_from_slice(entry)).unwrap();
    assert_eq!(payload.bytes, &b"\xff\xd8!"[..]);
    let field = |name: &str, bytes: &'static [u8]| (name.to_owned(), Bytes::from_static(bytes));
    assert_eq!(payload.fields, [field("seq", b"00"), field("w", b"\xff")]);
}
