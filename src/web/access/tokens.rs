//! Finds the token that a request presents among the configured ones, in constant time.
//!
//! Every configured hash is compared, and the place of the match is chosen without a branch: the
//! time tells neither which token matched nor whether any did.

use axum::http::{HeaderMap, header};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::config::{TokenConfig, TokenHash};
use crate::web::caller::Caller;

/// The configured tokens.
#[derive(Debug)]
pub(super) struct Tokens(Vec<TokenConfig>);

impl Tokens {
    pub(super) fn new(tokens: Vec<TokenConfig>) -> Self {
        Self(tokens)
    }

    /// Whether everyone is let in.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Which configured token this is.
    pub(super) fn find(&self, given: &str) -> Option<usize> {
        let given = TokenHash::of(given);
        // One more than the place, 0 for none.
        let mut found = 0_u32;
        for (place, token) in (1_u32..).zip(&self.0) {
            found.conditional_assign(&place, token.hash.same(&given));
        }
        let is_none: bool = found.ct_eq(&0).into();
        if is_none { None } else { usize::try_from(found - 1).ok() }
    }

    /// What the holder of the token at this place may do.
    pub(super) fn caller(&self, at: usize) -> Option<Caller> {
        let token = self.0.get(at)?;
        Some(Caller { tenant: token.tenant.clone(), write: token.write })
    }
}

/// The token of `Authorization: Bearer`, as of RFC 6750. Another scheme counts as a wrong token.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    Some(if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::{CameraId, Tenant};

    #[test]
    fn the_token_that_matches_says_who_asks() {
        let config = |name: &str, tenant: Option<&str>, write| TokenConfig {
            name: CameraId::new(name).unwrap(),
            hash: TokenHash::of(&format!("secret of {name}")),
            tenant: tenant.map(|tenant| Tenant::new(tenant).unwrap()),
            write,
        };
        let tokens = Tokens::new(vec![config("a", None, true), config("b", Some("shop"), false)]);
        for (given, found) in [
            ("secret of a", Some(0)),
            ("secret of b", Some(1)),
            ("secret of ", None),
            ("", None),
            ("sha256:00", None),
        ] {
            assert_eq!(tokens.find(given), found, "{given}");
        }
        assert_eq!(tokens.caller(0), Some(Caller::anyone()));
        let shop = Caller { tenant: Some(Tenant::new("shop").unwrap()), write: false };
        assert_eq!((tokens.caller(1), tokens.caller(2)), (Some(shop), None));
    }

    #[test]
    fn the_header_is_read_as_written_by_people_and_programs() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", Some("")),
            ("abc", Some("")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer(&headers), token, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
