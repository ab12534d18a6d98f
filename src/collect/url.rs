//! The URL of a camera: read once, printed without its secrets ever after.
//!
//! The scheme chooses the source. A path without a scheme is a file. Passwords stand in many places
//! of a camera URL (user info, `?pwd=`), and programs that are handed the URL quote it in their
//! errors, so a URL knows all of its secrets and takes them out of any text.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::{MASK, is_secret, masked, with_encoded_password};

/// Which kind of source a URL asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceKind {
    /// `synthetic:`: pictures made here.
    Synthetic,
    /// `dir:PATH`: the JPEGs of a folder.
    Dir,
    /// `push:`: frames come by the API.
    Push,
    /// `rtsp://`: read natively when it is MJPEG, else by ffmpeg.
    Rtsp,
    /// `http://`, `https://`: an MJPEG stream or a snapshot.
    Http,
    /// `file:PATH` or a path: a video file, read by ffmpeg.
    File,
    /// Any other network protocol that ffmpeg reads.
    Ffmpeg,
}

/// A camera URL that fits; prints and debugs without its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceUrl {
    url: Url,
    kind: SourceKind,
    path: PathBuf,
    secrets: Vec<String>,
}

impl SourceUrl {
    /// Reads the URL of a camera.
    ///
    /// # Errors
    /// One sentence, without its secrets, when no source can read it.
    pub fn parse(text: &str) -> Result<Self> {
        let shown = masked(text.trim());
        let text = with_encoded_password(text.trim());
        let absolute = if has_scheme(&text) { text } else { format!("file:{text}") };
        let url = Url::parse(&absolute).with_context(|| {
            format!("{shown:?} is no camera URL: write scheme://user:password@host/path")
        })?;
        let kind = kind_of(url.scheme())?;
        ensure!(!kind.needs_host() || url.host().is_some(), "{shown:?} names no host");
        let path = local_path(&absolute);
        let needs_path = matches!(kind, SourceKind::Dir | SourceKind::File);
        ensure!(!needs_path || !path.as_os_str().is_empty(), "{shown:?} names no path");
        let secrets = secrets_of(&url);
        Ok(Self { url, kind, path, secrets })
    }

    /// Whether ffmpeg reads it; of an `rtsp://` camera only its answer tells, so that may be needed.
    #[must_use]
    pub fn may_need_ffmpeg(&self) -> bool {
        matches!(self.kind, SourceKind::Rtsp | SourceKind::File | SourceKind::Ffmpeg)
    }

    /// Whether it names files of this machine: `file:`, `dir:` or a path.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.kind, SourceKind::File | SourceKind::Dir)
    }

    /// Whether others push its frames.
    #[must_use]
    pub fn is_pushed(&self) -> bool {
        self.kind == SourceKind::Push
    }

    /// Which source reads it.
    pub(super) fn kind(&self) -> SourceKind {
        self.kind
    }

    /// The URL itself, with its secrets: for connecting, never for printing.
    pub(super) fn reveal(&self) -> &Url {
        &self.url
    }

    /// The URL without user and password, for protocols that carry them elsewhere. A password in
    /// its query stays.
    pub(super) fn without_login(&self) -> Url {
        let mut url = self.url.clone();
        // Refused only for URLs that have no host, which have no login either.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }

    /// User name and password, percent-decoded, when the URL has a user.
    pub(super) fn login(&self) -> Option<(String, String)> {
        let user = decode(self.url.username());
        let password = decode(self.url.password().unwrap_or_default());
        (!user.is_empty()).then_some((user, password))
    }

    /// The path of a `dir:` or `file:` URL, relative when it was written so.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// `text` with every secret of this URL replaced by `***`.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
    }
}

impl SourceKind {
    fn needs_host(self) -> bool {
        matches!(self, Self::Rtsp | Self::Http | Self::Ffmpeg)
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(self.url.as_str()))
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceUrl({self})")
    }
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn kind_of(scheme: &str) -> Result<SourceKind> {
    Ok(match scheme {
        "synthetic" => SourceKind::Synthetic,
        "dir" => SourceKind::Dir,
        "push" => SourceKind::Push,
        "rtsp" => SourceKind::Rtsp,
        "http" | "https" => SourceKind::Http,
        "file" => SourceKind::File,
        "rtsps" | "rtmp" | "rtmps" | "rtp" | "udp" | "tcp" | "srt" | "mms" => SourceKind::Ffmpeg,
        other => bail!(
            "no source reads {other:?}: use synthetic:, rtsp://, http://, https://, rtmp://, \
             dir:PATH, file:PATH or push:"
        ),
    })
}

