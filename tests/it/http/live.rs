//! Live pictures: multipart as a plain HTTP client sees it, and a wall over one WebSocket.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use framecache::model::key::FrameKey;
use framecache::query::{Kind, Via};
use framecache::service::Service;
use futures_util::{SinkExt, StreamExt};
use reqwest::Response;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Rig, at_millis, picture, stream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The next part: its key and picture.
async fn part(response: &mut Response, buffer: &mut BytesMut) -> (String, Bytes) {
    loop {
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
            let field = |name: &str| {
                let line = head.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_else(|| panic!("no {name} in {head}")).trim().to_owned()
            };
            let length: usize = field("Content-Length:").parse().unwrap();
            let whole = end + 4 + length;
            if buffer.len() >= whole {
                let part = buffer.split_to(whole).freeze();
                let seconds: f64 = field("X-Timestamp:").parse().unwrap();
                let key = field("X-Frame-Key:");
                let at = key.parse::<FrameKey>().unwrap().at().get();
                assert!((seconds * 1e9 - at as f64).abs() < 1e3, "{seconds} {at}");
                return (key, part.slice(end + 4..));
            }
        }
        buffer.extend_from_slice(&response.chunk().await.unwrap().expect("it should go on"));
    }
}

#[tokio::test]
async fn a_live_picture_begins_with_the_newest_and_follows_until_the_server_stops() {
    let mut rig = Rig::start().await;
    rig.push("door", 3000, picture(1)).await;
    let newest = rig.push("door", 1000, picture(2)).await;
    let mut response = rig.get("/api/v1/cameras/door/stream.mjpeg").await;
    let kind = "multipart/x-mixed-replace; boundary=frame";
    assert_eq!(response.headers()["content-type"], kind);
    let mut buffer = BytesMut::new();
    assert_eq!(part(&mut response, &mut buffer).await, (newest.to_string(), picture(2)));
    rig.push("yard", 0, picture(3)).await;
    // a late frame is not the newest
    rig.push("door", 30_000, picture(4)).await;
    let live = rig.push("door", 0, picture(5)).await;
    assert_eq!(part(&mut response, &mut buffer).await, (live.to_string(), picture(5)));
    rig.stop_server().await;
    while response.chunk().await.unwrap().is_some() {}
}

#[tokio::test]
async fn a_live_picture_has_the_asked_height_and_rate() {
    let rig = Rig::start().await;
    let tall = framecache::testing::jpeg(640, 320);
    for millis_ago in [0, 100, 200] {
        let at = Some(at_millis(1000 - millis_ago));
        rig.service.push(&stream("door"), at, tall.clone()).await.unwrap();
    }
    let mut response = rig.get("/api/v1/cameras/door/stream.mjpeg?fps=1&height=64").await;
    let mut buffer = BytesMut::new();
    let (_, first) = part(&mut response, &mut buffer).await;
    let size = framecache::model::jpeg::inspect(&first).unwrap().dimensions;
    assert_eq!((size.width, size.height), (128, 64));
    let push = async |millis| {
        let at = Some(at_millis(millis));
        rig.service.push(&stream("door"), at, tall.clone()).await.unwrap().key.to_string()
    };
    push(1200).await;
    push(1400).await;
    let due = push(2100).await;
    assert_eq!(part(&mut response, &mut buffer).await.0, due);
    for (query, said) in [
        ("fps=0", "a limit of 0 frames/s is not allowed"),
        ("fps=x", "fps=x is refused: give a number"),
        ("height=9999", "9999"),
    ] {
        let path = format!("/api/v1/cameras/door/stream.mjpeg?{query}");
        let (status, problem) = rig.json(&path).await;
        assert_eq!(status, 400, "{query}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
}

async fn open(rig: &Rig) -> Socket {
    connect_async(format!("ws://{}/api/v1/ws", rig.address)).await.unwrap().0
}

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// The next text that the server says.
async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(text.as_str()).unwrap(),
            Message::Ping(_) => {}
            other => panic!("a text should come, not {other:?}"),
        }
    }
}

#[derive(Debug, PartialEq)]
struct Picture {
    id: u16,
    nanos: u64,
    seq: u32,
    skipped: u32,
    jpeg: Bytes,
}

