//! How a running `up` is asked: whom the client trusts, and the token that it shows.

use std::path::PathBuf;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, redirect};

use super::answer::{CONNECT_TIMEOUT, root};
use super::{ErrorKind, ServiceError};
use crate::config::Secret;

/// What lets a client in, and by what it knows the server.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The token, sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// With `https://`, trust the authorities in this PEM file instead of those of the system.
    pub ca: Option<PathBuf>,
}

/// A client for the server at `base`. Blocks on reading the authorities.
///
/// # Errors
/// [`ErrorKind::BadInput`] for a file or token that cannot be used.
pub(crate) fn builder(base: &str, by: &Credentials) -> Result<ClientBuilder, ServiceError> {
    crate::tls::install_provider();
    let builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .default_headers(headers(by)?)
        .no_proxy();
    let builder = match &by.ca {
        // Without TLS the system's certificates are not needed, and may not be there.
        _ if !base.starts_with("https:") => builder.tls_certs_only([]),
        Some(path) => builder.tls_certs_only(authorities(path)?),
        None => builder,
    };
    Ok(builder)
}

/// The finished client.
pub(crate) fn build(builder: ClientBuilder) -> Result<Client, ServiceError> {
    builder.build().map_err(|error| {
        let said = format!("the HTTP client fails: {}", root(&error));
        ServiceError::new(ErrorKind::Internal, said)
    })
}

fn headers(by: &Credentials) -> Result<HeaderMap, ServiceError> {
    let mut headers = HeaderMap::new();
    if let Some(token) = &by.token {
        let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
        let mut value = value.map_err(|_| {
            let said = "the token holds characters that no token has: give it as it was printed";
            ServiceError::new(ErrorKind::BadInput, said)
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn authorities(path: &PathBuf) -> Result<Vec<Certificate>, ServiceError> {
    let bad = |why: String| {
        let said =
            format!("cannot read certificates from {}: {why}; give a PEM file", path.display());
        ServiceError::new(ErrorKind::BadInput, said)
    };
    let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&text).map_err(|error| bad(root(&error)))?;
    if found.is_empty() {
        return Err(bad("it holds none".to_owned()));
    }
    Ok(found)
}
