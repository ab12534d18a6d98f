//! Finding the pieces of a file: by its summary, or by walking it.
//!
//! The summary is taken where it says where every chunk lies and what every channel is, and where the
//! times of its index are those of the frames, which in redis-record's files they are not. A walk reads
//! the whole file once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::piece::{Piece, Shape};
use super::{Recording, scan, zip};
use crate::archive::format::{
    Channel, ChannelRecord, ChunkPlace, Codec, FOOTER_AND_MAGIC, Head, Kind, MAGIC, MessageHead,
    RECORD_HEAD, RECORD_MAX, Told, records, told,
};
use crate::archive::{ArchiveError, Blob, FileBlob};

/// The most metadata records that are read, and the largest.
const METADATA_MAX: usize = 64;
const METADATA_BYTES: u64 = 1 << 20;

/// What is declared in a file: schemas, channels, metadata.
#[derive(Debug, Default)]
pub(super) struct Declared {
    schemas: HashMap<u16, (String, String)>,
    /// Channels whose times are not their log times.
    untimely: HashMap<u16, Channel>,
    pub(super) channels: BTreeMap<u16, ChannelRecord>,
    pub(super) metadata: Vec<(String, BTreeMap<String, String>)>,
}

impl Declared {
    /// Remembers a record, whatever it is. One that is damaged is passed over: the messages that it
    /// would explain are then of no known channel.
    pub(super) fn add(&mut self, kind: Kind, body: &[u8]) {
        match told(kind, body) {
            Ok(Told::Schema(id, name, encoding)) => {
                self.schemas.insert(id, (name, encoding));
            }
            Ok(Told::Channel(channel)) => {
                let id = channel.id;
                self.channels.insert(id, channel);
                let judged = self.channel(id);
                if let Some(judged) = judged.filter(|one| one.codec == Codec::RedisRecord) {
                    self.untimely.insert(id, judged);
                }
            }
            Ok(Told::Metadata(name, facts)) if self.metadata.len() < METADATA_MAX => {
                self.metadata.push((name, facts));
            }
            _ => {}
        }
    }

    /// The time of a message, in unix nanoseconds.
    pub(super) fn time(&self, head: &MessageHead) -> u64 {
        self.untimely.get(&head.channel).map_or(head.log_time, |channel| channel.time(head))
    }

    /// A channel as far as it is declared.
    pub(super) fn channel(&self, id: u16) -> Option<Channel> {
        let record = self.channels.get(&id)?;
        let schema = self.schemas.get(&record.schema);
        let schema = schema.map_or(("", ""), |(name, encoding)| (name, encoding));
        Some(Channel::of(record, schema))
    }
}

/// What a summary tells.
struct Summary {
    declared: Declared,
    chunks: Vec<ChunkPlace>,
}

/// A piece before its channels have places.
pub(super) struct Found {
    pub(super) shape: Shape,
    pub(super) range: std::ops::Range<u64>,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) has: BTreeSet<u16>,
}

/// Files put together to one recording.
#[derive(Default)]
pub(super) struct Parts {
    name: Option<String>,
    pieces: Vec<Piece>,
    channels: Vec<Channel>,
    cut: bool,
    warnings: Vec<String>,
    metadata: Vec<(String, BTreeMap<String, String>)>,
}

impl Parts {
    /// Adds an MCAP file.
    pub(super) async fn add_mcap(&mut self, blob: Arc<dyn Blob>) -> Result<(), ArchiveError> {
        check_magic(&*blob).await?;
        let (declared, found) = match summary(&*blob).await? {
            Some(summary) => (summary.declared, by_index(summary.chunks, blob.size())),
            None => {
                let scanned = scan::walk(Arc::clone(&blob)).await?;
                self.cut |= !scanned.finished;
                self.warnings.extend(scanned.warnings);
                (scanned.declared, scanned.found)
            }
        };
        let places = declared.channels.keys().filter_map(|id| Some((*id, declared.channel(*id)?)));
        let mut numbered = HashMap::new();
        for (id, channel) in places {
            numbered.insert(id, u32::try_from(self.channels.len()).unwrap_or(u32::MAX));
            self.channels.push(channel);
        }
        let places = Arc::new(numbered);
        let piece = |found: Found| Piece {
            blob: Arc::clone(&blob),
            shape: found.shape,
            range: found.range,
            first: found.first,
            last: found.last,
            has: found.has.into_iter().collect(),
            places: Arc::clone(&places),
        };
        self.pieces.extend(found.into_iter().map(piece));
        self.metadata.extend(declared.metadata);
        self.name.get_or_insert_with(|| blob.name().to_owned());
        Ok(())
    }

