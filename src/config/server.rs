//! The addresses of Redis and RabbitMQ: which server, which login, which tenant follows from a vhost.
//!
//! Read with the url crate, which only this file of the configuration names. Nothing is connected.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::model::name::Tenant;

use super::error::ConfigError;
use super::secret::{MASK, Secret, SecretUrl, with_encoded_password};
use super::settings::{Origin, Settings};

/// Redis's own port.
const REDIS_PORT: u16 = 6379;

/// How a Redis server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisServer {
    /// By TCP.
    Tcp {
        /// Name or address, an IPv6 address without brackets.
        host: String,
        /// 1..=65535.
        port: u16,
        /// Whether by TLS (`rediss://`).
        tls: bool,
    },
    /// By the socket at this path.
    Unix(PathBuf),
}

/// Server and login, from whichever keys say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisTarget {
    /// Which server.
    pub server: RedisServer,
    /// User of the ACL; `None` = the default user.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// Database number, 0..=65535.
    pub db: u16,
}

/// The Redis server that `[redis]` names.
pub(super) fn redis_target(settings: &Settings) -> Result<RedisTarget, ConfigError> {
    let named = if let Some(url) = settings.text("redis.url") {
        parse_redis_url(url).map_err(|message| bad(settings, "redis.url", &message))?
    } else if let Some(path) = settings.text("redis.unix_socket") {
        Named::at(RedisServer::Unix(PathBuf::from(path)))
    } else {
        let address = settings.text("redis.address").unwrap_or("127.0.0.1");
        let server = parse_address(address);
        Named::at(server.map_err(|message| bad(settings, "redis.address", &message))?)
    };
    let text = |name: &str| settings.text(name).map(str::to_owned);
    let db = settings.whole("redis.db").and_then(|db| u16::try_from(db).ok());
    Ok(RedisTarget {
        server: named.server,
        username: named.username.or_else(|| text("redis.username")),
        password: named.password.or_else(|| text("redis.password")).map(Secret::new),
        db: named.db.or(db).unwrap_or(0),
    })
}

fn bad(settings: &Settings, key: &str, message: &str) -> ConfigError {
    ConfigError::refused(settings.origin(key), format!("{key} {message}"))
}

/// What a URL says; the rest is filled in from other keys.
struct Named {
    server: RedisServer,
    username: Option<String>,
    password: Option<String>,
    db: Option<u16>,
}

impl Named {
    fn at(server: RedisServer) -> Self {
        Self { server, username: None, password: None, db: None }
    }
}

const ONE_SERVER: &str =
    "names several servers, but Redis Cluster and Sentinel are not supported yet: name one server";

fn parse_address(address: &str) -> Result<RedisServer, String> {
    if address.contains(',') {
        return Err(ONE_SERVER.to_owned());
    }
    // no login belongs here, so all of what may be one is hidden
    let shown =
        address.rsplit_once('@').map_or(address.to_owned(), |(_, host)| format!("{MASK}@{host}"));
    let fits = format!("{shown:?} does not fit: write HOST:PORT, e.g. 127.0.0.1:{REDIS_PORT}");
    let url = Url::parse(&format!("redis://{address}")).map_err(|_| fits.clone())?;
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    match tcp(&url, false) {
        Some(server) if bare && url.path().is_empty() && url.fragment().is_none() => Ok(server),
        _ => Err(fits),
    }
}

fn tcp(url: &Url, tls: bool) -> Option<RedisServer> {
    let host = match url.host()? {
        Host::Ipv6(address) => address.to_string(),
        Host::Ipv4(address) => address.to_string(),
        Host::Domain("") => return None,
        Host::Domain(name) => name.to_owned(),
    };
    let port = url.port().unwrap_or(REDIS_PORT);
    (port > 0).then_some(RedisServer::Tcp { host, port, tls })
}

/// `redis://[user[:password]@]host[:port][/db]`, `rediss://...`, `unix:///path[?db=1&user=u&pass=p]`.
fn parse_redis_url(text: &str) -> Result<Named, String> {
    const FITS: &str = "does not fit: write redis://[user:password@]host[:port][/db], rediss://... for TLS, or unix:///path";
    let shown = SecretUrl::new(text.to_owned());
    if text.contains(',') {
        return Err(format!("{shown:?} {ONE_SERVER}"));
    }
    let fits = || format!("{shown:?} {FITS}");
    let url = Url::parse(&with_encoded_password(text)).map_err(|_| fits())?;
    let unix = match url.scheme() {
        "redis" | "rediss" => false,
        "unix" | "redis+unix" => true,
        _ => return Err(fits()),
    };
    if unix {
        return parse_unix(&url).ok_or_else(fits);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "{shown:?} has options after the database, which are not supported: remove them"
        ));
    }
    let db = match url.path().trim_start_matches('/') {
        "" => None,
        digits => Some(digits.parse().map_err(|_| fits())?),
    };
    Ok(Named {
        server: tcp(&url, url.scheme() == "rediss").ok_or_else(fits)?,
        username: Some(decoded(url.username())).filter(|name| !name.is_empty()),
        password: url.password().map(decoded).filter(|password| !password.is_empty()),
        db,
    })
}

