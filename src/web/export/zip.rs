//! `GET /api/v1/frames.zip` and `/cameras/{camera}/frames.zip`: the pictures of a window in one file.
//!
//! Pictures are stored as they are, for a JPEG does not get smaller. Each entry is written when its
//! frame was read, and read when the client has room. Beside what is in flight only the list of
//! entries is kept, which a zip has at its end; [`FRAMES_MAX`] bounds it. The last entry,
//! `manifest.json`, tells what was asked, what is inside, and which frames died before they were read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;
use bytes::Bytes;
use chrono::{Datelike as _, Timelike as _};
use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::{Value, json};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{download, file_time, peek, request};
use crate::model::key::{FrameKey, StreamId, Suffix};
use crate::model::time::UnixNanos;
use crate::query::{Fetched, RangeRequest};
use crate::service::ServiceError;
use crate::web::frames;
use crate::web::params::{Call, Params};
use crate::web::problem::Problem;

/// The most frames of one file; the manifest tells where to go on. A list of so many takes some 50 MB.
const FRAMES_MAX: usize = 100_000;

const ACCEPTED: [&str; 5] = ["from", "to", "every", "limit", "via"];

pub(crate) async fn of_cameras(call: Call) -> Result<Response, Problem> {
    let params = call.params(&[&ACCEPTED[..], &["camera"]].concat())?;
    let streams = frames::streams(&call.web, &params, params.via()?).await?;
    answer(&call, &params, streams).await
}

pub(crate) async fn of_camera(call: Call) -> Result<Response, Problem> {
    let params = call.params(&ACCEPTED)?;
    let stream = call.stream(&params)?;
    answer(&call, &params, vec![stream]).await
}

async fn answer(call: &Call, params: &Params, streams: Vec<StreamId>) -> Result<Response, Problem> {
    let mut wanted = request(params, streams)?;
    let limit = params.limit(None::<usize>)?;
    let most = limit.unwrap_or(usize::MAX).min(FRAMES_MAX);
    // One more, to tell where to go on.
    wanted.limit = Some(most.saturating_add(usize::from(limit.is_none_or(|limit| limit > most))));
    let names = Names::of(&wanted.streams);
    let what = match &wanted.streams[..] {
        [one] => one.camera.to_string(),
        _ => "frames".to_owned(),
    };
    let query = described(&wanted, limit);
    let held = call.web.exports.hold_zip()?;
    let (first, frames) = peek(call.web.service.fetched(wanted)).await?;
    let name = format!("{what}_{}.zip", file_time(first.key.at()));
    let archive = Archive::new(names, query, most);
    let body = stream::unfold(Some((archive, frames)), step).inspect(move |_| {
        // Held until the body is gone, however it ends.
        let _ = &held;
    });
    Ok(download("application/zip", &name, body, call.web.stop.clone()))
}

/// What was asked, for the manifest.
fn described(wanted: &RangeRequest, limit: Option<usize>) -> Value {
    json!({
        "cameras": wanted.streams.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "from": wanted.window.from(),
        "to": wanted.window.to(),
        "every": wanted.every.map(|every| humantime::format_duration(every).to_string()),
        "limit": limit,
    })
}

type Frames = BoxStream<'static, Result<Fetched, ServiceError>>;

/// The next bytes of the file: those of one frame, at its end the manifest and the list of entries.
async fn step(
    state: Option<(Archive, Frames)>,
) -> Option<(io::Result<Bytes>, Option<(Archive, Frames)>)> {
    let (mut archive, mut frames) = state?;
    loop {
        let taken = match frames.next().await {
            Some(Ok(fetched)) => archive.take(fetched),
            Some(Err(error)) => {
                tracing::warn!("a zip breaks off: {error}");
                return Some((Err(io::Error::other(error)), None));
            }
            None => Ok(false),
        };
        match taken {
            Ok(true) => {
                let bytes = archive.written();
                if !bytes.is_empty() {
                    return Some((Ok(bytes), Some((archive, frames))));
                }
            }
            Ok(false) => return Some((archive.finish(), None)),
            Err(error) => return Some((Err(error), None)),
        }
    }
}

