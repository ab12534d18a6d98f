//! The HTTP API and the remote service, on a real server with the embedded store and bus, and a
//! clock that stands still so that whole answers can be compared.

#![allow(clippy::unwrap_used, reason = "a test may end where its server fails")]

mod access;
mod api;
mod at;
mod batch;
mod delete;
mod docs;
mod errors;
mod events;
mod export_mp4;
mod export_replay;
mod export_zip;
mod hold;
mod latest;
mod live;
mod metrics;
mod page;
mod paging;
mod pictures;
mod remote;
mod replay;
mod restore;
mod server;
mod status;
mod sums;
mod tenancy;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use framecache::archive::record::{Recorder, RecorderParts};
use framecache::archive::replay::{Replays, ReplaysParts};
use framecache::archive::storage::Folder;
use framecache::bus::memory::MemoryBus;
use framecache::clock::SettableClock;
use framecache::collect::HealthBoard;
use framecache::hold::{HoldParts, Holds};
use framecache::ingest::announce::AnnouncerParts;
use framecache::ingest::{Announcer, Ingest, IngestOptions};
use framecache::metrics::Metrics;
use framecache::model::event::RoutingKeys;
use framecache::model::key::{FrameKey, StreamId};
use framecache::model::name::{CameraId, Prefix, Tenant};
use framecache::model::retention::Retention;
use framecache::model::time::{Ttl, UnixNanos};
use framecache::query::Query;
use framecache::service::Service;
use framecache::service::local::{LaneSink, LocalParts, LocalService};
use framecache::store::memory::MemoryStore;
use framecache::store::{FrameStore, PutFrame};
use framecache::web::{Access, Exports, Thumbnails, WebState, router, serve};
use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// 2024-11-08T00:00:00Z, where the clock stands.
const NOW: u64 = 1_731_024_000;

/// The largest push that the server takes.
const MAX_FRAME_BYTES: usize = 10_000;

/// The most bytes that may be held.
const HELD_MAX_BYTES: u64 = 2000;

/// A server and everything behind it.
struct Rig {
    service: Arc<LocalService>,
    query: Query,
    store: Arc<MemoryStore>,
    bus: Arc<MemoryBus>,
    ingest: Arc<Ingest>,
    clock: Arc<SettableClock>,
    client: Client,
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    /// Where finished recordings lie.
    recordings: TempDir,
}

fn recorder(store: &Arc<MemoryStore>, clock: &Arc<SettableClock>, folder: &Path) -> Recorder {
    Recorder::new(RecorderParts {
        store: Arc::<MemoryStore>::clone(store),
        clock: Arc::<SettableClock>::clone(clock),
        storage: Arc::new(Folder::new(folder)),
        folder: folder.to_owned(),
        tenant: tenant(),
        prefix: Prefix::new("frames").unwrap(),
        is_passing: false,
        is_remote: false,
        max_bytes: None,
    })
}

impl Rig {
    async fn start() -> Self {
        Self::start_with(MAX_FRAME_BYTES).await
    }

