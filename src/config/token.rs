//! Tokens of the HTTP API: what the configuration keeps of them, and how one is recognized.
//!
//! Only hashes are configured. A plain SHA-256 is right for them, and a slow password hash would be
//! wrong: a token is 256 random bits, so there is nothing to guess however fast a guess is, and a
//! request must not cost the server a tenth of a second. What people could remember must not be
//! used as a token; `framecache token new` makes them.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::model::name::{CameraId, Tenant};

use super::error::ConfigError;
use super::settings::Settings;

/// How a hash is written: this and 64 hex digits.
const SCHEME: &str = "sha256:";

/// The most tokens that may be configured: every request is held against each.
const MAX: usize = 1000;

/// The SHA-256 of a token.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token as its holder presents it.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether both are the same, in a time that tells nothing of where they differ.
    #[must_use]
    pub fn same(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }

    /// The 32 bytes of the hash.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.same(other).into()
    }
}

impl Eq for TokenHash {}

impl FromStr for TokenHash {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.strip_prefix(SCHEME).filter(|digits| digits.len() == 64).ok_or(())?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| ())?;
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(());
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One `[[tokens]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenConfig {
    /// Who holds it, for logs; unique.
    pub name: CameraId,
    /// By what it is recognized; unique.
    pub hash: TokenHash,
    /// The one tenant that it may see; `None` = all.
    pub tenant: Option<Tenant>,
    /// Whether it may push, delete and control.
    pub write: bool,
}

/// Checks the list of tokens.
pub(super) fn read_tokens(settings: &Settings) -> Result<Vec<TokenConfig>, ConfigError> {
    let items = settings.items("tokens");
    if items.len() > MAX {
        let message = format!("{} tokens are too many: at most {MAX} are allowed", items.len());
        return Err(ConfigError::refused(settings.origin("tokens"), message));
    }
    let mut tokens: Vec<TokenConfig> = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let token = read_token(number, item)?;
        let twin = |other: &TokenConfig| other.name == token.name || other.hash == token.hash;
        if let Some(at) = tokens.iter().position(twin) {
            let key = if tokens[at].name == token.name { "name" } else { "hash" };
            let message =
                format!("tokens {} and {number} have the same {key}: give each its own", at + 1);
            return Err(ConfigError::refused(item.origin(key), message));
        }
        tokens.push(token);
    }
    Ok(tokens)
}

fn read_token(number: usize, item: &Settings) -> Result<TokenConfig, ConfigError> {
    let refuse = |key: &str, message: &str| {
        ConfigError::refused(item.origin(key), format!("token {number}: {message}"))
    };
    let name =
        item.text("name").ok_or_else(|| refuse("name", "add name = \"...\", who holds it"))?;
    let name = CameraId::new(name).map_err(|_| {
        refuse("name", "its name must be 1 to 64 letters, digits, '.', '_' or '-', not starting with '.' or '-'")
    })?;
    // What stands there may be the token itself, so it is not repeated.
    let hash = item.text("hash").and_then(|text| text.parse().ok()).ok_or_else(|| {
        refuse("hash", "hash must be \"sha256:\" and 64 hex digits: `framecache token new` prints it; the token itself must not stand here")
    })?;
    let tenant = match item.text("tenant") {
        None => {
            return Err(refuse(
                "tenant",
                "add tenant = \"...\", the one it may see, or \"*\" for all",
            ));
        }
        Some("*") => None,
        Some(text) => {
            Some(Tenant::new(text).map_err(|error| refuse("tenant", &error.to_string()))?)
        }
    };
    Ok(TokenConfig { name, hash, tenant, write: item.text("access") == Some("write") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_printed_as_it_is_read_and_odd_ones_are_refused() {
        let known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::of("abc").to_string(), known);
        assert_eq!(known.parse(), Ok(TokenHash::of("abc")));
        assert_ne!(TokenHash::of("abd"), TokenHash::of("abc"));
        for odd in ["", "abc", "sha256:", &known[7..], &known[..70], &known.replace('b', "+")] {
            assert_eq!(odd.parse::<TokenHash>(), Err(()), "{odd}");
        }
        let upper = known.to_uppercase().replace("SHA256", "sha256");
        assert_eq!(upper.parse(), Ok(TokenHash::of("abc")));
    }
}
