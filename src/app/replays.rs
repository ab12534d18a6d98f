//! Replays of an engine: from its recordings into its own lanes.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;

use crate::archive::replay::{Replays, ReplaysParts};
use crate::archive::storage;
use crate::clock::Clock;
use crate::config::Config;
use crate::ingest::Ingest;
use crate::service::local::LaneSink;

/// Nothing is connected, and no folder made, before the first replay.
pub(super) fn open(
    config: &Config,
    ingest: &Arc<Ingest>,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) -> Result<Arc<Replays>> {
    let sink = LaneSink {
        ingest: Arc::clone(ingest),
        retention: config.retention.clone(),
        max_cameras: config.http.max_cameras,
    };
    let parts = ReplaysParts {
        storage: storage::open(&config.recordings).context("[recordings] cannot be used")?,
        sink: Arc::new(sink),
        clock: Arc::clone(clock),
        home: (config.tenant.clone(), config.prefix.clone()),
    };
    Ok(Arc::new(Replays::new(parts, stop.child_token())))
}
