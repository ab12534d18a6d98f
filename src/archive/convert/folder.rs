//! A folder of pictures, named by camera and time as `range -o` names them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
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
        let name = |again: &str| {
            self.staged.path().join(format!("{label}_{time}{number}{again}.{ending}"))
        };
        // A recording can hold a key twice; neither takes the other's place.
        let mut file = File::create_new(name(""));
        for again in 2.. {
            match &file {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    file = File::create_new(name(&format!("-{again}")));
                }
                _ => break,
            }
        }
        file?.write_all(bytes)
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<PathBuf>> {
        self.staged.publish()
    }
}
