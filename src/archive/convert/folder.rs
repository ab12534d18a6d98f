//! A folder of pictures, named by camera and time as `range -o` names them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Labels, Sink, Staged};
use crate::model::frame::StoredFrame;
use crate::model::key::{StreamId, Suffix};
use crate::model::time::UnixNanos;

/// Writes each frame into a file of its own.
pub(super) struct Pictures {
    staged: Staged,
    labels: Labels,
    /// The last time of each camera: frames of one nanosecond get their numbers too.
    last: HashMap<StreamId, UnixNanos>,
}

impl Pictures {
    pub(super) fn create(target: &Path, labels: Labels) -> io::Result<Self> {
        Ok(Self { staged: Staged::beside(target)?, labels, last: HashMap::new() })
    }
}

impl Sink for Pictures {
    fn put(&mut self, stored: &StoredFrame) -> io::Result<()> {
        let (key, bytes) = (&stored.frame.key, &stored.frame.bytes);
        let (label, time) = (self.labels.label(key.stream()), key.at().to_rfc3339());
        let again = self.last.insert(key.stream().clone(), key.at()) == Some(key.at());
        let number = match key.suffix() {
            _ if !again => String::new(),
            Suffix::Live(seq) => format!("_{seq}"),
            Suffix::None => "_none".to_owned(),
            Suffix::Uuid(bits) => format!("_{bits:08x}"),
        };
        let ending = if bytes.starts_with(&[0xFF, 0xD8]) { "jpg" } else { "bin" };
        std::fs::write(self.staged.path().join(format!("{label}_{time}{number}.{ending}")), bytes)
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<PathBuf>> {
        self.staged.publish()
    }
}