    /// Adds a zip of redis-record: entries of one stream.
    async fn add_zip(&mut self, blob: Arc<dyn Blob>, stream: &str) -> Result<(), ArchiveError> {
        let size = blob.size();
        if size > RECORD_MAX {
            let name = blob.name();
            return Err(ArchiveError::Format(format!(
                "{name}: a zip of {size} bytes is too large"
            )));
        }
        let read = blob.read(0..size).await?;
        let named = |error| ArchiveError::Format(format!("{}: {error}", blob.name()));
        let (members, whole) = zip::members(&read).map_err(named)?;
        if !whole {
            self.cut = true;
            let warning =
                format!("{} was cut: its {} whole entries are read", blob.name(), members.len());
            self.warnings.push(warning);
        }
        let times = || members.iter().map(|member| member.at);
        let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(()) };
        let known = self.channels.iter().position(|channel| *channel.topic == *stream);
        let place = known.unwrap_or_else(|| {
            let (topic, codec) = (stream.into(), Codec::RedisRecordZip);
            self.channels.push(Channel { topic, codec, stream: None });
            self.channels.len() - 1
        });
        let places = Arc::new(HashMap::from([(0, u32::try_from(place).unwrap_or(u32::MAX))]));
        let (shape, range) = (Shape::Zip, 0..size);
        self.pieces.push(Piece { blob, shape, range, first, last, has: vec![0], places });
        Ok(())
    }

    /// The recording.
    pub(super) fn finish(mut self) -> Result<Recording, ArchiveError> {
        let name = self.name.ok_or_else(|| ArchiveError::Format("no file is given".to_owned()))?;
        self.pieces.sort_by_key(|piece| (piece.first, piece.range.start));
        Ok(Recording {
            name: name.into(),
            pieces: self.pieces.into_iter().map(Arc::new).collect(),
            channels: self.channels.into(),
            finished: !self.cut,
            warnings: self.warnings,
            metadata: self.metadata,
        })
    }
}

async fn check_magic(blob: &dyn Blob) -> Result<(), ArchiveError> {
    let start = blob.read(0..8).await?;
    if start == MAGIC {
        return Ok(());
    }
    let name = blob.name();
    Err(ArchiveError::Format(format!("{name} is no MCAP file: it does not start like one")))
}

fn by_index(chunks: Vec<ChunkPlace>, size: u64) -> Vec<Found> {
    let found = chunks.into_iter().map(|chunk| Found {
        shape: Shape::Chunk,
        range: chunk.offset.min(size)..chunk.offset.saturating_add(chunk.length).min(size),
        first: chunk.first,
        last: chunk.last,
        has: chunk.channels.into_iter().collect(),
    });
    found.collect()
}

/// The summary of a file, where it can be relied on.
async fn summary(blob: &dyn Blob) -> Result<Option<Summary>, ArchiveError> {
    let size = blob.size();
    let Some(footer_at) = size.checked_sub(FOOTER_AND_MAGIC) else { return Ok(None) };
    let end = blob.read(footer_at..size).await?;
    let Some(start) = summary_start(&end) else { return Ok(None) };
    if start == 0 || start >= footer_at || footer_at - start > RECORD_MAX {
        return Ok(None);
    }
    let run = blob.read(start..footer_at).await?;
    let Some((mut summary, metadata)) = read_summary(&run) else { return Ok(None) };
    for (offset, length) in metadata.into_iter().take(METADATA_MAX) {
        let end = offset.saturating_add(length.min(METADATA_BYTES));
        let record = blob.read(offset..end).await?;
        if let Some(Ok(record)) = records(&record).next() {
            summary.declared.add(record.kind, &record.body);
        }
    }
    Ok(Some(summary))
}

