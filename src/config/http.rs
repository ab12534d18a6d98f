//! `[http]` and `[[tokens]]`: where the HTTP side listens, who may use it, and how much of it.
//!
//! The rule that matters most stands here: beyond the loopback nobody listens by accident without
//! tokens. Certificates are only named; `up` reads them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::build::{size, span};
use super::error::ConfigError;
use super::server::{is_given, listen};
use super::settings::Settings;
use super::token::{TokenConfig, read_tokens};

/// Stands for any host name or any origin.
const ANY: &str = "*";

/// The HTTP side.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpConfig {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether `listen` was configured: then a port in use is an error, else the next free one is taken.
    pub listen_is_given: bool,
    /// Most cameras that may exist, those that first appear by a push included.
    pub max_cameras: usize,
    /// Whether it may listen beyond the loopback without tokens.
    pub insecure: bool,
    /// Further names that it is called by, in lower case; `*` is any.
    pub hosts: Vec<String>,
    /// Origins of pages that may use the API from elsewhere, as browsers send them; `*` is any.
    pub cors_origins: Vec<String>,
    /// HTTPS by these files; `None` = HTTP.
    pub tls: Option<TlsFiles>,
    /// Longest wait for a whole header, a handshake or the next request, 1 ms ..= 1 h.
    pub header_timeout: Duration,
    /// Longest time in which a client takes nothing of its answer, 1 ms ..= 1 h.
    pub write_timeout: Duration,
    /// Most connections at once, 1..=100000.
    pub max_connections: usize,
    /// Most connections of one address, 1..=100000.
    pub max_connections_per_client: usize,
    /// Most requests a second of one client, 0.01..=1000000; `None` = no limit.
    pub requests_per_second: Option<f64>,
    /// How many it may send at once, 1..=1000000.
    pub request_burst: usize,
    /// Who may use it; empty = everyone.
    pub tokens: Vec<TokenConfig>,
}

/// Certificate and key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and its chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Checks `[http]` and `[[tokens]]` together.
pub(super) fn read_http(settings: &Settings) -> Result<HttpConfig, ConfigError> {
    let http = HttpConfig {
        listen: listen(settings)?,
        listen_is_given: is_given(settings, "http.listen"),
        max_cameras: size(settings, "http.max_cameras"),
        insecure: settings.flag("http.insecure"),
        hosts: hosts(settings)?,
        cors_origins: origins(settings)?,
        tls: tls(settings)?,
        header_timeout: span(settings, "http.header_timeout"),
        write_timeout: span(settings, "http.write_timeout"),
        max_connections: size(settings, "http.max_connections"),
        max_connections_per_client: size(settings, "http.max_connections_per_client"),
        requests_per_second: settings.number("http.requests_per_second").filter(|rate| *rate > 0.0),
        request_burst: size(settings, "http.request_burst"),
        tokens: read_tokens(settings)?,
    };
    let refused =
        |key: &str, message: String| Err(ConfigError::refused(settings.origin(key), message));
    if http.tokens.is_empty() && !http.listen.ip().is_loopback() && !http.insecure {
        let message = format!(
            "http.listen = \"{}\" can be reached from other machines and there are no tokens: make one with `framecache token new` and add it as [[tokens]], listen on 127.0.0.1, or set [http] insecure = true to let everyone in",
            http.listen
        );
        return refused("http.listen", message);
    }
    if http.tokens.is_empty() && http.cors_origins.iter().any(|origin| origin == ANY) {
        let message = "http.cors_origins = \"*\" without tokens would let every page of the web see and do everything: name the origins, or make tokens with `framecache token new`";
        return refused("http.cors_origins", message.to_owned());
    }
    Ok(http)
}

/// What works as configured and may not be meant.
pub(super) fn warnings_of(http: &HttpConfig) -> Vec<String> {
    let mut warnings = Vec::new();
    let outside = !http.listen.ip().is_loopback();
    if outside && http.tokens.is_empty() {
        warnings.push(format!(
            "insecure: whoever reaches {} sees all frames and may push, delete and control; `framecache token new` makes a token",
            http.listen
        ));
    } else if outside && http.tls.is_none() {
        warnings.push(format!(
            "tokens and pictures travel unencrypted to {}: set [http] tls_cert and tls_key unless a proxy before it does TLS",
            http.listen
        ));
    }
    warnings
}

fn hosts(settings: &Settings) -> Result<Vec<String>, ConfigError> {
    const KEY: &str = "http.hosts";
    let host = |text: &String| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if text == ANY || text.chars().all(fits) {
            return Ok(text.to_ascii_lowercase());
        }
        let message = format!(
            "{KEY}: {text:?} is no host name: write it without scheme and port, e.g. \"cams.example.org\""
        );
        Err(ConfigError::refused(settings.origin(KEY), message))
    };
    settings.words(KEY).iter().map(host).collect()
}

/// Origins as browsers write them: scheme, host and a port that is not the scheme's own.
fn origins(settings: &Settings) -> Result<Vec<String>, ConfigError> {
    const KEY: &str = "http.cors_origins";
    let origin = |text: &String| {
        if text == ANY {
            return Ok(text.clone());
        }
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none()
        });
        url.map(|url| url.origin().ascii_serialization()).ok_or_else(|| {
            let message = format!("{KEY}: {text:?} is no origin: write scheme, host and port, e.g. \"https://wall.example.org\"");
            ConfigError::refused(settings.origin(KEY), message)
        })
    };
    settings.words(KEY).iter().map(origin).collect()
}

fn tls(settings: &Settings) -> Result<Option<TlsFiles>, ConfigError> {
    let lone = |given: &str, missing: &str| {
        let message =
            format!("{given} is set and {missing} is not: HTTPS needs both, HTTP neither");
        Err(ConfigError::refused(settings.origin(given), message))
    };
    match (settings.text("http.tls_cert"), settings.text("http.tls_key")) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert: cert.into(), key: key.into() })),
        (None, None) => Ok(None),
        (Some(_), None) => lone("http.tls_cert", "http.tls_key"),
        (None, Some(_)) => lone("http.tls_key", "http.tls_cert"),
    }
}
