//! A video of each camera: `X.mp4` of one, `X-CAMERA.mp4` of each of several.
//!
//! The recording is read once for each camera, one after the other, so that one ffmpeg runs at a time.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tempfile::NamedTempFile;

use super::{Conversion, Labels, Watch, not_written, refuse_taken};
use crate::archive::ArchiveError;
use crate::archive::read::Select;
use crate::archive::video::{Video, VideoPlan};
use crate::model::frame::StoredFrame;
use crate::model::jpeg;
use crate::model::key::StreamId;

pub(super) async fn write(
    from: &Conversion,
    target: &Path,
    labels: &Labels,
    watch: &Arc<Watch>,
) -> Result<Vec<PathBuf>, ArchiveError> {
    let places: Vec<(StreamId, PathBuf)> = labels
        .streams
        .iter()
        .map(|stream| (stream.clone(), place(target, labels, stream)))
        .collect();
    places.iter().try_for_each(|(_, place)| refuse_taken(place))?;
    let mut files = Vec::new();
    for (stream, place) in places {
        if video(from, stream, &place, watch).await? {
            files.push(place);
        }
    }
    Ok(files)
}

fn place(target: &Path, labels: &Labels, stream: &StreamId) -> PathBuf {
    if labels.streams.len() == 1 {
        return target.to_owned();
    }
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!("{stem}-{}.mp4", labels.label(stream)))
}

/// Makes the video of a camera; answers whether there was a picture for it.
async fn video(
    from: &Conversion,
    stream: StreamId,
    place: &Path,
    watch: &Arc<Watch>,
) -> Result<bool, ArchiveError> {
    let select = Select { cameras: topics(from, &stream)?, ..from.select.clone() };
    let is_picture = move |stored: &StoredFrame| {
        let good =
            stored.frame.key.stream() == &stream && jpeg::inspect(&stored.frame.bytes).is_ok();
        std::future::ready(good)
    };
    let mut frames = watch.frames(from, &select)?.try_filter(is_picture).boxed();
    let Some(first) = frames.try_next().await? else { return Ok(false) };
    let Ok(inspected) = jpeg::inspect(&first.frame.bytes) else { return Ok(false) };
    let (begin, size) = (first.frame.key.at(), inspected.dimensions);
    let frames = stream::once(std::future::ready(Ok(first))).chain(frames);
    let pictures = frames
        .map_ok(|stored| (stored.frame.key.at(), stored.frame.bytes))
        .map_err(io::Error::other)
        .boxed();
    let plan = VideoPlan { ffmpeg: &from.ffmpeg, begin, size, fps: None };
    let video = Video::start(&plan, pictures).map_err(|error| not_started(&from.ffmpeg, error))?;
    save(video, place).await.map_err(not_written)?;
    Ok(true)
}

/// The channels of a camera, as names to select by.
fn topics(from: &Conversion, stream: &StreamId) -> Result<Vec<String>, ArchiveError> {
    let channels = from.recording.channels_of(&from.select);
    let mut topics = Vec::new();
    for channel in channels {
        let names = from.naming.settle_one(&channel)?;
        if &names == stream {
            topics.push(channel.0.to_string());
        }
    }
    Ok(topics)
}

async fn save(mut video: Video, place: &Path) -> io::Result<()> {
    let folder = place.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".framecache-").permissions(permissions());
    let mut file: NamedTempFile = builder
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(|error| io::Error::from(error.kind()))?;
    while let Some(bytes) = video.next().await {
        let bytes = bytes?;
        let written = tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file));
        file = written.await.map_err(io::Error::other).flatten()?;
    }
    let place = place.to_owned();
    let published = tokio::task::spawn_blocking(move || {
        file.as_file().sync_all()?;
        file.persist_noclobber(&place).map(drop).map_err(|error| error.error)
    });
    published.await.map_err(io::Error::other).flatten()
}

/// As for any new file, less what the umask takes.
fn permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(0o666)
}

fn not_started(program: &Path, source: io::Error) -> ArchiveError {
    let program = program.display();
    let what = if source.kind() == io::ErrorKind::NotFound {
        format!(
            "{program} is not there: install ffmpeg (apt-get install ffmpeg), or say under [ingest] \
             ffmpeg where it is"
        )
    } else {
        format!("{program} cannot be started")
    };
    ArchiveError::Io { what, source }
}
