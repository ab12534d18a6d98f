//! The one TLS provider of the process.
//!
//! The HTTP client brings no cryptography of its own; without this call it panics. Ring is taken
//! because it builds with a C compiler alone.

/// Makes ring the provider of every TLS client and server in this process; later calls do nothing.
pub fn install_provider() {
    // An error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
