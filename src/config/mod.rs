//! Configuration: one file, overridden by the environment, checked before anything starts.
//!
//! `keys` is the one table of all keys; a file (`file`), the environment (`env`) and the command line
//! are layers of `settings` over its defaults, each value with its origin; `build` judges them together
//! and makes the `Config` that the rest of the program reads. What exists here is valid.
//!
//! Nothing is connected, opened or started, and the environment is an argument: only the file itself
//! and files of secrets are read, and the host is asked for its name.

mod build;
mod camera;
mod control;
mod env;
mod error;
mod file;
mod http;
mod keys;
mod recordings;
mod reload;
mod request;
mod secret;
mod sections;
mod server;
mod settings;
mod token;
mod value;

use std::path::Path;

use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::retention::Retention;

pub use camera::{CameraConfig, CameraMode};
pub use control::{ControlConfig, RedisControlConfig};
pub use env::{Environment, is_read};
pub use error::ConfigError;
pub use http::{HttpConfig, TlsFiles};
pub use keys::{CAMERA_KEYS, IGNORED, KEYS, Key, OTHER_VARIABLES, Secrecy, TIER_KEYS, TOKEN_KEYS};
pub use recordings::{BucketConfig, RecordingsConfig};
pub use request::{CameraTable, toml};
pub use secret::{MASK, Secret, SecretUrl, is_secret, masked, with_encoded_password};
pub use sections::{
    AmqpConfig, EmbeddedConfig, HoldConfig, IndexConfig, IngestConfig, LogConfig, LogFormat,
    MetadataConfig, RedisConfig, ShutdownConfig,
};
pub use server::{RedisServer, RedisTarget};
pub use settings::{Origin, Shown};
pub use token::{TokenConfig, TokenHash};
pub use value::{Kind, parse_bytes};

/// The shipped, fully commented file: what the bare binary runs with, and what `config init` writes.
pub const SHIPPED: &str = include_str!("../../config.toml");

/// What errors call the shipped file when it is read from inside the program.
const BUILT_IN: &str = "built-in config.toml";

/// The file that is read when none is named.
const IN_THIS_FOLDER: &str = "config.toml";