fn read(message: &Bytes) -> Picture {
    assert_eq!(message[2..4], [0, 0]);
    Picture {
        id: u16::from_be_bytes(message[..2].try_into().unwrap()),
        nanos: u64::from_be_bytes(message[4..12].try_into().unwrap()),
        seq: u32::from_be_bytes(message[12..16].try_into().unwrap()),
        skipped: u32::from_be_bytes(message[16..20].try_into().unwrap()),
        jpeg: message.slice(20..),
    }
}

/// The next picture that the server shows.
async fn see(socket: &mut Socket) -> Picture {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(message) => return read(&message),
            Message::Ping(_) => {}
            other => panic!("a picture should come, not {other:?}"),
        }
    }
}

fn of(id: u16, key: &FrameKey, jpeg: &Bytes) -> Picture {
    let (nanos, seq) = (key.at().get(), key.suffix().number());
    Picture { id, nanos, seq, skipped: 0, jpeg: jpeg.clone() }
}

#[tokio::test]
async fn a_wall_shows_the_newest_of_each_camera_and_follows_what_is_asked_last() {
    let mut rig = Rig::start().await;
    let door = rig.push("door", 1000, picture(1)).await;
    let mut socket = open(&rig).await;
    let wishes =
        json!([{"id": 7, "camera": "door"}, {"id": 8, "camera": "shop/frames/yard", "fps": 5}]);
    say(&mut socket, json!({ "subscribe": wishes })).await;
    let cameras = json!([{"id": 7, "camera": "door"}, {"id": 8, "camera": "shop/frames/yard"}]);
    assert_eq!(hear(&mut socket).await, json!({"type": "subscribed", "cameras": cameras}));
    assert_eq!(see(&mut socket).await, of(7, &door, &picture(1)));
    let yard = rig.push("yard", 500, picture(2)).await;
    assert_eq!(see(&mut socket).await, of(8, &yard, &picture(2)));

    // the door goes on without its picture coming again, the yard goes
    say(
        &mut socket,
        json!({"subscribe": [{"id": 7, "camera": "door"}, {"id": 9, "camera": "yard"}]}),
    )
    .await;
    assert_eq!(hear(&mut socket).await["cameras"][1]["id"], 9);
    assert_eq!(see(&mut socket).await, of(9, &yard, &picture(2)));
    let door = rig.push("door", 0, picture(3)).await;
    assert_eq!(see(&mut socket).await, of(7, &door, &picture(3)));

    say(&mut socket, json!({ "subscribe": [] })).await;
    assert_eq!(hear(&mut socket).await, json!({"type": "subscribed", "cameras": []}));
    rig.stop_server().await;
    let Message::Close(Some(close)) = socket.next().await.unwrap().unwrap() else {
        panic!("the server should say that it stops")
    };
    assert_eq!(close.reason, "the server stops: come again");
}

#[tokio::test]
async fn a_socket_tells_events_from_a_cursor_on() {
    let rig = Rig::start().await;
    let mut socket = open(&rig).await;
    say(&mut socket, json!({"events": {}})).await;
    let following = hear(&mut socket).await;
    assert_eq!(following["type"], "following");
    let key = rig.push("door", 0, picture(1)).await;
    let event = hear(&mut socket).await;
    assert_eq!((&event["type"], &event["event"]), (&json!("event"), &json!("frame")));
    assert_eq!(event["data"]["redis_key"], key.to_string());
    say(&mut socket, json!({ "events": null })).await;
    drop(socket);

    let meanwhile = rig.push("yard", 0, picture(2)).await;
    let mut socket = open(&rig).await;
    let after = json!({"cameras": ["yard"], "after": event["id"]});
    say(&mut socket, json!({ "events": after })).await;
    assert_eq!(hear(&mut socket).await["id"], event["id"]);
    assert_eq!(hear(&mut socket).await["data"]["redis_key"], meanwhile.to_string());
}

