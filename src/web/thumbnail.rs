//! Smaller pictures for walls of cameras: made on blocking threads, each once however many ask.
//!
//! A wall of sixteen cameras wants pictures of 180 lines, not of 1080. [`Thumbnails`] keeps the last
//! ones made, lets all who ask for the same picture wait for one job, and bounds what jobs may use
//! together: threads, pixels, and how many wait. A job whose askers have all gone is not begun. A
//! picture is never made larger: below the asked height its own bytes are answered.

mod scale;

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::scale::{scale, shrunk};
use super::problem::Problem;
use crate::model::frame::{Dimensions, Frame};
use crate::model::jpeg;
use crate::model::key::FrameKey;
use crate::service::{ErrorKind, ServiceError};

/// The lowest and the highest picture that is made, in pixels.
const HEIGHTS: std::ops::RangeInclusive<u32> = 16..=2160;

/// The largest picture that is decoded, and what all being decoded may have together, in millions of
/// pixels: 3 bytes each, 9 for progressive pictures.
const MEGAPIXELS: u32 = 64;

/// What the pictures that are kept may hold together, in bytes.
const KEPT_BYTES: usize = 32 << 20;

/// How many pictures may be asked for and not yet made.
const WAITING_MAX: usize = 256;

/// How much of a picture's end takes part in its identity, in bytes.
const TAIL_BYTES: usize = 4096;

/// Which smaller picture. A key is not enough: after a deletion other bytes may lie under it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Id {
    key: FrameKey,
    height: u16,
    length: usize,
    tail: u64,
}

impl Id {
    fn of(frame: &Frame, height: u16) -> Self {
        let (bytes, mut hasher) = (&frame.bytes, DefaultHasher::new());
        bytes[bytes.len().saturating_sub(TAIL_BYTES)..].hash(&mut hasher);
        Self { key: frame.key.clone(), height, length: bytes.len(), tail: hasher.finish() }
    }
}

/// Why there is no smaller picture; shared by all who wait for it.
type Made = Result<Bytes, String>;
type Job = BoxFuture<'static, Made>;

/// Smaller pictures of frames. Cheap to clone; clones share what was made.
#[derive(Debug, Clone)]
pub struct Thumbnails(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    state: Mutex<State>,
    threads: Arc<Semaphore>,
    pixels: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    kept: Kept,
    under_way: HashMap<Id, WeakShared<Job>>,
}

/// The last pictures made, the oldest of which goes first.
#[derive(Debug, Default)]
struct Kept {
    made: HashMap<Id, Bytes>,
    order: VecDeque<Id>,
    bytes: usize,
}

impl Kept {
    fn keep(&mut self, id: Id, made: Bytes) {
        self.bytes += made.len();
        if let Some(before) = self.made.insert(id.clone(), made) {
            self.bytes -= before.len();
        } else {
            self.order.push_back(id);
        }
        while self.bytes > KEPT_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.made.remove(&oldest).map_or(0, |made| made.len());
        }
    }
}

impl Default for Thumbnails {
    /// Nothing made yet; half the processor's threads, one at least, may be used.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
        Self(Arc::new(Shelf {
            state: Mutex::default(),
            threads: Arc::new(Semaphore::new(threads)),
            pixels: Arc::new(Semaphore::new(megapixels(MEGAPIXELS))),
        }))
    }
}

impl Thumbnails {
    /// `frame`'s picture at this height in its own shape, or its own bytes where it is no higher.
    pub(super) async fn of(&self, frame: &Frame, height: u32) -> Result<Bytes, Problem> {
        let height = checked(height)?;
        let id = Id::of(frame, height);
        if let Some(made) = self.0.state().kept.made.get(&id) {
            return Ok(made.clone());
        }
        let info = jpeg::inspect(&frame.bytes).map_err(|error| undecodable(frame, &error))?;
        if info.dimensions.height <= height {
            return Ok(frame.bytes.clone());
        }
        let megapixels = pixels_of(info.dimensions).div_ceil(1_000_000);
        if megapixels > MEGAPIXELS {
            let said = format!("it has {megapixels} million pixels, over {MEGAPIXELS} million");
            return Err(undecodable(frame, &said));
        }
        let job = self.job(id, frame, info.dimensions)?;
        job.await.map_err(|error| undecodable(frame, &error))
    }

    /// The job that makes this picture: the one under way, or a new one.
    fn job(&self, id: Id, frame: &Frame, size: Dimensions) -> Result<Shared<Job>, Problem> {
        let mut state = self.0.state();
        if let Some(job) = state.under_way.get(&id).and_then(WeakShared::upgrade) {
            return Ok(job);
        }
        state.under_way.retain(|_, job| job.upgrade().is_some());
        if state.under_way.len() >= WAITING_MAX {
            let said = "too many smaller pictures are being made at once: come again";
            return Err(ServiceError::new(ErrorKind::Unavailable, said).into());
        }
        let shelf = Arc::clone(&self.0);
        let job = shelf.make(id.clone(), frame.bytes.clone(), size).boxed().shared();
        state.under_way.extend(job.downgrade().map(|weak| (id, weak)));
        Ok(job)
    }
}

impl Shelf {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn make(self: Arc<Self>, id: Id, bytes: Bytes, size: Dimensions) -> Made {
        let megapixels = pixels_of(size).div_ceil(1_000_000);
        let closed = |_| "the process is shutting down".to_owned();
        let pixels = Arc::clone(&self.pixels).acquire_many_owned(megapixels).await;
        let pixels = pixels.map_err(closed)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(closed)?;
        let to = shrunk(size, id.height);
        let scaling = spawn_blocking(move || {
            let made = scale(&bytes, to);
            drop((pixels, thread));
            made
        });
        let made = scaling.await.map_err(|_| "the decoder failed on it".to_owned())?;
        let made = Bytes::from(made.map_err(|error| error.to_string())?);
        let mut state = self.state();
        state.under_way.remove(&id);
        state.kept.keep(id, made.clone());
        Ok(made)
    }
}

/// Refuses a height that no picture is made in.
pub(super) fn checked(height: u32) -> Result<u16, Problem> {
    u16::try_from(height).ok().filter(|_| HEIGHTS.contains(&height)).ok_or_else(|| {
        let (low, high) = (HEIGHTS.start(), HEIGHTS.end());
        Problem::bad_input(format!("height={height} is refused: give {low} to {high} pixels"))
    })
}

fn undecodable(frame: &Frame, why: &dyn std::fmt::Display) -> Problem {
    let key = &frame.key;
    Problem::undecodable(format!("no smaller picture of {key}: {why}; ask without height="))
}

fn pixels_of(size: Dimensions) -> u32 {
    u32::from(size.width) * u32::from(size.height)
}

fn megapixels(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "thumbnail/tests.rs"]
mod tests;
