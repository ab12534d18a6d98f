//! Holds of this process. Like everything that writes, they are for its own tenant only.

use async_trait::async_trait;

use super::LocalService;
use crate::hold::{HoldFailure, HoldList, HoldOrder, HoldReport, Released};
use crate::model::name::HoldId;
use crate::query::Scope;
use crate::service::{ErrorKind, Holds, ServiceError};

#[async_trait]
impl Holds for LocalService {
    async fn hold(&self, order: &HoldOrder) -> Result<HoldReport, ServiceError> {
        self.must_own(&order.stream)?;
        Ok(self.parts().holds.begin(order.clone()).await?)
    }

    async fn holds(&self, scope: &Scope) -> Result<HoldList, ServiceError> {
        Ok(self.parts().holds.list(scope).await?)
    }

    async fn release(&self, id: &HoldId, scope: &Scope) -> Result<Option<Released>, ServiceError> {
        let own = &self.parts().tenant;
        if scope.tenant.as_ref().is_some_and(|tenant| tenant != own) {
            return Ok(None);
        }
        let scope = Scope { tenant: Some(own.clone()), ..scope.clone() };
        Ok(self.parts().holds.release(id, &scope).await?)
    }
}

impl From<HoldFailure> for ServiceError {
    fn from(failure: HoldFailure) -> Self {
        match failure {
            HoldFailure::Store(error) => error.into(),
            HoldFailure::Query(error) => error.into(),
            HoldFailure::Terms(_) => Self::new(ErrorKind::BadInput, failure),
            HoldFailure::TooMuch { .. } => Self::new(ErrorKind::Refused, failure),
        }
    }
}