fn summary_start(end: &[u8]) -> Option<u64> {
    let head = Head::read(end)?;
    let body = end.strip_suffix(MAGIC)?.get(RECORD_HEAD..)?;
    match told(head.kind, body) {
        Ok(Told::Footer(start)) if head.kind == Kind::Footer => Some(start),
        _ => None,
    }
}

/// Where metadata records lie: offset and length.
type MetadataPlaces = Vec<(u64, u64)>;

/// `None` where it does not say enough.
fn read_summary(run: &Bytes) -> Option<(Summary, MetadataPlaces)> {
    let mut declared = Declared::default();
    let (mut chunks, mut metadata, mut statistics) = (Vec::new(), Vec::new(), None);
    for record in records(run) {
        let record = record.ok()?;
        match record.kind {
            Kind::ChunkIndex | Kind::Statistics | Kind::MetadataIndex => {
                match told(record.kind, &record.body).ok()? {
                    Told::Chunk(chunk) => chunks.push(chunk),
                    Told::Statistics(counts, chunks) => statistics = Some((counts, chunks)),
                    Told::MetadataAt(offset, length) => metadata.push((offset, length)),
                    _ => {}
                }
            }
            kind => declared.add(kind, &record.body),
        }
    }
    let (counts, chunk_count) = statistics?;
    let all_chunks = u32::try_from(chunks.len()) == Ok(chunk_count);
    let in_chunks = !chunks.is_empty() || counts.values().all(|count| *count == 0);
    let by_log_time =
        |id: &u16| declared.channel(*id).is_some_and(|channel| channel.codec != Codec::RedisRecord);
    let known = counts.keys().all(by_log_time);
    (all_chunks && in_chunks && known).then_some((Summary { declared, chunks }, metadata))
}

/// Opens what lies at a path.
pub(super) async fn path(path: &Path) -> Result<Recording, ArchiveError> {
    let owned = path.to_owned();
    let listed = tokio::task::spawn_blocking(move || list(&owned));
    let failed = |source| {
        let what = format!("cannot open {}", path.display());
        ArchiveError::Io { what, source }
    };
    let listed = listed.await.map_err(std::io::Error::other).flatten().map_err(failed)?;
    let mut parts = Parts { name: Some(path.display().to_string()), ..Parts::default() };
    let empty = listed.is_empty();
    for (file, stream) in listed {
        let blob: Arc<dyn Blob> = Arc::new(FileBlob::open(&file).await?);
        match stream {
            Some(stream) => parts.add_zip(blob, &stream).await?,
            None => parts.add_mcap(blob).await?,
        }
    }
    if empty {
        let path = path.display();
        return Err(ArchiveError::Format(format!(
            "{path} has no recording in it: neither MCAP files nor STREAM/*.zip of redis-record"
        )));
    }
    parts.finish()
}

/// The files of a recording; of a zip also its stream.
fn list(path: &Path) -> std::io::Result<Vec<(PathBuf, Option<String>)>> {
    let is = |path: &Path, wanted: &str| path.extension().is_some_and(|found| found == wanted);
    let folder_name = |path: &Path| {
        let folder = path.parent().and_then(Path::file_name);
        folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    if !path.is_dir() {
        let stream = is(path, "zip").then(|| folder_name(path));
        return Ok(vec![(path.to_owned(), stream)]);
    }
    let (mut mcaps, mut zips) = (Vec::new(), Vec::new());
    let mut folders = vec![(path.to_owned(), String::new())];
    while let Some((folder, stream)) = folders.pop() {
        for found in std::fs::read_dir(&folder)? {
            let found = found?.path();
            let name = found.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if found.is_dir() && stream.matches('/').count() < 8 {
                let joined = if stream.is_empty() { name } else { format!("{stream}/{name}") };
                folders.push((found, joined));
            } else if is(&found, "zip") && !stream.is_empty() {
                zips.push((found, Some(stream.clone())));
            } else if is(&found, "mcap") && stream.is_empty() {
                mcaps.push((found, None));
            }
        }
    }
    let mut files = if mcaps.is_empty() { zips } else { mcaps };
    files.sort();
    Ok(files)
}
