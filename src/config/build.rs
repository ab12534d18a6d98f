//! Settings -> `Config`: what the values mean together, and which of them contradict each other.
//!
//! Each value has already been held against its own key. Pure: host name and settings come in.

use std::path::PathBuf;

use crate::model::event::RoutingKeys;
use crate::model::name::{CameraId, Prefix};
use crate::model::retention::{Retention, Tier};
use crate::model::time::Ttl;

use super::camera::read_cameras;
use super::control::read_control;
use super::error::ConfigError;
use super::http::{read_http, warnings_of};
use super::recordings::read_recordings;
use super::secret::{SecretUrl, with_encoded_password};
use super::server::{is_given, redis_target, tenant, vhost_of};
use super::settings::Settings;
use super::{
    AmqpConfig, Config, EmbeddedConfig, HoldConfig, IndexConfig, IngestConfig, LogConfig,
    LogFormat, MetadataConfig, RedisConfig, ShutdownConfig,
};

/// What a default in the table of keys proves.
pub(super) const HAS_DEFAULT: &str = "a key with a default should have a value";

/// Checks the settings together; answers the configuration and its warnings.
pub(super) fn build(
    settings: &mut Settings,
    host_name: &str,
) -> Result<(Config, Vec<String>), ConfigError> {
    choose(settings, &["redis.address", "redis.unix_socket", "redis.url"])?;
    choose(settings, &["redis.ttl_seconds", "retention"])?;
    let settings = &*settings;
    let vhost = vhost_of(settings)?;
    let (tenant, tenant_warning) = tenant(settings, vhost.as_deref())?;
    let target_fps = settings.number("target_fps").filter(|fps| *fps > 0.0);
    let max_frame_bytes = size(settings, "max_frame_bytes");
    let config = Config {
        tenant,
        prefix: name(settings, "redis.prefix", Prefix::new)?,
        collector_id: collector_id(settings, host_name)?,
        target_fps,
        max_frame_bytes,
        retention: retention(settings)?,
        redis: redis(settings)?,
        amqp: amqp(settings)?,
        metadata: metadata(settings),
        embedded: EmbeddedConfig { max_bytes: size(settings, "embedded.max_bytes") },
        ingest: ingest(settings, max_frame_bytes)?,
        http: read_http(settings)?,
        index: IndexConfig { foreign: settings.flag("index.foreign") },
        recordings: read_recordings(settings)?,
        control: read_control(settings)?,
        hold: HoldConfig { max_bytes: size(settings, "hold.max_bytes") },
        log: log(settings)?,
        shutdown: ShutdownConfig { drain_timeout: span(settings, "shutdown.drain_timeout") },
        cameras: read_cameras(settings.items("cameras"), target_fps)?,
    };
    let embedded_with_amqp = (config.amqp.is_some() && !config.redis.enabled).then(|| {
        "announcements go out over AMQP but frames stay in the embedded store: consumers cannot read them from Redis, only over HTTP from this process; set redis.enabled = true to share them".to_owned()
    });
    let warnings = tenant_warning.into_iter().chain(embedded_with_amqp);
    let warnings = warnings.chain(warnings_of(&config.http)).collect();
    Ok((config, warnings))
}

/// Of keys that exclude each other, keeps the one from the highest layer.
fn choose(settings: &mut Settings, names: &[&str]) -> Result<(), ConfigError> {
    let given: Vec<&str> = names.iter().copied().filter(|name| is_given(settings, name)).collect();
    let rank = |name: &str| settings.origin(name).rank();
    let Some(best) = given.iter().copied().max_by_key(|name| rank(name)) else { return Ok(()) };
    if let Some(other) = given.iter().find(|name| **name != best && rank(name) == rank(best)) {
        let message = format!(
            "{best} and {other} ({}) exclude each other: remove one of them",
            settings.origin(other)
        );
        return Err(ConfigError::refused(settings.origin(best), message));
    }
    for name in names.iter().filter(|name| **name != best) {
        settings.remove(name);
    }
    Ok(())
}

fn retention(settings: &Settings) -> Result<Retention, ConfigError> {
    let items = settings.items("retention");
    if items.is_empty() {
        return Ok(Retention::single(settings.ttl("redis.ttl_seconds").expect(HAS_DEFAULT)));
    }
    let tiers: Vec<Tier> =
        (1..).zip(items).map(|(number, item)| tier(number, item)).collect::<Result<_, _>>()?;
    let place = settings.origin("retention");
    Retention::new(&tiers).map_err(|error| ConfigError::refused(place, error.to_string()))
}

fn tier(number: usize, item: &Settings) -> Result<Tier, ConfigError> {
    let refuse = |key: &str, message: &str| {
        ConfigError::refused(item.origin(key), format!("retention tier {number}: {message}"))
    };
    let (keep, every) = (item.text("keep"), item.span("every"));
    if keep.is_some() == every.is_some() {
        return Err(refuse("every", "give either keep = \"all\" or every = \"1s\""));
    }
    let life = item
        .span("for")
        .ok_or_else(|| refuse("for", "add for = \"1h\", how long its frames live"))?;
    if life.subsec_nanos() != 0 {
        return Err(refuse("for", "for must be whole seconds"));
    }
    let ttl = Ttl::from_secs(life.as_secs()).map_err(|error| refuse("for", &error.to_string()))?;
    Ok(Tier { every, ttl })
}

