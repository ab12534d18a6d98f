//! The remote service answers what the local one answers, in errors too, and survives odd servers.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use framecache::bus::{Bus, Message, Topic};
use framecache::model::event::SystemStatus;
use framecache::model::frame::Frame;
use framecache::model::time::TimeRange;
use framecache::query::{How, RangeRequest, ReindexReport, Scope, Via};
use framecache::service::remote::RemoteService;
use framecache::service::{ErrorKind, Followed, Service, ServiceError, TimelineRequest};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Rig, at_millis, picture, stream};

fn remote(rig: &Rig) -> RemoteService {
    RemoteService::connect(&format!("http://{}", rig.address)).unwrap()
}

#[tokio::test]
async fn lookups_answer_as_the_local_service_does() {
    let rig = Rig::start().await;
    let (local, remote) = (&rig.service, remote(&rig));
    for (camera, millis_ago, shade) in
        [("door", 2500, 1), ("door", 1500, 2), ("door", 500, 3), ("yard", 1500, 4)]
    {
        rig.push(camera, millis_ago, picture(shade)).await;
    }
    let door = stream("door");
    for via in [Via::Index, Via::Scan, Via::Auto] {
        for verify in [false, true] {
            let how = How { via, verify };
            let here = local.latest(&door, 2, how).await.unwrap();
            assert_eq!(here.len(), 2);
            assert_eq!(remote.latest(&door, 2, how).await.unwrap(), here);
        }
        let here = local.latest_frame(&door, via).await.unwrap();
        assert_eq!(here.as_ref().map(|frame| &frame.bytes), Some(&picture(3)));
        assert_eq!(remote.latest_frame(&door, via).await.unwrap(), here);
        let at = at_millis(0).minus(Duration::from_millis(1_400));
        for (within, found) in [
            (None, true),
            (Some(Duration::from_nanos(100_000_001)), true),
            (Some(Duration::ZERO), false),
        ] {
            let here = local.at(&door, at, within, via).await.unwrap();
            assert_eq!(here.is_some(), found, "{within:?}");
            assert_eq!(remote.at(&door, at, within, via).await.unwrap(), here);
        }
        let scope = Scope::default();
        let here = local.cameras(&scope, via).await.unwrap();
        assert_eq!(here.len(), 2);
        assert_eq!(remote.cameras(&scope, via).await.unwrap(), here);
    }
    let attic = stream("attic");
    assert_eq!(remote.latest(&attic, 1, How::default()).await.unwrap(), []);
    assert_eq!(remote.latest_frame(&attic, Via::Index).await.unwrap(), None);
    for scope in [
        Scope::default(),
        Scope { camera: Some(door.camera.clone()), ..Scope::default() },
        Scope { tenant: Some(door.tenant.clone()), prefix: Some(door.prefix), camera: None },
    ] {
        let here = local.stats(&scope).await.unwrap();
        assert_eq!(here.families.len(), 1);
        assert_eq!(remote.stats(&scope).await.unwrap(), here);
    }
    let ready = local.readiness().await.unwrap();
    assert_eq!(remote.readiness().await.unwrap(), ready);
    rig.bus.close().await;
    let away = local.readiness().await.unwrap();
    assert!(!away.ready);
    assert_eq!(remote.readiness().await.unwrap(), away);
}

