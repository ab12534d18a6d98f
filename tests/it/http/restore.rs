//! `POST /api/v1/restore`: frames of a small recording lie in the store again as they were.

use framecache::archive::format::pack;
use framecache::config::{HttpConfig, TokenConfig, TokenHash};
use framecache::model::frame::{Frame, StoredFrame};
use framecache::service::remote::RemoteService;
use framecache::service::transfer::{RESTORE_BYTES, Restored, RestoredAs, Transfer as _};
use framecache::store::FrameStat;
use reqwest::StatusCode;

use super::*;

fn stored(tenant: &str, camera: &str, seq: u32, bytes: Bytes) -> StoredFrame {
    let at = at_millis(0).minus(Duration::from_secs(3600));
    let key = format!("{tenant}:frames:{camera}:{at}:{seq:05}").parse().unwrap();
    let expires_at = Some(at_millis(90_123));
    StoredFrame { frame: Frame { key, bytes }, ttl: Ttl::from_secs(7200).ok(), expires_at }
}

async fn post(rig: &Rig, body: Bytes) -> (u16, Value) {
    let url = rig.url("/api/v1/restore");
    let response = rig.client.post(url).body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn frames_lie_again_under_their_keys_until_their_ends_and_twice_changes_nothing() {
    let rig = Rig::start().await;
    let frames = [
        stored("shop", "door", 41, picture(1)),
        stored("shop", "yard", 7, Bytes::from_static(b"no jpeg")),
        StoredFrame { expires_at: Some(at_millis(0)), ..stored("shop", "door", 42, picture(2)) },
        stored("shop", "door", 43, Bytes::from(vec![1; MAX_FRAME_BYTES + 1])),
    ];
    let [door, yard, past, large] = [0, 1, 2, 3].map(|n: usize| frames[n].frame.key.to_string());
    let packed = pack(&frames, at_millis(0)).unwrap();
    let too_large =
        "the pushed frame has 10001 bytes, more than the 10000 allowed (max_frame_bytes)";
    for outcome in ["stored", "again"] {
        let expired = format!("{past} has expired: give it another lifetime");
        let expected = serde_json::json!({ "frames": [
            { "key": door, "outcome": outcome },
            { "key": yard, "outcome": outcome },
            { "key": past, "outcome": "expired", "message": expired },
            { "key": large, "outcome": "refused", "message": too_large },
        ]});
        assert_eq!(post(&rig, packed.clone()).await, (200, expected));
        for StoredFrame { frame, expires_at, .. } in &frames[..2] {
            let key = std::slice::from_ref(&frame.key);
            let stat = FrameStat { size: frame.bytes.len() as u32, expires_at: *expires_at };
            assert_eq!(rig.store.stat(key).await.unwrap(), [Some(stat)]);
            assert_eq!(rig.store.fetch(key).await.unwrap(), [Some(frame.bytes.clone())]);
        }
    }
    let other = stored("shop", "door", 41, picture(9));
    let (status, told) = post(&rig, pack(&[other], at_millis(0)).unwrap()).await;
    assert_eq!((status, told["frames"][0]["outcome"].as_str()), (200, Some("taken")));
}

#[tokio::test]
async fn what_is_no_small_recording_of_this_tenant_is_refused_before_anything_is_stored() {
    let rig = Rig::start().await;
    let (ours, other) =
        (stored("shop", "door", 1, picture(1)), stored("bank", "door", 1, picture(1)));
    let both = pack(&[ours, other], at_millis(0)).unwrap();
    let (status, told) = post(&rig, both).await;
    let said = "this process writes tenant shop only, not bank: use one that is configured for it";
    assert_eq!((status, told["detail"].as_str()), (400, Some(said)));
    let (status, told) = post(&rig, picture(1)).await;
    let said = "no recording of a few frames: these bytes are no whole MCAP file: its first or last \
                bytes lack";
    assert_eq!((status, told["detail"].as_str()), (400, Some(said)));
    let max = RESTORE_BYTES + (1 << 20) + MAX_FRAME_BYTES;
    let (status, told) = post(&rig, vec![0; max + 1].into()).await;
    let said = format!("at most {max} bytes are restored at once: send the recording in pieces");
    assert_eq!((status, told["detail"].as_str()), (413, Some(said.as_str())));
    assert_eq!(rig.store.info().await.unwrap().keys, 0);
}

#[tokio::test]
async fn who_may_only_read_or_sees_another_tenant_restores_nothing() {
    let rig = Rig::start().await;
    let token = |name: &str, tenant: &str, write| TokenConfig {
        name: CameraId::new(name).unwrap(),
        hash: TokenHash::of(name),
        tenant: Some(Tenant::new(tenant).unwrap()),
        write,
    };
    let shipped = framecache::config::Config::load(None, &Default::default()).unwrap().config;
    let tokens = vec![token("reads", "shop", false), token("writes", "bank", true)];
    let access = Arc::new(Access::new(&HttpConfig { tokens, ..shipped.http }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/restore", listener.local_addr().unwrap());
    let state = WebState { access, ..state(&rig.service, &rig.clock, &rig.stop) };
    tokio::spawn(serve(listener, router(state), rig.stop.clone()));
    let send = async |token: &str, tenant: &str| {
        let body = pack(&[stored(tenant, "door", 1, picture(1))], at_millis(0)).unwrap();
        let request = rig.client.post(&url).bearer_auth(token).body(body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let problem: Value = response.json().await.unwrap();
        (status, problem["detail"].as_str().unwrap().to_owned())
    };
    let only_read = "this token may only read: use one made with --write";
    assert_eq!(send("reads", "shop").await, (StatusCode::FORBIDDEN, only_read.to_owned()));
    let hidden = "nothing of tenant shop is found here";
    assert_eq!(send("writes", "shop").await, (StatusCode::NOT_FOUND, hidden.to_owned()));
    let elsewhere = "frames of tenant bank are not written here";
    assert_eq!(send("writes", "bank").await, (StatusCode::BAD_REQUEST, elsewhere.to_owned()));
    assert_eq!(rig.store.info().await.unwrap().keys, 0);
}

#[tokio::test]
async fn a_remote_service_restores_as_the_local_one_does() {
    let rig = Rig::start().await;
    let remote = RemoteService::connect(&rig.url("")).unwrap();
    let frames = vec![stored("shop", "door", 1, picture(1)), stored("shop", "door", 2, picture(2))];
    let expected = |outcome| -> Vec<Restored> {
        let key = |stored: &StoredFrame| stored.frame.key.clone();
        let restored = |stored| Restored { key: key(stored), outcome, message: None };
        frames.iter().map(restored).collect()
    };
    let done = remote.restore(frames.clone()).await.unwrap();
    assert_eq!(done, expected(RestoredAs::Stored));
    let again = rig.service.restore(frames.clone()).await.unwrap();
    assert_eq!(again, expected(RestoredAs::Again));
    let other = vec![stored("bank", "door", 1, picture(1))];
    let here = rig.service.restore(other.clone()).await.unwrap_err();
    assert_eq!(remote.restore(other).await.unwrap_err(), here);
}
