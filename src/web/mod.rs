//! Floor 5: the HTTP API. One file per resource; each parses, asks the service, and maps the answer.
//!
//! Nothing is decided here: what a request means is said by the query types, what fails by
//! `ServiceError`, and [`problem`] turns that into statuses in one place. Instants in answers are
//! strings of nanoseconds. [`access`] stands before all of them and finds out who asks.

mod access;
mod at;
mod batch;
mod body;
mod caller;
mod camera_control;
mod cameras;
mod delete;
mod export;
mod frames;
mod health;
mod holds;
mod latest;
mod listing;
mod live;
mod metrics;
mod multipart;
mod openapi;
mod page;
mod params;
mod picture;
mod problem;
mod push;
mod ranged;
mod recordings;
mod reindex;
mod replays;
mod restore;
mod server;
mod stats;
mod status;
mod tenants;
mod thumbnail;
mod timeline;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, OriginalUri};
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::access::Access;
pub use self::export::mp4::Exports;
use self::problem::Problem;
pub use self::server::{ServerOptions, Tls, TlsError, serve_with};
pub use self::thumbnail::Thumbnails;
use crate::clock::Clock;
use crate::model::name::{Prefix, Tenant};
use crate::service::local::LocalService;

/// What every handler works with.
#[derive(Debug, Clone)]
pub struct WebState {
    /// Who answers.
    pub service: Arc<LocalService>,
    /// Whose frames are meant where a request names no tenant.
    pub tenant: Tenant,
    /// Which family is meant where a request names no prefix.
    pub prefix: Prefix,
    /// What `now` means in a request.
    pub clock: Arc<dyn Clock>,
    /// Whether a request may walk the keyspace: `via=scan`, `via=auto` and `reindex`. On a store
    /// that others share it costs them time.
    pub scan: bool,
    /// The largest body of a push, in bytes.
    pub max_frame_bytes: usize,
    /// Makes videos.
    pub exports: Exports,
    /// Makes and keeps smaller pictures.
    pub thumbnails: Thumbnails,
    /// Who may ask, and how often.
    pub access: Arc<Access>,
    /// Ends the streams of events, which have no end of their own.
    pub stop: CancellationToken,
}

/// The whole API and the front page.
pub fn router(state: WebState) -> Router {
    let api = Router::new()
        .route("/cameras", get(cameras::list))
        .route("/fleet", get(camera_control::fleet))
        .route(
            "/cameras/{camera}",
            get(camera_control::show)
                .put(camera_control::put)
                .patch(camera_control::patch)
                .delete(camera_control::remove),
        )
        .route("/cameras/{camera}/pause", post(camera_control::pause))
        .route("/cameras/{camera}/resume", post(camera_control::resume))
        .route("/cameras/{camera}/latest", get(latest::info))
        .route("/cameras/{camera}/latest.jpg", get(latest::jpeg))
        .route("/cameras/{camera}/at", get(at::info))
        .route("/cameras/{camera}/at.jpg", get(at::jpeg))
        .route(
            "/cameras/{camera}/frames",
            get(frames::of_camera).post(push::push).delete(delete::frames),
        )
        .route("/cameras/{camera}/frames/{frame}", get(frames::one))
        .route("/frames", get(frames::of_cameras))
        .route("/frames.zip", get(export::zip::of_cameras))
        .route("/export.mcap", get(export::mcap::of_cameras))
        .route("/cameras/{camera}/frames.zip", get(export::zip::of_camera))
        .route("/cameras/{camera}/clip.mp4", get(export::mp4::clip))
        .route("/cameras/{camera}/replay.mjpeg", get(export::replay::mjpeg))
        .route("/at", get(at::sync_view))
        .route("/tenants", get(tenants::list))
        .route("/timeline", get(timeline::steps))
        .route("/stats", get(stats::stats))
        .route("/status", get(status::status))
        .route("/events", get(live::events::follow))
        .route("/ws", get(live::ws::open))
        .route("/cameras/{camera}/stream.mjpeg", get(live::mjpeg::stream))
        .merge(recorded())
        .merge(holds_and_replays())
        .route("/reindex", post(reindex::reindex))
        .route("/restore", post(restore::frames))
        .route("/openapi.json", get(openapi::document))
        .route("/session", session());
    let web = Arc::new(state);
    let router = Router::new()
        .route("/", get(page::index))
        .route("/assets/{file}", get(page::asset))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .nest("/api/v1", api)
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(Extension(push::room()))
        .layer(Extension(live::Seats::new()))
        .with_state(Arc::clone(&web));
    let counts = Arc::clone(web.service.metrics());
    access::guarded(router, &web).layer(from_fn_with_state(counts, metrics::count))
}

fn recorded() -> Router<Arc<WebState>> {
    Router::new()
        .route("/recordings", get(recordings::list).post(recordings::start))
        .route("/recordings/{name}", get(recordings::show).delete(recordings::remove))
        .route("/recordings/{name}/info", get(recordings::info))
        .route("/recordings/{name}/stop", post(recordings::stop))
        .route("/recordings/{name}/pause", post(recordings::pause))
        .route("/recordings/{name}/resume", post(recordings::resume))
        .route("/recordings/{name}/recover", post(recordings::recover))
        .route("/recordings/{name}/{segment}", get(recordings::segment))
}

fn holds_and_replays() -> Router<Arc<WebState>> {
    Router::new()
        .route("/holds", get(holds::list).post(holds::begin))
        .route("/holds/{hold}", delete(holds::release))
        .route("/replays", get(replays::list).post(replays::start))
        .route("/replays/{replay}", get(replays::show).delete(replays::stop))
        .route("/replays/{replay}/pause", post(replays::pause))
        .route("/replays/{replay}/resume", post(replays::resume))
        .route("/replays/{replay}/seek", post(replays::seek))
        .route("/replays/{replay}/speed", post(replays::speed))
}

fn session() -> MethodRouter<Arc<WebState>> {
    use access::session::{show, sign_in, sign_out};
    get(show).post(sign_in).delete(sign_out)
}

async fn unknown_path(OriginalUri(uri): OriginalUri) -> Problem {
    Problem::unknown_path(uri.path())
}

async fn unknown_method(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::unknown_method(&method, uri.path())
}

/// As [`serve_with`] an empty configuration: HTTP with its usual bounds.
///
/// # Errors
/// As [`serve_with`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    serve_with(listener, router, ServerOptions::default(), stop).await
}
