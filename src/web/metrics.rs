//! `GET /metrics` for Prometheus, and the layer that counts requests by route.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::params::Call;
use super::problem::Problem;
use super::status::viewer;
use crate::metrics::{CONTENT_TYPE, Metrics, OTHER};

pub(super) async fn metrics(call: Call) -> Result<Response, Problem> {
    let scope = call.params(&["camera"])?.wide_scope()?;
    let text = call.web.service.exposition(&viewer(&call, scope)).await;
    let kind = HeaderValue::from_static(CONTENT_TYPE);
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Counts a request once the head of its answer is there.
pub(super) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let (began, pattern) = (Instant::now(), pattern(request.method(), request.uri().path()));
    let response = next.run(request).await;
    metrics.http.answered(&pattern, response.status().as_u16(), began.elapsed());
    response
}

/// The path with names in place of what a client chooses: the camera, and what stands behind its
/// resource. A page of another origin may ask by OPTIONS about any path at all: those are one.
fn pattern(method: &Method, path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        _ if *method == Method::OPTIONS => OTHER.to_owned(),
        ["", "assets", _] => "/assets/{file}".to_owned(),
        ["", "api", version, "cameras", _] => format!("/api/{version}/cameras/{{camera}}"),
        ["", "api", version, "cameras", _, resource] => {
            format!("/api/{version}/cameras/{{camera}}/{resource}")
        }
        ["", "api", version, "cameras", _, resource, _] => {
            format!("/api/{version}/cameras/{{camera}}/{resource}/{{item}}")
        }
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_holds_nothing_that_a_client_chooses() {
        for (path, expected) in [
            ("/", "/"),
            ("/assets/app.js", "/assets/{file}"),
            ("/api/v1/status", "/api/v1/status"),
            ("/api/v1/cameras", "/api/v1/cameras"),
            ("/api/v1/cameras/door", "/api/v1/cameras/{camera}"),
            ("/api/v1/cameras/door/latest.jpg", "/api/v1/cameras/{camera}/latest.jpg"),
            ("/api/v1/cameras/door/frames/17-1.jpg", "/api/v1/cameras/{camera}/frames/{item}"),
        ] {
            assert_eq!(pattern(&Method::GET, path), expected);
        }
        assert_eq!(pattern(&Method::OPTIONS, "/anything"), "other");
    }
}