#[tokio::test]
async fn windows_answer_as_the_local_service_does() {
    let rig = Rig::start().await;
    let (local, remote) = (&rig.service, remote(&rig));
    for (camera, millis_ago) in [("door", 2500), ("door", 1500), ("door", 500), ("yard", 1500)] {
        rig.push(camera, millis_ago, picture(1)).await;
    }
    let window = TimeRange::new(at_millis(0).minus(Duration::from_millis(2500)), at_millis(0));
    let streams = vec![stream("yard"), stream("door")];
    let all = RangeRequest::new(streams.clone(), TimeRange::ALL);
    let cut = RangeRequest { window: window.unwrap(), ..all.clone() };
    let one = RangeRequest { streams: vec![stream("door")], ..cut.clone() };
    for (request, frames) in [
        (all.clone(), 4),
        (cut.clone(), 4),
        (RangeRequest { limit: Some(2), reverse: true, ..cut.clone() }, 2),
        (RangeRequest { limit: Some(0), ..cut.clone() }, 0),
        (RangeRequest { every: Some(Duration::from_millis(1001)), ..one.clone() }, 2),
        (RangeRequest { how: How { via: Via::Scan, verify: true }, ..one }, 3),
        (RangeRequest { streams: Vec::new(), ..cut }, 0),
    ] {
        let here = local.range(&request).await.unwrap();
        assert_eq!(here.frames.len(), frames, "{request:?}");
        assert_eq!(remote.range(&request).await.unwrap(), here);
    }
    let step = Duration::from_nanos(700_000_001);
    let how = How::default();
    let mut request = TimelineRequest { streams, window: window.unwrap(), step, how };
    let here = local.timeline(&request).await.unwrap();
    assert_eq!((here.len(), here.iter().map(|step| step.frames).sum::<u64>()), (4, 4));
    assert_eq!(remote.timeline(&request).await.unwrap(), here);
    request.step = Duration::ZERO;
    let refused = local.timeline(&request).await.unwrap_err();
    assert_eq!(remote.timeline(&request).await.unwrap_err(), refused);
}

#[tokio::test]
async fn what_is_pushed_remotely_lies_there() {
    let rig = Rig::start().await;
    let (local, remote) = (&rig.service, remote(&rig));
    let door = stream("door");
    let live = remote.push(&door, None, picture(1)).await.unwrap();
    assert_eq!((live.key.at(), live.again), (at_millis(0), false));
    let past = Some(at_millis(0).minus(Duration::from_nanos(10_000_000_001)));
    let first = remote.push(&door, past, picture(2)).await.unwrap();
    assert_eq!(Some(first.key.at()), past);
    let again = local.push(&door, past, picture(2)).await.unwrap();
    assert_eq!((&again.key, again.again), (&first.key, true));
    assert_eq!(remote.push(&door, past, picture(2)).await.unwrap(), again);
    for key in [&first.key, &live.key] {
        let here = local.get(key).await.unwrap();
        assert!(here.is_some());
        assert_eq!(remote.get(key).await.unwrap(), here);
    }
    let foreign = format!("other:frames:gate:{}", at_millis(0)).parse().unwrap();
    assert_eq!(remote.get(&foreign).await.unwrap(), None);
    rig.put_foreign(&foreign, picture(3)).await;
    let frame = Frame { key: foreign.clone(), bytes: picture(3) };
    assert_eq!(remote.get(&foreign).await.unwrap(), Some(frame));
    let everything = remote.reindex(&Scope::default(), true).await.unwrap();
    assert_eq!(everything, ReindexReport { found: 3, known: 3, indexed: 0, foreign: 0 });
    let door = Scope { camera: Some(door.camera), ..Scope::default() };
    let here = local.reindex(&door, false).await.unwrap();
    assert_eq!(remote.reindex(&door, false).await.unwrap(), here);
}

#[tokio::test]
async fn refused_pushes_fail_as_they_do_locally() {
    let rig = Rig::start().await;
    let (local, remote) = (&rig.service, remote(&rig));
    let ahead = Some(at_millis(11_000));
    let mut other = stream("door");
    other.tenant = "other".parse().unwrap();
    for (to, at, bytes, kind) in [
        (stream("door"), None, Bytes::from_static(b"GIF89a"), ErrorKind::BadInput),
        (stream("door"), ahead, picture(1), ErrorKind::BadInput),
        (other, None, picture(1), ErrorKind::BadInput),
        (stream("door"), None, Bytes::from(vec![0xff; 3_000_000]), ErrorKind::TooLarge),
    ] {
        let here = local.push(&to, at, bytes.clone()).await.unwrap_err();
        assert_eq!(here.kind, kind);
        assert_eq!(remote.push(&to, at, bytes).await.unwrap_err(), here);
    }
    for camera in ["a", "b"] {
        rig.push(camera, 0, picture(1)).await;
    }
    let here = local.push(&stream("c"), None, picture(1)).await.unwrap_err();
    assert_eq!(here.kind, ErrorKind::Refused);
    assert_eq!(remote.push(&stream("c"), None, picture(1)).await.unwrap_err(), here);
    rig.ingest.close().await;
    let here = local.push(&stream("door"), None, picture(1)).await.unwrap_err();
    assert_eq!(here.kind, ErrorKind::Unavailable);
    assert_eq!(remote.push(&stream("door"), None, picture(1)).await.unwrap_err(), here);
}

