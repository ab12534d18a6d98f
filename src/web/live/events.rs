//! `GET /api/v1/events`: frames and status messages as server-sent events.
//!
//! `frame` carries the announcement as consumers of the bus see it, `status` the routing key and the
//! message, `missed` how many messages were lost, null where that is not known. Each has an id: who
//! comes back with it, as `Last-Event-ID` or `after`, is given what it missed. A block with an id and
//! nothing else comes first, so that a client that saw no event yet can come back too; the header
//! `X-Event-Id` says the same to programs that do not keep ids of such blocks.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use axum::extract::Extension;
use axum::http::HeaderName;
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::Seats;
use crate::watch::{Cursor, Followed, Happening};
use crate::web::caller::Caller;
use crate::web::params::{Call, Params};
use crate::web::problem::Problem;

/// A comment after so much silence, so that both ends notice a dead connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where the stream starts.
const EVENT_ID: HeaderName = HeaderName::from_static("x-event-id");

pub(in crate::web) async fn follow(
    call: Call,
    Extension(seats): Extension<Seats>,
) -> Result<Response, Problem> {
    let params = call.params(&["camera", "after"])?;
    let interest = super::interest(&params)?;
    let after = after(&call, &params)?;
    let seat = seats.take()?;
    let (cursor, happenings) = call.web.service.watch().follow(interest, after).await;
    let begin = Event::default().id(cursor.to_string());
    let told = happenings
        .take_until(call.web.stop.clone().cancelled_owned())
        .filter_map(move |happening| ready(event(&happening, &call.caller)));
    let events = stream::iter([begin]).chain(told).map(move |event| {
        let _held = &seat;
        Ok::<_, Infallible>(event)
    });
    let alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let id = [(EVENT_ID, cursor.to_string())];
    Ok((id, Sse::new(events).keep_alive(alive)).into_response())
}

/// Where the client was. A browser that comes back by itself sends the header and repeats the address,
/// so the header is the newer one.
fn after(call: &Call, params: &Params) -> Result<Option<Cursor>, Problem> {
    let header = call.headers.get("last-event-id").filter(|id| !id.is_empty());
    let Some(id) = header else { return params.name("after") };
    let text = String::from_utf8_lossy(id.as_bytes());
    text.parse().map(Some).map_err(Problem::bad_input)
}

/// The name and the data of what happened, for this caller; `None` for a status that is no JSON. How
/// many messages were lost counts those of every tenant: who may see one only is told that some were.
pub(super) fn told(followed: &Followed, caller: &Caller) -> Option<(&'static str, String)> {
    Some(match followed {
        Followed::Frame(announcement) => ("frame", String::from_utf8(announcement.to_json()).ok()?),
        Followed::Status { routing_key, body } => {
            let message: Value = serde_json::from_slice(body).ok()?;
            ("status", json!({ "routing_key": routing_key, "message": message }).to_string())
        }
        Followed::Missed { count } => {
            let count = count.filter(|_| caller.tenant.is_none());
            ("missed", json!({ "count": count }).to_string())
        }
    })
}

fn event(happening: &Happening, caller: &Caller) -> Option<Event> {
    let (name, data) = told(&happening.followed, caller)?;
    Some(Event::default().event(name).id(happening.cursor.to_string()).data(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_others_lost_is_told_to_nobody_of_one_tenant() {
        let missed = Followed::Missed { count: Some(7) };
        let bound = Caller { tenant: "shop".parse().ok(), write: true };
        let said = |caller: &Caller| told(&missed, caller);
        assert_eq!(said(&Caller::anyone()), Some(("missed", "{\"count\":7}".to_owned())));
        assert_eq!(said(&bound), Some(("missed", "{\"count\":null}".to_owned())));
    }
}
