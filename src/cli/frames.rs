//! Frames as lines: the same columns and the same JSON in every verb that lists them.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::print::{Column, Printer};
use super::times::{shown, shown_bytes, shown_span};
use crate::model::frame::{Dimensions, FrameInfo};
use crate::model::key::FrameKey;
use crate::model::time::UnixNanos;

/// A frame as one JSON object.
#[derive(Debug, Serialize)]
pub(super) struct FrameLine<'a> {
    key: &'a FrameKey,
    camera: &'a str,
    timestamp: String,
    timestamp_nano: UnixNanos,
    size: Option<u32>,
    expires_at: Option<UnixNanos>,
    width: Option<u16>,
    height: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distance_nanos: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
}

impl<'a> FrameLine<'a> {
    /// What is known of a frame.
    pub(super) fn of(frame: &'a FrameInfo) -> Self {
        let Dimensions { width, height } =
            frame.dimensions.unwrap_or(Dimensions { width: 0, height: 0 });
        let known = frame.dimensions.is_some();
        Self {
            size: frame.size,
            expires_at: frame.expires_at,
            width: known.then_some(width),
            height: known.then_some(height),
            ..Self::bare(&frame.key, None)
        }
    }

    /// A frame of which the bytes are here.
    pub(super) fn bare(key: &'a FrameKey, size: Option<usize>) -> Self {
        Self {
            key,
            camera: key.stream().camera.as_str(),
            timestamp: key.at().to_rfc3339(),
            timestamp_nano: key.at(),
            size: size.and_then(|size| u32::try_from(size).ok()),
            expires_at: None,
            width: None,
            height: None,
            distance_nanos: None,
            file: None,
        }
    }

    /// With the distance from the instant that was asked for, in nanoseconds.
    pub(super) fn distance(self, distance_nanos: Option<i64>) -> Self {
        Self { distance_nanos, ..self }
    }

    /// With the place where it was saved.
    pub(super) fn saved(self, file: &'a Path) -> Self {
        Self { file: Some(file), ..self }
    }
}

/// Prints frames as a table, or each as a JSON line.
pub(super) fn list(print: &Printer, frames: &[FrameInfo], now: UnixNanos) -> io::Result<()> {
    if print.json() {
        return frames.iter().try_for_each(|frame| print.object(&FrameLine::of(frame)));
    }
    if frames.is_empty() {
        return Ok(());
    }
    let columns = [
        Column::Left("TIME"),
        Column::Left("CAMERA"),
        Column::Right("SIZE"),
        Column::Right("PIXELS"),
        Column::Right("LIVES"),
        Column::Left("KEY"),
    ];
    print.table(&columns, frames.iter().map(|frame| row(frame, now)).collect())
}

fn row(frame: &FrameInfo, now: UnixNanos) -> Vec<String> {
    let unknown = || "-".to_owned();
    vec![
        shown(frame.key.at()),
        frame.key.stream().camera.to_string(),
        frame.size.map_or_else(unknown, |size| shown_bytes(size.into())),
        frame.dimensions.map_or_else(unknown, |d| format!("{}x{}", d.width, d.height)),
        frame.expires_at.map_or_else(unknown, |end| shown_span(end.since(now))),
        frame.key.to_string(),
    ]
}

/// Says on stderr what an answer does not show by itself.
pub(super) fn note_scan(print: &Printer, asked_for: bool) {
    if !asked_for {
        print.note(
            "the index does not vouch for all of this: a scan was needed; \
             `framecache reindex` adds frames that other programs wrote",
        );
    }
}

/// Prints the totals of a list for people.
pub(super) fn note_total(print: &Printer, frames: &[FrameInfo]) {
    let bytes: u64 = frames.iter().filter_map(|frame| frame.size).map(u64::from).sum();
    let count = frames.len();
    if !print.json() && count > 1 {
        print.note(format_args!("{count} frames, {}", shown_bytes(bytes)));
    }
}
