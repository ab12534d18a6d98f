//! `/api/v1/session`: the page exchanges a token for a cookie, because pictures and sockets of a
//! browser send no header of ours.
//!
//! GET says what the caller may do and needs no token; POST takes `{"token": "..."}`; DELETE ends
//! the session. The token is never repeated and never logged.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::{Peer, sessions};
use crate::model::name::Tenant;
use crate::service::{ErrorKind, ServiceError};
use crate::web::caller::{Asker, Stranger};
use crate::web::problem::Problem;
use crate::web::{WebState, body};

/// The longest body of a POST, in bytes.
const BODY_MAX: usize = 4096;

#[derive(Serialize)]
pub(crate) struct Session {
    /// `open`: nobody needs a token; `token`: everybody does.
    access: &'static str,
    /// The one tenant that the caller may see.
    tenant: Option<Tenant>,
    write: bool,
    /// Whether the caller need not show a token any more.
    signed_in: bool,
}

#[derive(Deserialize)]
struct SignIn {
    token: String,
}

pub(crate) async fn show(
    State(web): State<Arc<WebState>>,
    Extension(Asker(asker)): Extension<Asker>,
) -> Json<Session> {
    let access = if web.access.tokens.is_empty() { "open" } else { "token" };
    Json(match asker {
        Ok(caller) => {
            Session { access, tenant: caller.tenant, write: caller.write, signed_in: true }
        }
        Err(_) => Session { access, tenant: None, write: false, signed_in: false },
    })
}

pub(crate) async fn sign_in(
    State(web): State<Arc<WebState>>,
    peer: Option<Extension<Peer>>,
    body: Body,
) -> Result<Response, Problem> {
    let access = &web.access;
    if access.tokens.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let body = body::small(body, BODY_MAX).await?;
    // The parser's own words would repeat a part of what was sent.
    let sent: SignIn = serde_json::from_slice(&body)
        .map_err(|_| Problem::bad_input("send the token as JSON: {\"token\": \"...\"}"))?;
    let Some(token) = access.tokens.find(sent.token.trim()) else {
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |Extension(peer)| peer.0);
        access.wrong_token(peer)?;
        return Err(Stranger::WrongToken.into());
    };
    let failed = |error| {
        ServiceError::new(ErrorKind::Internal, format!("the system gives no random bytes: {error}"))
    };
    let id = access.sessions.open(token, web.clock.now()).map_err(failed)?;
    Ok(answer(&id, access.by_tls))
}

pub(crate) async fn sign_out(State(web): State<Arc<WebState>>, headers: HeaderMap) -> Response {
    if let Some(id) = sessions::cookie(&headers) {
        web.access.sessions.close(id);
    }
    answer("", web.access.by_tls)
}

fn answer(id: &str, by_tls: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = sessions::set_cookie(id, by_tls) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
