//! `GET /api/v1/frames`, `/cameras/{camera}/frames` and one frame by its key.
//!
//! A list comes page by page with a cursor, or with `limit=all` as one stream that is written while
//! it is read from the store.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::WebState;
use super::listing;
use super::params::{Call, Params};
use super::picture;
use super::problem::Problem;
use crate::model::frame::FrameInfo;
use crate::model::key::StreamId;
use crate::query::{Cursor, RangePage, RangeRequest, Via};
use crate::service::Service as _;

/// The most frames that are listed where no limit is given.
const DEFAULT_LIMIT: usize = 1000;

/// The largest page.
const LIMIT_MAX: usize = 10_000;

const ACCEPTED: [&str; 8] = ["from", "to", "every", "limit", "reverse", "cursor", "via", "verify"];

/// A frame as lists show it.
#[derive(Serialize)]
pub(super) struct Item {
    #[serde(flatten)]
    info: FrameInfo,
    /// When it was taken, in RFC 3339.
    time: String,
    /// Where its picture is.
    url: String,
}

impl Item {
    pub(super) fn of(info: FrameInfo) -> Self {
        let (time, url) = (info.key.at().to_rfc3339(), picture::url(&info.key));
        Self { info, time, url }
    }
}

#[derive(Serialize)]
struct Page {
    frames: Vec<Item>,
    dead: u64,
    foreign: u64,
    scanned: bool,
    next_cursor: Option<String>,
}

impl From<RangePage> for Page {
    fn from(RangePage { answer, next }: RangePage) -> Self {
        Self {
            frames: answer.frames.into_iter().map(Item::of).collect(),
            dead: answer.dead,
            foreign: answer.foreign,
            scanned: answer.scanned,
            next_cursor: next.map(|next| next.to_string()),
        }
    }
}

pub(super) async fn of_cameras(call: Call) -> Result<Response, Problem> {
    let params = call.params(&[&ACCEPTED[..], &["camera"]].concat())?;
    let streams = streams(&call.web, &params, params.via()?).await?;
    range(&call.web, &params, streams).await
}

pub(super) async fn of_camera(call: Call) -> Result<Response, Problem> {
    let params = call.params(&ACCEPTED)?;
    let stream = call.stream(&params)?;
    range(&call.web, &params, vec![stream]).await
}

async fn range(
    web: &WebState,
    params: &Params,
    streams: Vec<StreamId>,
) -> Result<Response, Problem> {
    let cursor = params.text("cursor").map(str::parse::<Cursor>).transpose();
    let cursor = cursor.map_err(Problem::bad_input)?;
    let mut request = RangeRequest {
        streams,
        window: params.window()?,
        every: params.duration("every")?,
        limit: params.limit(DEFAULT_LIMIT)?,
        reverse: params.flag("reverse")?,
        how: params.how()?,
    };
    if let Some(cursor) = &cursor {
        request = cursor.apply(request).map_err(Problem::bad_input)?;
    }
    match request.limit {
        None => listing::answer(web.service.listing(request, cursor), &web.stop).await,
        Some(limit) if limit > LIMIT_MAX => Err(Problem::bad_input(format!(
            "limit={limit} is refused: give at most {LIMIT_MAX} and go on with cursor=, or all"
        ))),
        Some(_) => {
            let page = web.service.page(request, cursor).await?;
            Ok(Json(Page::from(page)).into_response())
        }
    }
}

/// The cameras that a request names, or all of the family where it names none.
pub(super) async fn streams(
    web: &WebState,
    params: &Params,
    via: Via,
) -> Result<Vec<StreamId>, Problem> {
    let named = params.streams()?;
    if !named.is_empty() {
        return Ok(named);
    }
    let cameras = web.service.cameras(&params.scope()?, via).await?;
    Ok(cameras.into_iter().map(|camera| camera.stream).collect())
}

pub(super) async fn one(call: Call) -> Result<Response, Problem> {
    let params = call.params(&picture::ACCEPTED)?;
    let stream = call.stream(&params)?;
    let name = call.path("frame");
    let short = name
        .strip_suffix(".jpg")
        .ok_or_else(|| Problem::bad_input(format!("{name} should read <unix_nano>-<seq>.jpg")))?;
    let key = picture::parse_short_id(stream, short).map_err(Problem::bad_input)?;
    if let Some(frame) = call.web.service.get(&key).await? {
        return picture::answer(&call, &params, frame).await;
    }
    if call.web.service.is_gone(&key).await? {
        return Err(Problem::gone(format!("the frame under {key} is gone: its life is over")));
    }
    Err(Problem::not_found(format!("no frame lives under {key}")))
}
