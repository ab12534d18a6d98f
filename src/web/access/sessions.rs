//! Sessions of browsers: a random id in a cookie stands for a token, for twelve hours at most.
//!
//! The table holds only hashes of ids, so a lookup takes no longer for an id that is nearly right,
//! and it is bounded: when it is full, the session that would end first goes. A restart ends all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::TokenHash;
use crate::model::time::UnixNanos;

/// The cookie's name.
const COOKIE: &str = "framecache_session";

/// How long a session lives.
pub(super) const LIFE: Duration = Duration::from_secs(12 * 3600);

/// The most sessions at once.
const MAX: usize = 10_000;

/// The open sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

#[derive(Debug, Clone, Copy)]
struct Session {
    token: usize,
    ends: UnixNanos,
}

impl Sessions {
    /// Opens a session for a token; answers its id.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(super) fn open(&self, token: usize, now: UnixNanos) -> Result<String, getrandom::Error> {
        let mut id = [0; 32];
        getrandom::fill(&mut id)?;
        let id = URL_SAFE_NO_PAD.encode(id);
        self.insert(&id, token, now);
        Ok(id)
    }

    fn insert(&self, id: &str, token: usize, now: UnixNanos) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MAX {
            open.retain(|_, session| session.ends > now);
        }
        if open.len() >= MAX {
            let first = open.iter().min_by_key(|(_, session)| session.ends);
            if let Some(first) = first.map(|(id, _)| *id) {
                open.remove(&first);
            }
        }
        open.insert(TokenHash::of(id).bytes(), Session { token, ends: now.plus(LIFE) });
    }

    /// The token that a session stands for.
    pub(super) fn find(&self, id: &str, now: UnixNanos) -> Option<usize> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = open.get(&TokenHash::of(id).bytes())?;
        (session.ends > now).then_some(session.token)
    }

    /// Ends a session.
    pub(super) fn close(&self, id: &str) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(&TokenHash::of(id).bytes());
    }
}

/// The session's id that a request brings.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|one| one.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE).map(|(_, id)| id.trim())
}

/// `Set-Cookie` for a session, or with an empty id the one that takes it away.
pub(super) fn set_cookie(id: &str, by_tls: bool) -> Option<HeaderValue> {
    let life = if id.is_empty() { 0 } else { LIFE.as_secs() };
    let secure = if by_tls { "; Secure" } else { "" };
    let text = format!("{COOKIE}={id}; HttpOnly; SameSite=Strict; Path=/; Max-Age={life}{secure}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> UnixNanos {
        UnixNanos::new(1_731_024_000_000_000_000 + secs * 1_000_000_000).unwrap()
    }

    #[test]
    fn a_session_stands_for_its_token_until_it_ends() {
        let sessions = Sessions::default();
        let (one, two) = (sessions.open(3, at(0)).unwrap(), sessions.open(4, at(0)).unwrap());
        assert_eq!((one.len(), one == two), (43, false));
        let end = LIFE.as_secs();
        assert_eq!(sessions.find(&one, at(end - 1)), Some(3));
        assert_eq!(sessions.find(&one, at(end)), None);
        assert_eq!(sessions.find("", at(0)), None);
        sessions.close(&two);
        assert_eq!(sessions.find(&two, at(1)), None);
    }

    #[test]
    fn a_full_table_lets_the_session_go_that_would_end_first() {
        let sessions = Sessions::default();
        for number in 0..MAX {
            sessions.insert(&format!("s{number}"), number, at(number as u64));
        }
        sessions.insert("last", MAX, at(MAX as u64));
        let now = at(MAX as u64);
        assert_eq!(sessions.find("s0", now), None);
        assert_eq!(sessions.find("s1", now), Some(1));
        assert_eq!(sessions.find("last", now), Some(MAX));
        assert_eq!(sessions.0.lock().unwrap().len(), MAX);
    }

    #[test]
    fn cookies_are_found_among_others_and_set_for_this_site_only() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; framecache_session=xyz"));
        assert_eq!(cookie(&headers), Some("xyz"));
        assert_eq!(cookie(&HeaderMap::new()), None);
        let set = set_cookie("xyz", true).unwrap();
        let expected =
            "framecache_session=xyz; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200; Secure";
        assert_eq!(set, expected);
    }
}
