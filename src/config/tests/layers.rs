//! What the environment and the command line override, which backend follows, and what is shown.

use proptest::prelude::*;

use super::*;

fn redis_server(text: &str, pairs: &[(&str, &str)]) -> RedisTarget {
    config(text, pairs).redis.target
}

#[test]
fn variables_override_the_file_and_our_own_names_win() {
    let file = "[redis]\naddress = \"file:1\"\nenabled = false";
    for (pairs, host, port) in [
        (&[][..], "file", 1),
        (&[("FRAMECACHE_REDIS__ADDRESS", "")], "file", 1),
        (&[("REDIS_HOST", "shared")], "shared", 1),
        (&[("REDIS_PORT", "2")], "file", 2),
        (&[("REDIS_PORT", "tcp://10.0.0.3:6379")], "file", 1),
        (&[("REDIS_HOST", "shared"), ("REDIS_PORT", "2")], "shared", 2),
        (&[("REDIS_HOST", "shared"), ("FRAMECACHE_REDIS__ADDRESS", "own:3")], "own", 3),
        (&[("REDIS_HOST", "shared"), ("FRAMECACHE_REDIS__URL", "redis://own:4")], "own", 4),
        (&[("FRAMECACHE_REDIS__ADDRESS", "[::1]:5")], "::1", 5),
        (&[("FRAMECACHE_REDIS__ADDRESS", "bare")], "bare", 6379),
    ] {
        assert_eq!(redis_server(file, pairs), tcp(host, port), "{pairs:?}");
    }
}

#[test]
fn a_url_says_what_it_says_and_other_keys_the_rest() {
    let file = "[redis]\nusername = \"u\"\npassword = \"p\"\ndb = 3";
    let target = |server, username: &str, password: &str, db| RedisTarget {
        server,
        username: Some(username.to_owned()),
        password: Some(Secret::new(password.to_owned())),
        db,
    };
    let tls = RedisServer::Tcp { host: "h".to_owned(), port: 6380, tls: true };
    let unix = || RedisServer::Unix("/run/redis.sock".into());
    for (url, expected) in [
        ("rediss://a:b%40@h:6380/5", target(tls, "a", "b@", 5)),
        ("unix:///run/redis.sock", target(unix(), "u", "p", 3)),
        ("redis+unix:///run/redis.sock?db=4&pass=x", target(unix(), "u", "x", 4)),
    ] {
        assert_eq!(redis_server(file, &[("FRAMECACHE_REDIS__URL", url)]), expected, "{url}");
    }
    let by_key = [("FRAMECACHE_REDIS__UNIX_SOCKET", "/run/redis.sock")];
    assert_eq!(redis_server(file, &by_key), target(unix(), "u", "p", 3));
}

#[test]
fn passwords_work_as_people_write_them() {
    let given = [
        ("AMQP_URL", "amqp://u:p/1#2@h/site"),
        ("FRAMECACHE_REDIS__URL", "redis://u:p/1#2?@h/4"),
        ("FRAMECACHE_CAMERAS", "[{id = \"a\", url = \"rtsp://u:p/1#2@h/x\"}]"),
    ];
    let read = config("", &given);
    assert_eq!(read.tenant.as_str(), "site");
    assert_eq!(read.amqp.unwrap().url.expose(), "amqp://u:p%2F1%232@h/site");
    let expected = RedisTarget {
        username: Some("u".to_owned()),
        password: Some(Secret::new("p/1#2?".to_owned())),
        db: 4,
        ..tcp("h", 6379)
    };
    assert_eq!(read.redis.target, expected);
}

