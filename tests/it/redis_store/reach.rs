//! Every way to a server and every login.

use framecache::store::redis::{RedisOptions, RedisStore};
use framecache::store::{FrameStore, StoreError};

use super::{cam1, frame, key, options, put, put_one};
use crate::support::redis::RedisServer;

async fn works(options: &RedisOptions) {
    let store = RedisStore::open(options).unwrap();
    let key = key(&cam1(), store.now().await.unwrap(), 1);
    put(&store, &[frame(&key, b"jpeg", 300)]).await;
    assert_eq!(store.fetch(&[key]).await.unwrap()[0].as_deref(), Some(&b"jpeg"[..]));
}

async fn refusal(options: &RedisOptions) -> String {
    match RedisStore::open(options).unwrap().now().await {
        Err(StoreError::Refused(said)) => said,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_is_reached_by_url_by_address_and_by_socket() {
    let server = RedisServer::start();
    let socket = server.socket();
    works(&options(&server.url())).await;
    works(&options(&server.address())).await;
    works(&options(&format!("unix://{}", socket.display()))).await;
    works(&options(&format!("redis+unix://{}?db=4", socket.display()))).await;
    let store = RedisStore::open(&options(&server.url())).unwrap();
    assert_eq!(store.address(), server.address());
}

#[tokio::test]
async fn a_database_keeps_its_frames_to_itself() {
    let server = RedisServer::start();
    works(&options(&format!("{}/3", server.url()))).await;
    works(&RedisOptions { db: Some(5), ..options(&format!("{}/3", server.url())) }).await;
    let sizes = ["0", "3", "5"].map(|db| server.cli(&["-n", db, "exists", "@framecache/format"]));
    assert_eq!(sizes, ["0", "1", "1"]);
    let store = RedisStore::open(&options(&format!("{}/3", server.url()))).unwrap();
    assert_eq!(store.info().await.unwrap().keys.to_string(), server.cli(&["-n", "3", "dbsize"]));
}

#[tokio::test]
async fn logins_are_taken_from_url_and_options() {
    let server = RedisServer::start_with(&["--requirepass", "hunter2"]);
    server.cli(&["acl", "setuser", "me", "on", ">p@ss:word", "~*", "+@all"]);
    let address = server.address();
    works(&options(&format!("redis://:hunter2@{address}"))).await;
    works(&options(&format!("redis://me:p%40ss%3Aword@{address}"))).await;
    let login = |user: Option<&str>, password: Option<&str>| RedisOptions {
        username: user.map(str::to_owned),
        password: password.map(str::to_owned),
        ..options(&address)
    };
    works(&login(None, Some("hunter2"))).await;
    works(&login(Some("me"), Some("p@ss:word"))).await;

    for wrong in [login(None, Some("hunter3")), login(Some("me"), Some("hunter2"))] {
        let said = refusal(&wrong).await;
        assert!(said.contains("does not accept the username or password"), "{said}");
        assert!(!said.contains("hunter") && said.contains(&address), "{said}");
    }
    let said = refusal(&login(None, None)).await;
    assert!(said.contains("wants a password: set username and password"), "{said}");
}

#[tokio::test]
async fn a_user_who_may_only_read_reads() {
    let server = RedisServer::start();
    let writer = super::open(&server);
    let key = key(&cam1(), writer.now().await.unwrap(), 1);
    put(&writer, &[frame(&key, b"jpeg", 300)]).await;
    server.cli(&["acl", "setuser", "viewer", "on", ">pw", "~*", "+@read", "+time", "-@dangerous"]);
    let address = format!("redis://viewer:pw@{}", server.address());
    let viewer = RedisStore::open(&options(&address)).unwrap();

    let answer = viewer.index(&cam1(), framecache::model::time::TimeRange::ALL).await.unwrap();
    assert_eq!(super::keys_of(&cam1(), &answer.records), std::slice::from_ref(&key));
    assert_eq!(viewer.families().await.unwrap().len(), 1);
    // INFO is not allowed: nothing is known of policy and age, and statistics say so
    assert_eq!(answer.unsure, []);
    let facts = viewer.info().await.unwrap().facts;
    assert!(facts.contains(&("info".to_owned(), "denied".to_owned())), "{facts:?}");
    for more in ["-multi", "+multi", "+exec"] {
        server.cli(&["acl", "setuser", "viewer", more]);
        let viewer = RedisStore::open(&options(&address)).unwrap();
        let said = put_one(&viewer, &frame(&key, b"jpeg", 300)).await.unwrap_err().to_string();
        assert!(said.starts_with("the store refuses: the user may not do this"), "{said}");
    }
}

#[tokio::test]
async fn the_server_is_described_without_its_password() {
    let server = RedisServer::start_with(&["--requirepass", "hunter2", "--maxmemory", "64mb"]);
    let with_login = options(&format!("redis://:hunter2@{}", server.address()));
    let info = RedisStore::open(&with_login).unwrap().info().await.unwrap();
    let fact = |name: &str| info.facts.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!((info.backend.as_str(), info.max_bytes), ("redis", Some(64 * 1024 * 1024)));
    assert!(info.used_bytes > 100_000 && info.version.starts_with('7'), "{info:?}");
    assert_eq!(fact("maxmemory_policy"), Some("noeviction"));
    assert_eq!(fact("redis_mode"), Some("standalone"));
    assert_eq!(fact("requirepass"), Some("set"));
    assert_eq!(fact("slowlog_len"), Some("0"));
    assert!(fact("run_id").is_some_and(|id| id.len() == 40));
    assert!(!format!("{info:?}").contains("hunter2"));
}

#[tokio::test]
async fn tls_to_a_plain_port_is_an_error_and_no_panic() {
    let server = RedisServer::start();
    let store = RedisStore::open(&options(&format!("rediss://{}", server.address()))).unwrap();
    let said = store.now().await.unwrap_err().to_string();
    assert!(said.contains(&format!("rediss://{}", server.address())), "{said}");
}
