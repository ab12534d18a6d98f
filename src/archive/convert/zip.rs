//! redis-record's zip layout: `NAME/STREAM/FIRSTID_LASTID.zip`, members `<ms>-<n>`, stored.
//!
//! A zip ends after 1000 members or 9.5 MB, as redis-record's do. `<n>` counts the frames of one
//! millisecond in one stream, in five digits: redis-record sorts names as texts, and so takes them in the
//! right order, none under the name of another. Times are kept to the millisecond, which is all that the
//! layout can hold.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Labels, Sink, Staged};
use crate::model::frame::StoredFrame;
use crate::model::key::StreamId;

/// As redis-record bounds its zips.
const MEMBERS_MAX: u64 = 1000;
const BYTES_MAX: u64 = 9_961_472;

/// Writes frames into the zips of their streams.
pub(super) struct Zips {
    staged: Staged,
    labels: Labels,
    streams: HashMap<StreamId, Stream>,
}

/// One stream: its open zip, and where it is in its numbering.
#[derive(Default)]
struct Stream {
    open: Option<Open>,
    millis: u64,
    number: u32,
}

struct Open {
    zip: ZipWriter<BufWriter<File>>,
    path: PathBuf,
    first: String,
    last: String,
    members: u64,
    bytes: u64,
}

impl Zips {
    pub(super) fn create(target: &Path, labels: Labels) -> io::Result<Self> {
        Ok(Self { staged: Staged::beside(target)?, labels, streams: HashMap::new() })
    }
}

impl Sink for Zips {
    fn put(&mut self, stored: &StoredFrame) -> io::Result<()> {
        let (key, bytes) = (&stored.frame.key, &stored.frame.bytes);
        let folder = self.staged.path().join(self.labels.label(key.stream()));
        let stream = self.streams.entry(key.stream().clone()).or_default();
        let name = stream.name(key.at().as_millis());
        let open = match &mut stream.open {
            Some(open) => open,
            none => none.insert(Open::create(&folder, &name)?),
        };
        open.add(name, bytes)?;
        if open.is_full()
            && let Some(full) = stream.open.take()
        {
            full.close()?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<PathBuf>> {
        let Self { staged, streams, .. } = *self;
        streams.into_values().filter_map(|stream| stream.open).try_for_each(Open::close)?;
        staged.publish()
    }
}

impl Stream {
    fn name(&mut self, millis: u64) -> String {
        self.number = if millis == self.millis { self.number.saturating_add(1) } else { 0 };
        self.millis = millis;
        format!("{millis}-{:05}", self.number)
    }
}

impl Open {
    fn create(folder: &Path, first: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{first}.part"));
        let zip = ZipWriter::new(BufWriter::new(File::create_new(&path)?));
        let (first, last) = (first.to_owned(), String::new());
        Ok(Self { zip, path, first, last, members: 0, bytes: 0 })
    }

    fn add(&mut self, name: String, bytes: &[u8]) -> io::Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.zip.start_file(&*name, options).map_err(io::Error::other)?;
        self.zip.write_all(bytes)?;
        self.last = name;
        self.members += 1;
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.members >= MEMBERS_MAX || self.bytes >= BYTES_MAX
    }

    fn close(self) -> io::Result<()> {
        let Self { zip, path, first, last, .. } = self;
        let file = zip.finish().map_err(io::Error::other)?;
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        std::fs::rename(&path, path.with_file_name(format!("{first}_{last}.zip")))
    }
}
