//! Holds, as every face asks for them.

use async_trait::async_trait;

use super::ServiceError;
use crate::hold::{HoldList, HoldOrder, HoldReport, Released};
use crate::model::name::HoldId;
use crate::query::Scope;

/// What can be asked about frames that are to live longer.
#[async_trait]
pub trait Holds {
    /// Lets the frames of a window live longer, where they are; with `dry_run` only says which.
    async fn hold(&self, order: &HoldOrder) -> Result<HoldReport, ServiceError>;

    /// The holds of some cameras that are not over.
    async fn holds(&self, scope: &Scope) -> Result<HoldList, ServiceError>;

    /// Ends a hold; `None` when there is no such hold in `scope`.
    async fn release(&self, id: &HoldId, scope: &Scope) -> Result<Option<Released>, ServiceError>;
}