/// What entries are called.
#[derive(Debug, Clone, Copy)]
struct Names {
    /// Whether camera ids alone would mix cameras of several families.
    families: bool,
}

impl Names {
    fn of(streams: &[StreamId]) -> Self {
        let family = |stream: &StreamId| (stream.tenant.clone(), stream.prefix.clone());
        let first = streams.first().map(family);
        Self { families: streams.iter().any(|stream| Some(family(stream)) != first) }
    }

    fn of_frame(self, key: &FrameKey) -> String {
        let StreamId { tenant, prefix, camera } = key.stream();
        let time = file_time(key.at());
        let name = match key.suffix() {
            Suffix::Live(seq) => format!("{camera}/{time}_{seq}.jpg"),
            Suffix::Uuid(bits) => format!("{camera}/{time}_{bits:08x}.jpg"),
            Suffix::None => format!("{camera}/{time}.jpg"),
        };
        if self.families { format!("{tenant}/{prefix}/{name}") } else { name }
    }
}

/// Where the zip writer writes to; emptied after each entry.
#[derive(Debug, Clone, Default)]
struct Spool(Arc<Mutex<Vec<u8>>>);

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A zip file that is being written.
struct Archive {
    zip: ZipWriter<StreamWriter<Spool>>,
    spool: Spool,
    names: Names,
    /// How many frames it may still take.
    room: usize,
    query: Value,
    /// The manifest's frames, as JSON separated by commas.
    listed: String,
    expired: Vec<FrameKey>,
    more_from: Option<UnixNanos>,
    last: UnixNanos,
}

impl Archive {
    fn new(names: Names, query: Value, room: usize) -> Self {
        let spool = Spool::default();
        Self {
            zip: ZipWriter::new_stream(spool.clone()),
            spool,
            names,
            room,
            query,
            listed: String::new(),
            expired: Vec::new(),
            more_from: None,
            last: UnixNanos::MIN,
        }
    }

    /// Adds a frame; false when there is no room for it.
    fn take(&mut self, Fetched { key, bytes }: Fetched) -> io::Result<bool> {
        if self.room == 0 {
            self.more_from = Some(key.at());
            return Ok(false);
        }
        self.room -= 1;
        self.last = key.at();
        let Some(bytes) = bytes else {
            self.expired.push(key);
            return Ok(true);
        };
        let name = self.names.of_frame(&key);
        self.entry(&name, key.at(), &bytes)?;
        if !self.listed.is_empty() {
            self.listed.push_str(",\n");
        }
        let line = json!({ "name": name, "key": key, "size": bytes.len() });
        self.listed.push_str(&line.to_string());
        Ok(true)
    }

    fn entry(&mut self, name: &str, at: UnixNanos, bytes: &[u8]) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(modified(at));
        self.zip.start_file(name, options)?;
        self.zip.write_all(bytes)
    }

    /// What was written since it was last asked.
    fn written(&self) -> Bytes {
        std::mem::take(&mut *self.spool.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// The rest of the file.
    fn finish(mut self) -> io::Result<Bytes> {
        let manifest = format!(
            "{{\"query\": {},\n\"expired\": {},\n\"more_from\": {},\n\"frames\": [\n{}\n]}}\n",
            self.query,
            json!(self.expired),
            json!(self.more_from),
            self.listed
        );
        self.entry("manifest.json", self.last, manifest.as_bytes())?;
        let Self { zip, spool, .. } = self;
        zip.finish()?;
        let rest = std::mem::take(&mut *spool.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(rest.into())
    }
}

/// As zip files tell time: UTC to two seconds, from 1980 on.
fn modified(at: UnixNanos) -> DateTime {
    let at = at.to_utc();
    let small = |number: u32| u8::try_from(number).unwrap_or(0);
    DateTime::from_date_and_time(
        u16::try_from(at.year()).unwrap_or(0),
        small(at.month()),
        small(at.day()),
        small(at.hour()),
        small(at.minute()),
        small(at.second()),
    )
    .unwrap_or_default()
}

#[cfg(test)]
#[path = "zip_tests.rs"]
mod tests;
