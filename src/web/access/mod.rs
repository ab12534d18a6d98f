//! What stands before every handler: which host is meant, who asks, how often, from which page.
//!
//! [`Access`] is made once from the configuration. Its layer answers what is refused and otherwise
//! tells the handlers who asks; `Call` turns a stranger away, so a handler that reads its request by
//! `Call` needs no token check of its own, and one without (a page's files, `/healthz`) is open.
//! Order: CORS, host, token, rate, origin, compression. Decisions stand in the files beside this one.

mod cors;
mod limit;
mod origin;
pub(super) mod session;
mod sessions;
mod tokens;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tower_http::compression::{CompressionLayer, CompressionLevel};

pub(super) use self::limit::network;
use self::limit::{Client, Limiter};
use self::origin::Names;
use self::sessions::Sessions;
use self::tokens::Tokens;
use super::WebState;
use super::caller::{Asker, Caller, Stranger};
use super::problem::Problem;
use crate::config::HttpConfig;
use crate::model::time::UnixNanos;

/// The address of the client, as the accept loop saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Who may use the API, and by which names it is called.
#[derive(Debug)]
pub struct Access {
    tokens: Tokens,
    sessions: Sessions,
    names: Names,
    origins: Vec<String>,
    requests: Option<Limiter>,
    wrong_tokens: Limiter,
    by_tls: bool,
}

/// By what a request was recognized.
enum Found {
    /// By no token, where none is needed.
    Anyone,
    /// By this token of the configuration.
    Token(usize),
    /// Not at all.
    Stranger(Stranger),
}

impl Access {
    /// Access as configured.
    #[must_use]
    pub fn new(http: &HttpConfig) -> Self {
        Self {
            tokens: Tokens::new(http.tokens.clone()),
            sessions: Sessions::default(),
            names: Names::new(&http.hosts),
            origins: http.cors_origins.clone(),
            requests: http.requests_per_second.map(|rate| Limiter::new(rate, http.request_burst)),
            wrong_tokens: Limiter::wrong_tokens(),
            by_tls: http.tls.is_some(),
        }
    }

    /// Access for everyone, without limits, under the names of the loopback.
    #[must_use]
    pub fn open() -> Self {
        Self {
            tokens: Tokens::new(Vec::new()),
            sessions: Sessions::default(),
            names: Names::new(&[]),
            origins: Vec::new(),
            requests: None,
            wrong_tokens: Limiter::wrong_tokens(),
            by_tls: false,
        }
    }

    fn find(&self, headers: &HeaderMap, now: UnixNanos) -> Found {
        if self.tokens.is_empty() {
            return Found::Anyone;
        }
        if let Some(given) = tokens::bearer(headers) {
            let found = self.tokens.find(given);
            return found.map_or(Found::Stranger(Stranger::WrongToken), Found::Token);
        }
        let session = sessions::cookie(headers).and_then(|id| self.sessions.find(id, now));
        session.map_or(Found::Stranger(Stranger::NoToken), Found::Token)
    }

    fn caller(&self, found: &Found) -> Result<Caller, Stranger> {
        match found {
            Found::Anyone => Ok(Caller::anyone()),
            Found::Token(at) => self.tokens.caller(*at).ok_or(Stranger::WrongToken),
            Found::Stranger(stranger) => Err(*stranger),
        }
    }

    /// Whether a request may go on, and as whom.
    fn admit(
        &self,
        request: &Request,
        peer: IpAddr,
        now: UnixNanos,
    ) -> Result<Result<Caller, Stranger>, Problem> {
        let headers = request.headers();
        self.names.check(request)?;
        let found = self.find(headers, now);
        if matches!(found, Found::Stranger(Stranger::WrongToken)) {
            self.wrong_token(peer)?;
        }
        if let Some(requests) = &self.requests {
            let client = match found {
                Found::Token(at) => Some(Client::Token(at)),
                _ => Client::of_address(peer),
            };
            client.map_or(Ok(()), |client| requests.take(client)).map_err(|wait| {
                let said =
                    "too many requests: [http] requests_per_second says how many a client may send";
                Problem::too_many(said, wait)
            })?;
        }
        origin::check(request, &self.origins)?;
        Ok(self.caller(&found))
    }

    /// Counts a wrong token of an address, and refuses it any answer when it sends too many.
    fn wrong_token(&self, peer: IpAddr) -> Result<(), Problem> {
        self.wrong_tokens
            .take(Client::Address(network(peer)))
            .map_err(|wait| Problem::too_many("too many wrong tokens came from this address", wait))
    }
}

/// `router` behind its access control.
pub(super) fn guarded(router: Router, web: &Arc<WebState>) -> Router {
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(|_, _, headers: &HeaderMap, _: &axum::http::Extensions| is_text(headers));
    let router = router.layer(compression).layer(from_fn_with_state(Arc::clone(web), guard));
    match cors::layer(&web.access.origins) {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

async fn guard(State(web): State<Arc<WebState>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    // Requests that no socket brought are those of the program itself.
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut response = match web.access.admit(&request, peer, web.clock.now()) {
        Ok(asker) => {
            request.extensions_mut().insert(Asker(asker));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Pages of other sites must not embed pictures, unless some were let in.
    let from = if web.access.origins.is_empty() { "same-origin" } else { "cross-origin" };
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static(from));
    response
}

/// Whether an answer is text that ends: pictures are packed already, and streams must not wait.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let text = kind.starts_with("text/") && kind != "text/event-stream";
    text || matches!(
        kind,
        "application/json"
            | "application/problem+json"
            | "application/javascript"
            | "application/openmetrics-text"
            | "image/svg+xml"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_that_ends_is_compressed() {
        for (kind, expected) in [
            ("application/json", true),
            ("application/problem+json", true),
            ("text/html; charset=utf-8", true),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", true),
            ("text/event-stream", false),
            ("image/jpeg", false),
            ("multipart/x-mixed-replace; boundary=frame", false),
            ("application/zip", false),
            ("video/mp4", false),
            ("", false),
        ] {
            let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
            assert_eq!(is_text(&headers.into_iter().collect()), expected, "{kind}");
        }
    }
}
