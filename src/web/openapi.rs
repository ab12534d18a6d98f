//! `GET /api/v1/openapi.json`: this API as an OpenAPI 3.1 document.
//!
//! The document is written by hand, as data: the types that answers are made of stand on lower floors
//! and know nothing of the web. Tests keep it true: an independent validator reads it, every route
//! stands in it and nothing else, and a client that is made from it alone checks what a running
//! server answers.

use axum::http::header;
use axum::response::IntoResponse;

const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}
