//! The accept loop: connections in, requests to the router, each bounded in time and number.
//!
//! HTTP/1.1 by hyper, one task a connection, all of them owned by the loop and ended with it. A client
//! that sends its header slowly, takes nothing of its answer, or never shakes hands is cut off; it
//! holds a task of a few kilobytes and never a thread. Upgraded connections (WebSockets) keep their
//! place in the count until they close.

mod limits;
mod socket;
mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use self::limits::{Limits, Place};
use self::socket::Socket;
pub use self::tls::{Tls, TlsError};
use super::access::Peer;
use crate::config::HttpConfig;

/// How long requests that are being answered may go on after the stop.
const GRACE: Duration = Duration::from_secs(5);

/// After an error that is not of one connection, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The longest header of a request, in bytes; hyper answers 431 beyond it.
const HEADER_MAX_BYTES: usize = 64 << 10;

/// The most fields of a header.
const HEADER_MAX_FIELDS: usize = 100;

/// What connections may cost.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Longest wait for a whole header, a TLS handshake, or the next request.
    pub header_timeout: Duration,
    /// Longest time in which a client takes nothing of its answer.
    pub write_timeout: Duration,
    /// Most connections at once.
    pub max_connections: usize,
    /// Most connections of one address.
    pub max_connections_per_client: usize,
    /// HTTPS with this certificate, or HTTP.
    pub tls: Option<Arc<Tls>>,
}

impl ServerOptions {
    /// As configured. Blocks on reading the certificate.
    ///
    /// # Errors
    /// Certificate and key that cannot be read or used together.
    pub fn new(http: &HttpConfig) -> Result<Self, TlsError> {
        Ok(Self {
            header_timeout: http.header_timeout,
            write_timeout: http.write_timeout,
            max_connections: http.max_connections,
            max_connections_per_client: http.max_connections_per_client,
            tls: http.tls.as_ref().map(Tls::load).transpose()?.map(Arc::new),
        })
    }
}

impl Default for ServerOptions {
    /// Those of an empty configuration.
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(30),
            max_connections: 1024,
            max_connections_per_client: 256,
            tls: None,
        }
    }
}

/// What every connection is served with.
struct Server {
    router: Router,
    http: http1::Builder,
    options: ServerOptions,
    stop: CancellationToken,
}

/// Answers on `listener` until `stop`, then finishes what it is answering, for five seconds at most.
///
/// `stop` should be the token of [`super::WebState::stop`].
///
/// # Errors
/// None at present: what goes wrong concerns single connections, or passes.
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    options: ServerOptions,
    stop: CancellationToken,
) -> io::Result<()> {
    let limits = Limits::new(options.max_connections, options.max_connections_per_client);
    let mut tasks = JoinSet::new();
    if let Some(tls) = options.tls.clone() {
        tasks.spawn(tls.follow_files(stop.clone()));
    }
    let server = Arc::new(Server { router, http: http(&options), options, stop: stop.clone() });
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
        };
        match accepted {
            Ok((stream, peer)) => match limits.take(peer.ip()) {
                Ok(place) => drop(tasks.spawn(Arc::clone(&server).connection(stream, peer, place))),
                Err(why) => limits::refuse(&stream, why, server.options.tls.is_some()),
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!("no connection can be accepted for a moment: {error}");
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    if timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("requests that took over {} s were cut off", GRACE.as_secs());
        tasks.shutdown().await;
    }
    Ok(())
}

fn http(options: &ServerOptions) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(HEADER_MAX_BYTES)
        .max_headers(HEADER_MAX_FIELDS);
    http
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

impl Server {
    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        if let Err(error) = socket::prepare(&stream) {
            tracing::debug!("a connection may be slow, or stay when its client is gone: {error}");
        }
        let Some(tls) = &self.options.tls else {
            return self.serve(stream, peer, place).await;
        };
        let shaking = timeout(self.options.header_timeout, tls.acceptor().accept(stream));
        let shaken = tokio::select! {
            () = self.stop.cancelled() => return,
            shaken = shaking => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => self.serve(stream, peer, place).await,
            Ok(Err(error)) => tracing::debug!("no TLS handshake with {}: {error}", peer.ip()),
            Err(_) => tracing::debug!("the TLS handshake with {} took too long", peer.ip()),
        }
    }

    async fn serve<S>(&self, stream: S, peer: SocketAddr, place: Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let socket = Socket::new(stream, self.options.write_timeout, place);
        let (router, address) = (self.router.clone(), peer.ip());
        let answer = service_fn(move |request| router.clone().oneshot(seen(request, address)));
        let connection = self.http.serve_connection(TokioIo::new(socket), answer).with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!("the connection with {address} ended: {error}");
        }
    }
}

/// The request as the router takes it, with the address of its sender.
fn seen(request: Request<Incoming>, address: IpAddr) -> Request<Body> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(address.to_canonical()));
    request
}
