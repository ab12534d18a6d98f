//! A list of any length as one JSON answer that is written while the store is read.
//!
//! One piece of at most a thousand frames is held at a time, and the next is read when the client
//! has taken the one before. Where the store fails midway the connection is cut, so that no client
//! takes the beginning of a list for the whole.

use std::io;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::frames::Item;
use super::problem::Problem;
use crate::query::Listed;
use crate::service::ServiceError;

type Pieces = BoxStream<'static, Result<Listed, ServiceError>>;

/// The whole list. What fails before its first piece is a problem, what fails later cuts it off.
pub(super) async fn answer(
    mut pieces: Pieces,
    stop: &CancellationToken,
) -> Result<Response, Problem> {
    let first = pieces.next().await.transpose()?;
    let pieces = stream::iter(first.map(Ok)).chain(pieces).boxed();
    let body = Body::from_stream(written(pieces, stop.clone()));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Where the writing of a list stands.
struct Writing {
    pieces: Pieces,
    stop: CancellationToken,
    begun: bool,
    ended: bool,
}

fn written(
    pieces: Pieces,
    stop: CancellationToken,
) -> BoxStream<'static, Result<Bytes, io::Error>> {
    let writing = Writing { pieces, stop, begun: false, ended: false };
    stream::try_unfold(writing, |mut writing| async move {
        if writing.ended {
            return Ok(None);
        }
        let text = writing.next().await?;
        Ok(Some((Bytes::from(text), writing)))
    })
    .boxed()
}

impl Writing {
    async fn next(&mut self) -> Result<Vec<u8>, io::Error> {
        let piece = tokio::select! {
            piece = self.pieces.next() => piece,
            () = self.stop.cancelled() => None,
        };
        let cut = || io::Error::other("the list is cut off: the process ends");
        let piece = piece.ok_or_else(cut)?.map_err(|error| {
            tracing::warn!("a list was cut off: {error}");
            io::Error::other(error)
        })?;
        let mut text = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            text.extend_from_slice(b"{\"frames\":[");
        } else if matches!(piece, Listed::Frames(_)) {
            text.push(b',');
        }
        match piece {
            Listed::Frames(frames) => {
                for (place, frame) in frames.into_iter().enumerate() {
                    if place > 0 {
                        text.push(b',');
                    }
                    serde_json::to_writer(&mut text, &Item::of(frame)).map_err(io::Error::other)?;
                }
            }
            Listed::End(end) => {
                let (dead, foreign, scanned) = (json!(end.dead), json!(end.foreign), end.scanned);
                let counts = format!("\"dead\":{dead},\"foreign\":{foreign},\"scanned\":{scanned}");
                text.extend_from_slice(format!("],{counts},\"next_cursor\":null}}").as_bytes());
                self.ended = true;
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::Router;
    use axum::routing::get;

    use super::*;
    use crate::model::frame::FrameInfo;
    use crate::query::RangeAnswer;
    use crate::service::ErrorKind;

    fn frames(from: u32, count: u32) -> Result<Listed, ServiceError> {
        let frame = |seq: u32| FrameInfo {
            key: format!("t:f:c:1731024000000000000:{seq:05}").parse().unwrap(),
            size: Some(seq),
            expires_at: None,
            dimensions: None,
        };
        Ok(Listed::Frames((from..from + count).map(frame).collect()))
    }

    fn end() -> Result<Listed, ServiceError> {
        Ok(Listed::End(RangeAnswer {
            dead: 3,
            foreign: 1,
            scanned: true,
            ..RangeAnswer::default()
        }))
    }

    fn away() -> Result<Listed, ServiceError> {
        Err(ServiceError::new(ErrorKind::Unavailable, "the store does not answer"))
    }

    /// What a client of a real server gets for these pieces; `None` when it sees that it was cut off.
    async fn fetched(pieces: Vec<Result<Listed, ServiceError>>) -> Option<(u16, String)> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let respond = move || {
            let pieces = pieces.clone();
            async move { answer(stream::iter(pieces).boxed(), &CancellationToken::new()).await }
        };
        let server = tokio::spawn(async move {
            axum::serve(listener, Router::new().route("/", get(respond))).await
        });
        crate::tls::install_provider();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let fetching = async {
            let response = client.get(url).send().await.ok()?;
            Some((response.status().as_u16(), response.text().await.ok()?))
        };
        let fetched = fetching.await;
        server.abort();
        fetched
    }

    #[tokio::test]
    async fn pieces_become_one_list() {
        for (pieces, keys) in [
            (vec![end()], 0),
            (vec![frames(1, 2), end()], 2),
            (vec![frames(1, 2), frames(3, 1), frames(4, 1), end()], 4),
        ] {
            let (status, body) = fetched(pieces).await.unwrap();
            let list: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!((status, list["frames"].as_array().unwrap().len()), (200, keys));
            assert_eq!(list["dead"], 3);
            assert_eq!((&list["foreign"], &list["scanned"]), (&json!(1), &json!(true)));
            assert_eq!(list["next_cursor"], json!(null));
        }
    }

    #[tokio::test]
    async fn a_list_that_fails_midway_is_cut_and_one_that_fails_at_once_says_why() {
        assert_eq!(fetched(vec![frames(1, 2), away()]).await, None);
        let (status, body) = fetched(vec![away()]).await.unwrap();
        assert_eq!(status, 503);
        assert!(body.contains("the store does not answer"));
        // A server that ends cuts off as well: there is no end without its piece.
        assert_eq!(fetched(vec![frames(1, 2)]).await, None);
    }
}
