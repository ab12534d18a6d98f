//! Which host a request means, and which page sent it.
//!
//! A page of another site can make a browser send requests here. Under a name of its own that points
//! to our address (DNS rebinding) it could also read the answers: so only names that are ours are
//! served. What changes something, and every WebSocket, is refused to pages of other origins
//! (RFC 6454), because browsers send a cookie or reach a loopback port where the page itself cannot.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::{Method, header};

use crate::web::problem::Problem;

/// The names that this server is called by.
#[derive(Debug)]
pub(super) struct Names {
    names: Vec<String>,
    any: bool,
}

impl Names {
    /// `localhost`, this host's name and the configured ones.
    pub(super) fn new(configured: &[String]) -> Self {
        let own = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
        let names = configured.iter().cloned().chain([own, "localhost".to_owned()]).collect();
        Self { names, any: configured.iter().any(|name| name == "*") }
    }

    /// Refuses a request that means another server, or none.
    pub(super) fn check(&self, request: &Request) -> Result<(), Problem> {
        let Some(host) = host(request) else {
            return Err(Problem::bad_input("the header Host is missing"));
        };
        if self.serves(host) {
            return Ok(());
        }
        let cut: String = host.chars().take(100).collect();
        Err(Problem::unknown_host(format!(
            "this server is not called {cut:?}: add the name to [http] hosts if it should be"
        )))
    }

    /// An address is always ours: only names can be made to point here.
    fn serves(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').map_or(host, |(name, port)| {
            if port.bytes().all(|digit| digit.is_ascii_digit()) { name } else { host }
        });
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        if bare.is_some_and(|bare| bare.parse::<Ipv6Addr>().is_ok()) {
            return true;
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.any || name.parse::<Ipv4Addr>().is_ok() || self.names.contains(&name)
    }
}

/// What the client calls this server: the request's target where it names one, else its header.
fn host(request: &Request) -> Option<&str> {
    let named = request.uri().authority().map(|authority| authority.as_str());
    named.or_else(|| request.headers().get(header::HOST)?.to_str().ok())
}

/// Refuses what a page of another origin must not do.
pub(super) fn check(request: &Request, let_in: &[String]) -> Result<(), Problem> {
    let headers = request.headers();
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads && !headers.contains_key(header::UPGRADE) {
        return Ok(());
    }
    let origin = origin.to_str().unwrap_or_default();
    let own = host(request).is_some_and(|host| is_origin_of(origin, host));
    if own || let_in.iter().any(|one| one == "*" || one == origin) {
        return Ok(());
    }
    Err(Problem::denied(
        "a page of another origin must not do this: [http] cors_origins lets pages in",
    ))
}

/// The scheme is not compared: a proxy may speak HTTPS where this server speaks HTTP.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn only_addresses_and_names_of_ours_are_served() {
        let names =
            Names { names: vec!["localhost".to_owned(), "cams.example".to_owned()], any: false };
        for (host, served) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("localhost.:8080", true),
            ("127.0.0.1:8080", true),
            ("10.1.2.3", true),
            ("[::1]:8080", true),
            ("[fe80::1]", true),
            ("cams.example:443", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example:8080", false),
            ("localhost.evil.example", false),
            ("[::1].evil.example", false),
            ("evil.example:8080:8080", false),
            ("", false),
        ] {
            assert_eq!(names.serves(host), served, "{host}");
        }
        assert!(Names::new(&["*".to_owned()]).serves("evil.example"));
    }

    #[test]
    fn pages_of_other_origins_may_neither_write_nor_open_sockets() {
        let request = |method: &str, origin: &str, upgrade: bool| {
            let mut builder = Request::builder().method(method).header("host", "h:8080");
            if !origin.is_empty() {
                builder = builder.header("origin", origin);
            }
            if upgrade {
                builder = builder.header("upgrade", "websocket");
            }
            builder.body(Body::empty()).unwrap()
        };
        let let_in = ["https://wall.example".to_owned()];
        for (method, origin, upgrade, fine) in [
            ("POST", "", false, true),
            ("POST", "http://h:8080", false, true),
            ("POST", "https://H:8080", false, true),
            ("POST", "http://h:8081", false, false),
            ("POST", "http://evil.example", false, false),
            ("DELETE", "null", false, false),
            ("PUT", "https://wall.example", false, true),
            ("POST", "https://wall.example.evil.example", false, false),
            ("GET", "http://evil.example", false, true),
            ("GET", "http://evil.example", true, false),
            ("GET", "https://wall.example", true, true),
            ("GET", "http://h:8080", true, true),
        ] {
            let checked = check(&request(method, origin, upgrade), &let_in);
            assert_eq!(checked.is_ok(), fine, "{method} {origin} {upgrade}");
        }
    }
}