#[tokio::test]
async fn followers_see_the_same_and_miss_nothing_across_a_restart() {
    let mut rig = Rig::start().await;
    let remote = remote(&rig);
    let mut here = rig.service.follow().await.unwrap();
    let mut there = remote.follow().await.unwrap();
    rig.push("door", 0, picture(1)).await;
    let system = SystemStatus { at: at_millis(0), total: 2, active: 1 };
    let body = Bytes::from(system.to_json());
    rig.bus.publish(Message { topic: Topic::SystemStatus, body: body.clone() }).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let one = here.next().await.unwrap();
        assert_eq!(there.next().await.as_ref(), Some(&one));
        seen.push(one);
    }
    let routing_key = "camera.metadata.event.system".to_owned();
    assert!(seen.contains(&Followed::Status { routing_key, body }), "{seen:?}");

    rig.stop_server().await;
    let live = rig.push("door", 0, picture(2)).await;
    let late = rig.push("door", 30_000, picture(3)).await;
    rig.serve_again().await;
    let last = rig.push("door", 0, picture(4)).await;
    let mut told = Vec::new();
    while [&live, &late, &last].iter().any(|key| !told.contains(*key)) {
        match there.next().await {
            Some(Followed::Frame(announcement)) => told.push(announcement.key),
            other => panic!("nothing was missed: {other:?}"),
        }
    }
}

#[tokio::test]
async fn where_nothing_listens_the_error_says_what_to_do() {
    let mut rig = Rig::start().await;
    let remote = remote(&rig);
    let address = rig.stop_server().await;
    let message = format!(
        "no framecache answers at http://{address} (connection refused): start one with \
         `framecache up` or give --url / --redis"
    );
    let refused = ServiceError { kind: ErrorKind::Unavailable, message };
    assert_eq!(remote.stats(&Scope::default()).await.unwrap_err(), refused);
    assert_eq!(remote.push(&stream("door"), None, picture(1)).await.unwrap_err(), refused);
    assert_eq!(remote.follow().await.err(), Some(refused));
}

/// Answers every request with these bytes.
async fn odd_server(answer: &'static str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = connection.read(&mut request).await;
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn odd_answers_are_errors_that_name_the_server() {
    for (answer, kind, said) in [
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nnot found",
            ErrorKind::Internal,
            "does not answer like a framecache: it answered 404 Not Found",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::Internal,
            "does not answer like a framecache: it answered 302 Found",
        ),
        (
            "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::Unavailable,
            "answered 504 Gateway Timeout: come again",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            ErrorKind::Internal,
            "does not answer like a framecache: ",
        ),
        (
            "HTTP/1.1 200 OK\r\nx-frame-key: a:b:c:1731024000000000000:00001\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::Internal,
            "does not answer like a framecache: ",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", ErrorKind::Unavailable, "broke"),
        ("SSH-2.0-OpenSSH_9.2\r\n", ErrorKind::Unavailable, "broke"),
        ("", ErrorKind::Unavailable, "broke"),
    ] {
        let url = odd_server(answer).await;
        let remote = RemoteService::connect(&url).unwrap();
        for error in [
            remote.stats(&Scope::default()).await.unwrap_err(),
            remote.latest(&stream("door"), 1, How::default()).await.unwrap_err(),
            remote.push(&stream("door"), None, picture(1)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind, kind, "{answer:?}: {error}");
            assert!(error.message.contains(said), "{answer:?}: {error}");
            assert!(error.message.contains(&url), "{answer:?}: {error}");
        }
        assert_ne!(remote.latest_frame(&stream("door"), Via::Index).await.ok(), Some(None));
        assert!(remote.latest_frame(&stream("door"), Via::Index).await.is_err());
    }
}
