//! Which keys differ between two readings of the configuration, when a running process reads it again.
//!
//! Cameras and `target_fps` are taken over at once; every other key needs a restart, and is named.

use std::fmt;

use super::Loaded;
use super::keys::KEYS;
use super::settings::Settings;

/// The keys that a running process takes over.
const TAKEN_OVER: [&str; 2] = ["cameras", "target_fps"];

/// The values in force, secrets included: never shown.
#[derive(Clone)]
pub(super) struct Values(Settings);

impl Values {
    pub(super) fn new(settings: Settings) -> Self {
        Self(settings)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Values(..)")
    }
}

impl Loaded {
    /// The keys that have another value in `newer` and that only a restart brings into force, in the
    /// order of the table of keys.
    #[must_use]
    pub fn changed_for_good(&self, newer: &Self) -> Vec<&'static str> {
        let keys = KEYS.iter().map(|key| key.name).filter(|name| !TAKEN_OVER.contains(name));
        keys.filter(|name| !same(&self.values.0, &newer.values.0, name)).collect()
    }
}

/// Whether a key has the same value, wherever it was set.
fn same(one: &Settings, other: &Settings, name: &str) -> bool {
    let items = (one.items(name), other.items(name));
    if !items.0.is_empty() || !items.1.is_empty() {
        return items.0.len() == items.1.len()
            && items.0.iter().zip(items.1).all(|(one, other)| one.has_values_of(other));
    }
    one.get(name).map(|setting| &setting.value) == other.get(name).map(|setting| &setting.value)
}
