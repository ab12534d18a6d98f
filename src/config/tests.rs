//! Good and bad configurations: what each is read as, and the one sentence that each is refused with.

mod layers;
mod recordings;
mod refused;

use std::time::Duration;

use super::*;
use crate::model::retention::Tier;
use crate::model::time::Ttl;

fn env(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(text: &str, pairs: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let env = env(pairs);
    from_text(&Sources { name: "c.toml", text, env: &env, flags: &[], host_name: "host-7" })
}

fn config(text: &str, pairs: &[(&str, &str)]) -> Config {
    load(text, pairs).unwrap().config
}

fn refusal(text: &str, pairs: &[(&str, &str)]) -> String {
    load(text, pairs).unwrap_err().to_string()
}

fn ttl(secs: u64) -> Ttl {
    Ttl::from_secs(secs).unwrap()
}

fn defaults() -> Config {
    Config {
        tenant: Tenant::new("default").unwrap(),
        prefix: Prefix::new("frames").unwrap(),
        collector_id: CameraId::new("host-7").unwrap(),
        target_fps: None,
        max_frame_bytes: 16 * 1024 * 1024 - 2,
        retention: Retention::single(ttl(300)),
        redis: RedisConfig {
            enabled: false,
            target: tcp("127.0.0.1", 6379),
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(10),
        },
        amqp: None,
        metadata: MetadataConfig {
            enabled: true,
            exchange: "camera.metadata".to_owned(),
            routing_keys: crate::model::event::RoutingKeys::default(),
            exchange_durable: true,
            persistent: true,
        },
        embedded: EmbeddedConfig { max_bytes: 512 * 1024 * 1024 },
        ingest: IngestConfig {
            queue_frames: 256,
            queue_bytes: 32 * 1024 * 1024,
            push_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(10),
            reconnect_max: Duration::from_secs(30),
            ffmpeg: "ffmpeg".into(),
        },
        http: HttpConfig {
            listen: "127.0.0.1:8080".parse().unwrap(),
            listen_is_given: false,
            max_cameras: 1000,
            insecure: false,
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            tls: None,
            header_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(30),
            max_connections: 1024,
            max_connections_per_client: 256,
            requests_per_second: Some(1000.0),
            request_burst: 2000,
            tokens: Vec::new(),
        },
        index: IndexConfig { foreign: false },
        control: ControlConfig::default(),
        hold: HoldConfig { max_bytes: 1 << 30 },
        recordings: RecordingsConfig {
            folder: "recordings".into(),
            max_bytes: None,
            storage: None,
        },
        log: LogConfig { format: LogFormat::Auto, level: "info".to_owned() },
        shutdown: ShutdownConfig { drain_timeout: Duration::from_secs(8) },
        cameras: Vec::new(),
    }
}

fn tcp(host: &str, port: u16) -> RedisTarget {
    RedisTarget {
        server: RedisServer::Tcp { host: host.to_owned(), port, tls: false },
        username: None,
        password: None,
        db: 0,
    }
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(config("", &[]), defaults());
}

#[test]
fn the_shipped_file_is_the_defaults_and_three_synthetic_cameras() {
    let shipped = config(SHIPPED, &[]);
    let ids: Vec<_> = shipped.cameras.iter().map(|camera| camera.id.as_str()).collect();
    assert_eq!(ids, ["cam1", "cam2", "cam3"]);
    assert!(shipped.cameras.iter().all(|camera| camera.url.expose().starts_with("synthetic:")));
    assert_eq!(Config { cameras: Vec::new(), ..shipped }, defaults());
}

const EDGE_VIDEO: &str = r#"
        target_fps = 30
        protocol = "amqp"
        [amqp]
        amqp_url = "amqp://user:pass@rabbitmq:5672/client-a"
        exchange = "cams"
        routing_key_prefix = "cam."
        [mqtt]
        broker = "tcp://mqtt:1883"
        [compression]
        enabled = false
        [redis]
        enabled = true
        address = "redis:6380"
        username = ""
        password = "secret"
        ttl_seconds = 60
        prefix = "surveillance"
        [metadata]
        enabled = true
        exchange = "m"
        routing_key = "m.e"
        [[cameras]]
        id = "cam1"
        name = "Gate"
        url = "rtsp://u:p@10.0.0.5:554/a"
    "#;

#[test]
fn a_file_of_edge_video_is_read_as_it_is() {
    let loaded = load(EDGE_VIDEO, &[]).unwrap();
    let base = defaults();
    let expected = Config {
        tenant: Tenant::new("client-a").unwrap(),
        prefix: Prefix::new("surveillance").unwrap(),
        target_fps: Some(30.0),
        retention: Retention::single(ttl(60)),
        redis: RedisConfig {
            enabled: true,
            target: RedisTarget {
                password: Some(Secret::new("secret".to_owned())),
                ..tcp("redis", 6380)
            },
            ..base.redis
        },
        amqp: Some(AmqpConfig {
            url: SecretUrl::new("amqp://user:pass@rabbitmq:5672/client-a".to_owned()),
            frames: false,
            exchange: "cams".to_owned(),
            routing_key_prefix: "cam.".to_owned(),
        }),
        metadata: MetadataConfig {
            exchange: "m".to_owned(),
            routing_keys: crate::model::event::RoutingKeys::derived_from("m.e"),
            ..base.metadata
        },
        cameras: vec![CameraConfig {
            id: CameraId::new("cam1").unwrap(),
            name: "Gate".to_owned(),
            url: SecretUrl::new("rtsp://u:p@10.0.0.5:554/a".to_owned()),
            mode: CameraMode::Auto,
            interval: None,
            fps: Some(30.0),
            ttl: None,
            quality: None,
        }],
        ..base
    };
    assert_eq!(loaded.config, expected);
    assert_eq!(
        loaded.warnings,
        ["c.toml: compression, mqtt, protocol mean nothing to framecache and are ignored"]
    );
}

#[test]
fn tiers_are_read_in_order() {
    let text =
        "[[retention]]\nkeep = \"all\"\nfor = \"5m\"\n[[retention]]\nevery = \"1s\"\nfor = \"1h\"";
    let expected = Retention::new(&[
        Tier { every: None, ttl: ttl(300) },
        Tier { every: Some(Duration::from_secs(1)), ttl: ttl(3600) },
    ]);
    assert_eq!(config(text, &[]).retention, expected.unwrap());
}
