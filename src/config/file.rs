//! Reads TOML into settings, key by key against the table of keys.
//!
//! A file is walked instead of deserialized, so that each value keeps the line it stands on and a
//! mistyped key is met with the nearest right one. Lists in environment variables are read the same
//! way. The only file that names the toml crate.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::error::{ConfigError, hint};
use super::keys::{CLUSTER, IGNORED, KEYS, Key, find, nearest};
use super::settings::{Origin, Settings};
use super::value::{Kind, Raw, Value};

/// A text of TOML and how to say where in it something stands.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    /// The start of the text: a file gets lines counted from it, anything else is one place.
    pub(super) origin: Origin,
}

impl Source<'_> {
    fn place(&self, offset: usize) -> Origin {
        match &self.origin {
            Origin::File { path, .. } => {
                let before = &self.text.as_bytes()[..offset.min(self.text.len())];
                let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
                Origin::File { path: path.clone(), line }
            }
            other => other.clone(),
        }
    }

    fn parse(&self) -> Result<DeTable<'_>, ConfigError> {
        DeTable::parse(self.text).map(Spanned::into_inner).map_err(|error| {
            let place = self.place(error.span().map_or(0, |span| span.start));
            let message = error.message().lines().next().unwrap_or("unreadable").to_owned();
            ConfigError::Syntax { place, message }
        })
    }

    /// Puts what a file says over `settings`; answers edge-video's keys that mean nothing here.
    ///
    /// # Errors
    /// The first place that is no TOML, no known key or no fitting value.
    pub(super) fn read_into(&self, settings: &mut Settings) -> Result<Vec<String>, ConfigError> {
        let mut ignored = Vec::new();
        for (name, value) in &self.parse()? {
            if IGNORED.contains(&name.get_ref().as_ref()) {
                ignored.push(name.get_ref().clone().into_owned());
                continue;
            }
            match (is_section(name.get_ref()), value.get_ref()) {
                (true, DeValue::Table(section)) => {
                    for (inner, value) in section {
                        let dotted = format!("{}.{}", name.get_ref(), inner.get_ref());
                        self.entry(&dotted, inner.span().start, value, settings)?;
                    }
                }
                (true, _) => {
                    let message = format!(
                        "{name} is a section, no single value: write [{name}] on a line of its own and its keys below",
                        name = name.get_ref()
                    );
                    return Err(ConfigError::refused(self.place(name.span().start), message));
                }
                (false, _) => self.entry(name.get_ref(), name.span().start, value, settings)?,
            }
        }
        Ok(ignored)
    }

    /// Reads the text of one list, e.g. `[{id = "cam1", url = "..."}]`, as the value of `key`.
    ///
    /// # Errors
    /// As for a file; the place is always the origin of this source.
    pub(super) fn read_list(
        list: &str,
        origin: Origin,
        key: &'static Key,
    ) -> Result<Value, ConfigError> {
        let text = format!("list = {list}");
        let source = Source { text: &text, origin };
        let table = source.parse()?;
        let value = table.get("list").map(Spanned::get_ref);
        source.items(key, value.unwrap_or(&DeValue::Boolean(false)), 0)
    }

    fn entry(
        &self,
        name: &str,
        at: usize,
        value: &Spanned<DeValue<'_>>,
        settings: &mut Settings,
    ) -> Result<(), ConfigError> {
        let place = self.place(at);
        let Some(key) = find(KEYS, name) else {
            return Err(unknown(name, place));
        };
        if matches!(key.kind, Kind::Items(_)) {
            let items = self.items(key, value.get_ref(), at)?;
            settings.put(key, items, place);
            return Ok(());
        }
        with_raw(value.get_ref(), |raw| settings.read(key, raw, place))
    }

    fn items(
        &self,
        key: &'static Key,
        value: &DeValue<'_>,
        at: usize,
    ) -> Result<Value, ConfigError> {
        let empty = DeArray::new();
        let list = match value {
            DeValue::Array(list) => list,
            DeValue::String(text) if text.is_empty() => &empty,
            _ => {
                let message = format!(
                    "{name} must be a list of tables: write [[{name}]] above each",
                    name = key.name
                );
                return Err(ConfigError::refused(self.place(at), message));
            }
        };
        let items = (1..).zip(list.iter());
        let items = items.map(|(number, item)| self.item(key, number, item));
        items.collect::<Result<_, _>>().map(Value::Items)
    }

    fn item(
        &self,
        list: &'static Key,
        number: usize,
        item: &Spanned<DeValue<'_>>,
    ) -> Result<Settings, ConfigError> {
        let mut settings = Settings::empty(self.place(item.span().start));
        let (DeValue::Table(table), Kind::Items(keys)) = (item.get_ref(), list.kind) else {
            let message = format!("{} number {number} must be a table", list.name);
            return Err(ConfigError::refused(settings.origin, message));
        };
        for (name, value) in table {
            let place = self.place(name.span().start);
            let Some(key) = find(keys, name.get_ref()) else {
                let near = nearest(name.get_ref(), keys.iter().map(|key| key.name));
                let key = format!("{}.{}", list.name, name.get_ref());
                return Err(ConfigError::UnknownKey { place, key, hint: hint(near) });
            };
            with_raw(value.get_ref(), |raw| settings.read(key, raw, place))
                .map_err(|error| error.within(&format!("{}[{number}]", list.name)))?;
        }
        Ok(settings)
    }
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(section, _)| section == name))
}

fn unknown(name: &str, place: Origin) -> ConfigError {
    if name.strip_prefix("redis.").is_some_and(|inner| CLUSTER.contains(&inner)) {
        let message = format!(
            "{name}: Redis Cluster and Sentinel are not supported yet: remove this key and name one server by redis.address or redis.url"
        );
        return ConfigError::refused(place, message);
    }
    let sections = KEYS.iter().filter_map(|key| key.name.split_once('.')).map(|(name, _)| name);
    let near = nearest(name, KEYS.iter().map(|key| key.name).chain(sections));
    ConfigError::UnknownKey { place, key: name.to_owned(), hint: hint(near) }
}

/// Hands a TOML value on without the types of the parser.
fn with_raw<T>(value: &DeValue<'_>, then: impl FnOnce(Raw<'_>) -> T) -> T {
    match value {
        DeValue::Boolean(given) => then(Raw::Bool(*given)),
        DeValue::String(text) => then(Raw::Quoted(text)),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) => then(Raw::Whole(number)),
            Err(_) => then(Raw::Other("a number that is too large")),
        },
        DeValue::Float(digits) => match digits.as_str().parse() {
            Ok(number) => then(Raw::Number(number)),
            Err(_) => then(Raw::Other("a number that is too large")),
        },
        DeValue::Array(list) => match texts(list) {
            Some(lines) => then(Raw::List(&lines)),
            None => then(Raw::Other("a list")),
        },
        DeValue::Table(_) => then(Raw::Other("a table")),
        DeValue::Datetime(_) => then(Raw::Other("a date")),
    }
}

/// A list of nothing but one-line texts, one a line.
fn texts(list: &DeArray<'_>) -> Option<String> {
    let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(text) if !text.contains('\n') => Some(text.clone().into_owned()),
        _ => None,
    };
    list.iter().map(text).collect::<Option<Vec<_>>>().map(|texts| texts.join("\n"))
}
