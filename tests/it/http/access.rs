//! Who may ask: tokens, sessions, hosts, origins, rates; and what a bound caller never sees.

use framecache::config::{HttpConfig, TokenConfig, TokenHash};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::*;

/// Of all tenants, and of one each; the last one may only read.
const ROOT: &str = "fc_root";
const SHOP: &str = "fc_shop";
const BANK: &str = "fc_bank";
const EYES: &str = "fc_eyes";

/// Known to the server in no way.
const WRONG: &str = "fc_wrong";

fn token(secret: &str, tenant: Option<&str>, write: bool) -> TokenConfig {
    TokenConfig {
        name: CameraId::new(secret).unwrap(),
        hash: TokenHash::of(secret),
        tenant: tenant.map(|tenant| Tenant::new(tenant).unwrap()),
        write,
    }
}

fn with_tokens() -> HttpConfig {
    let tokens = vec![
        token(ROOT, None, true),
        token(SHOP, Some("shop"), true),
        token(BANK, Some("bank"), true),
        token(EYES, Some("shop"), false),
    ];
    HttpConfig { tokens, ..shipped() }
}

fn shipped() -> HttpConfig {
    framecache::config::Config::load(None, &framecache::config::Environment::new())
        .unwrap()
        .config
        .http
}

/// A server with access control on the frames of a rig.
struct Guarded {
    rig: Rig,
    url: String,
}

