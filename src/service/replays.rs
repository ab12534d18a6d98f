//! Replays, as every face asks for them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::ServiceError;
use crate::archive::replay::{Control, ReplayStatus, StartReplay};
use crate::model::name::{ReplayId, Tenant};

/// What is asked of one replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayOrder {
    /// How does it do?
    Show,
    /// Do that.
    Control(Control),
    /// End.
    Stop,
}

/// Every replay that a process runs or ran lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReplayList {
    /// The newest last.
    pub replays: Vec<ReplayStatus>,
}

/// Recordings that a running `up` plays. With `only` nothing is known of any other tenant's.
#[async_trait]
pub trait Replays {
    /// Starts to play a finished recording.
    async fn start_replay(
        &self,
        start: &StartReplay,
        only: Option<&Tenant>,
    ) -> Result<ReplayStatus, ServiceError>;

    /// Every replay that runs, and the last ones that ended.
    async fn replays(&self, only: Option<&Tenant>) -> Result<ReplayList, ServiceError>;

    /// Shows, controls or ends one, and answers how it does then; `None` when there is none.
    async fn replay(
        &self,
        id: &ReplayId,
        order: ReplayOrder,
        only: Option<&Tenant>,
    ) -> Result<Option<ReplayStatus>, ServiceError>;
}
