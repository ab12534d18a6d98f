//! The one place that maps errors to HTTP: problem details as of RFC 9457.
//!
//! `type` is `urn:framecache:error:<kind>` and is what programs should look at; `detail` is the one
//! sentence for people. A remote service reads both back into the same `ServiceError`.

use std::time::Duration;

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::service::{ErrorKind, ServiceError};

/// Seconds after which a client may come again, where nothing better is known.
pub(super) const RETRY_AFTER: u64 = 1;

/// An answer that says what was wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    kind: &'static str,
    status: StatusCode,
    title: &'static str,
    detail: String,
    retry_after: Option<u64>,
}

impl Problem {
    /// The request is wrong.
    #[expect(clippy::needless_pass_by_value, reason = "so that it fits into map_err")]
    pub(super) fn bad_input(detail: impl ToString) -> Self {
        ServiceError { kind: ErrorKind::BadInput, message: detail.to_string() }.into()
    }

    /// Whoever asks must not do this.
    pub(super) fn denied(detail: &str) -> Self {
        ServiceError::new(ErrorKind::Denied, detail).into()
    }

    /// What was asked for needs a program that is not there.
    pub(super) fn not_possible(detail: String) -> Self {
        let (kind, status) = ("not-possible", StatusCode::NOT_IMPLEMENTED);
        Self { kind, status, title: "Not possible here", detail, retry_after: None }
    }

    /// The sentence for people.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// What was asked for does not live here.
    pub(super) fn not_found(detail: String) -> Self {
        let (kind, status) = ("not-found", StatusCode::NOT_FOUND);
        Self { kind, status, title: "Nothing found", detail, retry_after: None }
    }

    /// The frame is there, but no picture can be made of it.
    pub(super) fn undecodable(detail: String) -> Self {
        let (kind, status) = ("undecodable", StatusCode::UNPROCESSABLE_ENTITY);
        Self { kind, status, title: "No picture can be made", detail, retry_after: None }
    }

    /// There is a frame, but none that is fresh enough.
    pub(super) fn stale(detail: String) -> Self {
        let (kind, status) = ("stale", StatusCode::SERVICE_UNAVAILABLE);
        Self { kind, status, title: "No fresh frame", detail, retry_after: Some(RETRY_AFTER) }
    }

    /// What was asked for lived here and does no more.
    pub(super) fn gone(detail: String) -> Self {
        let (kind, status) = ("gone", StatusCode::GONE);
        Self { kind, status, title: "No longer there", detail, retry_after: None }
    }

    /// The status that it is answered with.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// What is answered.
    pub(super) fn body(&self) -> Value {
        json!({
            "type": format!("urn:framecache:error:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        })
    }

    /// No such page.
    pub(super) fn unknown_path(path: &str) -> Self {
        let (kind, status) = ("unknown-path", StatusCode::NOT_FOUND);
        let detail = format!("nothing is served at {path}: / lists what is");
        Self { kind, status, title: "Unknown path", detail, retry_after: None }
    }

    /// Who asks was not recognized.
    pub(super) fn unauthorized(detail: &str) -> Self {
        let (kind, status) = ("unauthorized", StatusCode::UNAUTHORIZED);
        let detail = detail.to_owned();
        Self { kind, status, title: "Token needed", detail, retry_after: None }
    }

    /// The client means another server.
    pub(super) fn unknown_host(detail: String) -> Self {
        let (kind, status) = ("unknown-host", StatusCode::MISDIRECTED_REQUEST);
        Self { kind, status, title: "Unknown host", detail, retry_after: None }
    }

    /// The client asks too often, and should come again after `wait`.
    pub(super) fn too_many(detail: &str, wait: Duration) -> Self {
        let (kind, status) = ("too-many-requests", StatusCode::TOO_MANY_REQUESTS);
        let (detail, retry_after) = (detail.to_owned(), Some(wait.as_secs() + 1));
        Self { kind, status, title: "Too many requests", detail, retry_after }
    }

    /// A part was asked for of which a file of `size` bytes has nothing.
    pub(super) fn unsatisfiable(size: u64) -> Self {
        let (kind, status) = ("range", StatusCode::RANGE_NOT_SATISFIABLE);
        let detail = format!("the file has {size} bytes: ask for a part of these");
        Self { kind, status, title: "No such part", detail, retry_after: None }
    }

    /// The path exists, but not for this method.
    pub(super) fn unknown_method(method: &Method, path: &str) -> Self {
        let (kind, status) = ("unknown-method", StatusCode::METHOD_NOT_ALLOWED);
        let detail = format!("{path} does not take {method}: the header Allow says what it takes");
        Self { kind, status, title: "Method not allowed", detail, retry_after: None }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let (kind, status, title) = match error.kind {
            ErrorKind::BadInput => ("bad-input", StatusCode::BAD_REQUEST, "Bad request"),
            ErrorKind::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
            ErrorKind::Denied => ("denied", StatusCode::FORBIDDEN, "Denied"),
            ErrorKind::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Come again")
            }
            ErrorKind::Refused => ("refused", StatusCode::BAD_GATEWAY, "Refused by the backend"),
            ErrorKind::Internal => {
                ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
            }
        };
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER);
        Self { kind, status, title, detail: error.message, retry_after }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = (status, self.body().to_string()).into_response();
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        if let Some(secs) = retry_after {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
