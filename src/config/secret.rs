//! Texts that hold a secret: they can be used, but not shown by accident.
//!
//! `Debug` and `Display` show `***` where the secret is, so a log line, an error or an API answer
//! that prints a whole structure stays clean. Masking works on the text and not on a parsed URL:
//! cameras have passwords with `@`, `#` and `/` in them that no URL parser reads as they are meant.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What stands for a secret wherever one is shown.
pub const MASK: &str = "***";

/// What a URL parser does not take for part of a password.
const ENDS_A_PASSWORD: &AsciiSet = &CONTROLS.add(b'@').add(b'/').add(b'?').add(b'#').add(b' ');

/// A password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes over a password.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The password itself, for the one who logs in with it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// A URL, or a path, that may hold a password; shown as `rtsp://user:***@host/path`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Takes over a URL as it is; nothing is checked.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The URL with its password, for the one who connects with it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// `url` with `***` in place of its password and of query values that are named like secrets.
///
/// A text that is no URL loses what stands between its first `:` and its last `@`, paths excepted.
#[must_use]
pub fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return masked_fragment(url) };
    match password(rest) {
        Some((from, to)) => {
            format!("{scheme}://{}{MASK}{}", &rest[..from], masked_query(&rest[to..]))
        }
        None => format!("{scheme}://{}", masked_query(rest)),
    }
}

/// `url` with those characters of its password percent-encoded that end a password in a URL. People
/// write passwords as they are; a `%` stays, because it may begin a code.
#[must_use]
pub fn with_encoded_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((from, to)) = password(rest) else { return url.to_owned() };
    let encoded = utf8_percent_encode(&rest[from..to], ENDS_A_PASSWORD);
    format!("{scheme}://{}{encoded}{}", &rest[..from], &rest[to..])
}

fn masked_fragment(text: &str) -> String {
    let is_path = ["dir:", "file:"].iter().any(|scheme| text.starts_with(scheme));
    match (text.find(':'), text.rfind('@')) {
        (Some(colon), Some(at)) if colon < at && !is_path => {
            format!("{}:{MASK}{}", &text[..colon], masked_query(&text[at..]))
        }
        _ => masked_query(text),
    }
}

/// Where the password lies in what follows `://`: from the first `:` to the `@` before the host.
///
/// An `@` beyond the first `/` belongs to the path when a port number stands before that `/`, and
/// otherwise to the password.
fn password(rest: &str) -> Option<(usize, usize)> {
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let colon = rest.find(':')?;
    let at = match rest[..authority].rfind('@') {
        Some(at) => at,
        None => {
            let port = rest.get(colon + 1..authority).unwrap_or("");
            let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            if colon > authority || is_port || rest.starts_with('[') {
                return None;
            }
            rest.rfind('@')?
        }
    };
    (colon < at).then_some((colon + 1, at))
}

/// Parts of query names whose values are secrets.
const SECRET_NAMES: [&str; 6] = ["pass", "pwd", "token", "secret", "auth", "loginpas"];

fn masked_query(text: &str) -> String {
    let Some((before, query)) = text.split_once('?') else { return text.to_owned() };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if !value.is_empty() && is_secret(name) => format!("{name}={MASK}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{before}?{}", pairs.join("&"))
}

/// Whether a query value of this name is a secret.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let named = SECRET_NAMES.iter().any(|secret| name.contains(secret));
    named || name.ends_with("key") || name == "pw"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_password_is_masked_and_nothing_else() {
        for (url, shown) in [
            ("rtsp://user:secret@10.0.0.5:554/a?b=1", "rtsp://user:***@10.0.0.5:554/a?b=1"),
            ("rtsp://admin:p@ss@cam/h264", "rtsp://admin:***@cam/h264"),
            ("rtsp://admin:p/s#s?1@cam/h264", "rtsp://admin:***@cam/h264"),
            ("rtsp://:secret@cam", "rtsp://:***@cam"),
            ("rtsp://user@cam/a", "rtsp://user@cam/a"),
            ("rtsp://10.0.0.5:554/stream@2", "rtsp://10.0.0.5:554/stream@2"),
            ("rtsp://[::1]:554/stream@2", "rtsp://[::1]:554/stream@2"),
            ("http://cam/at@home:1", "http://cam/at@home:1"),
            (
                "http://cam/snap.jpg?user=admin&pwd=secret&ch=1",
                "http://cam/snap.jpg?user=admin&pwd=***&ch=1",
            ),
            ("http://cam/a?AccessToken=abc", "http://cam/a?AccessToken=***"),
            ("http://cam/a?apikey=abc&keyframes=2", "http://cam/a?apikey=***&keyframes=2"),
            ("rtsp:/user:secret@cam/a", "rtsp:***@cam/a"),
            ("user:secret@cam", "user:***@cam"),
            ("dir:/data/me@home", "dir:/data/me@home"),
            ("redis+unix:///run/redis.sock?pass=abc", "redis+unix:///run/redis.sock?pass=***"),
            ("synthetic:?fps=15", "synthetic:?fps=15"),
            ("/data/a.mp4", "/data/a.mp4"),
            ("", ""),
        ] {
            assert_eq!(masked(url), shown, "{url}");
        }
    }

    #[test]
    fn passwords_written_as_they_are_become_urls() {
        for (url, encoded) in [
            ("rtsp://me:p@s@cam/a?b#c", "rtsp://me:p%40s@cam/a?b#c"),
            ("rtsp://me:p/s#1?@cam/a", "rtsp://me:p%2Fs%231%3F@cam/a"),
            ("rtsp://me:p%40ss@cam/a@b", "rtsp://me:p%40ss@cam/a@b"),
            ("rtsp://cam:554/a@b", "rtsp://cam:554/a@b"),
            ("dir:a@b", "dir:a@b"),
        ] {
            assert_eq!(with_encoded_password(url), encoded, "{url}");
        }
    }

    #[test]
    fn printing_a_structure_shows_no_secret() {
        let shown = format!(
            "{:?} {:?}",
            Secret::new("abc".to_owned()),
            SecretUrl::new("amqp://u:abc@h".to_owned())
        );
        assert_eq!(shown, "*** \"amqp://u:***@h\"");
    }
}
