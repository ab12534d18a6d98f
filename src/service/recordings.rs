//! Recordings, as every face asks for them: by orders, here or at a running `up`.

use std::fmt;

use async_trait::async_trait;

use super::ServiceError;
use crate::archive::read::Info;
use crate::archive::record::{Order, Status};
use crate::model::recording::RecordingName;

/// Begins, ends and lists recordings.
#[async_trait]
pub trait Recordings: Send + Sync + fmt::Debug {
    /// Follows an order and answers how the recordings that it is about stand then; none where there is
    /// no such recording. What takes its time, as finishing files does, is not waited for.
    async fn record(&self, order: &Order) -> Result<Vec<Status>, ServiceError>;

    /// What is inside the finished files of a recording, which are read through; `None` where there is
    /// no such recording.
    async fn contents(&self, name: &RecordingName) -> Result<Option<Info>, ServiceError>;
}