#[test]
fn every_kind_of_value_can_come_from_the_environment() {
    let read = config(
        "",
        &[
            ("FRAMECACHE_TARGET_FPS", "2.5"),
            ("FRAMECACHE_COLLECTOR_ID", "north"),
            ("FRAMECACHE_REDIS__ENABLED", "true"),
            ("FRAMECACHE_HTTP__LISTEN", "localhost:0"),
            ("FRAMECACHE_EMBEDDED__MAX_BYTES", "1GB"),
            ("FRAMECACHE_SHUTDOWN__DRAIN_TIMEOUT", "1m 30s"),
            ("FRAMECACHE_INGEST__PUSH_TIMEOUT", "0.5"),
            ("FRAMECACHE_LOG__FORMAT", "json"),
            ("FRAMECACHE_LOG__LEVEL", "warn,framecache::bus=debug"),
            ("FRAMECACHE_RETENTION", "[{keep = \"all\", for = \"1m\"}]"),
            (
                "FRAMECACHE_CAMERAS",
                "[{id = \"a\", url = \"http://h/x\", mode = \"snapshot\", interval = 2, fps = 0, ttl_seconds = 9}]",
            ),
        ],
    );
    let base = defaults();
    let expected = Config {
        target_fps: Some(2.5),
        collector_id: CameraId::new("north").unwrap(),
        redis: RedisConfig { enabled: true, ..base.redis },
        http: HttpConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            listen_is_given: true,
            ..base.http
        },
        embedded: EmbeddedConfig { max_bytes: 1_000_000_000 },
        shutdown: ShutdownConfig { drain_timeout: Duration::from_secs(90) },
        ingest: IngestConfig { push_timeout: Duration::from_millis(500), ..base.ingest },
        log: LogConfig { format: LogFormat::Json, level: "warn,framecache::bus=debug".to_owned() },
        retention: Retention::single(ttl(60)),
        cameras: vec![CameraConfig {
            id: CameraId::new("a").unwrap(),
            name: "a".to_owned(),
            url: SecretUrl::new("http://h/x".to_owned()),
            mode: CameraMode::Snapshot,
            interval: Some(Duration::from_secs(2)),
            fps: None,
            ttl: Some(ttl(9)),
            quality: None,
        }],
        ..base
    };
    assert_eq!(read, expected);
}

