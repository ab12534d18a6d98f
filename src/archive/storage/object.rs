//! Recordings in a bucket: S3 and what speaks like it.
//!
//! A file is sent in parts of which a few are in memory, and one last request makes them an object:
//! before it the bucket shows nothing, whoever is killed when. Small files go as one request, which is
//! whole or nothing as well. What was sent is compared by its size before the local file goes. Each
//! request is tried again for a bounded time; a wrong key is refused at once. Parts that a kill left
//! behind are invisible, cost space, and are for the bucket's own rule to remove (docs/recordings.md).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore as _,
    ObjectStoreExt as _, RetryConfig, WriteMultipart,
};

use crate::config::BucketConfig;
use crate::model::recording::RecordingFile;
use crate::model::time::UnixNanos;

use super::super::{ArchiveError, Blob};
use super::{MAX_FILES, Storage, Stored, failed, too_many};

/// Smallest part of an upload, and the largest file that goes in one request.
const PART_BYTES: u64 = 8 << 20;

/// Most parts of an upload; S3 takes 10000.
const MAX_PARTS: u64 = 9_000;

/// How many parts travel at a time, each of them in memory.
const IN_FLIGHT: usize = 3;

/// How long one request is tried.
const TRIED_FOR: Duration = Duration::from_secs(30);

/// A bucket, or a part of one.
#[derive(Debug, Clone)]
pub struct ObjectStorage {
    store: Arc<AmazonS3>,
    /// What all keys start with, without slashes around; empty = the whole bucket.
    prefix: Key,
    place: String,
}