/// A whole configuration; every value in it has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// First part of every frame key that this process writes.
    pub tenant: Tenant,
    /// Second part of every frame key that this process writes; `[redis] prefix`.
    pub prefix: Prefix,
    /// Name of this collector's outbox; the host name unless configured.
    pub collector_id: CameraId,
    /// Most frames a second of a camera without a limit of its own, 0.01..=1000; `None` = no limit.
    pub target_fps: Option<f64>,
    /// Largest frame that is stored, 1024..=`FRAME_MAX_BYTES`.
    pub max_frame_bytes: usize,
    /// Which lifetimes frames get; `[redis] ttl_seconds` or `[[retention]]`.
    pub retention: Retention,
    /// `[redis]`.
    pub redis: RedisConfig,
    /// `[amqp]`; `None` without `amqp_url`.
    pub amqp: Option<AmqpConfig>,
    /// `[metadata]`; of use only with `amqp`.
    pub metadata: MetadataConfig,
    /// `[embedded]`.
    pub embedded: EmbeddedConfig,
    /// `[ingest]`.
    pub ingest: IngestConfig,
    /// `[http]`.
    pub http: HttpConfig,
    /// `[index]`.
    pub index: IndexConfig,
    /// `[recordings]`.
    pub recordings: RecordingsConfig,
    /// `[control]`.
    pub control: ControlConfig,
    /// `[hold]`.
    pub hold: HoldConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[shutdown]`.
    pub shutdown: ShutdownConfig,
    /// `[[cameras]]`, ids unique; may be empty.
    pub cameras: Vec<CameraConfig>,
}

/// Which store the configuration selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreBackend<'a> {
    /// The embedded store.
    Embedded(&'a EmbeddedConfig),
    /// Redis.
    Redis(&'a RedisConfig),
}

/// Which bus the configuration selects for announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusBackend<'a> {
    /// In process only.
    Local,
    /// AMQP.
    Amqp(&'a AmqpConfig, &'a MetadataConfig),
}

impl Config {
    /// Reads `path`, else the file that `FRAMECACHE_CONFIG` names, else `./config.toml`, else the
    /// built-in file; puts `env` over it; checks everything. Blocks on reading small files.
    ///
    /// # Errors
    /// [`ConfigError`] with the first thing that is wrong; its text is for the user.
    pub fn load(path: Option<&Path>, env: &Environment) -> Result<Loaded, ConfigError> {
        Self::load_with(path, env, &[])
    }

    /// As [`Config::load`], with options of the command line over everything else.
    ///
    /// # Errors
    /// [`ConfigError`] with the first thing that is wrong; its text is for the user.
    pub fn load_with(
        path: Option<&Path>,
        env: &Environment,
        flags: &[Flag<'_>],
    ) -> Result<Loaded, ConfigError> {
        let named = env.get("FRAMECACHE_CONFIG").filter(|named| !named.is_empty()).map(Path::new);
        let (name, text) = match path.or(named) {
            Some(path) => (path.display().to_string(), read(path)?),
            None if Path::new(IN_THIS_FOLDER).exists() => {
                (IN_THIS_FOLDER.to_owned(), read(Path::new(IN_THIS_FOLDER))?)
            }
            None => (BUILT_IN.to_owned(), SHIPPED.to_owned()),
        };
        let host_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        from_text(&Sources { name: &name, text: &text, env, flags, host_name: &host_name })
    }

    /// Which store to use.
    #[must_use]
    pub fn store_backend(&self) -> StoreBackend<'_> {
        if self.redis.enabled {
            StoreBackend::Redis(&self.redis)
        } else {
            StoreBackend::Embedded(&self.embedded)
        }
    }

    /// Where announcements go.
    #[must_use]
    pub fn bus_backend(&self) -> BusBackend<'_> {
        match &self.amqp {
            Some(amqp) if self.metadata.enabled => BusBackend::Amqp(amqp, &self.metadata),
            _ => BusBackend::Local,
        }
    }

    /// Which lifetimes the frames of `camera` get.
    #[must_use]
    pub fn retention_of(&self, camera: &CameraConfig) -> Retention {
        camera.ttl.map_or_else(|| self.retention.clone(), Retention::single)
    }
}

/// An option of the command line that sets a key.
#[derive(Debug, Clone, Copy)]
pub struct Flag<'a> {
    /// The option, e.g. `--redis`.
    pub name: &'a str,
    /// The key that it sets, e.g. `redis.url`.
    pub key: &'a str,
    /// Its value, as in an environment variable.
    pub value: &'a str,
}

/// A checked configuration and how it came about.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the program runs with.
    pub config: Config,
    /// The file that was read: its path as given, or `built-in config.toml`.
    pub file: String,
    /// Every key with its value, secrets as `***`, and its origin: `config show`.
    pub settings: Vec<Shown>,
    /// Sentences for the log: nothing is wrong, but something may not be meant.
    pub warnings: Vec<String>,
    /// What [`Loaded::changed_for_good`] compares.
    values: reload::Values,
}

/// Everything that a configuration follows from.
struct Sources<'a> {
    name: &'a str,
    text: &'a str,
    env: &'a Environment,
    flags: &'a [Flag<'a>],
    host_name: &'a str,
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

fn from_text(sources: &Sources<'_>) -> Result<Loaded, ConfigError> {
    let mut settings = settings::Settings::defaults()?;
    let origin = Origin::File { path: sources.name.to_owned(), line: 1 };
    let ignored = file::Source { text: sources.text, origin }.read_into(&mut settings)?;
    env::read_environment(sources.env, &mut settings)?;
    for flag in sources.flags {
        let origin = Origin::Flag(flag.name.to_owned());
        match keys::find(KEYS, flag.key) {
            Some(key) => env::set(key, flag.value, origin, &mut settings)?,
            None => {
                return Err(ConfigError::refused(origin, format!("sets no key: {:?}", flag.key)));
            }
        }
    }
    let (config, mut warnings) = build::build(&mut settings, sources.host_name)?;
    if !ignored.is_empty() {
        let list = ignored.join(", ");
        warnings
            .push(format!("{}: {list} mean nothing to framecache and are ignored", sources.name));
    }
    let shown = settings.show(KEYS, "");
    let values = reload::Values::new(settings);
    Ok(Loaded { config, file: sources.name.to_owned(), settings: shown, warnings, values })
}

#[cfg(test)]
mod tests;
