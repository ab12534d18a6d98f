//! HTTPS by certificate files, read again when they change.
//!
//! A renewed certificate serves the connections that come after it; one that cannot be used is told
//! in the log, and the last good one goes on serving. TLS 1.2 and 1.3 by rustls with ring.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;

/// From one look at the files to the next.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why HTTPS cannot be served.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is not there or holds something else.
    #[error("cannot read {what} from {} ([http] {key}): {why}", path.display())]
    Unreadable {
        /// What should be in it.
        what: &'static str,
        /// By which configuration key it was named.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the reader says.
        why: String,
    },
    /// They cannot be used together.
    #[error("the certificate {} and the key {} cannot be used: {why}", files.cert.display(), files.key.display())]
    Unfit {
        /// Which files.
        files: TlsFiles,
        /// What rustls says.
        why: String,
    },
}

/// A certificate in use, and the files that it came from.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    current: Mutex<Arc<ServerConfig>>,
}

/// By what a change of the files is seen.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Tls {
    /// Reads both files. Blocks.
    ///
    /// # Errors
    /// [`TlsError`], with the file's name.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self { files: files.clone(), current: Mutex::new(Arc::new(read(files)?)) })
    }

    /// What shakes hands with the certificate of this moment.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }

    /// Reads the files again whenever they change, until `stop`.
    pub(super) async fn follow_files(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = stamp(&self.files);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let tls = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || tls.renewed(seen)).await;
            seen = looked.unwrap_or(seen);
        }
    }

    /// Takes the files over when they are not as they were `seen`; answers how they are now.
    fn renewed(&self, seen: Stamp) -> Stamp {
        let now = stamp(&self.files);
        if now == seen {
            return seen;
        }
        match read(&self.files) {
            Ok(config) => {
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!("the certificate {} was read again", self.files.cert.display());
            }
            Err(error) => tracing::warn!("the last certificate goes on serving: {error}"),
        }
        now
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    let of = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    [of(&files.cert), of(&files.key)]
}

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let unreadable = |what, key, path: &Path, why: String| TlsError::Unreadable {
        what,
        key,
        path: path.to_owned(),
        why,
    };
    let no_cert = |why: String| unreadable("a certificate", "tls_cert", &files.cert, why);
    let certs =
        CertificateDer::pem_file_iter(&files.cert).map_err(|why| no_cert(why.to_string()))?;
    let certs: Vec<_> = certs.collect::<Result<_, _>>().map_err(|why| no_cert(why.to_string()))?;
    if certs.is_empty() {
        return Err(no_cert("it holds none in PEM form".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|why| unreadable("a private key", "tls_key", &files.key, why.to_string()))?;
    let unfit = |why: rustls::Error| TlsError::Unfit { files: files.clone(), why: why.to_string() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(unfit)?;
    let mut config = builder.with_no_client_auth().with_single_cert(certs, key).map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
