//! What has no end: events, live pictures, and both over one socket.
//!
//! Each is a place at what `watch` gives, written as fast as its client reads. A slow client is never
//! waited for: pictures it was too slow for are skipped, events come from the index. All of them end
//! with `web.stop`, and only so many run at once: [`Seats`].

pub(super) mod events;
pub(super) mod mjpeg;
mod request;
pub(super) mod ws;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::params::Params;
use super::problem::Problem;
use crate::ingest::FpsLimit;
use crate::service::{ErrorKind, ServiceError};
use crate::watch::Interest;

/// Clients that may follow or watch at once.
const SEATS: usize = 1024;

/// The places that all streams share.
#[derive(Debug, Clone)]
pub(super) struct Seats(Arc<Semaphore>);

impl Seats {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(SEATS)))
    }

    /// A place, given back when dropped.
    fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            let said = format!("{SEATS} clients follow or watch already: come again");
            ServiceError::new(ErrorKind::Unavailable, said).into()
        })
    }
}

/// What a request wants to hear of: its cameras, or all of its family.
fn interest(params: &Params) -> Result<Interest, Problem> {
    let (tenant, prefix) = params.family()?;
    Ok(Interest { tenant, prefix, streams: params.streams()?.into_iter().collect() })
}

/// The limit that a rate asks for.
fn limit(fps: Option<f64>) -> Result<Option<FpsLimit>, Problem> {
    fps.map(FpsLimit::new).transpose().map_err(Problem::bad_input)
}
