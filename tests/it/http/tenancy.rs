//! No route tells a caller that is bound to one tenant anything of another one.

use framecache::config::{HttpConfig, TokenConfig, TokenHash};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::*;

const SHOP: &str = "fc_shop";

/// A camera that only the other tenant has.
const VAULT: &str = "vault";

/// What an operator may call, with parameters that fit; `{}` stands for a camera.
const ROUTES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/v1/session"),
    ("GET", "/api/v1/cameras"),
    ("GET", "/api/v1/stats"),
    ("GET", "/api/v1/status"),
    ("GET", "/api/v1/tenants"),
    ("GET", "/api/v1/at?t=now"),
    ("GET", "/metrics"),
    ("GET", "/assets/nothing.js"),
    ("GET", "/api/v1/timeline"),
    ("GET", "/api/v1/timeline?camera={}"),
    ("GET", "/api/v1/frames"),
    ("GET", "/api/v1/frames?camera={}"),
    ("GET", "/api/v1/frames.zip"),
    ("GET", "/api/v1/frames.zip?camera={}"),
    ("GET", "/api/v1/cameras/{}/frames.zip"),
    ("GET", "/api/v1/export.mcap"),
    ("GET", "/api/v1/export.mcap?camera={}"),
    ("GET", "/api/v1/cameras/{}/latest"),
    ("GET", "/api/v1/cameras/{}/latest.jpg"),
    ("GET", "/api/v1/cameras/{}/at?t=now"),
    ("GET", "/api/v1/cameras/{}/at.jpg?t=now"),
    ("GET", "/api/v1/cameras/{}/frames"),
    ("GET", "/api/v1/cameras/{}/frames/1731024000000000000-00007.jpg"),
    ("DELETE", "/api/v1/cameras/{}/frames?from=-1s&to=%2B1s&dry_run=true"),
    ("POST", "/api/v1/cameras/{}/frames"),
    ("POST", "/api/v1/reindex?dry_run=true"),
    ("POST", "/api/v1/restore"),
    ("GET", "/api/v1/holds"),
    ("GET", "/api/v1/holds?camera={}"),
    ("POST", "/api/v1/holds?camera={}&from=-1s&for=1h"),
    ("DELETE", "/api/v1/holds/0a1b2c3d"),
    ("GET", "/api/v1/recordings"),
    ("GET", "/api/v1/recordings/{}"),
    ("GET", "/api/v1/recordings/{}/info"),
    ("GET", "/api/v1/recordings/{}.mcap"),
    ("GET", "/api/v1/recordings/{}/2024-11-08T00-00-00Z.mcap"),
    ("POST", "/api/v1/recordings/{}/stop"),
    ("POST", "/api/v1/recordings/{}/pause"),
    ("POST", "/api/v1/recordings/{}/resume"),
    ("POST", "/api/v1/recordings/{}/recover"),
    ("DELETE", "/api/v1/recordings/{}"),
    ("GET", "/api/v1/replays"),
    ("POST", "/api/v1/replays?recording=night"),
    ("GET", "/api/v1/replays/0a1b2c3d"),
    ("POST", "/api/v1/replays/0a1b2c3d/pause"),
    ("POST", "/api/v1/replays/0a1b2c3d/resume"),
    ("POST", "/api/v1/replays/0a1b2c3d/seek?t=now"),
    ("POST", "/api/v1/replays/0a1b2c3d/speed?speed=2"),
    ("DELETE", "/api/v1/replays/0a1b2c3d"),
    ("GET", "/api/v1/cameras/{}/nowhere"),
];

/// Those that answer without a token, and so tell nothing of any tenant.
const OPEN: &[&str] = &[
    "/",
    "/healthz",
    "/readyz",
    "/assets/nothing.js",
    "/api/v1/session",
    "/api/v1/cameras/{}/nowhere",
];

struct Shared {
    rig: Rig,
    url: String,
}