#[tokio::test]
async fn what_is_not_understood_is_answered_with_a_sentence_and_changes_nothing() {
    let rig = Rig::start().await;
    let mut socket = open(&rig).await;
    say(&mut socket, json!({"subscribe": [{"id": 1, "camera": "door"}]})).await;
    hear(&mut socket).await;
    let many: Vec<Value> = (0..257).map(|id| json!({"id": id, "camera": "door"})).collect();
    for (message, said) in [
        (json!({"subscribe": many}), "257 cameras are asked for: a socket shows at most 256"),
        (
            json!({"subscribe": [{"id": 1, "camera": "a"}, {"id": 1, "camera": "b"}]}),
            "the id 1 is given twice",
        ),
        (json!({"subscribe": [{"id": 65536, "camera": "a"}]}), "the message is not understood"),
        (json!({"subscribe": [{"id": 1, "camera": "a/b"}]}), "a/b"),
        (json!({"subscribe": [{"id": 1, "camera": "a", "fps": 0}]}), "a limit of 0 frames/s"),
        (json!({"subscribe": [{"id": 1, "camera": "a", "height": 1}]}), "16"),
        (json!({"events": {"after": "x"}}), "\"x\" is no cursor"),
        (json!({"zoom": 2}), "unknown field `zoom`"),
        (json!({}), "the message asks for nothing"),
    ] {
        say(&mut socket, message).await;
        let answer = hear(&mut socket).await;
        assert_eq!(answer["type"], "error", "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(said), "{answer}");
    }
    socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(hear(&mut socket).await["type"], "error");
    let key = rig.push("door", 0, picture(1)).await;
    assert_eq!(see(&mut socket).await, of(1, &key, &picture(1)));
    let (status, problem) = rig.json("/api/v1/ws").await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("ws://"), "{problem}");
}

#[tokio::test]
async fn a_message_over_the_bound_ends_the_socket() {
    let rig = Rig::start().await;
    let mut socket = open(&rig).await;
    let long = "x".repeat((64 << 10) + 1);
    // the server may be gone before all is sent
    let _ = socket.send(Message::text(long)).await;
    while let Some(Ok(message)) = socket.next().await {
        assert!(message.is_close(), "{message:?}");
    }
}

/// A picture whose bytes fill the buffers of a connection soon.
fn large(shade: u8) -> Bytes {
    let small = picture(shade);
    let comments = vec![vec![b'.'; 60_000]; 8];
    let comments: Vec<&[u8]> = comments.iter().map(Vec::as_slice).collect();
    Bytes::from(framecache::model::jpeg::insert_comments(&small, &comments).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_socket_skips_and_slows_no_other() {
    let rig = Rig::start_with(1_000_000).await;
    let (mut fast, mut stalled) = (open(&rig).await, open(&rig).await);
    for socket in [&mut fast, &mut stalled] {
        say(socket, json!({"subscribe": [{"id": 1, "camera": "door"}]})).await;
        hear(socket).await;
    }
    let frames = 60_u64;
    for number in 1..=frames {
        let at = Some(at_millis(number));
        rig.service.push(&stream("door"), at, large(1)).await.unwrap();
        let seen = see(&mut fast).await;
        assert_eq!((seen.nanos, seen.skipped), (at_millis(number).get(), 0));
    }
    let (mut seen, mut skipped) = (0, 0);
    loop {
        let picture = see(&mut stalled).await;
        seen += 1;
        skipped += u64::from(picture.skipped);
        if picture.nanos == at_millis(frames).get() {
            break;
        }
    }
    assert!(skipped > 0, "60 pictures of 480 kB should not fit into a connection's buffers");
    assert_eq!(seen + skipped, frames);
}

#[tokio::test]
async fn fifty_viewers_cost_one_fetch_a_frame() {
    let rig = Rig::start().await;
    let watch = rig.service.watch();
    let mut viewers: Vec<_> = (0..50).map(|_| watch.newest(&stream("door"))).collect();
    for viewer in &mut viewers {
        assert!(viewer.changed().await);
    }
    let frames = 20;
    for number in 1..=frames {
        let key = rig.service.push(&stream("door"), Some(at_millis(number)), picture(1)).await;
        let key = key.unwrap().key;
        for viewer in &mut viewers {
            while viewer.newest().is_none_or(|shown| shown.frame.key != key) {
                assert!(viewer.changed().await);
            }
        }
    }
    assert_eq!(rig.query.counts().lookups(Kind::Get, Via::Index), frames);
    watch.close().await;
    for viewer in &mut viewers {
        while viewer.changed().await {}
    }
}

#[tokio::test]
async fn a_frame_that_has_died_is_no_longer_shown() {
    let rig = Rig::start().await;
    let key = rig.push("door", 0, picture(1)).await;
    let mut viewer = rig.service.watch().newest(&stream("door"));
    while viewer.newest().is_none_or(|shown| shown.frame.key != key) {
        assert!(viewer.changed().await);
    }
    rig.clock.advance(Duration::from_secs(61));
    assert!(viewer.changed().await);
    assert_eq!(viewer.newest(), None);
}
