//! What a recording and its files are called.
//!
//! A recording is `NAME.mcap`, or a folder `NAME/` of segments when it is rotated. Names come from
//! people, from HTTP paths and from control messages, and become file names and object keys: so they
//! are parsed once into these types, and a path cannot be written. An ending that a file of a recording
//! has itself is refused, or the folder of one recording could be the file of another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::name::{CameraId, NameError, name_type};

/// What the file of a finished recording ends with.
pub const FILE_ENDING: &str = ".mcap";

/// Endings of files that lie beside recordings.
const TAKEN_ENDINGS: [&str; 3] = [FILE_ENDING, ".part", ".json"];

/// A text that is no name of a recording or of its file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordingNameError {
    /// Other letters than those of names, none, or too many: a path, for example.
    #[error(transparent)]
    Misfit(NameError),
    /// It ends as the files of recordings do.
    #[error(
        "recording name {given:?} ends with {ending:?} as files of recordings do: leave that ending away"
    )]
    Ending {
        /// The refused text.
        given: String,
        /// The ending.
        ending: &'static str,
    },
    /// Neither `NAME.mcap` nor `NAME/SEGMENT.mcap`.
    #[error("{given:?} is no file of a recording: they are called NAME.mcap or NAME/SEGMENT.mcap")]
    NoFile {
        /// The refused text, cut after 200 characters.
        given: String,
    },
}

fn checked(what: &'static str, text: &str) -> Result<Arc<str>, RecordingNameError> {
    // the alphabet of all names
    let fits = CameraId::new(text);
    fits.map_err(|error| RecordingNameError::Misfit(NameError { what, ..error }))?;
    match TAKEN_ENDINGS.into_iter().find(|ending| text.ends_with(ending)) {
        Some(ending) => Err(RecordingNameError::Ending { given: text.to_owned(), ending }),
        None => Ok(Arc::from(text)),
    }
}

name_type!(
    /// What people call a recording; it has none of the endings of files.
    RecordingName,
    "recording name",
    checked,
    RecordingNameError
);
name_type!(
    /// Which part of a rotated recording; segments sort by their text as by time.
    Segment,
    "segment",
    checked,
    RecordingNameError
);

/// One finished file of a recording: `NAME.mcap`, or `NAME/SEGMENT.mcap` of a rotated one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordingFile {
    /// Whose file.
    pub recording: RecordingName,
    /// Which segment; `None` for a recording in one file.
    pub segment: Option<Segment>,
}

impl RecordingFile {
    /// The one file of an unrotated recording.
    #[must_use]
    pub fn whole(recording: RecordingName) -> Self {
        Self { recording, segment: None }
    }
}

impl fmt::Display for RecordingFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.segment {
            Some(segment) => write!(f, "{}/{segment}{FILE_ENDING}", self.recording),
            None => write!(f, "{}{FILE_ENDING}", self.recording),
        }
    }
}

impl FromStr for RecordingFile {
    type Err = RecordingNameError;

    /// Inverse of `Display`.
    fn from_str(text: &str) -> Result<Self, RecordingNameError> {
        let no_file = || RecordingNameError::NoFile { given: text.chars().take(200).collect() };
        let stem = text.strip_suffix(FILE_ENDING).ok_or_else(no_file)?;
        let (recording, segment) = match stem.split_once('/') {
            Some((recording, segment)) => (recording, Some(Segment::new(segment)?)),
            None => (stem, None),
        };
        Ok(Self { recording: RecordingName::new(recording)?, segment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_nothing_and_a_novel_are_refused_with_what_fits() {
        let novel = "x".repeat(300);
        for bad in [
            "",
            "../escape",
            "/etc/passwd",
            "a/b",
            "..",
            ".hidden",
            "-rf",
            "a b",
            "ä",
            "{b'd': b'0'}",
            &novel,
        ] {
            let said = RecordingName::new(bad).unwrap_err().to_string();
            assert!(
                said.starts_with("recording name ")
                    && said.ends_with("not starting with '.' or '-'"),
                "{said}"
            );
        }
        for bad in ["a.mcap", "a.part", "a.json"] {
            let ending = &bad[1..];
            assert_eq!(
                RecordingName::new(bad).unwrap_err().to_string(),
                format!(
                    "recording name {bad:?} ends with {ending:?} as files of recordings do: leave that ending away"
                )
            );
        }
        assert_eq!(RecordingName::new("gate_7.night-2").unwrap().as_str(), "gate_7.night-2");
    }

    #[test]
    fn files_print_and_parse_inversely_and_nothing_else_parses() {
        for text in ["night.mcap", "night/2026-11-21T16-00-00Z.mcap"] {
            assert_eq!(text.parse::<RecordingFile>().unwrap().to_string(), text);
        }
        for bad in [
            "night",
            ".mcap",
            "/x.mcap",
            "night/.mcap",
            "a/b/c.mcap",
            "night.mcap.part",
            ".night.mcap.1.tmp",
            "a/../b.mcap",
            "night.mcap/x.mcap",
            "x.json.mcap",
        ] {
            assert!(bad.parse::<RecordingFile>().is_err(), "{bad:?} should be refused");
        }
    }
}
