//! A private S3 server (the s3s-fs crate): checks signatures, takes multipart uploads, keeps objects as files.
//!
//! It runs on a thread of its own with a runtime of its own, so that a test which blocks, or a child that
//! is killed, does not stop it; both end with the handle.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use s3s::{
    Body,
    auth::SimpleAuth,
    service::{S3ServiceBuilder, SharedS3Service},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot};

pub(crate) const ACCESS_KEY: &str = "access-7";
pub(crate) const SECRET_KEY: &str = "secret-of-the-test";
pub(crate) const BUCKET: &str = "frames-bucket";

/// A running server with one empty bucket.
pub(crate) struct S3Server {
    port: u16,
    root: TempDir,
    failing: Arc<AtomicUsize>,
    sent: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    pub(crate) fn start() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder should be creatable");
        std::fs::create_dir(root.path().join(BUCKET)).expect("a bucket should be creatable");
        let files = s3s_fs::FileSystem::new(root.path()).expect("the folder should be usable");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build().into_shared();
        let (failing, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let (stop, stopped) = oneshot::channel();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener should turn non-blocking");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let (to_fail, to_count) = (Arc::clone(&failing), Arc::clone(&sent));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime should start");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = serve(listener, service, to_fail, to_count) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { port, root, failing, sent, stop: Some(stop), thread: Some(thread) }
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers the next requests, so many, with 503.
    pub(crate) fn fail_next(&self, requests: usize) {
        self.failing.store(requests, Ordering::SeqCst);
    }

    /// How many bytes of objects it has sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Where the object of this key lies as a file.
    pub(crate) fn object(&self, key: &str) -> PathBuf {
        self.root.path().join(BUCKET).join(key)
    }

    /// How many parts of unfinished uploads lie there.
    pub(crate) fn parts(&self) -> usize {
        let is_part = |path: &Path| path.to_string_lossy().contains(".part-");
        let entries = std::fs::read_dir(self.root.path()).expect("the folder should be readable");
        entries.flatten().filter(|entry| is_part(&entry.path())).count()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    service: SharedS3Service,
    failing: Arc<AtomicUsize>,
    sent: Arc<AtomicU64>,
) {
    while let Ok((socket, _)) = listener.accept().await {
        let (service, failing, sent) = (service.clone(), Arc::clone(&failing), Arc::clone(&sent));
        let answer = service_fn(move |request: Request<Incoming>| {
            let (service, failing, sent) =
                (service.clone(), Arc::clone(&failing), Arc::clone(&sent));
            async move {
                let fails = failing
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                if fails.is_ok() {
                    let refused = Response::builder().status(503).body(Body::empty());
                    return Ok(refused.expect("an empty answer should build"));
                }
                let with_body = request.method() == "GET";
                let answered = hyper::service::Service::call(&service, request).await;
                if let Some(response) = answered.as_ref().ok().filter(|_| with_body) {
                    let length = response.headers().get("content-length");
                    let length = length.and_then(|text| text.to_str().ok()?.parse().ok());
                    sent.fetch_add(length.unwrap_or(0), Ordering::SeqCst);
                }
                answered
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), answer),
        );
    }
}
