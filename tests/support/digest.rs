//! SHA-256 as Python's `hexdigest` prints it, to compare frames across programs.

use sha2::{Digest as _, Sha256};

/// 64 hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
