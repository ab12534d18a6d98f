//! Where the Redis server is and how to log in, checked before anything connects.
//!
//! Addresses are URLs (`redis://`, `rediss://` for TLS, `redis+unix://` or `unix://`) or plain
//! `host:port`. What is given by name wins over what the URL says. A password never reaches a log:
//! `Debug` and every error name the address without it.

use std::fmt;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::model::name::{Prefix, Tenant};
use crate::store::{CollectorId, StoreError};

/// How to reach a Redis server.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://[user[:password]@]host[:port][/db]`, `rediss://` likewise, `redis+unix:///path` or
    /// `unix:///path` with `?db=&user=&pass=`, or `host:port`.
    pub address: String,
    /// ACL user; wins over the URL's.
    pub username: Option<String>,
    /// Password; wins over the URL's.
    pub password: Option<String>,
    /// Database number; wins over the URL's.
    pub db: Option<u32>,
    /// Who leaves outbox marks.
    pub collector: CollectorId,
    /// The one family that is told of where the user may not list all.
    pub home: Option<(Tenant, Prefix)>,
    /// The longest that connecting, logging in and greeting may take together.
    pub connect_timeout: Duration,
    /// The longest that one call may wait for its answer.
    pub response_timeout: Duration,
}

impl RedisOptions {
    /// Options with timeouts of 2 s to connect and 5 s to answer, and no login but the URL's.
    #[must_use]
    pub fn new(address: &str, collector: CollectorId) -> Self {
        Self {
            address: address.to_owned(),
            username: None,
            password: None,
            db: None,
            collector,
            home: None,
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(5),
        }
    }

    /// The address without user, password and parameters, for logs.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it is no address.
    pub fn shown_address(&self) -> Result<String, StoreError> {
        Endpoint::of(self).map(|endpoint| endpoint.address)
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("address", &self.shown_address().unwrap_or_else(|_| "?".to_owned()))
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("db", &self.db)
            .field("collector", &self.collector)
            .field("connect_timeout", &self.connect_timeout)
            .field("response_timeout", &self.response_timeout)
            .finish()
    }
}

/// Options as the client wants them.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) info: ConnectionInfo,
    /// Without secrets.
    pub(super) address: String,
}

impl Endpoint {
    pub(super) fn of(options: &RedisOptions) -> Result<Self, StoreError> {
        let given = options.address.trim();
        let url = if given.contains("://") { given.to_owned() } else { format!("redis://{given}") };
        // The client's own error is not shown: it may repeat a part of the URL.
        let info = url.into_connection_info().map_err(|_| refused(given))?;
        let mut login = info.redis_settings().clone().set_skip_set_lib_name();
        if let Some(username) = options.username.as_deref().filter(|text| !text.is_empty()) {
            login = login.set_username(username);
        }
        if let Some(password) = options.password.as_deref().filter(|text| !text.is_empty()) {
            login = login.set_password(password);
        }
        if let Some(db) = options.db {
            login = login.set_db(i64::from(db));
        }
        if login.username().is_some() && login.password().is_none() {
            return Err(StoreError::Refused(
                "a Redis username is given without a password: set password under [redis], or \
                 REDIS_PASSWORD"
                    .to_owned(),
            ));
        }
        let address = show(info.addr());
        Ok(Self { info: info.set_redis_settings(login), address })
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.info.addr(), ConnectionAddr::TcpTls { .. })
    }

    pub(super) fn db(&self) -> i64 {
        self.info.redis_settings().db()
    }
}

fn show(addr: &ConnectionAddr) -> String {
    match addr {
        ConnectionAddr::Unix(path) => format!("unix:{}", path.display()),
        ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{}", host_port(host, *port)),
        ConnectionAddr::Tcp(host, port) => host_port(host, *port),
        _ => "?".to_owned(),
    }
}

fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Names the refused address only where no secret can be in it.
fn refused(given: &str) -> StoreError {
    let named = if given.contains('@') || given.contains('?') {
        "the Redis address".to_owned()
    } else {
        let cut: String = given.chars().take(100).collect();
        format!("the Redis address {cut:?}")
    };
    StoreError::Refused(format!(
        "{named} is not understood: give host:port, redis://host:port/db, rediss://host:port/db or \
         redis+unix:///path/of.sock"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(address: &str) -> RedisOptions {
        RedisOptions::new(address, CollectorId::new("host-1").unwrap())
    }

    #[test]
    fn every_form_of_address_is_understood() {
        for (given, shown, db, login) in [
            ("127.0.0.1:6379", "127.0.0.1:6379", 0, (None, None)),
            ("redis", "redis:6379", 0, (None, None)),
            ("[::1]:7000", "[::1]:7000", 0, (None, None)),
            ("redis://:p%40ss@host:7000/3", "host:7000", 3, (None, Some("p@ss"))),
            ("rediss://me:pw@host", "rediss://host:6379", 0, (Some("me"), Some("pw"))),
            ("unix:///run/r.sock", "unix:/run/r.sock", 0, (None, None)),
            ("redis+unix:///r.sock?db=2&pass=pw", "unix:/r.sock", 2, (None, Some("pw"))),
        ] {
            let endpoint = Endpoint::of(&options(given)).unwrap();
            let settings = endpoint.info.redis_settings();
            assert_eq!(
                (
                    endpoint.address.as_str(),
                    endpoint.db(),
                    settings.username(),
                    settings.password()
                ),
                (shown, db, login.0, login.1),
                "{given}"
            );
            assert_eq!(endpoint.is_tls(), given.starts_with("rediss"));
        }
    }

    #[test]
    fn what_is_given_by_name_wins_and_empty_texts_are_unset() {
        let mut given = options("redis://me:old@host/3");
        given.password = Some("new".to_owned());
        given.username = Some(String::new());
        given.db = Some(5);
        let endpoint = Endpoint::of(&given).unwrap();
        let settings = endpoint.info.redis_settings();
        assert_eq!(
            (settings.username(), settings.password(), settings.db()),
            (Some("me"), Some("new"), 5)
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        let mut given = options("redis://me:hunter2@host:7000/3");
        given.password = Some("hunter2".to_owned());
        let shown = format!("{given:?}");
        assert!(!shown.contains("hunter2") && shown.contains("host:7000"), "{shown}");
        for bad in ["redis://me:hunter2@host:x", "http://me:hunter2@host", "redis://me:hunter2@"] {
            let shown = format!("{:?} {}", options(bad), Endpoint::of(&options(bad)).unwrap_err());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_fits() {
        for bad in ["", "host:port", "http://host", "redis://host/x", "0.0.0.0:6379"] {
            let error = Endpoint::of(&options(bad)).unwrap_err().to_string();
            assert!(error.contains("is not understood: give host:port"), "{bad}: {error}");
        }
        let mut lone = options("host:6379");
        lone.username = Some("me".to_owned());
        let error = Endpoint::of(&lone).unwrap_err().to_string();
        assert!(error.contains("without a password"), "{error}");
    }
}
