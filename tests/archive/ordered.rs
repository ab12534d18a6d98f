//! The recorder of a whole engine, driven by nothing but entries of Redis streams and messages of a queue.

use std::time::Duration;

use framecache::app::{Cameras, Engine};
use framecache::archive::read::{Recording, Select};
use framecache::config::{Config, Environment};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control::{answered, call, wait_until};
use crate::support::rabbit::RabbitServer;
use crate::support::redis::RedisServer;

const QUEUE: &str = "site.orders";

struct Site {
    redis: RedisServer,
    folder: TempDir,
    amqp_url: Option<String>,
}

impl Site {
    fn start(amqp_url: Option<String>) -> Self {
        Self { redis: RedisServer::start(), folder: tempfile::tempdir().unwrap(), amqp_url }
    }

    fn config(&self) -> Config {
        let amqp = self
            .amqp_url
            .as_ref()
            .map_or_else(String::new, |url| format!("[amqp]\namqp_url = '{url}'\n"));
        let text = format!(
            "tenant = 'shop'\ncollector_id = 'site1'\n\
             [redis]\nenabled = true\naddress = '{}'\n{amqp}\
             [recordings]\nfolder = '{}'\n\
             [control]\nredis = true\namqp = {}\namqp_queue = '{QUEUE}'\n\
             [[cameras]]\nid = 'cam1'\nurl = 'synthetic:?size=160x96&fps=20'\n",
            self.redis.address(),
            self.folder.path().join("recordings").display(),
            self.amqp_url.is_some(),
        );
        let path = self.folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path), &Environment::new()).unwrap().config
    }

    fn engine(&self) -> Engine {
        Engine::start(&self.config(), Cameras::Configured).unwrap()
    }

    fn add(&self, stream: &str, fields: &[&str]) -> String {
        self.redis.cli(&[&["XADD", stream, "*"][..], fields].concat())
    }

    /// The answers to an entry.
    async fn told(&self, stream: &str, fields: &[&str]) -> Value {
        answered(&self.redis, &self.add(stream, fields)).await
    }

    /// How a recording stands, by a status order.
    async fn status(&self, name: &str) -> Value {
        let order = json!({"command": "status", "name": name}).to_string();
        self.told("XRECORD:NAME", &["order", &order]).await[0].take()
    }

    /// Waits until a recording stands so.
    async fn wait_for(&self, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..600 {
            let told = self.status(name).await;
            if holds(&told["recordings"][0]) {
                return told["recordings"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it did not come about: {}", self.status(name).await);
    }

    /// Frames in a finished file.
    async fn frames(&self, file: &str) -> usize {
        let path = self.folder.path().join("recordings").join(file);
        let recording = Recording::open_path(&path).await.unwrap();
        assert!(recording.finished(), "{}", path.display());
        let entries: Vec<_> = recording.entries(&Select::ALL).try_collect().await.unwrap();
        entries.len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_drive_the_recorder_across_a_restart() {
    let site = Site::start(None);
    let engine = site.engine();
    let started = site.told("XRECORD:NAME", &["d", "gate"]).await;
    assert_eq!(started[0]["command"], "start");
    assert_eq!(started[0]["recordings"][0]["name"], "gate");
    assert_eq!(started[0]["recordings"][0]["tenant"], "shop");
    let again = site.told("XRECORD:NAME", &["d", "gate"]).await;
    assert_eq!(again[0]["recordings"][0]["started_at"], started[0]["recordings"][0]["started_at"]);
    site.wait_for("gate", |one| one["frames"].as_u64() > Some(5)).await;
    let paused = site.told("XRECORD:PAUSE", &["d", "1"]).await;
    assert_eq!(paused[0]["recordings"][0]["state"], "paused");
    let resumed = site.told("XRECORD:PAUSE", &["d", "0"]).await;
    assert_eq!(resumed[0]["recordings"][0]["state"], "recording");
    for (fields, why) in [
        (&["order", r#"{"command":"status","name":"nobody"}"#][..], "there is no recording nobody"),
        (&["order", r#"{"command":"dance"}"#], "this is no order: unknown variant `dance`"),
        (&["d", "../escape"], "recording name \"../escape\" does not fit"),
    ] {
        let told = site.told("XRECORD:NAME", fields).await;
        let last = told.as_array().unwrap().last().unwrap();
        assert!(last["error"].as_str().unwrap().contains(why), "{told}");
    }
    // the name that did not fit ended the one before, as a switch does
    site.wait_for("gate", |one| one["state"] == "finished").await;
    assert!(site.frames("gate.mcap").await > 5);

    site.told("XRECORD:NAME", &["d", "night"]).await;
    site.wait_for("night", |one| one["frames"].as_u64() > Some(5)).await;
    engine.stop().await;
    let stop = site.add("XRECORD:NAME", &["d", ""]);
    let engine = site.engine();
    let stopped = answered(&site.redis, &stop).await;
    assert_eq!(stopped[0]["recordings"][0]["name"], "night", "{stopped}");
    site.wait_for("night", |one| one["state"] == "finished").await;
    assert!(site.frames("night.mcap").await > 5);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_drives_the_recorder_for_its_own_tenant_only() {
    let rabbit = RabbitServer::start();
    let url = rabbit.amqp_url("/");
    let site = Site::start(Some(url.clone()));
    let engine = site.engine();
    wait_until(|| {
        rabbit.ctl(&["list_queues", "name", "consumers"]).contains(&format!("{QUEUE}\t1"))
    })
    .await;
    let told = call(
        &url,
        &[
            r#"{"command": "start", "name": "gate", "cameras": ["cam*"], "from": "-60s"}"#,
            r#"{"command": "start", "name": "theirs", "tenant": "bank"}"#,
            r#"{"command": "pause", "name": "gate"}"#,
            r#"{"command": "resume", "name": "gate"}"#,
            r#"{"command": "list"}"#,
        ],
    )
    .await;
    assert_eq!(told[0]["answer"]["recordings"][0]["cameras"], json!(["cam*"]));
    assert!(told[1]["answer"]["error"].as_str().is_some(), "{}", told[1]);
    assert_eq!(told[2]["answer"]["recordings"][0]["state"], "paused");
    assert_eq!(told[3]["answer"]["recordings"][0]["state"], "recording");
    assert_eq!(told[4]["answer"]["recordings"].as_array().unwrap().len(), 1);
    site.wait_for("gate", |one| one["frames"].as_u64() > Some(5)).await;
    let told = call(&url, &[r#"{"command": "stop", "name": "gate"}"#]).await;
    assert_eq!(told[0]["answer"]["command"], "stop");
    site.wait_for("gate", |one| one["state"] == "finished").await;
    assert!(site.frames("gate.mcap").await > 5);
    engine.stop().await;
}