impl Guarded {
    async fn start(http: &HttpConfig) -> Self {
        let rig = Rig::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let access = Arc::new(Access::new(http));
        let state = WebState { access, ..state(&rig.service, &rig.clock, &rig.stop) };
        tokio::spawn(serve(listener, router(state), rig.stop.clone()));
        Self { rig, url }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.rig.client.request(method, format!("{}{path}", self.url))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    async fn status(&self, path: &str, token: &str) -> u16 {
        self.get(path).bearer_auth(token).send().await.unwrap().status().as_u16()
    }

    async fn session(&self, cookie: Option<&str>) -> Value {
        let mut request = self.get("/api/v1/session");
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        request.send().await.unwrap().json().await.unwrap()
    }
}

async fn problem(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let kind = body["type"].as_str().unwrap().trim_start_matches("urn:framecache:error:");
    (status, kind.to_owned(), body["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn without_a_token_only_the_open_paths_answer() {
    let server = Guarded::start(&with_tokens()).await;
    let said = "a token is needed: send the header Authorization: Bearer TOKEN (framecache --token), \
                or sign in on the page";
    let needed = (401, "unauthorized".to_owned(), said.to_owned());
    for path in ["/api/v1/cameras", "/api/v1/stats", "/api/v1/cameras/%ff/latest", "/api/v1/events"]
    {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(problem(response).await, needed, "{path}");
        // A token in the address would stand in logs and histories.
        let by_query = server.get(&format!("{path}?token={ROOT}")).send().await.unwrap();
        assert_eq!(by_query.status(), StatusCode::UNAUTHORIZED);
    }
    let said = "this token is not known here: ask the operator for one";
    let wrong = (401, "unauthorized".to_owned(), said.to_owned());
    let response = server.get("/api/v1/stats").bearer_auth(WRONG).send().await.unwrap();
    assert_eq!(problem(response).await, wrong);
    assert_eq!(server.get("/healthz").send().await.unwrap().text().await.unwrap(), "ok");
    let ready: Value = server.get("/readyz").send().await.unwrap().json().await.unwrap();
    assert_eq!(ready, json!({ "ready": true }));
    let bound = server.get("/readyz").bearer_auth(SHOP).send().await.unwrap();
    assert_eq!(bound.json::<Value>().await.unwrap(), json!({ "ready": true }));
    let all = server.get("/readyz").bearer_auth(ROOT).send().await.unwrap();
    assert_eq!(all.json::<Value>().await.unwrap()["store"], "embedded");
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let server = Guarded::start(&with_tokens()).await;
    let push = |token| {
        let request = server.request(Method::POST, "/api/v1/cameras/door/frames");
        request.bearer_auth(token).body(picture(1)).send()
    };
    let said = "this token may only read: use one made with --write";
    let denied = (403, "denied".to_owned(), said.to_owned());
    assert_eq!(problem(push(EYES).await.unwrap()).await, denied);
    let reindex = server.request(Method::POST, "/api/v1/reindex").bearer_auth(EYES).send();
    assert_eq!(problem(reindex.await.unwrap()).await, denied);
    assert_eq!(push(SHOP).await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(server.status("/api/v1/cameras/door/latest.jpg", EYES).await, 200);
}

#[tokio::test]
async fn a_token_of_another_tenant_is_not_told_whose_frames_are_written_here() {
    let server = Guarded::start(&with_tokens()).await;
    let ask = |method, query: &str| {
        let path = format!("/api/v1/cameras/door/frames?{query}");
        server.request(method, &path).bearer_auth(BANK).body(picture(1)).send()
    };
    let said = "frames of tenant bank are not written here";
    let own = (400, "bad-input".to_owned(), said.to_owned());
    let said = "nothing of tenant shop is found here";
    let foreign = (404, "not-found".to_owned(), said.to_owned());
    for (method, query) in [(Method::POST, ""), (Method::DELETE, "from=all&to=all")] {
        assert_eq!(problem(ask(method.clone(), query).await.unwrap()).await, own, "{method}");
        let query = format!("{query}&tenant=shop");
        assert_eq!(problem(ask(method.clone(), &query).await.unwrap()).await, foreign, "{method}");
    }
}

#[tokio::test]
async fn a_page_exchanges_a_token_for_a_cookie_and_gives_it_back() {
    let server = Guarded::start(&with_tokens()).await;
    let nobody = json!({"access": "token", "tenant": null, "write": false, "signed_in": false});
    assert_eq!(server.session(None).await, nobody);
    let post =
        |body: &str| server.request(Method::POST, "/api/v1/session").body(body.to_owned()).send();
    let signed_in = post(&json!({ "token": SHOP }).to_string()).await.unwrap();
    assert_eq!(signed_in.status(), StatusCode::NO_CONTENT);
    let set = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    let (cookie, rest) = set.split_once(';').unwrap();
    assert_eq!(rest, " HttpOnly; SameSite=Strict; Path=/; Max-Age=43200");
    assert!(!set.contains(SHOP));
    let shop = json!({"access": "token", "tenant": "shop", "write": true, "signed_in": true});
    assert_eq!(server.session(Some(cookie)).await, shop);
    let cameras = server.get("/api/v1/cameras").header("cookie", cookie);
    assert_eq!(cameras.send().await.unwrap().status(), StatusCode::OK);
    let out = server.request(Method::DELETE, "/api/v1/session").header("cookie", cookie);
    let out = out.send().await.unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    let taken = "framecache_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0";
    assert_eq!(out.headers()["set-cookie"], taken);
    assert_eq!(server.session(Some(cookie)).await, nobody);
    for body in ["", "{}", "fc_shop", "{\"token\": 1}"] {
        let said = "send the token as JSON: {\"token\": \"...\"}";
        let odd = problem(post(body).await.unwrap()).await;
        assert_eq!(odd, (400, "bad-input".to_owned(), said.to_owned()), "{body}");
    }
    let long = post(&"x".repeat(5000)).await.unwrap();
    let said = "the body is over 4096 bytes or broke off: length limit exceeded";
    assert_eq!(problem(long).await, (413, "too-large".to_owned(), said.to_owned()));
}

#[tokio::test]
async fn wrong_tokens_are_slowed_down_and_right_ones_are_not() {
    let server = Guarded::start(&with_tokens()).await;
    let post = |token: &str| {
        let body = json!({ "token": token }).to_string();
        server.request(Method::POST, "/api/v1/session").body(body).send()
    };
    for _ in 0..10 {
        assert_eq!(post(WRONG).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let over = post(WRONG).await.unwrap();
    let wait: u64 = over.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=6).contains(&wait), "{wait}");
    let said = "too many wrong tokens came from this address";
    assert_eq!(problem(over).await, (429, "too-many-requests".to_owned(), said.to_owned()));
    assert_eq!(server.status("/api/v1/stats", WRONG).await, 429);
    assert_eq!(post(SHOP).await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(server.status("/api/v1/stats", SHOP).await, 200);
}

#[tokio::test]
async fn a_token_that_asks_too_often_waits_and_others_do_not() {
    let http = HttpConfig { requests_per_second: Some(0.02), request_burst: 3, ..with_tokens() };
    let server = Guarded::start(&http).await;
    for _ in 0..3 {
        assert_eq!(server.status("/api/v1/stats", SHOP).await, 200);
    }
    let over = server.get("/api/v1/stats").bearer_auth(SHOP).send().await.unwrap();
    let wait: u64 = over.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((40..=50).contains(&wait), "{wait}");
    let said = "too many requests: [http] requests_per_second says how many a client may send";
    assert_eq!(problem(over).await, (429, "too-many-requests".to_owned(), said.to_owned()));
    assert_eq!(server.status("/api/v1/stats", ROOT).await, 200);
}

#[tokio::test]
async fn an_open_server_lets_everyone_in_under_its_own_names_only() {
    let http = HttpConfig { hosts: vec!["cams.example".to_owned()], ..shipped() };
    let server = Guarded::start(&http).await;
    let open = json!({"access": "open", "tenant": null, "write": true, "signed_in": true});
    assert_eq!(server.session(None).await, open);
    for (host, status) in [
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("cams.example", 200),
        ("CAMS.example:8443", 200),
        ("evil.example", 421),
        ("evil.example:8080", 421),
        ("127.0.0.1.evil.example", 421),
    ] {
        let response = server.get("/api/v1/stats").header("host", host).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{host}");
    }
    let evil = server.get("/").header("host", "evil.example").send().await.unwrap();
    let said =
        "this server is not called \"evil.example\": add the name to [http] hosts if it should be";
    assert_eq!(problem(evil).await, (421, "unknown-host".to_owned(), said.to_owned()));
}

#[tokio::test]
async fn pages_of_other_origins_neither_write_nor_read_unless_let_in() {
    let http = HttpConfig { cors_origins: vec!["https://wall.example".to_owned()], ..shipped() };
    let (closed, server) = (Guarded::start(&shipped()).await, Guarded::start(&http).await);
    let post = |server: &Guarded, origin: &str| {
        let request = server.request(Method::POST, "/api/v1/cameras/door/frames");
        request.header("origin", origin).body(picture(1)).send()
    };
    let said = "a page of another origin must not do this: [http] cors_origins lets pages in";
    let denied = (403, "denied".to_owned(), said.to_owned());
    assert_eq!(problem(post(&closed, "http://evil.example").await.unwrap()).await, denied);
    assert_eq!(problem(post(&server, "http://evil.example").await.unwrap()).await, denied);
    assert_eq!(post(&closed, &closed.url).await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(post(&server, "https://wall.example").await.unwrap().status(), StatusCode::CREATED);
    let preflight = |server: &Guarded, origin: &str| {
        let request = server.request(Method::OPTIONS, "/api/v1/cameras/door/frames");
        let request = request.header("access-control-request-method", "POST");
        let request = request.header("access-control-request-headers", "authorization");
        request.header("origin", origin).send()
    };
    let answer = preflight(&server, "https://wall.example").await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://wall.example");
    assert!(
        answer.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("authorization")
    );
    assert!(answer.headers().get("access-control-allow-credentials").is_none());
    for (server, origin) in [(&server, "http://evil.example"), (&closed, "https://wall.example")] {
        let answer = preflight(server, origin).await.unwrap();
        assert!(answer.headers().get("access-control-allow-origin").is_none(), "{origin}");
        let read = server.get("/api/v1/cameras").header("origin", origin).send().await.unwrap();
        assert!(read.headers().get("access-control-allow-origin").is_none(), "{origin}");
    }
    let read = closed.get("/api/v1/cameras/door/latest.jpg").send().await.unwrap();
    assert_eq!(read.headers()["cross-origin-resource-policy"], "same-origin");
    assert_eq!(read.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn json_is_compressed_and_pictures_and_streams_are_not() {
    let server = Guarded::start(&shipped()).await;
    for millis in 0..20 {
        server.rig.push("door", millis, picture(1)).await;
    }
    for (path, encoding) in [
        ("/api/v1/frames", Some("gzip")),
        ("/api/v1/cameras/door/latest.jpg", None),
        ("/api/v1/events", None),
    ] {
        let response = server.get(path).header("accept-encoding", "gzip").send().await.unwrap();
        let found = response.headers().get("content-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(found, encoding, "{path}");
        let plain = server.get(path).send().await.unwrap();
        assert!(plain.headers().get("content-encoding").is_none(), "{path}");
    }
}
