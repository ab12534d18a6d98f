//! A collector on the embedded store and bus: real sources in, stored frames out.
//!
//! Waiting is by condition with a limit, never by a fixed sleep.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use framecache::{
    bus::{Bus, Event, memory::MemoryBus},
    clock::{Clock, SystemClock},
    collect::{CameraHealth, CameraSpec, CollectedCamera, Collector, SourceUrl},
    ingest::{
        Ingest, IngestOptions,
        announce::{Announcer, AnnouncerParts},
    },
    metrics::{Counts, Metrics},
    model::{
        event::RoutingKeys,
        key::StreamId,
        name::{CameraId, Prefix, Tenant},
        retention::Retention,
        time::{TimeRange, Ttl, UnixNanos},
    },
    store::{FrameStore, Selector, memory::MemoryStore},
};
use futures_util::{StreamExt, stream::BoxStream};
use tokio_util::sync::CancellationToken;

/// Longer than anything here should take, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(40);

/// A running collector.
pub(crate) struct Rig {
    pub(crate) collector: Collector,
    pub(crate) ingest: Ingest,
    store: Arc<MemoryStore>,
    bus: Arc<MemoryBus>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

/// A frame that was stored.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) at: UnixNanos,
    pub(crate) bytes: Bytes,
}

/// The camera `id` at `url`, with defaults.
pub(crate) fn camera(id: &str, url: &str) -> CameraSpec {
    let url = SourceUrl::parse(url).expect("the URL should be a camera URL");
    CameraSpec::new(CameraId::new(id).expect("the id should fit"), url)
}

fn stream(id: &CameraId) -> StreamId {
    StreamId {
        tenant: Tenant::new("test").expect("the tenant should fit"),
        prefix: Prefix::new("frames").expect("the prefix should fit"),
        camera: id.clone(),
    }
}

impl Rig {
    pub(crate) fn start(cameras: Vec<CameraSpec>) -> Self {
        let (rig, _events) = Self::start_listening(cameras);
        rig
    }

    /// Also everything that is published from the start on.
    pub(crate) fn start_listening(cameras: Vec<CameraSpec>) -> (Self, BoxStream<'static, Event>) {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock), 1 << 30));
        let bus = Arc::new(MemoryBus::new(RoutingKeys::derived_from("events")));
        let metrics = Arc::new(Metrics::default());
        let announcer = Announcer::start(AnnouncerParts {
            store: store.clone(),
            outbox: store.clone(),
            bus: bus.clone(),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            take_up: true,
            whole_frames: None,
        });
        let ingest = Ingest::new(
            store.clone(),
            announcer,
            Arc::clone(&clock),
            Arc::clone(&metrics),
            IngestOptions::default(),
        );
        let retention = Retention::single(Ttl::from_secs(3600).expect("an hour should fit"));
        let lane = |spec: &CameraSpec| ingest.lane(&stream(&spec.id), &retention, None);
        let cameras =
            cameras.into_iter().map(|spec| CollectedCamera { lane: lane(&spec), spec }).collect();
        let stop = CancellationToken::new();
        let events = futures_util::FutureExt::now_or_never(bus.subscribe())
            .expect("the in-process bus should answer at once")
            .expect("the bus should be open");
        let collector = Collector::start(cameras, bus.clone(), &clock, &stop)
            .expect("the cameras should be accepted");
        (Self { collector, ingest, store, bus, metrics, stop }, events)
    }

    /// The camera `id` at `url` with the lane of its id, for a collector that runs already.
    pub(crate) fn collected(&self, id: &str, url: &str) -> CollectedCamera {
        let spec = camera(id, url);
        let retention = Retention::single(Ttl::from_secs(3600).expect("an hour should fit"));
        CollectedCamera { lane: self.ingest.lane(&stream(&spec.id), &retention, None), spec }
    }

    /// The health of the camera `id`.
    pub(crate) fn health_of(&self, id: &str) -> Option<CameraHealth> {
        self.collector.health().of(&CameraId::new(id).expect("the id should fit"))
    }

