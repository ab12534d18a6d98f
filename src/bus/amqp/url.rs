//! Where the broker is and who logs in: an AMQP URL, parsed once, that never shows its password.
//!
//! Written as RabbitMQ's URI specification says, `amqp://user:password@host:5672/vhost` or `amqps://`,
//! with two readings that every Go and Python client of the field shares: an absent or empty path is
//! the vhost `/`, and `heartbeat=` in the query is kept (5 s without it). What the parser of the AMQP
//! library gets wrong, an IPv6 host, is mended here.

use std::fmt;
use std::str::FromStr;

use lapin::uri::AMQPUri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use thiserror::Error;

/// What is escaped in user and vhost: all but what RFC 3986 calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Seconds between heartbeats unless the URL says otherwise; a frozen broker is noticed after two.
const HEARTBEAT_SECONDS: u16 = 5;

/// The most bytes of an AMQP short string: vhost, exchange, routing key.
pub(super) const SHORT_MAX_BYTES: usize = 255;

/// A text that is no AMQP URL, or options that AMQP cannot carry. Never holds the refused URL, which
/// may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AmqpConfigError {
    /// No AMQP URL.
    #[error(
        "amqp_url is no AMQP URL ({0}): write amqp://user:password@host:5672/vhost or amqps://, and \
         percent-encode what is not a letter or digit in user, password and vhost"
    )]
    Url(String),
    /// A name of the wrong length.
    #[error("{what} must have 1 to {max} bytes, not {given}", max = SHORT_MAX_BYTES)]
    Length {
        /// Which option.
        what: &'static str,
        /// Its length in bytes.
        given: usize,
    },
}

/// A broker's address with user, password and vhost. `Display` and `Debug` mask the password.
#[derive(Clone, PartialEq, Eq)]
pub struct AmqpUrl(AMQPUri);

impl AmqpUrl {
    /// The vhost, decoded; `/` where the URL names none.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.0.vhost
    }

    /// The user who logs in, `guest` where the URL names none.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.0.authority.userinfo.username
    }

    pub(super) fn host(&self) -> &str {
        &self.0.authority.host
    }

    pub(super) fn port(&self) -> u16 {
        self.0.authority.port
    }

    pub(super) fn uri(&self) -> AMQPUri {
        self.0.clone()
    }
}

impl FromStr for AmqpUrl {
    type Err = AmqpConfigError;

    fn from_str(text: &str) -> Result<Self, AmqpConfigError> {
        let refused = |why: &str| AmqpConfigError::Url(why.to_owned());
        let url = url::Url::parse(text).map_err(|error| refused(&error.to_string()))?;
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(refused("its scheme is neither amqp nor amqps"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(refused("it names no host"));
        }
        let mut uri: AMQPUri =
            text.parse().map_err(|_| refused("its path or query is not understood"))?;
        if let Some(url::Host::Ipv6(address)) = url.host() {
            uri.authority.host = address.to_string();
        }
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        within_limit("the vhost of amqp_url", &uri.vhost)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(Self(uri))
    }
}

impl fmt::Display for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = |text| percent_encoding::utf8_percent_encode(text, ESCAPED);
        let (scheme, user, vhost) = (&self.0.scheme, escaped(self.user()), escaped(self.vhost()));
        let host = self.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        write!(f, "{scheme}://{user}:***@{host}:{}/{vhost}", self.port())
    }
}

impl fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpUrl({self})")
    }
}

/// Refuses what does not fit into an AMQP short string, and the empty text.
pub(super) fn within_limit(what: &'static str, text: &str) -> Result<(), AmqpConfigError> {
    match text.len() {
        1..=SHORT_MAX_BYTES => Ok(()),
        given => Err(AmqpConfigError::Length { what, given }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_user_host_vhost_and_hides_the_password() {
        for (text, user, host, port, vhost, shown) in [
            (
                "amqp://localhost",
                "guest",
                "localhost",
                5672,
                "/",
                "amqp://guest:***@localhost:5672/%2F",
            ),
            ("amqp://a:s3cret@h/", "a", "h", 5672, "/", "amqp://a:***@h:5672/%2F"),
            (
                "amqps://a:s3cret@h/client-a",
                "a",
                "h",
                5671,
                "client-a",
                "amqps://a:***@h:5671/client-a",
            ),
            (
                "amqp://a%40b:s3cret@10.0.0.1:7/%2F?heartbeat=9",
                "a@b",
                "10.0.0.1",
                7,
                "/",
                "amqp://a%40b:***@10.0.0.1:7/%2F",
            ),
            ("amqp://a:s3cret@[::1]:7/v", "a", "::1", 7, "v", "amqp://a:***@[::1]:7/v"),
        ] {
            let url: AmqpUrl = text.parse().unwrap();
            assert_eq!(
                (url.user(), url.host(), url.port(), url.vhost()),
                (user, host, port, vhost)
            );
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_refusal_says_what_fits_and_never_shows_the_url() {
        for (text, said) in [
            ("s3cret", "relative URL"),
            ("http://a:s3cret@h/v", "neither amqp nor amqps"),
            ("amqp:s3cret", "no host"),
            ("amqp://a:s3/cret@h/v", "port"),
            ("amqp://a:s3cret@h/v?heartbeat=x", "not understood"),
        ] {
            let error = text.parse::<AmqpUrl>().unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("amqp://user:password@host"), "{error}");
            assert!(!error.contains("s3"), "{error}");
        }
        let long = format!("amqp://h/{}", "v".repeat(256)).parse::<AmqpUrl>();
        assert_eq!(
            long.unwrap_err().to_string(),
            "the vhost of amqp_url must have 1 to 255 bytes, not 256"
        );
    }
}
