//! Follows a running `up` by server-sent events, across its restarts.
//!
//! When the stream breaks it is opened again, for ever, waiting longer after each failure, from the last
//! event on: the server gives what was missed, so frames may come twice, and none is left out while it
//! lives. Only where the server gave no id, or does not know it, is the follower told that it missed
//! an unknown number of messages.

use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde::Deserialize;
use serde_json::Value;

use super::answer::Http;
use super::{ErrorKind, Followed, ServiceError};
use crate::backoff::Backoff;
use crate::model::event::Announcement;

const WAIT_MIN: Duration = Duration::from_millis(200);
const WAIT_MAX: Duration = Duration::from_secs(10);

type Events = BoxStream<'static, Result<Event, EventStreamError<reqwest::Error>>>;

struct Follower {
    http: Http,
    events: Option<Events>,
    /// The id of the last event, or of the place where the stream began.
    last: Option<String>,
    backoff: Backoff,
}

/// Everything from now on; the first connection must succeed.
pub(super) async fn follow(http: Http) -> Result<BoxStream<'static, Followed>, ServiceError> {
    let (last, events) = open(&http, None).await?;
    let backoff = Backoff::new(WAIT_MIN, WAIT_MAX);
    let follower = Follower { http, events: Some(events), last, backoff };
    let followed = stream::unfold(follower, |mut follower| async move {
        let next = follower.next().await;
        Some((next, follower))
    });
    Ok(followed.boxed())
}

/// The events after the one with this id, and the id of where they begin.
async fn open(http: &Http, after: Option<&str>) -> Result<(Option<String>, Events), ServiceError> {
    let response = http.events(after).await?;
    let begin = response.headers().get("x-event-id").and_then(|id| id.to_str().ok());
    let begin = begin.map(str::to_owned);
    Ok((begin, response.bytes_stream().eventsource().boxed()))
}

impl Follower {
    async fn next(&mut self) -> Followed {
        loop {
            let Some(events) = &mut self.events else {
                tokio::time::sleep(self.backoff.next_wait()).await;
                match open(&self.http, self.last.as_deref()).await {
                    Ok((begin, events)) => {
                        let resumed = self.last.is_some() && begin.is_some();
                        (self.events, self.last) = (Some(events), begin);
                        if !resumed {
                            return Followed::Missed { count: None };
                        }
                    }
                    // Another server, which counts otherwise: from now on.
                    Err(error) if error.kind == ErrorKind::BadInput => self.last = None,
                    Err(error) => tracing::debug!("events are not followed yet: {error}"),
                }
                continue;
            };
            match events.next().await {
                Some(Ok(event)) => {
                    self.backoff.reset();
                    if !event.id.is_empty() {
                        self.last = Some(event.id.clone());
                    }
                    if let Some(followed) = read(&event) {
                        return followed;
                    }
                }
                Some(Err(_)) | None => {
                    tracing::warn!("the events of {} broke off; trying again", self.http.place());
                    self.events = None;
                }
            }
        }
    }
}

/// What an event says; events of a newer server that are not known here are passed over.
fn read(event: &Event) -> Option<Followed> {
    #[derive(Deserialize)]
    struct Status {
        routing_key: String,
        message: Value,
    }
    #[derive(Deserialize)]
    struct Missed {
        count: Option<u64>,
    }
    let data = event.data.as_bytes();
    let followed = match event.event.as_str() {
        "frame" => Announcement::from_json(data).ok().map(Followed::Frame),
        "status" => serde_json::from_slice(data).ok().map(|Status { routing_key, message }| {
            Followed::Status { routing_key, body: Bytes::from(message.to_string()) }
        }),
        "missed" => {
            serde_json::from_slice(data).ok().map(|Missed { count }| Followed::Missed { count })
        }
        _ => None,
    };
    if followed.is_none() {
        tracing::debug!("an event {:?} is passed over: it is not understood", event.event);
    }
    followed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event: &str, data: &str) -> Event {
        Event { event: event.to_owned(), data: data.to_owned(), ..Event::default() }
    }

    #[test]
    fn events_are_read_and_odd_ones_passed_over() {
        let body = Bytes::from_static(b"{\"a\":1}");
        let status = Followed::Status { routing_key: "k".to_owned(), body };
        for (name, data, expected) in [
            ("missed", "{\"count\":3}", Some(Followed::Missed { count: Some(3) })),
            ("missed", "{\"count\":null}", Some(Followed::Missed { count: None })),
            ("status", "{\"routing_key\":\"k\",\"message\":{\"a\":1}}", Some(status)),
            ("status", "{\"a\":1}", None),
            ("frame", "{\"event_type\":\"frame\",\"redis_key\":\"no key\"}", None),
            ("message", "hello", None),
        ] {
            assert_eq!(read(&event(name, data)), expected, "{name} {data}");
        }
    }
}
