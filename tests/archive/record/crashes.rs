//! What `kill -9`, SIGTERM and a full disk leave of a recording of the real binary.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use framecache::model::time::TimeRange;
use framecache::query::Query;
use framecache::store::FrameStore;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::*;
use crate::support::redis::RedisServer;

/// A running `up`, killed on drop.
struct Up {
    child: Child,
    url: String,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Up {
    fn start(folder: &Path, config: &Path) -> Self {
        let mut child = command(folder, &["up", "--config", config.to_str().unwrap(), "--json"])
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("up.log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("{}", std::fs::read_to_string(folder.join("up.log")).unwrap())
        });
        Self { child, url: started["address"].as_str().unwrap().to_owned() }
    }

    /// A verb against it; its one JSON object.
    fn ask(&self, folder: &Path, arguments: &[&str]) -> Value {
        let ran = command(folder, &[arguments, &["--json", "--url", &self.url]].concat())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {said}"))
    }

    fn kill9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn terminate(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_framecache"));
    command.args(arguments).env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

/// Two cameras on Redis, and a folder for recordings.
struct Site {
    folder: TempDir,
    config: PathBuf,
    _redis: RedisServer,
    query: Query,
    store: Arc<dyn FrameStore>,
}

impl Site {
    fn new() -> Self {
        let (folder, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
        let text = format!(
            "[http]\nlisten = '127.0.0.1:0'\n\
             [redis]\nenabled = true\naddress = '{}'\nttl_seconds = 600\n\
             [[cameras]]\nid = 'cam1'\nurl = 'synthetic:?size=32x16&fps=25'\n\
             [[cameras]]\nid = 'cam2'\nurl = 'synthetic:?size=32x16&fps=10'\n",
            redis.address()
        );
        let config = folder.path().join("up.toml");
        std::fs::write(&config, text).unwrap();
        let read = Config::load(Some(&config), &Environment::new()).unwrap().config;
        let (store, _) = framecache::app::open_store(&read).unwrap();
        let clock = Arc::new(framecache::clock::SystemClock);
        let query = Query::new(Arc::clone(&store), clock);
        Self { folder, config, _redis: redis, query, store }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("recordings").join(file)
    }

    fn up(&self) -> Up {
        Up::start(self.folder.path(), &self.config)
    }

    /// The keys that the store has in a window.
    async fn stored(&self, window: TimeRange) -> BTreeSet<String> {
        let stream = |camera: &str| {
            format!("default:frames:{camera}:1731024000000000000")
                .parse::<FrameKey>()
                .unwrap()
                .stream()
                .clone()
        };
        let request = RangeRequest::new(vec![stream("cam1"), stream("cam2")], window);
        let frames = self.query.range(request).await.unwrap().frames;
        frames.into_iter().map(|frame| frame.key.to_string()).collect()
    }
}

fn window(from: UnixNanos, to: UnixNanos) -> TimeRange {
    TimeRange::new(from, to).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_cost_at_most_the_last_second_and_nothing_once_it_goes_on() {
    let site = Site::new();
    let mut up = site.up();
    let begun = up.ask(site.folder.path(), &["start", "r"]);
    let from = at(&begun["from"]);
    let mut most = 0;
    for round in 0..20_u64 {
        // at another moment of the recorder's own rounds each time
        tokio::time::sleep(Duration::from_millis(1150 + round * 37)).await;
        let killed = site.store.now().await.unwrap();
        up.kill9();
        let (frames, count) = read(&site.path("r.mcap.part")).await;
        assert_eq!(frames.len(), count, "round {round}: a frame is in the file twice");
        let kept: BTreeSet<String> = frames.into_keys().collect();
        let due = site.stored(window(from, killed.minus(Duration::from_secs(1)))).await;
        let missing: Vec<&String> = due.difference(&kept).collect();
        assert!(missing.is_empty(), "round {round}: {missing:?} of {}", due.len());
        most = most.max(kept.len());
        up = site.up();
    }
    assert!(most > 100, "{most}");
    let stopped = up.ask(site.folder.path(), &["stop", "r"]);
    assert_eq!((&stopped["state"], &stopped["lost"]), (&"finished".into(), &0.into()));
    let (frames, count) = read(&site.path("r.mcap")).await;
    let expected = site.stored(window(from, at(&stopped["to"]))).await;
    assert_eq!(frames.into_keys().collect::<BTreeSet<_>>(), expected);
    assert_eq!(count, expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_leaves_a_whole_file_with_all_that_was_stored() {
    let site = Site::new();
    let up = site.up();
    let begun = up.ask(site.folder.path(), &["start", "r", "--camera", "cam*"]);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(up.terminate(), Some(0));
    let (frames, count) = read(&site.path("r.mcap")).await;
    let expected = site.stored(window(at(&begun["from"]), UnixNanos::MAX)).await;
    assert!(expected.len() > 20, "{}", expected.len());
    assert_eq!(
        (frames.into_keys().collect::<BTreeSet<_>>(), count),
        (expected.clone(), expected.len())
    );
    assert!(Recording::open_path(&site.path("r.mcap")).await.unwrap().finished());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreground_recording_on_redis_ends_with_a_whole_file() {
    let site = Site::new();
    let up = site.up();
    let ran = command(
        site.folder.path(),
        &["record", "f", "--config", site.config.to_str().unwrap(), "--max-length", "1s", "--json"],
    );
    let mut ran = ran;
    let output = ran.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&status["state"], &status["reason"]), (&"finished".into(), &"max_length".into()));
    let expected = site.stored(window(at(&status["from"]), at(&status["to"]))).await;
    let frames = read(&site.path("f.mcap")).await.0;
    assert_eq!(frames.into_keys().collect::<BTreeSet<_>>(), expected);
    assert!(expected.len() > 10);
    drop(up);
}

/// An instant of an answer.
fn at(nanos: &Value) -> UnixNanos {
    UnixNanos::new(nanos.as_str().unwrap().parse().unwrap()).unwrap()
}