    /// A server that takes frames of so many bytes.
    async fn start_with(max_frame_bytes: usize) -> Self {
        let clock = Arc::new(SettableClock::at(at_millis(0)));
        let store = Arc::new(MemoryStore::new(Arc::<SettableClock>::clone(&clock), 64 << 20));
        let bus = Arc::new(MemoryBus::new(RoutingKeys::default()));
        let metrics = Arc::new(Metrics::default());
        let ingest = Arc::new(ingest(&store, &bus, &clock, (&metrics, max_frame_bytes)));
        let query =
            Query::new(Arc::<MemoryStore>::clone(&store), Arc::<SettableClock>::clone(&clock));
        let recordings = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let replays = replays(&ingest, &clock, recordings.path());
        let service = Arc::new(LocalService::new(LocalParts {
            place: "embedded".to_owned(),
            bus_place: "in process".to_owned(),
            ingest: Arc::clone(&ingest),
            query: query.clone(),
            store: Arc::<MemoryStore>::clone(&store),
            bus: Arc::<MemoryBus>::clone(&bus),
            clock: Arc::<SettableClock>::clone(&clock),
            metrics,
            health: HealthBoard::default(),
            fleet: None,
            holds: Holds::new(HoldParts {
                store: Arc::<MemoryStore>::clone(&store),
                holds: Arc::<MemoryStore>::clone(&store),
                query: query.clone(),
                home: (tenant(), prefix()),
                max_bytes: HELD_MAX_BYTES,
            }),
            recorder: Some(Arc::new(recorder(&store, &clock, recordings.path()))),
            replays: Some(replays),
            tenant: tenant(),
            retention: Retention::single(Ttl::from_secs(60).unwrap()),
            max_cameras: 3,
        }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = serving(listener, &service, &clock, &stop);
        framecache::tls::install_provider();
        let client = Client::builder().no_proxy().build().unwrap();
        Self {
            service,
            query,
            store,
            bus,
            ingest,
            clock,
            client,
            address,
            stop,
            server,
            recordings,
        }
    }

    /// Ends the server; returns the address it had.
    async fn stop_server(&mut self) -> SocketAddr {
        self.stop.cancel();
        (&mut self.server).await.unwrap().unwrap();
        self.address
    }

    /// Serves again where the first server was.
    async fn serve_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.stop = CancellationToken::new();
        self.server = serving(listener, &self.service, &self.clock, &self.stop);
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    /// Status and JSON of a GET.
    async fn json(&self, path: &str) -> (u16, Value) {
        let response = self.get(path).await;
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The address of a second server on the same frames, whose requests must not scan.
    async fn without_scans(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = WebState { scan: false, ..state(&self.service, &self.clock, &self.stop) };
        tokio::spawn(serve(listener, router(state), self.stop.clone()));
        format!("http://{address}")
    }

    /// The address of a second server on the same frames, which makes videos with this program.
    async fn with_ffmpeg(&self, program: std::path::PathBuf) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let exports = Exports::new(program);
        let state = WebState { exports, ..state(&self.service, &self.clock, &self.stop) };
        tokio::spawn(serve(listener, router(state), self.stop.clone()));
        address
    }

    /// Pushes a picture taken so many milliseconds before now; returns its key.
    async fn push(&self, camera: &str, millis_ago: u64, picture: Bytes) -> FrameKey {
        let at = Some(at_millis(0).minus(Duration::from_millis(millis_ago)));
        self.service.push(&stream(camera), at, picture).await.unwrap().key
    }

    /// Stores a frame as another program would: no index, any key.
    async fn put_foreign(&self, key: &FrameKey, bytes: Bytes) {
        let ttl = Ttl::from_secs(60).unwrap();
        let frame =
            PutFrame { key: key.clone(), bytes, ttl, expires_at: None, new_dimensions: None };
        self.store.put(&[frame]).await.pop().unwrap().unwrap();
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Plays what lies in a folder.
fn replays(ingest: &Arc<Ingest>, clock: &Arc<SettableClock>, folder: &Path) -> Arc<Replays> {
    let sink = LaneSink {
        ingest: Arc::clone(ingest),
        retention: Retention::single(Ttl::from_secs(60).unwrap()),
        max_cameras: 3,
    };
    let parts = ReplaysParts {
        storage: Arc::new(Folder::new(folder)),
        sink: Arc::new(sink),
        clock: Arc::<SettableClock>::clone(clock),
        home: (tenant(), prefix()),
    };
    Arc::new(Replays::new(parts, CancellationToken::new()))
}

fn serving(
    listener: TcpListener,
    service: &Arc<LocalService>,
    clock: &Arc<SettableClock>,
    stop: &CancellationToken,
) -> JoinHandle<std::io::Result<()>> {
    tokio::spawn(serve(listener, router(state(service, clock, stop)), stop.clone()))
}

fn state(
    service: &Arc<LocalService>,
    clock: &Arc<SettableClock>,
    stop: &CancellationToken,
) -> WebState {
    WebState {
        service: Arc::clone(service),
        tenant: tenant(),
        prefix: prefix(),
        clock: Arc::<SettableClock>::clone(clock),
        scan: true,
        max_frame_bytes: MAX_FRAME_BYTES,
        exports: Exports::new("ffmpeg".into()),
        thumbnails: Thumbnails::default(),
        access: Arc::new(Access::open()),
        stop: stop.clone(),
    }
}

fn ingest(
    store: &Arc<MemoryStore>,
    bus: &Arc<MemoryBus>,
    clock: &Arc<SettableClock>,
    (metrics, max_frame_bytes): (&Arc<Metrics>, usize),
) -> Ingest {
    let announcer = Announcer::start(AnnouncerParts {
        store: Arc::<MemoryStore>::clone(store),
        outbox: Arc::<MemoryStore>::clone(store),
        bus: Arc::<MemoryBus>::clone(bus),
        clock: Arc::<SettableClock>::clone(clock),
        metrics: Arc::clone(metrics),
        take_up: true,
        whole_frames: None,
    });
    let options = IngestOptions { max_frame_bytes, ..IngestOptions::default() };
    let (store, clock) = (Arc::<MemoryStore>::clone(store), Arc::<SettableClock>::clone(clock));
    Ingest::new(store, announcer, clock, Arc::clone(metrics), options)
}

fn tenant() -> Tenant {
    Tenant::new("shop").unwrap()
}

fn prefix() -> Prefix {
    Prefix::new("frames").unwrap()
}

fn stream(camera: &str) -> StreamId {
    StreamId { tenant: tenant(), prefix: prefix(), camera: CameraId::new(camera).unwrap() }
}

/// So many milliseconds after where the clock starts.
fn at_millis(millis: u64) -> UnixNanos {
    UnixNanos::new(NOW * 1_000_000_000 + millis * 1_000_000).unwrap()
}

/// A real JPEG of 16 x 8 pixels; `shade` makes its bytes differ.
fn picture(shade: u8) -> Bytes {
    let mut jpeg = Vec::new();
    let pixels = vec![shade; 16 * 8 * 3];
    jpeg_encoder::Encoder::new(&mut jpeg, 80)
        .encode(&pixels, 16, 8, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    Bytes::from(jpeg)
}