/// What stands between the scheme and the query, with `//` of `file:///x` taken off.
fn local_path(absolute: &str) -> PathBuf {
    let rest = absolute.split_once(':').map_or("", |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    PathBuf::from(decode(rest.strip_prefix("//").unwrap_or(rest)))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Every secret as it stands in the URL and as it reads decoded, longest first.
fn secrets_of(url: &Url) -> Vec<String> {
    let mut secrets = Vec::new();
    if let Some(password) = url.password() {
        secrets.extend([password.to_owned(), decode(password)]);
    }
    for pair in url.query().unwrap_or_default().split('&') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        if is_secret(name) {
            secrets.extend([value.to_owned(), decode(value)]);
        }
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_source() {
        for (text, kind) in [
            ("synthetic:?fps=5", SourceKind::Synthetic),
            ("synthetic://lobby", SourceKind::Synthetic),
            ("dir:pictures?fps=2", SourceKind::Dir),
            ("push:", SourceKind::Push),
            ("rtsp://cam/stream", SourceKind::Rtsp),
            ("RTSP://cam/stream", SourceKind::Rtsp),
            ("https://cam/video.mjpg", SourceKind::Http),
            ("rtmp://cam/live", SourceKind::Ffmpeg),
            ("rtsps://cam/live", SourceKind::Ffmpeg),
            ("file:///videos/a.mp4", SourceKind::File),
            ("videos/a b.mp4", SourceKind::File),
            ("./a:b.mp4", SourceKind::File),
        ] {
            assert_eq!(SourceUrl::parse(text).unwrap().kind(), kind, "{text}");
        }
    }

    #[test]
    fn urls_that_no_source_reads_are_refused_with_a_reason() {
        for (text, said) in [
            ("gopher://cam", "no source reads \"gopher\""),
            ("rtsp:cam", "\"rtsp:cam\" names no host"),
            ("dir:?fps=1", "names no path"),
            ("", "names no path"),
            ("http://", "\"http://\" is no camera URL"),
            ("rtsp://me:pa#s@cam:x/1", "\"rtsp://me:***@cam:x/1\" is no camera URL"),
            ("rtsp://cam:99999/?pwd=pw1", "\"rtsp://cam:99999/?pwd=***\" is no camera URL"),
        ] {
            let error = format!("{:#}", SourceUrl::parse(text).unwrap_err());
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("pa#") && !error.contains("pw1"), "{error}");
        }
    }

    #[test]
    fn paths_stay_as_written() {
        for (text, path) in [
            ("dir:pictures/a?fps=2", "pictures/a"),
            ("dir:/srv/pictures", "/srv/pictures"),
            ("file:///videos/a%20b.mp4?loop=true", "/videos/a b.mp4"),
            ("a.mp4", "a.mp4"),
        ] {
            assert_eq!(SourceUrl::parse(text).unwrap().path(), Path::new(path), "{text}");
        }
    }

    #[test]
    fn no_text_shows_a_secret_of_the_url() {
        let url = SourceUrl::parse("http://me:p%40ss@cam/snap?user=me&Pwd=hidden&size=1").unwrap();
        assert_eq!(url.to_string(), "http://me:***@cam/snap?user=me&Pwd=***&size=1");
        assert_eq!(format!("{url:?}"), "SourceUrl(http://me:***@cam/snap?user=me&Pwd=***&size=1)");
        assert_eq!(url.mask("401 for me:p@ss, p%40ss, hidden"), "401 for me:***, ***, ***");
        assert_eq!(url.login(), Some(("me".to_owned(), "p@ss".to_owned())));
        assert_eq!(url.without_login().as_str(), "http://cam/snap?user=me&Pwd=hidden&size=1");
    }
}
