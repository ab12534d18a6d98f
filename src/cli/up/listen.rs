//! Takes the port that `up` serves on: the configured one or none, the default one or the next free.

use std::io::ErrorKind;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;

use crate::config::HttpConfig;

/// Ports that are tried when none was configured.
const TRIED: u16 = 100;

/// Listens where `http` says.
///
/// # Errors
/// A configured port that is in use, or an address that is none of this machine.
pub(super) async fn listen(http: &HttpConfig) -> anyhow::Result<TcpListener> {
    let wanted = http.listen;
    if http.listen_is_given {
        return match TcpListener::bind(wanted).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
                "port {} of {} is in use: end the program that listens there, or set another \
                 http.listen (port 0 takes any free one)",
                wanted.port(),
                wanted.ip()
            ),
            bound => bound.with_context(|| format!("cannot listen on {wanted} (http.listen)")),
        };
    }
    for port in wanted.port()..=wanted.port().saturating_add(TRIED) {
        match TcpListener::bind(SocketAddr::new(wanted.ip(), port)).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            bound => return bound.with_context(|| format!("cannot listen on {wanted}")),
        }
    }
    bail!("no free port from {} on: set http.listen", wanted.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(listen: SocketAddr, listen_is_given: bool) -> HttpConfig {
        let shipped = crate::config::Config::load(None, &Default::default()).unwrap().config.http;
        HttpConfig { listen, listen_is_given, ..shipped }
    }

    #[tokio::test]
    async fn a_configured_port_in_use_is_an_error_and_the_default_one_moves_on() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = listen(&http(address, true)).await.unwrap_err().to_string();
        let said = format!("port {} of 127.0.0.1 is in use: end the program", address.port());
        assert!(error.starts_with(&said), "{error}");
        let moved = listen(&http(address, false)).await.unwrap().local_addr().unwrap();
        assert!(moved.port() > address.port(), "{moved}");
    }
}