fn parse_unix(url: &Url) -> Option<Named> {
    let path = decoded(url.path());
    if url.host().is_some() || path.len() < 2 || !url.username().is_empty() {
        return None;
    }
    let mut named = Named::at(RedisServer::Unix(PathBuf::from(path)));
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "db" => named.db = Some(value.parse().ok()?),
            "user" => named.username = Some(value.into_owned()),
            "pass" => named.password = Some(value.into_owned()),
            _ => return None,
        }
    }
    Some(named)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The vhost of an AMQP URL: its percent-decoded path less one leading `/`, empty for none.
pub(super) fn vhost_of(settings: &Settings) -> Result<Option<String>, ConfigError> {
    const KEY: &str = "amqp.amqp_url";
    let Some(text) = settings.text(KEY) else { return Ok(None) };
    let shown = SecretUrl::new(text.to_owned());
    let fits = || {
        let message = format!(
            "{shown:?} does not fit: write amqp://user:password@host:5672/vhost, or amqps:// for TLS, and %XX for what is no letter or digit"
        );
        bad(settings, KEY, &message)
    };
    let url = Url::parse(&with_encoded_password(text)).map_err(|_| fits())?;
    let host = url.host_str().unwrap_or_default();
    // an @ in the path is the end of a password with an unescaped / in it
    let misread = url.path().contains('@');
    if !matches!(url.scheme(), "amqp" | "amqps") || host.is_empty() || misread {
        return Err(fits());
    }
    let path = url.path();
    Ok(Some(decoded(path.strip_prefix('/').unwrap_or(path))))
}

/// The tenant, and a warning when consumers that build keys from the vhost would miss its frames.
pub(super) fn tenant(
    settings: &Settings,
    vhost: Option<&str>,
) -> Result<(Tenant, Option<String>), ConfigError> {
    let tenant = match (settings.text("tenant"), vhost) {
        (Some(text), _) => Tenant::new(text)
            .map_err(|error| ConfigError::refused(settings.origin("tenant"), error.to_string()))?,
        (None, Some(vhost)) => Tenant::from_vhost(vhost).map_err(|_| misfit(settings, vhost))?,
        (None, None) => Tenant::from_vhost("").map_err(|_| misfit(settings, ""))?,
    };
    let warning = vhost.filter(|vhost| *vhost != tenant.as_str()).map(|vhost| {
        format!(
            "the tenant {:?} differs from the AMQP vhost {vhost:?}: clients that build keys from the vhost will miss these frames and should read redis_key",
            tenant.as_str()
        )
    });
    Ok((tenant, warning))
}

fn misfit(settings: &Settings, vhost: &str) -> ConfigError {
    let message = format!(
        "the vhost {vhost:?} of amqp.amqp_url cannot be the tenant (1 to 64 letters, digits, '.', '_' or '-', not starting with '.' or '-'): set tenant = \"...\" at the top of the configuration"
    );
    ConfigError::refused(settings.origin("amqp.amqp_url"), message)
}

/// `host:port` to listen on: an IP address or `localhost`.
pub(super) fn listen(settings: &Settings) -> Result<std::net::SocketAddr, ConfigError> {
    let text = settings.text("http.listen").unwrap_or_default();
    let address = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    address.parse().map_err(|_| {
        let message = format!(
            "{text:?} does not fit: write ADDRESS:PORT, e.g. 127.0.0.1:8080 or 0.0.0.0:8080"
        );
        bad(settings, "http.listen", &message)
    })
}

/// Whether the URL of a camera is one as URLs are written, and names a host.
pub(super) fn names_host(url: &str) -> bool {
    Url::parse(&with_encoded_password(url))
        .is_ok_and(|url| url.host_str().is_some_and(|host| !host.is_empty()))
}

/// Whether a key was set by anything but its default.
pub(super) fn is_given(settings: &Settings, name: &str) -> bool {
    settings.get(name).is_some_and(|setting| setting.origin != Origin::Default)
}