fn redis(settings: &Settings) -> Result<RedisConfig, ConfigError> {
    Ok(RedisConfig {
        enabled: settings.flag("redis.enabled"),
        target: redis_target(settings)?,
        connect_timeout: span(settings, "redis.connect_timeout"),
        response_timeout: span(settings, "redis.response_timeout"),
    })
}

fn amqp(settings: &Settings) -> Result<Option<AmqpConfig>, ConfigError> {
    let frames = settings.flag("amqp.frames");
    let Some(url) = settings.text("amqp.amqp_url") else {
        let message = "amqp.frames = true needs a broker: set amqp.amqp_url too";
        return if frames {
            Err(ConfigError::refused(settings.origin("amqp.frames"), message))
        } else {
            Ok(None)
        };
    };
    Ok(Some(AmqpConfig {
        url: SecretUrl::new(with_encoded_password(url)),
        frames,
        exchange: text(settings, "amqp.exchange"),
        routing_key_prefix: text(settings, "amqp.routing_key_prefix"),
    }))
}

fn metadata(settings: &Settings) -> MetadataConfig {
    let derived = RoutingKeys::derived_from(&text(settings, "metadata.routing_key"));
    let own = |name: &str| settings.text(name).map(str::to_owned);
    MetadataConfig {
        enabled: settings.flag("metadata.enabled"),
        exchange: text(settings, "metadata.exchange"),
        routing_keys: RoutingKeys {
            frame: derived.frame,
            status: own("metadata.status_routing_key").unwrap_or(derived.status),
            system: own("metadata.system_routing_key").unwrap_or(derived.system),
        },
        exchange_durable: settings.flag("metadata.exchange_durable"),
        persistent: settings.flag("metadata.persistent"),
    }
}

fn ingest(settings: &Settings, max_frame_bytes: usize) -> Result<IngestConfig, ConfigError> {
    let queue_bytes = size(settings, "ingest.queue_bytes");
    if queue_bytes < max_frame_bytes {
        let message = format!(
            "ingest.queue_bytes ({queue_bytes}) is below max_frame_bytes ({max_frame_bytes}), so that no large frame would fit: raise it or lower max_frame_bytes"
        );
        return Err(ConfigError::refused(settings.origin("ingest.queue_bytes"), message));
    }
    Ok(IngestConfig {
        queue_frames: size(settings, "ingest.queue_frames"),
        queue_bytes,
        push_timeout: span(settings, "ingest.push_timeout"),
        stall_timeout: span(settings, "ingest.stall_timeout"),
        reconnect_max: span(settings, "ingest.reconnect_max"),
        ffmpeg: PathBuf::from(text(settings, "ingest.ffmpeg")),
    })
}

fn log(settings: &Settings) -> Result<LogConfig, ConfigError> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let level = text(settings, "log.level");
    let fits = |directive: &str| {
        let (module, level) = directive.rsplit_once('=').unwrap_or(("framecache", directive));
        !module.is_empty() && LEVELS.contains(&level)
    };
    if !level.split(',').all(|directive| fits(directive.trim())) {
        let message = format!(
            "log.level = {level:?} does not fit: write error, warn, info, debug, trace or off, single parts as module=level, separated by commas"
        );
        return Err(ConfigError::refused(settings.origin("log.level"), message));
    }
    let format = match text(settings, "log.format").as_str() {
        "human" => LogFormat::Human,
        "json" => LogFormat::Json,
        _ => LogFormat::Auto,
    };
    Ok(LogConfig { format, level })
}

fn collector_id(settings: &Settings, host_name: &str) -> Result<CameraId, ConfigError> {
    if settings.text("collector_id").is_some() {
        return name(settings, "collector_id", CameraId::new);
    }
    let fits =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    let host: String = host_name.chars().take(64).map(fits).collect();
    CameraId::new(host.trim_start_matches(['.', '-']))
        .or_else(|_| CameraId::new("collector"))
        .map_err(|error| ConfigError::refused(settings.origin("collector_id"), error.to_string()))
}

fn name<T, E>(
    settings: &Settings,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, ConfigError> {
    let given = text(settings, key);
    parse(&given).map_err(|_| {
        let message = format!(
            "{key} = {given:?} does not fit: 1 to 64 letters, digits, '.', '_' or '-' are allowed, not starting with '.' or '-'"
        );
        ConfigError::refused(settings.origin(key), message)
    })
}

fn text(settings: &Settings, key: &str) -> String {
    settings.text(key).expect(HAS_DEFAULT).to_owned()
}

pub(super) fn span(settings: &Settings, key: &str) -> std::time::Duration {
    settings.span(key).expect(HAS_DEFAULT)
}

pub(super) fn size(settings: &Settings, key: &str) -> usize {
    let number = settings.whole(key).expect(HAS_DEFAULT);
    usize::try_from(number).unwrap_or(usize::MAX)
}