impl Shared {
    /// Frames of `shop` and of `bank`, both with a camera `door`, and a token of `shop`.
    async fn start() -> Self {
        let rig = Rig::start().await;
        rig.push("door", 500, picture(1)).await;
        for (camera, seq) in [("door", 7), (VAULT, 8)] {
            let key = format!("bank:frames:{camera}:{}:{seq:05}", at_millis(0));
            rig.put_foreign(&key.parse().unwrap(), picture(9)).await;
        }
        let shipped = framecache::config::Config::load(None, &Default::default()).unwrap().config;
        let token = TokenConfig {
            name: CameraId::new("wall").unwrap(),
            hash: TokenHash::of(SHOP),
            tenant: Some(tenant()),
            write: true,
        };
        let http = HttpConfig { tokens: vec![token], ..shipped.http };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let access = Arc::new(Access::new(&http));
        let state = WebState { access, ..state(&rig.service, &rig.clock, &rig.stop) };
        tokio::spawn(serve(listener, router(state), rig.stop.clone()));
        Self { rig, url }
    }

    /// Status, headers and body of a route, as text.
    async fn ask(
        &self,
        route: (&str, &str),
        camera: &str,
        more: &str,
        token: &str,
    ) -> (u16, String) {
        let (method, path) = route;
        let mut path = path.replace("{}", camera);
        if !more.is_empty() {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(more);
        }
        let method: Method = method.parse().unwrap();
        let mut request = self.rig.client.request(method.clone(), format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if method == Method::POST && path.contains("/cameras/") {
            request = request.body(picture(3)).header("x-timestamp", "1731024000");
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let mut headers = response.headers().clone();
        headers.remove("date");
        let body = response.bytes().await.unwrap();
        (status, format!("{headers:?}\n{}", String::from_utf8_lossy(&body)))
    }
}

/// An answer without what differs from one recording to the next of the same frames: its name and the
/// moment of copying. Headers and keys stay.
fn comparable((status, told): (u16, String)) -> (u16, Vec<String>) {
    if !told.contains("application/x-mcap") {
        return (status, vec![told]);
    }
    let keys = told.split("\"key\":\"").map(|part| part.split(['"', '\n']).next().unwrap_or(""));
    (status, keys.map(str::to_owned).collect())
}

#[tokio::test]
async fn no_route_tells_a_bound_caller_of_another_tenant() {
    let shared = Shared::start().await;
    // The other tenant's frames are there, and its newest is the newest of all.
    let (_, all) = shared.rig.json("/api/v1/cameras?tenant=*&prefix=*").await;
    assert_eq!(all["cameras"].as_array().map(Vec::len), Some(3), "{all}");
    for route in ROUTES {
        for more in ["", "tenant=*", "prefix=*", "tenant=*&prefix=*"] {
            let (status, told) = shared.ask(*route, "door", more, SHOP).await;
            for secret in ["bank", VAULT] {
                assert!(!told.contains(secret), "{route:?} {more}: {status} {told}");
            }
        }
        // A tenant with frames is answered for as one that there never was.
        for camera in ["door", VAULT, "attic"] {
            let (status, bank) = shared.ask(*route, camera, "tenant=bank", SHOP).await;
            let (as_if, nowhere) = shared.ask(*route, camera, "tenant=nope", SHOP).await;
            assert_eq!((status, bank.replace("bank", "nope")), (as_if, nowhere), "{route:?}");
            if !OPEN.contains(&route.1) {
                assert!(status == 404 || status == 400, "{route:?}: {status} {bank}");
            }
        }
        let by_name = shared.ask(("GET", route.1), "bank/frames/door", "", SHOP).await;
        let unknown = shared.ask(("GET", route.1), "nope/frames/door", "", SHOP).await;
        let by_name = (by_name.0, by_name.1.replace("bank", "nope"));
        assert_eq!(comparable(by_name), comparable(unknown), "{route:?}");
    }
}

#[tokio::test]
async fn no_route_answers_a_caller_without_a_token() {
    let shared = Shared::start().await;
    for route in ROUTES {
        let (status, told) = shared.ask(*route, "door", "", "").await;
        if OPEN.contains(&route.1) {
            assert_ne!(status, 500, "{route:?}: {told}");
            assert!(!told.contains("door\"") && !told.contains("bank"), "{route:?}: {told}");
        } else {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{route:?}: {told}");
        }
    }
    let response = shared.rig.client.get(format!("{}/readyz", shared.url)).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap(), serde_json::json!({ "ready": true }));
}
