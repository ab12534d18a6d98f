//! Which pages of other origins may read answers: CORS, as configured.
//!
//! Cookies are never allowed along: they are of this site only, so such a page sends a token.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may keep the answer to a preflight.
const KEPT: Duration = Duration::from_secs(3600);

/// Headers of ours that a page may send.
const SENT: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    header::RANGE,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("x-timestamp"),
];

/// Headers of ours that a page may read.
const READ: [HeaderName; 11] = [
    header::AGE,
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::CONTENT_DISPOSITION,
    HeaderName::from_static("x-frame-key"),
    HeaderName::from_static("x-frame-timestamp-ns"),
    HeaderName::from_static("x-frame-distance-ns"),
    HeaderName::from_static("x-frame-expires-ns"),
    HeaderName::from_static("x-frame-seq"),
    HeaderName::from_static("x-event-id"),
];

/// The layer for these origins; none where no page is let in.
pub(super) fn layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let layer = CorsLayer::new().allow_origin(allowed).allow_methods(methods).max_age(KEPT);
    Some(layer.allow_headers(SENT).expose_headers(READ))
}
