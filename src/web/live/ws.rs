//! `GET /api/v1/ws`: a wall of cameras and the events over one WebSocket (RFC 6455).
//!
//! Sixteen MJPEG images in a browser take all its connections; one socket shows 256 cameras. A picture
//! is a binary message: id (u16), zero (u16), the frame's unix nanoseconds (u64), sequence (u32), frames
//! skipped since the last message of this id (u32), all big-endian, then the JPEG. Everything else is
//! text: see `request`. One task a socket; what a slow socket could not take is skipped, per camera, and
//! a socket that takes nothing for [`WRITE_WITHIN`] or says nothing for [`SILENCE`] is closed.

mod view;

use std::time::Duration;

use axum::extract::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, pending};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use self::view::Wall;
use super::request::{self, Request};
use super::{Seats, events};
use crate::watch::Happening;
use crate::web::params::{Call, Params};
use crate::web::problem::Problem;

/// The longest message that a client may send, in bytes.
const MESSAGE_MAX: usize = 64 << 10;

/// How often a client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(15);

/// After so much silence a client is gone: three pings.
const SILENCE: Duration = Duration::from_secs(50);

/// How long a client may take for one message.
const WRITE_WITHIN: Duration = Duration::from_secs(20);

/// Why a socket ends.
enum End {
    /// The client left, or was given up.
    Gone,
    /// This process stops.
    Stopping,
}

pub(in crate::web) async fn open(
    call: Call,
    Extension(seats): Extension<Seats>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let params = call.params(&[])?;
    let upgrade = upgrade.map_err(|refused| {
        Problem::bad_input(format!(
            "this is a WebSocket, opened with ws://: {}",
            refused.body_text()
        ))
    })?;
    let seat = seats.take()?;
    let upgrade = upgrade.max_message_size(MESSAGE_MAX).max_frame_size(MESSAGE_MAX);
    Ok(upgrade.on_upgrade(|socket| async move {
        let _seat = seat;
        let wall = Wall::new(call.web.service.watch().clone(), call.web.thumbnails.clone());
        let stop = call.web.stop.clone();
        let mut session = Session {
            call,
            params,
            socket,
            wall,
            events: pending().boxed(),
            heard: Instant::now(),
        };
        let end = tokio::select! {
            end = session.run() => end,
            () = stop.cancelled() => End::Stopping,
        };
        session.close(&end).await;
    }))
}

/// One socket.
struct Session {
    call: Call,
    params: Params,
    socket: WebSocket,
    wall: Wall,
    events: BoxStream<'static, Happening>,
    /// When the client last said anything.
    heard: Instant,
}

impl Session {
    /// Serves until the client is gone.
    async fn run(&mut self) -> End {
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.tick().await;
        loop {
            let message = tokio::select! {
                received = self.socket.recv() => {
                    self.heard = Instant::now();
                    match received {
                        Some(Ok(Message::Text(text))) => {
                            let answers = self.take(text.as_str()).await;
                            if self.send_all(answers).await.is_err() {
                                return End::Gone;
                            }
                            continue;
                        }
                        Some(Ok(Message::Binary(_))) => {
                            Message::text(request::error("binary messages are not understood: send JSON text"))
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                    }
                }
                picture = self.wall.next() => Message::Binary(picture),
                happening = self.events.next() => match happening {
                    Some(Happening { cursor, followed }) => match events::told(&followed, &self.call.caller) {
                        Some((name, data)) => Message::text(request::event(cursor, name, &data)),
                        None => continue,
                    },
                    None => return End::Gone,
                },
                _ = ping.tick() => {
                    if self.heard.elapsed() > SILENCE {
                        return End::Gone;
                    }
                    Message::Ping(Bytes::new())
                }
            };
            if self.send_all([message]).await.is_err() {
                return End::Gone;
            }
        }
    }

    /// Does what a message asks for; answers what the client is told.
    async fn take(&mut self, text: &str) -> Vec<Message> {
        let requests = match request::read(text, &self.params) {
            Ok(requests) => requests,
            Err(detail) => return vec![Message::text(request::error(&detail))],
        };
        let mut answers = Vec::new();
        for request in requests {
            match request {
                Request::Subscribe(wishes) => {
                    answers.push(Message::text(request::subscribed(&wishes)));
                    self.wall.show(wishes);
                }
                Request::Events(None) => self.events = pending().boxed(),
                Request::Events(Some((interest, after))) => {
                    let watch = self.call.web.service.watch();
                    let (cursor, happenings) = watch.follow(interest, after).await;
                    self.events = happenings;
                    answers.push(Message::text(request::following(cursor)));
                }
            }
        }
        answers
    }

    /// Sends, unless the client does not take it in time.
    async fn send_all(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), ()> {
        for message in messages {
            let sent = timeout(WRITE_WITHIN, self.socket.send(message)).await;
            sent.map_err(|_| ())?.map_err(|_| ())?;
        }
        Ok(())
    }

    async fn close(mut self, end: &End) {
        let frame = match end {
            End::Gone => return,
            End::Stopping => {
                CloseFrame { code: close_code::AWAY, reason: "the server stops: come again".into() }
            }
        };
        let _ =
            timeout(Duration::from_secs(1), self.socket.send(Message::Close(Some(frame)))).await;
    }
}
