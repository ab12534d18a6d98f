//! `[recordings]`: where recordings are written, and where they lie when they are finished.
//!
//! Only texts are judged here; nothing is created and no bucket is asked. A login that would travel
//! unencrypted needs a word of its own, as listening without tokens does.

use std::path::PathBuf;

use url::Url;

use super::build::HAS_DEFAULT;
use super::error::ConfigError;
use super::secret::{Secret, masked};
use super::settings::Settings;

/// What recordings need.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingsConfig {
    /// Where running recordings are written, and finished ones stay without a bucket.
    pub folder: PathBuf,
    /// Most bytes of all recordings together; `None` = no limit.
    pub max_bytes: Option<u64>,
    /// The bucket that finished ones go to.
    pub storage: Option<BucketConfig>,
}

/// A bucket of S3 or of what speaks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketConfig {
    /// 3..=63 of `[a-z0-9.-]`.
    pub bucket: String,
    /// What the keys of all recordings start with, without slashes around; empty = nothing.
    pub prefix: String,
    /// Scheme, host and port of another server than AWS.
    pub endpoint: Option<String>,
    /// The region that requests are signed for; `None` = `us-east-1`, or `AWS_REGION` without keys.
    pub region: Option<String>,
    /// Access key and secret key; `None` = as the tools of AWS find them.
    pub keys: Option<(String, Secret)>,
    /// Whether the endpoint may be `http://`.
    pub allow_http: bool,
}

impl BucketConfig {
    /// `s3://bucket/prefix`, for people.
    #[must_use]
    pub fn place(&self) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

/// Checks `[recordings]`.
pub(super) fn read_recordings(settings: &Settings) -> Result<RecordingsConfig, ConfigError> {
    let folder = settings.text("recordings.folder").expect(HAS_DEFAULT);
    let max_bytes = settings.whole("recordings.max_bytes").filter(|bytes| *bytes > 0);
    Ok(RecordingsConfig { folder: PathBuf::from(folder), max_bytes, storage: bucket(settings)? })
}

const STORAGE: &str = "recordings.storage";
const ENDPOINT: &str = "recordings.endpoint";
const ACCESS: &str = "recordings.access_key";
const SECRET: &str = "recordings.secret_key";

/// Keys that say something of a bucket only.
const OF_A_BUCKET: [&str; 4] = [ENDPOINT, "recordings.region", ACCESS, SECRET];

fn bucket(settings: &Settings) -> Result<Option<BucketConfig>, ConfigError> {
    let Some(given) = settings.text(STORAGE) else {
        let lone = OF_A_BUCKET.into_iter().find(|key| settings.text(key).is_some());
        return match lone {
            Some(key) => {
                let message = format!(
                    "{key} is set and {STORAGE} is not: name the bucket, e.g. {STORAGE} = \"s3://bucket/prefix\""
                );
                Err(ConfigError::refused(settings.origin(key), message))
            }
            None => Ok(None),
        };
    };
    let (bucket, prefix) = parse(given).ok_or_else(|| {
        let message = format!(
            "{STORAGE} {:?} does not fit: write s3://BUCKET or s3://BUCKET/PREFIX, and the server as [recordings] endpoint; for a folder set recordings.folder",
            masked(given)
        );
        ConfigError::refused(settings.origin(STORAGE), message)
    })?;
    let allow_http = settings.flag("recordings.allow_http");
    Ok(Some(BucketConfig {
        bucket,
        prefix,
        endpoint: endpoint(settings, allow_http)?,
        region: settings.text("recordings.region").map(str::to_owned),
        keys: keys(settings)?,
        allow_http,
    }))
}

/// Bucket and prefix of `s3://bucket/prefix`.
fn parse(text: &str) -> Option<(String, String)> {
    let (bucket, prefix) = match text.strip_prefix("s3://")?.split_once('/') {
        Some((bucket, prefix)) => (bucket, prefix.trim_end_matches('/')),
        None => (text.strip_prefix("s3://")?, ""),
    };
    let of_bucket =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let of_prefix = |part: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '=');
        !part.is_empty() && !matches!(part, "." | "..") && part.chars().all(fits)
    };
    let fits = (3..=63).contains(&bucket.len())
        && bucket.chars().all(of_bucket)
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && (prefix.is_empty() || prefix.split('/').all(of_prefix))
        && prefix.len() <= 500;
    fits.then(|| (bucket.to_owned(), prefix.to_owned()))
}

fn endpoint(settings: &Settings, allow_http: bool) -> Result<Option<String>, ConfigError> {
    let Some(text) = settings.text(ENDPOINT) else { return Ok(None) };
    let refused = |message: String| Err(ConfigError::refused(settings.origin(ENDPOINT), message));
    let shown = masked(text);
    let bare = |url: &Url| {
        let login = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && !login && url.query().is_none()
    };
    let Some(url) = Url::parse(text).ok().filter(bare) else {
        return refused(format!(
            "{ENDPOINT} {shown:?} does not fit: write scheme, host and port, e.g. \"https://minio.example.org:9000\", and the login as access_key and secret_key"
        ));
    };
    if url.scheme() == "http" && !allow_http {
        return refused(format!(
            "{ENDPOINT} {shown:?} would carry recordings unencrypted: use https://, or set [recordings] allow_http = true"
        ));
    }
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

fn keys(settings: &Settings) -> Result<Option<(String, Secret)>, ConfigError> {
    let lone = |given: &str, missing: &str| {
        let message = format!("{given} is set and {missing} is not: a login needs both");
        Err(ConfigError::refused(settings.origin(given), message))
    };
    match (settings.text(ACCESS), settings.text(SECRET)) {
        (Some(access), Some(secret)) => {
            Ok(Some((access.to_owned(), Secret::new(secret.to_owned()))))
        }
        (None, None) => Ok(None),
        (Some(_), None) => lone(ACCESS, SECRET),
        (None, Some(_)) => lone(SECRET, ACCESS),
    }
}