    /// Waits until a camera has so many frames.
    pub(crate) async fn wait_for_frames_of(&self, id: &str, frames: u64) {
        let start = Instant::now();
        let taken = || self.health_of(id).map_or(0, |health| health.frames);
        while taken() < frames {
            assert!(start.elapsed() < LIMIT, "{id} has {} of {frames} frames", taken());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The health of the only camera, or of the first.
    pub(crate) fn health(&self) -> CameraHealth {
        self.collector.health().snapshot().remove(0)
    }

    /// Waits until the first camera's health is as wished.
    pub(crate) async fn wait(&self, what: &str, ready: impl Fn(&CameraHealth) -> bool) {
        let start = Instant::now();
        while !ready(&self.health()) {
            assert!(start.elapsed() < LIMIT, "{what} did not come: {:?}", self.health());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many frames were taken from the first camera.
    pub(crate) async fn wait_for_frames(&self, frames: u64) {
        self.wait(&format!("frame {frames}"), |health| health.frames >= frames).await;
    }

    /// Stops the cameras, lets the lanes write what they took, and checks that the account is exact.
    pub(crate) async fn stop(self) -> Outcome {
        self.stop.cancel();
        let ending = async {
            self.collector.join().await;
            self.ingest.close().await;
            self.bus.close().await;
        };
        tokio::time::timeout(LIMIT, ending).await.expect("the collector should end when told to");
        let counts = self.metrics.total();
        assert_eq!(counts.pending(), 0);
        Outcome { counts, store: self.store }
    }
}

/// What a collector left behind.
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    store: Arc<MemoryStore>,
}

impl Outcome {
    /// The frames of a camera in the order of their keys.
    pub(crate) async fn frames(&self, id: &str) -> Vec<Stored> {
        let stream = stream(&CameraId::new(id).expect("the id should fit"));
        let selector = Selector::stream(&stream, TimeRange::ALL);
        let keys = self.store.scan(&selector).await.expect("the store should answer").keys;
        let mut frames = Vec::new();
        for key in keys {
            let found = self.store.fetch(std::slice::from_ref(&key)).await;
            let bytes = found.expect("the store should answer").remove(0);
            let bytes = bytes.expect("the frame should live");
            frames.push(Stored { at: key.at(), bytes });
        }
        frames
    }
}

/// The next published message as JSON.
pub(crate) async fn next_json(
    events: &mut BoxStream<'static, Event>,
    routing_key: &str,
) -> serde_json::Value {
    let next = async {
        loop {
            match events.next().await.expect("the bus should be open") {
                Event::Message { routing_key: key, body } if key == routing_key => {
                    return serde_json::from_slice(&body).expect("the body should be JSON");
                }
                Event::Message { .. } | Event::Missed { .. } => {}
            }
        }
    };
    tokio::time::timeout(LIMIT, next).await.expect("a message should be published")
}

/// Decodes JPEGs by ffmpeg, which complains on any defect; says how many pictures there were.
pub(crate) fn decode(frames: &[Stored], folder: &Path) -> usize {
    let all: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect();
    let file = folder.join("all.mjpeg");
    std::fs::write(&file, all).expect("the folder should be writable");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "mjpeg", "-i"]).arg(file);
    ffmpeg.args(["-fps_mode", "passthrough", "-f", "framecrc", "-"]);
    let output = ffmpeg.output().expect("ffmpeg should start: apt-get install ffmpeg");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let pictures = String::from_utf8_lossy(&output.stdout);
    pictures.lines().filter(|line| !line.starts_with('#')).count()
}

/// A real H.264 file of `seconds` seconds at 10 frames/s, 320x240.
pub(crate) fn video(folder: &Path, seconds: u32) -> PathBuf {
    make(folder.join("video.mp4"), "10", seconds, "libx264")
}

/// A video that shows its first picture at once, and no other for a minute.
pub(crate) fn slow_video(folder: &Path) -> PathBuf {
    make(folder.join("slow.avi"), "1/60", 120, "mjpeg")
}

fn make(file: PathBuf, rate: &str, seconds: u32, codec: &str) -> PathBuf {
    let source = format!("testsrc=size=320x240:rate={rate}:duration={seconds},format=yuvj420p");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", &source, "-c:v", codec]).arg(&file);
    let made = ffmpeg.status().expect("ffmpeg should start: apt-get install ffmpeg");
    assert!(made.success(), "ffmpeg should make a video");
    file
}
