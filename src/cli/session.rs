//! What a verb works with: its options, the configuration, the printer, the service.
//!
//! The configuration is read when a verb first needs it, so `completions` or `config init` work
//! beside a broken file. Which service answers: `--url`, else `--redis`, else `FRAMECACHE_URL`, else
//! Redis where the configuration enables it, else the `up` that runs on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::args::Globals;
use super::exit::{Usage, sentence};
use super::logging;
use super::print::Printer;
use crate::app::{self, Cameras, Engine};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{BusBackend, Config, Environment, Flag, Loaded, Secret};
use crate::model::key::StreamId;
use crate::model::name::{CameraId, Tenant};
use crate::model::time::UnixNanos;
use crate::query::Scope;
use crate::service::Service;
use crate::service::remote::{Credentials, RemoteService};

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Session {
    /// The options of every verb.
    pub(super) globals: Globals,
    /// Where the answer goes.
    pub(super) print: Printer,
    /// When the verb started: "now" in the times that the user gave.
    pub(super) now: UnixNanos,
}

impl Session {
    /// A session with these options, started now.
    pub(super) fn new(globals: Globals) -> Self {
        let print = Printer::new(globals.json, globals.quiet);
        Self { globals, print, now: SystemClock.now() }
    }

    /// The same, writing `tenant` where the user names none.
    pub(super) fn of_tenant(&self, tenant: Option<Tenant>) -> Self {
        let mut globals = self.globals.clone();
        globals.tenant = globals.tenant.or_else(|| tenant.map(|tenant| tenant.to_string()));
        Self { print: Printer::new(globals.json, globals.quiet), globals, now: self.now }
    }

    /// Reads and checks the configuration, and starts the log of a verb that answers once.
    ///
    /// # Errors
    /// The first thing that is wrong with it, or a log filter that is none.
    pub(super) fn load(&self) -> anyhow::Result<Loaded> {
        let loaded = self.read_config()?;
        self.start_log(&loaded.config, "warn")?;
        Ok(loaded)
    }

    /// As [`Session::load`] for a verb whose answer says all that the log would.
    ///
    /// # Errors
    /// As [`Session::load`].
    pub(super) fn load_unlogged(&self) -> anyhow::Result<Loaded> {
        let loaded = self.read_config()?;
        self.start_log(&loaded.config, "off")?;
        Ok(loaded)
    }

    /// As [`Session::load`] for a verb that runs on: it logs as configured, and the configuration's
    /// warnings first.
    ///
    /// # Errors
    /// As [`Session::load`].
    pub(super) fn load_to_run(&self) -> anyhow::Result<Loaded> {
        let loaded = self.read_config()?;
        self.start_log(&loaded.config, &loaded.config.log.level)?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        check_cameras(&loaded.config)?;
        Ok(loaded)
    }

