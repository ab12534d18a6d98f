//! Replays by HTTP: started, controlled, refused; and unknown to callers of another tenant.

use framecache::archive::format;
use framecache::config::{HttpConfig, TokenConfig, TokenHash};
use framecache::model::frame::{Frame, StoredFrame};
use reqwest::Method;
use serde_json::{Value, json};

use super::*;

const SHOP: &str = "fc_shop";

impl Rig {
    /// A finished recording of one camera, a frame each second.
    fn record(&self, name: &str, tenant: &str, frames: u64) {
        let frame = |n: u64| {
            let key = format!("{tenant}:frames:door:{}:{:05}", at_millis(n * 1000), n + 1);
            let frame = Frame { key: key.parse().unwrap(), bytes: picture(1) };
            StoredFrame { frame, ttl: None, expires_at: None }
        };
        let frames: Vec<_> = (0..frames).map(frame).collect();
        let bytes = format::pack(&frames, at_millis(0)).unwrap();
        std::fs::write(self.recordings.path().join(format!("{name}.mcap")), bytes).unwrap();
    }

    async fn ask(&self, method: Method, path: &str) -> (u16, Value) {
        let request = self.client.request(method, self.url(&format!("/api/v1/{path}")));
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

#[tokio::test]
async fn a_replay_is_started_controlled_and_ended() {
    let rig = Rig::start().await;
    rig.record("night", "shop", 600);
    let start = "replays?recording=night&as=door=back&ttl=30s";
    let (status, started) = rig.ask(Method::POST, start).await;
    let id = started["id"].as_str().unwrap().to_owned();
    let end = at_millis(599_000).next().to_string();
    let expected = json!({
        "id": id, "recording": "night", "from": at_millis(0).to_string(), "to": end,
        "looped": false, "times": "shifted", "started_at": at_millis(0).to_string(),
        "state": "playing", "speed": "1", "position": at_millis(0).to_string(),
        "rounds": 0, "frames": 0, "bytes": 0, "again": 0, "refused": 0, "late": 0, "error": "",
    });
    assert_eq!((status, started), (201, expected));
    let of = |rest: &str| format!("replays/{id}{rest}");
    let (status, paused) = rig.ask(Method::POST, &of("/pause")).await;
    assert_eq!((status, &paused["state"]), (200, &json!("paused")));
    let (_, moved) = rig.ask(Method::POST, &of("/seek?t=2024-11-08T00:09:00Z")).await;
    assert_eq!(moved["position"], json!(at_millis(540_000).to_string()));
    let (_, faster) = rig.ask(Method::POST, &of("/speed?speed=max")).await;
    assert_eq!((&faster["speed"], &faster["state"]), (&json!("max"), &json!("paused")));
    rig.ask(Method::POST, &of("/resume")).await;
    let mut shown = rig.ask(Method::GET, &of("")).await.1;
    while shown["state"] == "playing" {
        shown = rig.ask(Method::GET, &of("")).await.1;
    }
    assert_eq!((&shown["state"], &shown["error"]), (&json!("ended"), &json!("")));
    let (_, list) = rig.json("/api/v1/frames?camera=back&limit=all").await;
    let played = list["frames"].as_array().unwrap().len() as u64;
    assert_eq!(json!(played), shown["frames"]);
    assert!((60..=62).contains(&played), "{shown}");
    // the clock of the rig stands; a replay goes on from it by the time that passes
    let end: u64 = list["frames"][0]["expires_at"].as_str().unwrap().parse().unwrap();
    let given = at_millis(30_000).get()..at_millis(90_000).get();
    assert!(given.contains(&end), "{end}");
    assert_eq!(rig.ask(Method::POST, &of("/pause")).await.0, 400);
    assert_eq!(rig.ask(Method::GET, "replays").await.1["replays"], json!([shown]));
    assert_eq!(rig.ask(Method::DELETE, &of("")).await.0, 200);
    assert_eq!(rig.ask(Method::DELETE, &of("")).await.0, 404);
    assert_eq!(rig.ask(Method::GET, "replays").await.1, json!({"replays": []}));
}

#[tokio::test]
async fn what_cannot_be_played_is_refused_with_what_would_be_right() {
    let rig = Rig::start().await;
    rig.record("night", "shop", 2);
    rig.record("vault", "bank", 2);
    for (query, said) in [
        ("", "the parameter recording is missing"),
        ("recording=day", "there is no recording day here"),
        ("recording=../night", "recording name \"../night\" does not fit"),
        ("recording=night&speed=200", "\"200\" is no speed: give a number from 0.1 to 100"),
        ("recording=night&times=new", "give shifted or original"),
        ("recording=night&loop&times=original", "a loop needs shifted times"),
        ("recording=night&from=now&to=%2B1h&camera=yard", "no camera of"),
        ("recording=night&as=yard=a", "no camera \"yard\" is in the recording"),
        ("recording=night&from=%2B1h", "has frames from 2024-11-08T00:00:00"),
        ("recording=vault", "writes tenant shop only, not bank: play it as tenant shop"),
    ] {
        let (status, problem) = rig.ask(Method::POST, &format!("replays?{query}")).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.contains(said), "{query}: {status} {detail}");
    }
    let (status, _) = rig.ask(Method::POST, "replays?recording=vault&tenant=shop").await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn a_bound_caller_plays_and_sees_its_own_recordings_only() {
    let rig = Rig::start().await;
    rig.record("night", "shop", 600);
    rig.record("vault", "bank", 600);
    let (_, vault) = rig.ask(Method::POST, "replays?recording=vault&tenant=shop&as=door=a").await;
    let token = TokenConfig {
        name: CameraId::new("wall").unwrap(),
        hash: TokenHash::of(SHOP),
        tenant: Some(tenant()),
        write: true,
    };
    let shipped = framecache::config::Config::load(None, &Default::default()).unwrap().config;
    let http = HttpConfig { tokens: vec![token], ..shipped.http };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
    let state = WebState {
        access: Arc::new(Access::new(&http)),
        ..state(&rig.service, &rig.clock, &rig.stop)
    };
    tokio::spawn(serve(listener, router(state), rig.stop.clone()));
    let ask = async |method: Method, path: &str| {
        let request = rig.client.request(method, format!("{url}/{path}")).bearer_auth(SHOP);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let hidden = ask(Method::POST, "replays?recording=vault&tenant=shop").await;
    let unknown = ask(Method::POST, "replays?recording=vaulx&tenant=shop").await;
    assert_eq!(hidden.0, 400);
    assert_eq!(hidden.1.to_string().replace("vault", "vaulx"), unknown.1.to_string());
    let own = ask(Method::POST, "replays?recording=night").await;
    assert_eq!(own.0, 201);
    let listed = ask(Method::GET, "replays").await.1;
    assert_eq!(listed["replays"].as_array().unwrap().len(), 1);
    assert_eq!(listed["replays"][0]["id"], own.1["id"]);
    let id = vault["id"].as_str().unwrap();
    for (method, rest) in [(Method::GET, ""), (Method::POST, "/pause"), (Method::DELETE, "")] {
        assert_eq!(ask(method, &format!("replays/{id}{rest}")).await.0, 404);
    }
}
