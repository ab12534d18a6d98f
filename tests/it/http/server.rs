//! The accept loop: slow, silent and greedy clients are cut off, and others do not notice them.

use axum::Router;
use axum::routing::get;
use framecache::web::{ServerOptions, serve_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::*;

/// Longer than every bound of these tests by far.
const PATIENCE: Duration = Duration::from_secs(30);

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Serves `fine` at `/`, an answer without end at `/endless`, and one after a second at `/late`.
    async fn start(options: ServerOptions) -> Self {
        let endless = || async {
            let chunks = futures_util::stream::repeat_with(|| {
                Ok::<_, std::convert::Infallible>(Bytes::from(vec![0_u8; 64 << 10]))
            });
            axum::body::Body::from_stream(chunks)
        };
        let late = || async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            "late"
        };
        let router = Router::new()
            .route("/", get(|| async { "fine" }))
            .route("/endless", get(endless))
            .route("/late", get(late));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve_with(listener, router, options, stop.clone()));
        Self { address, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// What the server says to one whole request on a connection of its own.
    async fn ask(&self) -> String {
        let mut stream = self.connect().await;
        // A connection that is refused at once may be closed before it is written to.
        let _ = stream.write_all(ASK).await;
        rest(&mut stream).await
    }

    /// Asks until the server has a place again.
    async fn served_in_the_end(&self) {
        let serving = async {
            while !self.ask().await.ends_with("fine") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, serving).await.expect("a place should become free");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Everything until the server closes; a reset closes too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the server should close");
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_is_cut_and_others_are_served_meanwhile() {
    let options = ServerOptions { header_timeout: Duration::from_secs(1), ..Default::default() };
    let server = Server::start(options).await;
    let (mut read, mut write) = server.connect().await.into_split();
    let begun = Instant::now();
    let dripping = tokio::spawn(async move {
        for byte in ASK.iter().cycle() {
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut served = 0;
    let mut byte = [0];
    let cut = async {
        // The header ends after more than five seconds; before that the server says nothing.
        let _ = read.read(&mut byte).await;
    };
    let mut cut = std::pin::pin!(cut);
    loop {
        tokio::select! {
            () = &mut cut => break,
            said = server.ask() => {
                assert!(said.ends_with("fine"), "{said}");
                served += 1;
            }
        }
        assert!(begun.elapsed() < PATIENCE);
    }
    assert!(served > 1, "{served}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert!(begun.elapsed() < Duration::from_millis(100) * u32::try_from(ASK.len()).unwrap());
    dripping.abort();
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let header_timeout = Duration::from_millis(300);
    let server = Server::start(ServerOptions { header_timeout, ..Default::default() }).await;
    assert_eq!(rest(&mut server.connect().await).await, "");
    let mut kept = server.connect().await;
    kept.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let said = rest(&mut kept).await;
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("fine"), "{said}");
}

#[tokio::test]
async fn connections_beyond_the_bounds_are_told_to_come_again() {
    for (options, key) in [
        (ServerOptions { max_connections: 2, ..Default::default() }, "max_connections"),
        (
            ServerOptions { max_connections_per_client: 2, ..Default::default() },
            "max_connections_per_client",
        ),
    ] {
        let server = Server::start(options).await;
        let held = (server.connect().await, server.connect().await);
        let mut third = server.connect().await;
        let said = rest(&mut third).await;
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
        assert!(head.contains("retry-after: 1"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        assert!(body["detail"].as_str().unwrap().contains(&format!("{key} allows")), "{body}");
        drop(held);
        server.served_in_the_end().await;
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_loses_its_place() {
    let options = ServerOptions {
        write_timeout: Duration::from_millis(500),
        max_connections: 1,
        ..Default::default()
    };
    let server = Server::start(options).await;
    let mut greedy = server.connect().await;
    greedy.write_all(b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    server.served_in_the_end().await;
    drop(greedy);
}

#[tokio::test]
async fn a_header_over_its_bounds_is_refused() {
    let server = Server::start(ServerOptions::default()).await;
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(300_000));
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(101));
    for request in [long, many] {
        let mut stream = server.connect().await;
        let _ = stream.write_all(request.as_bytes()).await;
        let said = rest(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
        assert!(server.ask().await.ends_with("fine"));
    }
}

#[tokio::test]
async fn a_stop_lets_an_answer_finish_and_takes_no_further_request() {
    let mut server = Server::start(ServerOptions::default()).await;
    let mut late = server.connect().await;
    late.write_all(b"GET /late HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let idle = server.connect().await;
    assert!(server.ask().await.ends_with("fine"));
    server.stop.cancel();
    assert!(rest(&mut late).await.ends_with("late"));
    timeout(PATIENCE, &mut server.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    drop(idle);
}