    /// Reads and checks the configuration and does nothing else.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(super) fn read_config(&self) -> anyhow::Result<Loaded> {
        let env: Environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let Globals { config, redis, tenant, prefix, log_format, .. } = &self.globals;
        let mut flags = Vec::new();
        let mut flag = |name, key, value| flags.push(Flag { name, key, value });
        if let Some(url) = redis {
            flag("--redis", "redis.url", url.as_str());
            flag("--redis", "redis.enabled", "true");
        }
        if let Some(tenant) = tenant {
            flag("--tenant", "tenant", tenant.as_str());
        }
        if let Some(prefix) = prefix {
            flag("--prefix", "redis.prefix", prefix.as_str());
        }
        if let Some(form) = log_format {
            flag("--log-format", "log.format", form.as_str());
        }
        Ok(Config::load_with(config.as_deref(), &env, &flags)?)
    }

    fn start_log(&self, config: &Config, level: &str) -> anyhow::Result<()> {
        let loudness = i8::try_from(self.globals.verbose).unwrap_or(i8::MAX);
        let loudness = if self.globals.quiet { -1 } else { loudness };
        let rust_log = std::env::var("RUST_LOG").ok();
        let directives = logging::directives(loudness, rust_log.as_deref(), level);
        logging::start(config.log.format, &directives)
    }

    /// What lets this user into a running `up`: the token, and the authority to trust.
    ///
    /// # Errors
    /// [`Usage`]: a token given twice, or in a file that cannot be read.
    pub(super) fn credentials(&self) -> anyhow::Result<Credentials> {
        let from_env = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let file = from_env("FRAMECACHE_TOKEN_FILE");
        let token = match (self.globals.token.clone(), from_env("FRAMECACHE_TOKEN"), file) {
            (Some(token), ..) | (None, Some(token), None) => Some(token),
            (None, Some(_), Some(_)) => {
                let said = "FRAMECACHE_TOKEN and FRAMECACHE_TOKEN_FILE are both set: set only one";
                return Err(Usage(said.to_owned()).into());
            }
            (None, None, Some(path)) => Some(std::fs::read_to_string(&path).map_err(|error| {
                Usage(format!("cannot read the token from {path} (FRAMECACHE_TOKEN_FILE): {error}"))
            })?),
            (None, None, None) => None,
        };
        let token = token.map(|token| Secret::new(token.trim().to_owned()));
        let ca = self.globals.ca.clone().or_else(|| from_env("FRAMECACHE_CA").map(PathBuf::from));
        Ok(Credentials { token, ca })
    }

    /// The address of a running `up` that the user named, if any.
    pub(super) fn named_url(&self) -> Option<String> {
        let from_env = || std::env::var("FRAMECACHE_URL").ok().filter(|url| !url.is_empty());
        match (&self.globals.url, &self.globals.redis) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(_)) => None,
            (None, None) => from_env(),
        }
    }

    /// Whoever has the frames, to be asked: the broker is left alone. Must be called inside a tokio
    /// runtime; waits for nothing.
    ///
    /// # Errors
    /// A configuration or an address that is refused; nothing need be reachable yet.
    pub(super) fn open(&self) -> anyhow::Result<Desk> {
        let Loaded { mut config, .. } = self.load()?;
        config.amqp = None;
        self.desk(config, |config| config.redis.enabled)
    }

    /// Whoever takes frames, and announces them.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub(super) fn open_to_push(&self) -> anyhow::Result<Desk> {
        self.desk(self.load()?.config, |config| config.redis.enabled)
    }

    /// Whoever tells of new frames: the broker, and without one the `up` that announces in process.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub(super) fn open_to_follow(&self) -> anyhow::Result<Desk> {
        let by_broker = |config: &Config| matches!(config.bus_backend(), BusBackend::Amqp(..));
        self.desk(self.load()?.config, |config| config.redis.enabled && by_broker(config))
    }

    /// The `up` that runs, whatever store it uses: for what only a running process can do.
    ///
    /// # Errors
    /// As [`Session::open`]; [`Usage`] where a Redis is named instead.
    pub(super) fn open_running(&self) -> anyhow::Result<Desk> {
        if self.globals.redis.is_some() {
            let said = "only a running `up` can do this: name it with --url, not --redis";
            return Err(Usage(said.to_owned()).into());
        }
        self.desk(self.load()?.config, |_| false)
    }

    /// Whoever records: the running `up`, or this process itself from the Redis that is configured.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub(super) fn open_to_record(&self) -> anyhow::Result<Desk> {
        let Loaded { mut config, .. } = self.load()?;
        config.amqp = None;
        self.desk_of(config, |config| config.redis.enabled, Cameras::Recorded)
    }

    fn desk(
        &self,
        config: Config,
        is_direct: impl FnOnce(&Config) -> bool,
    ) -> anyhow::Result<Desk> {
        self.desk_of(config, is_direct, Cameras::None)
    }

    fn desk_of(
        &self,
        config: Config,
        is_direct: impl FnOnce(&Config) -> bool,
        cameras: Cameras,
    ) -> anyhow::Result<Desk> {
        let url = match self.named_url() {
            Some(url) => Some(url),
            None if is_direct(&config) => None,
            None => Some(local_url(&config)),
        };
        if let Some(url) = url {
            let service = Arc::new(RemoteService::connect_with(&url, &self.credentials()?)?);
            return Ok(Desk { config, service, engine: None });
        }
        let engine = Engine::start(&config, cameras)?;
        Ok(Desk { config, service: engine.service(), engine: Some(engine) })
    }
}

/// Whether the cameras could be collected.
///
/// # Errors
/// [`Usage`]: the first camera whose URL or options do not fit.
pub(super) fn check_cameras(config: &Config) -> anyhow::Result<()> {
    app::check_cameras(config).map_err(|error| Usage(sentence(&error)).into())
}

/// The address of the `up` that this configuration would start.
pub(super) fn local_url(config: &Config) -> String {
    reachable(config.http.listen, config.http.tls.is_some())
}

/// The URL of a listening address, for a client on this machine.
pub(super) fn reachable(mut listen: SocketAddr, by_tls: bool) -> String {
    if listen.ip().is_unspecified() {
        // an address that listens everywhere is none that can be asked
        let loopback = match listen.ip() {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        };
        listen.set_ip(loopback);
    }
    let scheme = if by_tls { "https" } else { "http" };
    format!("{scheme}://{listen}")
}

/// A configuration and the service that it leads to.
#[derive(Debug)]
pub(super) struct Desk {
    /// What the verb runs with.
    pub(super) config: Config,
    /// Who has the frames.
    pub(super) service: Arc<dyn Service>,
    engine: Option<Engine>,
}

impl Desk {
    /// Announces what was pushed and lets go of store and broker. Verbs that only ask need not.
    pub(super) async fn close(self) {
        if let Some(engine) = self.engine {
            engine.stop().await;
        }
    }

    /// A camera of the family in use.
    pub(super) fn stream(&self, camera: &CameraId) -> StreamId {
        app::stream(&self.config, camera)
    }

    /// The family in use, or one camera of it.
    pub(super) fn scope(&self, camera: Option<&CameraId>) -> Scope {
        Scope {
            tenant: Some(self.config.tenant.clone()),
            prefix: Some(self.config.prefix.clone()),
            camera: camera.cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_listens_everywhere_is_asked_on_the_loopback() {
        for (listen, url) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:80", "http://[::1]:80"),
            ("10.0.0.5:9000", "http://10.0.0.5:9000"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap(), false), url);
        }
        let by_tls = reachable("0.0.0.0:8443".parse().unwrap(), true);
        assert_eq!(by_tls, "https://127.0.0.1:8443");
    }
}