#[test]
fn a_secret_can_lie_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "from a file\n").unwrap();
    let path = path.to_str().unwrap();
    for name in ["REDIS_PASSWORD_FILE", "FRAMECACHE_REDIS__PASSWORD_FILE"] {
        let password = redis_server("", &[(name, path)]).password;
        assert_eq!(password, Some(Secret::new("from a file".to_owned())), "{name}");
    }
    let path = folder.path().join("cameras");
    std::fs::write(&path, "[{id = \"a\", url = \"push:\"}]\n").unwrap();
    let cameras = config("", &[("FRAMECACHE_CAMERAS_FILE", path.to_str().unwrap())]).cameras;
    assert_eq!(cameras.iter().map(|camera| camera.id.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn names_that_others_set_are_not_taken_for_ours() {
    let pairs = [
        ("FRAMECACHE_URL", "http://h"),
        ("FRAMECACHE_CONFIG", ""),
        ("FRAMECACHE_PORT", "tcp://10.0.0.9:8080"),
        ("FRAMECACHE_SERVICE_HOST", "10.0.0.9"),
        ("HOME", "/root"),
    ];
    assert_eq!(config("", &pairs), defaults());
}

#[test]
fn backends_follow_from_what_is_set() {
    let amqp = ("AMQP_URL", "amqp://h/site");
    for (pairs, redis, amqp) in [
        (&[][..], false, false),
        (&[("REDIS_HOST", "h")], false, false),
        (&[("FRAMECACHE_REDIS__ENABLED", "true")], true, false),
        (&[amqp], false, true),
        (&[amqp, ("FRAMECACHE_METADATA__ENABLED", "false")], false, false),
    ] {
        let read = config("", pairs);
        let is_redis = matches!(read.store_backend(), StoreBackend::Redis(_));
        let is_amqp = matches!(read.bus_backend(), BusBackend::Amqp(..));
        assert_eq!((is_redis, is_amqp), (redis, amqp), "{pairs:?}");
    }
}

#[test]
fn the_tenant_is_the_vhost_unless_given_and_a_difference_is_said() {
    let differs = |tenant: &str, vhost: &str| {
        Some(format!(
            "the tenant {tenant:?} differs from the AMQP vhost {vhost:?}: clients that build keys from the vhost will miss these frames and should read redis_key"
        ))
    };
    for (given, path, tenant, warning) in [
        ("", "/site-a", "site-a", None),
        ("", "/%73ite?heartbeat=5", "site", None),
        ("", "", "default", differs("default", "")),
        ("", "/", "default", differs("default", "")),
        ("", "/%2F", "default", differs("default", "/")),
        ("site-b", "/site-a", "site-b", differs("site-b", "site-a")),
        ("site-b", "/a%2Fb", "site-b", differs("site-b", "a/b")),
        ("site-a", "/site-a", "site-a", None),
    ] {
        let url = format!("amqp://u:p@h:5672{path}");
        let pairs = [
            ("AMQP_URL", url.as_str()),
            ("FRAMECACHE_TENANT", given),
            ("FRAMECACHE_REDIS__ENABLED", "true"),
        ];
        let loaded = load("", &pairs).unwrap();
        assert_eq!(loaded.config.tenant.as_str(), tenant, "{given} {path}");
        assert_eq!(loaded.warnings, Vec::from_iter(warning), "{given} {path}");
    }
}

#[test]
fn announcing_frames_that_nobody_else_can_read_is_said() {
    let loaded = load("", &[("AMQP_URL", "amqp://h/a")]).unwrap();
    assert_eq!(
        loaded.warnings,
        [
            "announcements go out over AMQP but frames stay in the embedded store: consumers cannot read them from Redis, only over HTTP from this process; set redis.enabled = true to share them"
        ]
    );
}

#[test]
fn the_command_line_wins_over_everything() {
    let env = env(&[("FRAMECACHE_TENANT", "from-env"), ("FRAMECACHE_REDIS__ADDRESS", "env:1")]);
    let flags = [
        Flag { name: "--tenant", key: "tenant", value: "from-flag" },
        Flag { name: "--redis", key: "redis.url", value: "redis://flag:2" },
    ];
    let sources = Sources { name: "c.toml", text: "", env: &env, flags: &flags, host_name: "h" };
    let loaded = from_text(&sources).unwrap();
    assert_eq!(loaded.config.tenant.as_str(), "from-flag");
    assert_eq!(loaded.config.redis.target, tcp("flag", 2));
}

#[test]
fn a_host_name_that_fits_no_key_still_names_the_collector() {
    for (host, id) in [("web-1.local", "web-1.local"), ("näs 7", "n_s_7"), ("", "collector")] {
        let env = Environment::new();
        let sources = Sources { name: "c.toml", text: "", env: &env, flags: &[], host_name: host };
        assert_eq!(from_text(&sources).unwrap().config.collector_id.as_str(), id);
    }
}

#[test]
fn every_value_is_shown_with_its_origin_and_without_secrets() {
    let text = "tenant = \"t\"\n[redis]\npassword = \"hidden\"\n[[cameras]]\nid = \"a\"\nurl = \"rtsp://u:hidden@h/1\"";
    let loaded = load(text, &[("AMQP_URL", "amqp://u:hidden@h/t"), ("REDIS_PORT", "7")]).unwrap();
    let shown = |key: &str| {
        let line = loaded.settings.iter().find(|shown| shown.key == key).unwrap();
        (line.value.clone().unwrap_or_default(), line.origin.to_string())
    };
    for (key, value, origin) in [
        ("tenant", "\"t\"", "c.toml:1"),
        ("collector_id", "", "default"),
        ("max_frame_bytes", "16777214", "default"),
        ("embedded.max_bytes", "\"512MiB\"", "default"),
        ("redis.address", "\"127.0.0.1:7\"", "environment variable REDIS_PORT"),
        ("redis.password", "\"***\"", "c.toml:3"),
        ("redis.connect_timeout", "\"5s\"", "default"),
        ("amqp.amqp_url", "\"amqp://u:***@h/t\"", "environment variable AMQP_URL"),
        ("cameras[1].id", "\"a\"", "c.toml:5"),
        ("cameras[1].url", "\"rtsp://u:***@h/1\"", "c.toml:6"),
    ] {
        assert_eq!(shown(key), (value.to_owned(), origin.to_owned()), "{key}");
    }
    assert_eq!(loaded.file, "c.toml");
    let all = format!("{loaded:?}");
    assert!(!all.contains("hidden"), "{all}");
}

#[test]
fn numbers_are_read_in_every_form_that_toml_has() {
    let text = "target_fps = 1_0.5\nmax_frame_bytes = 0x10_000\n[redis]\ndb = 1_0";
    let read = config(text, &[]);
    let given = (read.target_fps, read.max_frame_bytes, read.redis.target.db);
    assert_eq!(given, (Some(10.5), 65_536, 10));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,60}", url in "[a-z:/@?#=&\\[\\].%é0-9]{0,40}") {
        let _ = load(&text, &[]);
        let _ = masked(&url);
        for key in KEYS {
            let _ = load("", &[(key.variable().as_str(), text.as_str())]);
        }
        for name in ["REDIS_HOST", "REDIS_PORT", "AMQP_URL", "FRAMECACHE_REDIS__URL"] {
            let _ = load("", &[(name, url.as_str())]);
        }
        let _ = load(&format!("[[cameras]]\nid = \"a\"\nurl = {url:?}"), &[]);
    }

    #[test]
    fn no_password_shows_whatever_it_is_made_of(
        before in "[a-z:@%]{0,5}", after in "[a-z:@%]{0,5}", odd in "[a-z:/?#%]{0,5}", url in 0..4_usize,
    ) {
        for password in [format!("{before}hunter2{after}"), format!("{odd}hunter2{odd}")] {
            let camera = format!("[{{id = \"a\", url = 'rtsp://u:{password}@h/1'}}]");
            let (name, value) = [
                ("FRAMECACHE_CAMERAS", camera),
                ("AMQP_URL", format!("amqp://u:{password}@h/v")),
                ("FRAMECACHE_REDIS__URL", format!("redis://u:{password}@h/0")),
                ("FRAMECACHE_REDIS__ADDRESS", format!("u:{password}@h")),
            ][url].clone();
            let said = match load("", &[(name, value.as_str())]) {
                Ok(loaded) => format!("{loaded:?}"),
                Err(error) => error.to_string(),
            };
            prop_assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[test]
fn lists_and_tokens_are_read_from_the_file_and_from_the_environment() {
    let hash = TokenHash::of("abc");
    let token = |name: &str, tenant: Option<&str>, write| TokenConfig {
        name: CameraId::new(name).unwrap(),
        hash,
        tenant: tenant.map(|tenant| Tenant::new(tenant).unwrap()),
        write,
    };
    let file = format!(
        "[http]\nlisten = \"0.0.0.0:1\"\nhosts = [\"A.example\", \"b\"]\ncors_origins = \"https://w:443, http://x:8080\"\ntls_cert = \"c\"\ntls_key = \"k\"\nrequests_per_second = 0\n[[tokens]]\nname = \"a\"\nhash = \"{hash}\"\ntenant = \"*\"\n"
    );
    let in_env =
        format!("[{{name = \"b\", hash = \"{hash}\", tenant = \"shop\", access = \"write\"}}]");
    let base = defaults().http;
    let expected = HttpConfig {
        listen: "0.0.0.0:1".parse().unwrap(),
        listen_is_given: true,
        hosts: vec!["a.example".to_owned(), "b".to_owned()],
        cors_origins: vec!["https://w".to_owned(), "http://x:8080".to_owned()],
        tls: Some(TlsFiles { cert: "c".into(), key: "k".into() }),
        requests_per_second: None,
        tokens: vec![token("a", None, false)],
        ..base
    };
    assert_eq!(config(&file, &[]).http, expected);
    let changed =
        config(&file, &[("FRAMECACHE_TOKENS", &in_env), ("FRAMECACHE_HTTP__HOSTS", "c , d")]);
    let expected = HttpConfig {
        hosts: vec!["c".to_owned(), "d".to_owned()],
        tokens: vec![token("b", Some("shop"), true)],
        ..expected
    };
    assert_eq!(changed.http, expected);
}

#[test]
fn keys_that_need_a_restart_are_named_wherever_they_are_set() {
    let base = "target_fps = 5\n[redis]\npassword = \"hush\"\n[[retention]]\nkeep = \"all\"\nfor = \"5m\"\n[[cameras]]\nid = \"a\"\nurl = \"push:\"";
    let read = |text: &str| load(text, &[]).unwrap();
    let moved = base.replacen("target_fps = 5\n", "\n\ntarget_fps = 7\n", 1);
    assert!(read(base).changed_for_good(&read(&moved.replace("push:", "synthetic:"))).is_empty());
    let other = base.replace("hush", "other").replace("5m", "6m");
    let changed = read(base).changed_for_good(&read(&other));
    assert_eq!(changed, ["redis.password", "retention"]);
    let from_env = load("", &[("FRAMECACHE_LOG__LEVEL", "warn")]).unwrap();
    assert_eq!(read("").changed_for_good(&from_env), ["log.level"]);
    assert!(!format!("{:?}", read(base)).contains("hush"));
}
