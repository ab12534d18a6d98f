//! Who asks, as the access layer found out before any handler runs, and what that allows.
//!
//! A handler never looks at tokens: `Call` reads the [`Caller`], and `Params` lets a caller that is
//! bound to one tenant name no other. What such a caller names of another tenant is answered as if
//! it did not exist, without a look at the store, so that neither answer nor time tells of it.

use super::problem::Problem;
use crate::model::name::Tenant;

/// What the access layer found out about a request; without it nobody is let in.
#[derive(Debug, Clone)]
pub(super) struct Asker(pub(super) Result<Caller, Stranger>);

/// Somebody who was not recognized where a token is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stranger {
    /// Without a token and without a session that still lives.
    NoToken,
    /// With a token that is none of ours.
    WrongToken,
}

impl From<Stranger> for Problem {
    fn from(stranger: Stranger) -> Self {
        Self::unauthorized(match stranger {
            Stranger::NoToken => {
                "a token is needed: send the header Authorization: Bearer TOKEN (framecache --token), \
                 or sign in on the page"
            }
            Stranger::WrongToken => "this token is not known here: ask the operator for one",
        })
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The one tenant that the caller may see; `None` for all.
    pub(super) tenant: Option<Tenant>,
    /// Whether the caller may push, delete and control.
    pub(super) write: bool,
}

impl Caller {
    /// Whoever reaches a server without access control.
    pub(super) fn anyone() -> Self {
        Self { tenant: None, write: true }
    }

    /// Whether the caller may know of this tenant.
    pub(super) fn sees(&self, tenant: &Tenant) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }

    /// Refuses a caller that may only read.
    pub(super) fn may_write(&self) -> Result<(), Problem> {
        if self.write {
            return Ok(());
        }
        Err(Problem::denied("this token may only read: use one made with --write"))
    }

    /// Answers as if a tenant that the caller may not see did not exist.
    pub(super) fn must_see(&self, tenant: &Tenant) -> Result<(), Problem> {
        if self.sees(tenant) {
            return Ok(());
        }
        Err(Problem::not_found(format!("nothing of tenant {tenant} is found here")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_caller_sees_its_tenant_only() {
        let (own, other) = (Tenant::new("own").unwrap(), Tenant::new("other").unwrap());
        let bound = Caller { tenant: Some(own.clone()), write: false };
        assert_eq!((bound.sees(&own), bound.sees(&other)), (true, false));
        assert_eq!(bound.must_see(&own), Ok(()));
        let hidden = Problem::not_found("nothing of tenant other is found here".to_owned());
        assert_eq!(bound.must_see(&other), Err(hidden));
        assert!(bound.may_write().is_err());
        let anyone = Caller::anyone();
        assert!(anyone.sees(&other) && anyone.may_write().is_ok());
    }
}