impl ObjectStorage {
    /// A client of the bucket; nothing is sent yet. Without keys of its own it takes what the
    /// tools of AWS take: `AWS_...` variables, a role of the machine.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] when the client cannot be made.
    pub fn new(config: &BucketConfig) -> Result<Self, ArchiveError> {
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(5),
                base: 2.0,
            },
            max_retries: 8,
            retry_timeout: TRIED_FOR,
        };
        let options = ClientOptions::new()
            .with_connect_timeout(Duration::from_secs(5))
            .with_read_timeout(Duration::from_secs(30))
            .with_timeout(Duration::from_secs(300))
            .with_allow_http(config.allow_http);
        let mut builder = match &config.keys {
            Some((access, secret)) => AmazonS3Builder::new()
                .with_access_key_id(access)
                .with_secret_access_key(secret.expose()),
            None => AmazonS3Builder::from_env(),
        };
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        }
        if let Some(region) = &config.region {
            builder = builder.with_region(region);
        }
        let store = builder
            .with_bucket_name(&config.bucket)
            .with_retry(retry)
            .with_client_options(options)
            .build();
        let place = config.place();
        let store = store.map_err(|error| told(format!("cannot use {place}"), error))?;
        Ok(Self { store: Arc::new(store), prefix: Key::from(config.prefix.as_str()), place })
    }

    fn key(&self, file: &RecordingFile) -> Key {
        Key::from(format!("{}/{file}", self.prefix))
    }

    fn url(&self, file: &RecordingFile) -> String {
        format!("{}/{file}", self.place)
    }

    fn stored(&self, meta: &ObjectMeta) -> Option<Stored> {
        let key = meta.location.as_ref();
        let name = match self.prefix.as_ref() {
            "" => key,
            prefix => key.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        let modified = UnixNanos::from_chrono(&meta.last_modified)?;
        Some(Stored { file: name.parse().ok()?, bytes: meta.size, modified })
    }

    /// Sends the file and answers how many bytes it had.
    async fn upload(&self, local: &Path, key: &Key) -> Result<u64, UploadError> {
        let (file, size) = open(local.to_owned()).await.map_err(UploadError::File)?;
        if size <= PART_BYTES {
            let bytes = read(&file, 0..size).await.map_err(UploadError::File)?;
            self.store.put(key, bytes.into()).await.map_err(UploadError::Store)?;
            return Ok(size);
        }
        let part = size.div_ceil(MAX_PARTS).max(PART_BYTES);
        let begun = self.store.put_multipart(key).await.map_err(UploadError::Store)?;
        let chunk = usize::try_from(part).unwrap_or(usize::MAX);
        let mut upload = WriteMultipart::new_with_chunk_size(begun, chunk);
        match send_parts(&mut upload, &file, size, part).await {
            Ok(()) => upload.finish().await.map(|_| size).map_err(UploadError::Store),
            Err(error) => {
                // the error that counts is the first one; parts that stay are invisible
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }
}

/// Reads part after part while at most [`IN_FLIGHT`] are on their way.
async fn send_parts(
    upload: &mut WriteMultipart,
    file: &Arc<File>,
    size: u64,
    part: u64,
) -> Result<(), UploadError> {
    let mut at = 0;
    while at < size {
        upload.wait_for_capacity(IN_FLIGHT).await.map_err(UploadError::Store)?;
        let to = at.saturating_add(part).min(size);
        upload.put(read(file, at..to).await.map_err(UploadError::File)?);
        at = to;
    }
    Ok(())
}

#[async_trait]
impl Storage for ObjectStorage {
    fn place(&self) -> &str {
        &self.place
    }

    async fn list(&self) -> Result<Vec<Stored>, ArchiveError> {
        let failed = |error| told(format!("cannot list {}", self.place), error);
        let mut objects = self.store.list(Some(&self.prefix));
        let mut found = Vec::new();
        let mut seen = 0_usize;
        while let Some(meta) = objects.try_next().await.map_err(failed)? {
            seen += 1;
            if seen > MAX_FILES {
                return Err(too_many(&self.place));
            }
            found.extend(self.stored(&meta));
        }
        found.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(found)
    }

    async fn open(&self, file: &RecordingFile) -> Result<Arc<dyn Blob>, ArchiveError> {
        let (key, name) = (self.key(file), self.url(file));
        let failed = |error| told(format!("cannot open {name}"), error);
        let meta = self.store.head(&key).await.map_err(failed)?;
        Ok(Arc::new(ObjectBlob {
            store: Arc::clone(&self.store),
            key,
            name: name.clone(),
            size: meta.size,
            version: meta.e_tag,
        }))
    }

    async fn publish(&self, local: &Path, file: &RecordingFile) -> Result<(), ArchiveError> {
        let key = self.key(file);
        let what = || format!("cannot upload {} to {}", local.display(), self.url(file));
        let sent = self.upload(local, &key).await.map_err(|error| match error {
            UploadError::File(source) => failed(what(), source),
            UploadError::Store(error) => told(what(), error),
        })?;
        let there = self.store.head(&key).await.map_err(|error| told(what(), error))?;
        if there.size != sent {
            let said = format!("{sent} bytes were sent and {} are there", there.size);
            return Err(failed(what(), io::Error::other(said)));
        }
        let removed = tokio::fs::remove_file(local).await;
        removed.map_err(|source| failed(format!("cannot delete {}", local.display()), source))
    }

    async fn delete(&self, file: &RecordingFile) -> Result<bool, ArchiveError> {
        let key = self.key(file);
        let failed = |error| told(format!("cannot delete {}", self.url(file)), error);
        // S3 answers a deletion of nothing as one of something
        match self.store.head(&key).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            other => other.map_err(failed)?,
        };
        self.store.delete(&key).await.map(|()| true).map_err(failed)
    }
}

/// What an upload stumbled over.
enum UploadError {
    File(io::Error),
    Store(object_store::Error),
}

async fn open(path: std::path::PathBuf) -> io::Result<(Arc<File>, u64)> {
    let opening = move || {
        let file = File::open(&path)?;
        let size = file.metadata()?.len();
        Ok((Arc::new(file), size))
    };
    tokio::task::spawn_blocking(opening).await.map_err(io::Error::other).flatten()
}

async fn read(file: &Arc<File>, range: Range<u64>) -> io::Result<Bytes> {
    let file = Arc::clone(file);
    let reading = move || {
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(Bytes::from(bytes))
    };
    tokio::task::spawn_blocking(reading).await.map_err(io::Error::other).flatten()
}

/// An object that is read by ranges.
#[derive(Debug)]
struct ObjectBlob {
    store: Arc<AmazonS3>,
    key: Key,
    name: String,
    size: u64,
    /// Its ETag: of an object that was replaced since nothing more is read.
    version: Option<String>,
}

#[async_trait]
impl Blob for ObjectBlob {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, ArchiveError> {
        let range = range.start..range.end.min(self.size);
        if range.start >= range.end {
            return Ok(Bytes::new());
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: self.version.clone(),
            ..GetOptions::default()
        };
        let failed = |error| told(format!("cannot read {}", self.name), error);
        let got = self.store.get_opts(&self.key, options).await.map_err(failed)?;
        got.bytes().await.map_err(failed)
    }
}

/// What S3 calls a refusal of keys or rights.
const REFUSALS: [&str; 5] = [
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// The store's error in our words, with a kind that says what to do about it.
fn told(what: String, error: object_store::Error) -> ArchiveError {
    use object_store::Error as Store;
    let answer = error.to_string();
    let code = code(&answer);
    let refused = matches!(&error, Store::PermissionDenied { .. } | Store::Unauthenticated { .. });
    let (kind, said) = match (&error, code) {
        (Store::NotFound { .. }, _) | (_, Some("NoSuchBucket" | "NoSuchKey")) => {
            (io::ErrorKind::NotFound, "there is no such object or bucket".to_owned())
        }
        (Store::Precondition { .. }, _) => {
            (io::ErrorKind::Other, "it was replaced while it was read".to_owned())
        }
        (_, Some(code)) if refused || REFUSALS.contains(&code) => (
            io::ErrorKind::PermissionDenied,
            format!(
                "the store refuses ({code}): see [recordings] access_key and secret_key, and what that user may do"
            ),
        ),
        // a request for the head of an object is refused without a code
        _ if refused => (
            io::ErrorKind::PermissionDenied,
            "the store refuses: see [recordings] access_key and secret_key".to_owned(),
        ),
        _ => return failed(what, io::Error::other(error)),
    };
    failed(what, io::Error::new(kind, said))
}

/// The code in an error answer of S3, e.g. `SignatureDoesNotMatch`.
fn code(answer: &str) -> Option<&str> {
    let (code, _) = answer.split_once("<Code>")?.1.split_once("</Code>")?;
    (code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric())).then_some(code)
}
