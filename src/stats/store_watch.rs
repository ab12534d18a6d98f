//! What the store says of itself, asked at most once a second and waited for at most a second.
//!
//! Ten scrapes at once ask once: the first asks, the others wait for its answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::store::{FrameStore, StoreInfo};

/// For so long an answer holds.
const FRESH: Duration = Duration::from_secs(1);

/// For so long the store is waited for.
const WITHIN: Duration = Duration::from_secs(1);

type Answer = Result<StoreInfo, String>;

/// Remembers the last answer.
#[derive(Debug)]
pub struct StoreWatch {
    store: Arc<dyn FrameStore>,
    last: Mutex<Option<(Instant, Answer)>>,
}

impl StoreWatch {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(store: Arc<dyn FrameStore>) -> Self {
        Self { store, last: Mutex::default() }
    }

    /// The answer, and whether it is news: asked for by this very call.
    pub async fn read(&self) -> (Answer, bool) {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < FRESH
        {
            return (answer.clone(), false);
        }
        let answer = match timeout(WITHIN, self.store.info()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err("the store does not answer within a second".to_owned()),
        };
        *last = Some((Instant::now(), answer.clone()));
        (answer, true)
    }
}
