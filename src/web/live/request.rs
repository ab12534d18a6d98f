//! What a client says over the socket, read into checked types, and what it is told, as text.
//!
//! A message that is not understood is answered with a sentence and changes nothing.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::limit;
use crate::ingest::FpsLimit;
use crate::model::key::StreamId;
use crate::watch::{Cursor, Interest};
use crate::web::params::Params;
use crate::web::thumbnail::checked;

/// Cameras that one socket may watch.
const CAMERAS_MAX: usize = 256;

/// A message of the client.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// Watch these cameras, and no others.
    Subscribe(Vec<Wish>),
    /// Tell what happens, from a cursor on; `None` to tell no more.
    Events(Option<(Interest, Option<Cursor>)>),
}

/// A camera to be watched.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wish {
    /// What its pictures are marked with.
    pub(super) id: u16,
    pub(super) stream: StreamId,
    /// As it was asked for.
    pub(super) camera: String,
    /// Frames a second, at most.
    pub(super) fps: Option<f64>,
    /// Pixels.
    pub(super) height: Option<u32>,
}

impl Wish {
    pub(super) fn limit(&self) -> Option<FpsLimit> {
        self.fps.and_then(|fps| FpsLimit::new(fps).ok())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    subscribe: Option<Vec<Entry>>,
    #[serde(default, deserialize_with = "given")]
    events: Option<Option<Events>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: u16,
    camera: String,
    fps: Option<f64>,
    height: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Events {
    #[serde(default)]
    cameras: Vec<String>,
    after: Option<String>,
}

/// Tells `null` from a field that is not there.
fn given<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Events>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a message; the error is a sentence.
pub(super) fn read(text: &str, params: &Params) -> Result<Vec<Request>, String> {
    let message: Message = serde_json::from_str(text).map_err(|error| {
        format!("the message is not understood ({error}): send {{\"subscribe\":[..]}} or {{\"events\":{{..}}}}")
    })?;
    let mut requests = Vec::new();
    if let Some(entries) = message.subscribe {
        requests.push(Request::Subscribe(wishes(entries, params)?));
    }
    if let Some(events) = message.events {
        let wanted = events.map(|events| wanted(events, params)).transpose()?;
        requests.push(Request::Events(wanted));
    }
    if requests.is_empty() {
        return Err("the message asks for nothing: give subscribe or events".to_owned());
    }
    Ok(requests)
}

fn wishes(entries: Vec<Entry>, params: &Params) -> Result<Vec<Wish>, String> {
    if entries.len() > CAMERAS_MAX {
        let asked = entries.len();
        return Err(format!("{asked} cameras are asked for: a socket shows at most {CAMERAS_MAX}"));
    }
    let mut ids = HashSet::new();
    let wish = |Entry { id, camera, fps, height }| {
        if !ids.insert(id) {
            return Err(format!("the id {id} is given twice: give each camera its own"));
        }
        let stream = params.stream_of(&camera).map_err(|problem| problem.detail().to_owned())?;
        limit(fps).map_err(|problem| problem.detail().to_owned())?;
        height.map(checked).transpose().map_err(|problem| problem.detail().to_owned())?;
        Ok(Wish { id, stream, camera, fps, height })
    };
    entries.into_iter().map(wish).collect()
}

fn wanted(events: Events, params: &Params) -> Result<(Interest, Option<Cursor>), String> {
    if events.cameras.len() > CAMERAS_MAX {
        let asked = events.cameras.len();
        return Err(format!(
            "{asked} cameras are named: name at most {CAMERAS_MAX}, or none for all"
        ));
    }
    let read = |camera: &String| params.stream_of(camera);
    let streams: Result<HashSet<StreamId>, _> = events.cameras.iter().map(read).collect();
    let streams = streams.map_err(|problem| problem.detail().to_owned())?;
    let (tenant, prefix) = params.family().map_err(|problem| problem.detail().to_owned())?;
    let after = events.after.map(|after| after.parse()).transpose();
    let after = after.map_err(|error: crate::watch::CursorError| error.to_string())?;
    Ok((Interest { tenant, prefix, streams }, after))
}

/// What is watched now.
pub(super) fn subscribed(wishes: &[Wish]) -> String {
    let cameras = wishes.iter().map(|wish| json!({ "id": wish.id, "camera": wish.camera }));
    json!({ "type": "subscribed", "cameras": cameras.collect::<Vec<_>>() }).to_string()
}

/// Why a message changes nothing.
pub(super) fn error(detail: &str) -> String {
    json!({ "type": "error", "detail": detail }).to_string()
}

/// From where events are told.
pub(super) fn following(from: Cursor) -> String {
    json!({ "type": "following", "id": from.to_string() }).to_string()
}

/// Something that happened: as JSON of `data`, which is JSON already.
pub(super) fn event(id: Cursor, name: &str, data: &str) -> String {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    json!({ "type": "event", "id": id.to_string(), "event": name, "data": data }).to_string()
}
