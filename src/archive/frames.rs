//! Frames one by one with key, time and bytes, the same from a file and from a live range.

use futures_util::stream::{BoxStream, StreamExt as _};

use super::read::{Recording, Select};
use super::{ArchiveError, Naming};
use crate::model::frame::StoredFrame;

/// The frames of a recording by time, under the keys that `naming` gives them. In bounded memory.
///
/// An error about one frame or a damaged part is told in its place, and the stream goes on behind it.
///
/// # Errors
/// [`ArchiveError::Naming`]: the recording's channels cannot be named so.
pub fn frames_of(
    recording: &Recording,
    select: &Select,
    naming: &Naming,
) -> Result<BoxStream<'static, Result<StoredFrame, ArchiveError>>, ArchiveError> {
    let names = naming.settle(&recording.channels_of(select))?;
    let entries = recording.entries(select);
    Ok(entries.map(move |entry| entry.and_then(|entry| names.frame(entry))).boxed())
}
