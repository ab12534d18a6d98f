//! Recordings: what is in their files is exactly what was in the store, whatever happened meanwhile.

mod crashes;
mod full;
mod orders;
mod restarts;
mod windows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use framecache::app::{Cameras, Engine};
use framecache::archive::read::{Recording, Select};
use framecache::archive::record::{Named, Order, Phase, Start, Status};
use framecache::config::{Config, Environment};
use framecache::model::key::{FrameKey, StreamId};
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::query::RangeRequest;
use framecache::service::Service as _;
use framecache::service::local::LocalService;
use framecache::service::recordings::Recordings as _;
use framecache::testing::jpeg;
use futures_util::TryStreamExt as _;
use tempfile::TempDir;

/// How long anything here may take at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keys and bytes.
type Frames = BTreeMap<String, Bytes>;

/// A process that collects nothing and records.
struct Rig {
    folder: TempDir,
    /// Where recordings are.
    path: PathBuf,
    config: Config,
    engine: Engine,
    service: Arc<LocalService>,
}

impl Rig {
    /// On the embedded store, with more configuration.
    fn start(more: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// With more keys of recordings.
    fn start_with(recordings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        Self::open(folder, &path, "", recordings)
    }

    /// As [`Rig::start`], with recordings in this folder, which goes with the rig.
    fn start_in(folder: TempDir, more: &str) -> Self {
        let path = folder.path().to_owned();
        Self::open(folder, &path, more, "")
    }

    /// As [`Rig::start`], with recordings at this path.
    fn start_at(path: &Path, more: &str) -> Self {
        Self::open(tempfile::tempdir().unwrap(), path, more, "")
    }

    fn open(folder: TempDir, path: &Path, more: &str, recordings: &str) -> Self {
        let text = format!("{more}\n[recordings]\nfolder = '{}'\n{recordings}\n", path.display());
        let file = folder.path().join("up.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), &Environment::new()).unwrap().config;
        let engine = Engine::start(&config, Cameras::Configured).unwrap();
        let service = engine.service();
        Self { folder, path: path.to_owned(), config, engine, service }
    }

    /// Ends the process as SIGTERM does; the folder stays.
    async fn stop(self) -> TempDir {
        self.engine.stop().await;
        self.folder
    }

    fn stream(&self, camera: &str) -> StreamId {
        framecache::app::stream(&self.config, &camera.parse().unwrap())
    }

    /// Stores a frame now, or at its exact time.
    async fn push(&self, camera: &str, at: Option<UnixNanos>, bytes: Bytes) -> FrameKey {
        self.service.push(&self.stream(camera), at, bytes).await.unwrap().key
    }

    async fn order(&self, order: Order) -> Option<Status> {
        self.service.record(&order).await.unwrap().pop()
    }

    async fn begin(&self, start: Start) -> Status {
        self.order(Order::Start(start)).await.unwrap()
    }

    async fn status(&self, name: &str) -> Status {
        self.order(Order::Status(named(name))).await.unwrap()
    }

    /// Waits until a recording stands as it should.
    async fn until(&self, name: &str, is_so: impl Fn(&Status) -> bool) -> Status {
        let since = Instant::now();
        loop {
            let status = self.status(name).await;
            if is_so(&status) {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "{status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn finished(&self, name: &str) -> Status {
        let ended = |status: &Status| matches!(status.state, Phase::Finished | Phase::Failed);
        let status = self.until(name, ended).await;
        assert_eq!(status.state, Phase::Finished, "{status:?}");
        status
    }

    async fn stop_recording(&self, name: &str) -> Status {
        self.order(Order::Stop(named(name))).await.unwrap();
        self.finished(name).await
    }

    /// What the store has of these cameras in a window.
    async fn stored(&self, cameras: &[&str], window: TimeRange) -> Frames {
        let streams = cameras.iter().map(|camera| self.stream(camera)).collect();
        let frames = self.service.fetched(RangeRequest::new(streams, window));
        let frames: Vec<_> = frames.try_collect().await.unwrap();
        frames.into_iter().filter_map(|one| Some((one.key.to_string(), one.bytes?))).collect()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// What is in all files of a recording.
    async fn recorded(&self, status: &Status) -> Frames {
        let mut all = Frames::new();
        for file in &status.files {
            let (frames, count) = read(&self.path(file)).await;
            assert_eq!(frames.len(), count, "{file} has a frame twice");
            for (key, bytes) in frames {
                assert!(all.insert(key.clone(), bytes).is_none(), "{key} is in two files");
            }
        }
        all
    }
}

/// What is in a file, and how many entries it has.
async fn read(path: &Path) -> (Frames, usize) {
    let recording = Recording::open_path(path).await.unwrap();
    let entries: Vec<_> = recording.entries(&Select::ALL).try_collect().await.unwrap();
    let count = entries.len();
    let frames = entries.into_iter().map(|entry| (entry.key.unwrap().to_string(), entry.bytes));
    (frames.collect(), count)
}

fn named(name: &str) -> Named {
    Named { name: name.parse().unwrap() }
}

fn start(name: &str) -> Start {
    Start::new(name.parse().unwrap())
}

fn picture(number: u16) -> Bytes {
    jpeg(8 + number % 200, 8)
}
