//! Asks store, broker and ffmpeg for the facts that are judged beside here.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::finding::Finding;
use super::memory::{self, Inflow};
use super::server;
use crate::app;
use crate::bus::BusState;
use crate::cli::session::local_url;
use crate::cli::times::shown_count;
use crate::clock::{Clock as _, SystemClock};
use crate::collect::SourceUrl;
use crate::config::{CameraConfig, CameraMode, Config};
use crate::query::{Query, Scope, StatsAnswer};
use crate::service::remote::{Credentials, RemoteService};
use crate::service::{Service as _, ServiceError};
use crate::store::{FrameStore, StoreError};

/// Round trips that are measured.
const ROUND_TRIPS: u32 = 10;

/// How long a broker may take to answer.
const BROKER_PATIENCE: Duration = Duration::from_secs(5);

/// Frame keys that are looked at for their end.
const SAMPLE: usize = 1000;

/// The store that the configuration selects.
pub(super) async fn store(config: &Config, url: Option<String>, by: &Credentials) -> Vec<Finding> {
    if !config.redis.enabled || url.is_some() {
        return running(config, url, by).await;
    }
    let (store, place) = match app::open_store(config) {
        Ok(opened) => opened,
        Err(error) => return vec![Finding::fail("redis", format!("{error:#}"))],
    };
    match ask_redis(config, &store).await {
        Ok(mut found) => {
            found.insert(0, Finding::ok("redis", format!("{place} answers")));
            found
        }
        Err(error) => vec![Finding::fail("redis", error.to_string())],
    }
}

async fn ask_redis(
    config: &Config,
    store: &Arc<dyn FrameStore>,
) -> Result<Vec<Finding>, StoreError> {
    let info = store.info().await?;
    let mut found = server::judge(&info);
    found.extend(round_trips(store.as_ref()).await?);
    found.push(match store.sample_expiry(SAMPLE).await {
        Ok(sample) => server::without_expiry(sample.looked_at, sample.without_expiry),
        // A user of one tenant may not list keys, and need not.
        Err(StoreError::Refused(said)) => Finding::warn("redis", said),
        Err(error) => return Err(error),
    });
    let query = Query::new(Arc::clone(store), Arc::new(SystemClock));
    match query.stats(&own_family(config)).await {
        Ok(stats) => found.push(memory_needed(config, &stats)),
        Err(error) => found.push(Finding::warn("memory needed", error.to_string())),
    }
    Ok(found)
}

/// The latency, and how far the clocks are apart.
async fn round_trips(store: &dyn FrameStore) -> Result<[Finding; 2], StoreError> {
    let (mut fastest, mut slowest, mut offset) = (Duration::MAX, Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUND_TRIPS {
        let asked = Instant::now();
        let theirs = store.now().await?;
        let took = asked.elapsed();
        let ours = SystemClock.now().minus(took / 2);
        if took < fastest {
            offset = ours.since(theirs).max(theirs.since(ours));
        }
        (fastest, slowest) = (fastest.min(took), slowest.max(took));
    }
    Ok([server::latency(fastest, slowest), server::clock(offset, fastest)])
}

fn own_family(config: &Config) -> Scope {
    Scope { tenant: Some(config.tenant.clone()), prefix: Some(config.prefix.clone()), camera: None }
}

/// By the frames of this tenant and prefix, against the limit of the whole store.
fn memory_needed(config: &Config, stats: &StatsAnswer) -> Finding {
    let family = stats.families.first();
    let (frames, bytes, rate) = family.map_or((0, 0, 0.0), |f| (f.frames, f.bytes, f.rate_fps));
    let inflow = Inflow::of(config, frames, bytes, rate);
    let cameras = family.map_or(config.cameras.len(), |family| family.cameras.len());
    memory::judge(
        inflow,
        inflow.needs(cameras, &config.retention),
        stats.store.as_ref().and_then(|store| store.max_bytes),
    )
}

/// A running `up` tells how it does; a named one must run, another one may.
async fn running(config: &Config, named: Option<String>, by: &Credentials) -> Vec<Finding> {
    let must_run = named.is_some();
    let url = named.unwrap_or_else(|| local_url(config));
    match ask_running(config, &url, by).await {
        Ok(found) => found,
        Err(error) if must_run => vec![Finding::fail("framecache", error.message)],
        Err(_) => {
            let inflow = Inflow::of(config, 0, 0, 0.0);
            let needs = inflow.needs(config.cameras.len(), &config.retention);
            let limit = u64::try_from(config.embedded.max_bytes).unwrap_or(u64::MAX);
            let said = format!("the store is embedded, and no framecache runs at {url} now");
            vec![Finding::ok("framecache", said), memory::judge(inflow, needs, Some(limit))]
        }
    }
}

async fn ask_running(
    config: &Config,
    url: &str,
    by: &Credentials,
) -> Result<Vec<Finding>, ServiceError> {
    let remote = RemoteService::connect_with(url, by)?;
    let ready = remote.readiness().await?;
    let stats = remote.stats(&own_family(config)).await?;
    let said = format!("runs at {url}: store {}, bus {}", ready.store, ready.bus);
    let mut found = vec![Finding::ok("framecache", said)];
    found.extend(ready.reasons.into_iter().map(|why| Finding::fail("framecache", why)));
    found.extend(ready.cameras_down.into_iter().map(|down| {
        Finding::warn("camera", format!("{} delivers no frames: {}", down.camera, down.error))
    }));
    found.push(memory_needed(config, &stats));
    Ok(found)
}

/// The bus that the configuration selects.
pub(super) async fn bus(config: &Config) -> Vec<Finding> {
    if config.amqp.is_none() {
        return vec![Finding::ok("bus", "announcements stay in the process: no amqp_url is set")];
    }
    let (bus, place) = match app::open_bus(config) {
        Ok(opened) => opened,
        Err(error) => return vec![Finding::fail("amqp", format!("{error:#}"))],
    };
    let begun = Instant::now();
    let state = loop {
        match bus.state() {
            BusState::Away(_) if begun.elapsed() < BROKER_PATIENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            state => break state,
        }
    };
    let found = match state {
        BusState::Ready => Finding::ok("amqp", format!("{place} takes announcements")),
        BusState::Away(why) | BusState::Refused(why) => Finding::fail("amqp", why),
    };
    bus.close().await;
    vec![found]
}

/// The program for sources that are not JPEG already.
pub(super) async fn ffmpeg(config: &Config) -> Vec<Finding> {
    let needs = |camera: &&CameraConfig| {
        camera.mode == CameraMode::Ffmpeg
            || SourceUrl::parse(camera.url.expose()).is_ok_and(|url| url.may_need_ffmpeg())
    };
    let needed = config.cameras.iter().filter(needs).count();
    let program = config.ingest.ffmpeg.display().to_string();
    let asked = Command::new(&config.ingest.ffmpeg)
        .arg("-version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .await;
    let version = asked.ok().filter(|output| output.status.success()).and_then(|output| {
        String::from_utf8_lossy(&output.stdout).split_whitespace().nth(2).map(str::to_owned)
    });
    vec![match (version, needed) {
        (Some(version), _) => Finding::ok("ffmpeg", format!("{program} {version}")),
        (None, 0) => {
            Finding::ok("ffmpeg", format!("{program} does not run, and no camera needs it"))
        }
        (None, needed) => Finding::fail(
            "ffmpeg",
            format!(
                "{program} does not run and {} may need it: install ffmpeg, or set ingest.ffmpeg to its path",
                shown_count(needed, "camera")
            ),
        ),
    }]
}
