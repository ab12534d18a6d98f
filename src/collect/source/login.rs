//! The login at an HTTP camera: Basic (RFC 7617) or Digest (RFC 7616), whichever it asks for.
//!
//! Nothing is sent before the camera has asked, so a password never goes out in the clear to a camera
//! that would have taken a digest. What it asked for is remembered: later requests are answered in
//! advance, and a snapshot costs one round trip.

use anyhow::{Context as _, Result};
use digest_auth::{AuthContext, WwwAuthenticateHeader};
use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use url::{Position, Url};

/// User, password, and how the camera wants them.
pub(super) struct Login {
    user: String,
    password: String,
    asked: Asked,
}

enum Asked {
    Nothing,
    Basic,
    Digest(WwwAuthenticateHeader),
}

impl Login {
    pub(super) fn new(user: String, password: String) -> Self {
        Self { user, password, asked: Asked::Nothing }
    }

    /// The user, for messages.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Adds to a GET of `url` what the camera asked for last.
    pub(super) fn sign(&mut self, request: RequestBuilder, url: &Url) -> Result<RequestBuilder> {
        match &mut self.asked {
            Asked::Nothing => Ok(request),
            Asked::Basic => Ok(request.basic_auth(&self.user, Some(&self.password))),
            Asked::Digest(challenge) => {
                let target = &url[Position::BeforePath..Position::AfterQuery];
                let context = AuthContext::new(&self.user, &self.password, target);
                let answer = challenge.respond(&context);
                let answer = answer.context("the camera's digest login cannot be answered")?;
                Ok(request.header(AUTHORIZATION, answer.to_header_string()))
            }
        }
    }

    /// Notes what a 401 answer asks for; false when it is nothing that can be answered.
    pub(super) fn note(&mut self, headers: &HeaderMap) -> bool {
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
        let challenges: Vec<&str> = challenges.filter_map(|value| value.to_str().ok()).collect();
        if let Some(digest) = challenges.iter().find_map(|challenge| digest(challenge)) {
            self.asked = Asked::Digest(digest);
            return true;
        }
        let basic = challenges.iter().any(|challenge| find_scheme(challenge, "basic").is_some());
        if basic {
            self.asked = Asked::Basic;
        }
        basic
    }
}

/// The password is not for printing.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

fn digest(challenge: &str) -> Option<WwwAuthenticateHeader> {
    WwwAuthenticateHeader::parse(find_scheme(challenge, "digest")?).ok()
}

/// What follows the name of a scheme, which may be written in any case and after another scheme.
fn find_scheme<'a>(challenge: &'a str, scheme: &str) -> Option<&'a str> {
    let lower = challenge.to_ascii_lowercase();
    let start = lower.find(&format!("{scheme} "))?;
    challenge.get(start + scheme.len() + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(challenges: &[&str]) -> (bool, &'static str) {
        let mut login = Login::new("me".to_owned(), "pw".to_owned());
        let mut headers = HeaderMap::new();
        for challenge in challenges {
            headers.append(WWW_AUTHENTICATE, challenge.parse().unwrap());
        }
        let answerable = login.note(&headers);
        let kind = match login.asked {
            Asked::Nothing => "nothing",
            Asked::Basic => "basic",
            Asked::Digest(_) => "digest",
        };
        (answerable, kind)
    }

    #[test]
    fn digest_is_preferred_to_basic() {
        const BASIC: &str = r#"Basic realm="cam""#;
        const DIGEST: &str = r#"Digest realm="cam", nonce="abc", qop="auth", algorithm=MD5"#;
        for (challenges, expected) in [
            (&[BASIC][..], (true, "basic")),
            (&[DIGEST], (true, "digest")),
            (&[BASIC, DIGEST], (true, "digest")),
            (&[r#"Basic realm="a", digest realm="a", nonce="b""#], (true, "digest")),
            (&["Digest realm"], (false, "nothing")),
            (&["Bearer"], (false, "nothing")),
            (&[], (false, "nothing")),
        ] {
            assert_eq!(asked(challenges), expected, "{challenges:?}");
        }
    }
}
