//! Reads environment variables into settings: shared names first, then `FRAMECACHE_...` over them.
//!
//! The environment comes as a map, so nothing here asks the process for it. A variable with our
//! prefix that matches no key is an error, as a mistyped key in a file is; an empty one is unset.
//! Variables that Kubernetes sets for a service called `framecache` or `redis` are not taken for ours.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::{ConfigError, hint};
use super::file::Source;
use super::keys::{KEYS, Key, OTHER_VARIABLES, PREFIX, Secrecy, find, nearest};
use super::settings::{Origin, Settings};
use super::value::{Kind, Raw};

/// The environment, by name.
pub type Environment = BTreeMap<String, String>;

/// What a variable name says with `_FILE` behind it.
const FILE: &str = "_FILE";

/// Puts what the environment says over `settings`.
///
/// # Errors
/// A value that does not fit, an unknown variable with our prefix, an unreadable secret file.
pub(super) fn read_environment(
    env: &Environment,
    settings: &mut Settings,
) -> Result<(), ConfigError> {
    for key in KEYS.iter().filter(|key| !key.also.is_empty() && key.name != "redis.address") {
        for name in key.also {
            read_variable(env, name, key, settings)?;
        }
    }
    read_redis_host(env, settings)?;
    for key in KEYS {
        read_variable(env, &key.variable(), key, settings)?;
    }
    env.keys().find(|name| !is_known(name)).map_or(Ok(()), |name| Err(unknown(name)))
}

fn given<'a>(env: &'a Environment, name: &str) -> Option<&'a str> {
    env.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

fn read_variable(
    env: &Environment,
    name: &str,
    key: &'static Key,
    settings: &mut Settings,
) -> Result<(), ConfigError> {
    let file_name = format!("{name}{FILE}");
    let file = given(env, &file_name).filter(|_| key.secrecy != Secrecy::Open);
    match (given(env, name), file) {
        (Some(_), Some(_)) => {
            let message = format!("{name} is set too: set only one of the two");
            Err(ConfigError::refused(Origin::Variable(file_name), message))
        }
        (Some(value), None) => set(key, value, Origin::Variable(name.to_owned()), settings),
        (None, Some(path)) => {
            let path = PathBuf::from(path);
            let text = std::fs::read_to_string(&path).map_err(|source| {
                ConfigError::SecretFile { variable: file_name.clone(), path, source }
            })?;
            set(key, text.trim_end_matches(['\r', '\n']), Origin::Variable(file_name), settings)
        }
        (None, None) => Ok(()),
    }
}

/// Sets a key from text, as the environment and the command line give it.
pub(super) fn set(
    key: &'static Key,
    text: &str,
    origin: Origin,
    settings: &mut Settings,
) -> Result<(), ConfigError> {
    if let Kind::Items(_) = key.kind {
        if !text.is_empty() {
            let list = Source::read_list(text, origin.clone(), key)?;
            settings.put(key, list, origin);
        }
        return Ok(());
    }
    settings.read(key, Raw::Bare(text), origin)
}

/// `REDIS_HOST` and `REDIS_PORT`: each replaces its half of the address.
fn read_redis_host(env: &Environment, settings: &mut Settings) -> Result<(), ConfigError> {
    let host = given(env, "REDIS_HOST");
    // Kubernetes and old Docker links set REDIS_PORT=tcp://10.0.0.3:6379
    let port = given(env, "REDIS_PORT").filter(|port| !port.contains("://"));
    let elsewhere = settings.get("redis.url").or(settings.get("redis.unix_socket")).is_some();
    let name = match (host, port) {
        (Some(_), _) => "REDIS_HOST",
        (None, Some(_)) if !elsewhere => "REDIS_PORT",
        _ => return Ok(()),
    };
    let before = settings.text("redis.address").unwrap_or_default();
    let (old_host, old_port) = before.rsplit_once(':').unwrap_or((before, "6379"));
    let address = format!("{}:{}", host.unwrap_or(old_host), port.unwrap_or(old_port));
    match find(KEYS, "redis.address") {
        Some(key) => settings.read(key, Raw::Bare(&address), Origin::Variable(name.to_owned())),
        None => Ok(()),
    }
}

fn is_known(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return true };
    let service_link = rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_");
    let other = OTHER_VARIABLES.iter().any(|(other, _)| *other == name);
    service_link || other || variables().any(|variable| variable == name)
}

/// Every variable of ours that is read, those for secret files included.
fn variables() -> impl Iterator<Item = String> {
    KEYS.iter().flat_map(|key| {
        let name = key.variable();
        let file = (key.secrecy != Secrecy::Open).then(|| format!("{name}{FILE}"));
        std::iter::once(name).chain(file)
    })
}

/// Whether the program reads a variable of this name.
#[must_use]
pub fn is_read(name: &str) -> bool {
    let shared = KEYS.iter().any(|key| {
        let file = name.strip_suffix(FILE).filter(|_| key.secrecy != Secrecy::Open);
        key.also.iter().any(|also| *also == name || Some(*also) == file)
    });
    shared || name.starts_with(PREFIX) && is_known(name)
}

fn unknown(name: &str) -> ConfigError {
    let names: Vec<String> = variables().collect();
    let others = OTHER_VARIABLES.iter().map(|(name, _)| *name);
    // Only secrets can be read from files.
    let bare = name.strip_suffix(FILE).filter(|bare| names.iter().any(|known| known == bare));
    let near = bare.or_else(|| nearest(name, names.iter().map(String::as_str).chain(others)));
    ConfigError::UnknownVariable { name: name.to_owned(), hint: hint(near) }
}
