//! `GET /api/v1/export.mcap`: a window of any cameras as one recording, written while it is sent.
//!
//! Frames, keys and lives, as `framecache import` and `POST /api/v1/restore` take them back, in a file that
//! every MCAP viewer shows.

use std::io;

use axum::response::Response;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{download, file_time, nothing_lives, request};
use crate::model::time::TimeRange;
use crate::service::transfer::Transfer as _;
use crate::web::frames;
use crate::web::params::Call;
use crate::web::problem::Problem;

pub(crate) async fn of_cameras(call: Call) -> Result<Response, Problem> {
    let params = call.params(&["camera", "from", "to", "every", "limit", "via"])?;
    let streams = frames::streams(&call.web, &params, params.via()?).await?;
    let mut wanted = request(&params, streams)?;
    wanted.limit = params.limit(None::<usize>)?;
    let what = match &wanted.streams[..] {
        [stream] => stream.camera.to_string(),
        _ => "frames".to_owned(),
    };
    let begins = Some(wanted.window.from()).filter(|from| *from > TimeRange::ALL.from());
    let name = match begins {
        Some(from) => format!("{what}_{}.mcap", file_time(from)),
        None => format!("{what}.mcap"),
    };
    let held = call.web.exports.hold_zip()?;
    let bytes = call.web.service.export(&wanted).await?.ok_or_else(nothing_lives)?;
    let body = bytes
        .map_err(|error| {
            tracing::warn!("an export breaks off: {error}");
            io::Error::other(error)
        })
        .inspect(move |_| {
            // Held until the body is gone, however it ends.
            let _ = &held;
        });
    Ok(download("application/x-mcap", &name, body, call.web.stop.clone()))
}
