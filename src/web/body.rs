//! Small bodies, such as the settings of a camera, read whole: so long at most, and within a time.
//!
//! A client that sends one byte a minute would else hold its connection for ever. Pushes have a room
//! and a time of their own: see `push`.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;

use super::problem::Problem;
use crate::service::{ErrorKind, ServiceError};

/// How long a small body may take to arrive.
const WITHIN: Duration = Duration::from_secs(10);

/// The whole body, at most `max` bytes.
///
/// # Errors
/// A longer one (413), and one that breaks off or does not arrive in time (400).
pub(super) async fn small(body: Body, max: usize) -> Result<Bytes, Problem> {
    let Ok(read) = tokio::time::timeout(WITHIN, to_bytes(body, max)).await else {
        let said = format!("the body did not arrive within {} s", WITHIN.as_secs());
        return Err(Problem::bad_input(said));
    };
    read.map_err(|error| {
        let said = format!("the body is over {max} bytes or broke off: {error}");
        ServiceError::new(ErrorKind::TooLarge, said).into()
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::StatusCode;
    use futures_util::{StreamExt as _, stream};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_is_as_long_as_allowed_and_comes_in_time() {
        assert_eq!(small(Body::from("four"), 4).await, Ok(Bytes::from_static(b"four")));
        let long = small(Body::from("fives"), 4).await.unwrap_err();
        assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let begun = stream::iter([Ok::<_, Infallible>("f")]).chain(stream::pending());
        let slow = small(Body::from_stream(begun), 4).await.unwrap_err();
        assert_eq!(slow, Problem::bad_input("the body did not arrive within 10 s"));
    }
}
