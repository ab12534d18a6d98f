//! Walking a file that has no index, was cut, or whose index goes by other times.
//!
//! Record by record from the start, every chunk opened and its checksum compared, so that what is listed
//! can be read. A chunk that is damaged is passed over with a warning; where a record goes beyond the end
//! or is none, the file was cut there.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::open::{Declared, Found};
use super::piece::Shape;
use crate::archive::format::{
    FOOTER_AND_MAGIC, Head, Kind, MAGIC, MessageHead, RECORD_HEAD, RECORD_MAX, open_chunk, records,
};
use crate::archive::{ArchiveError, Blob};

/// Bytes that are read at once.
const WINDOW: u64 = 4 << 20;

/// Records outside of chunks are one piece up to this size.
const RUN_MAX: u64 = 1 << 20;

/// The most warnings about damaged chunks that are told one by one.
const WARNINGS_MAX: usize = 8;

/// What a walk found.
pub(super) struct Scanned {
    pub(super) declared: Declared,
    pub(super) found: Vec<Found>,
    pub(super) finished: bool,
    pub(super) warnings: Vec<String>,
}

/// Walks a file from its start to its end, or to where it was cut.
///
/// # Errors
/// [`ArchiveError::Io`]: it cannot be read.
pub(super) async fn walk(blob: Arc<dyn Blob>) -> Result<Scanned, ArchiveError> {
    let mut walk = Walk {
        declared: Declared::default(),
        found: Vec::new(),
        run: None,
        damaged: Vec::new(),
        window: Window { blob: Arc::clone(&blob), from: 0, bytes: Bytes::new() },
    };
    let mut at = u64::try_from(MAGIC.len()).unwrap_or_default();
    let whole = loop {
        match walk.record(at).await? {
            Step::Next(next) => at = next,
            Step::End => break true,
            Step::Cut => break false,
        }
    };
    walk.close_run();
    let ended = blob.size().checked_sub(FOOTER_AND_MAGIC);
    let finished = whole && ended.is_some_and(|ended| at <= ended);
    Ok(walk.told(&*blob, at, finished))
}

enum Step {
    /// The next record begins there.
    Next(u64),
    /// The data ended as it should.
    End,
    /// What follows is no whole record.
    Cut,
}

struct Walk {
    declared: Declared,
    found: Vec<Found>,
    /// The piece of records outside of chunks that is being put together.
    run: Option<Found>,
    /// Where damaged chunks lie, and why they are.
    damaged: Vec<(u64, String)>,
    window: Window,
}

impl Walk {
    async fn record(&mut self, at: u64) -> Result<Step, ArchiveError> {
        let head_bytes = u64::try_from(RECORD_HEAD).unwrap_or_default();
        let head = self.window.read(at, head_bytes).await?;
        let Some(Head { kind, length }) = Head::read(&head) else { return Ok(Step::Cut) };
        let end = at.saturating_add(head_bytes).saturating_add(length);
        if end > self.window.blob.size() || kind == Kind::Invalid {
            return Ok(Step::Cut);
        }
        match kind {
            Kind::DataEnd | Kind::Footer => return Ok(Step::End),
            Kind::Chunk => {
                self.close_run();
                if let Err(error) = self.chunk(at..end).await? {
                    self.damaged.push((at, error.to_string()));
                }
            }
            Kind::Schema | Kind::Channel | Kind::Metadata if length <= RECORD_MAX => {
                let record = self.window.read(at, end - at).await?;
                self.declared.add(kind, &record[RECORD_HEAD..]);
                if let Some(run) = &mut self.run {
                    run.range.end = end;
                }
            }
            Kind::Message if length <= RECORD_MAX => self.message(at..end).await?,
            _ => self.close_run(),
        }
        Ok(Step::Next(end))
    }

    async fn chunk(
        &mut self,
        range: std::ops::Range<u64>,
    ) -> Result<Result<(), ArchiveError>, ArchiveError> {
        if range.end - range.start > RECORD_MAX {
            return Ok(Err(ArchiveError::Format(format!("it is larger than {RECORD_MAX} bytes"))));
        }
        let record = self.window.read(range.start, range.end - range.start).await?;
        let run = match open_chunk(&record) {
            Ok(run) => run,
            Err(error) => return Ok(Err(error)),
        };
        let mut found = empty(Shape::Chunk, range);
        for record in records(&run) {
            match record {
                Ok(record) if record.kind == Kind::Message => self.time(&record.body, &mut found),
                Ok(record) => self.declared.add(record.kind, &record.body),
                Err(error) => return Ok(Err(error)),
            }
        }
        self.keep(found);
        Ok(Ok(()))
    }

    async fn message(&mut self, range: std::ops::Range<u64>) -> Result<(), ArchiveError> {
        if self.run.as_ref().is_some_and(|run| range.end - run.range.start > RUN_MAX) {
            self.close_run();
        }
        let head = RECORD_HEAD + MessageHead::BYTES;
        let length = (range.end - range.start).min(u64::try_from(head).unwrap_or_default());
        let record = self.window.read(range.start, length).await?;
        let mut run = self.run.take().unwrap_or_else(|| empty(Shape::Run, range.clone()));
        run.range.end = range.end;
        self.time(&record[RECORD_HEAD..], &mut run);
        self.run = Some(run);
        Ok(())
    }

    fn time(&self, body: &[u8], found: &mut Found) {
        let Some(head) = MessageHead::read(body) else { return };
        let at = self.declared.time(&head);
        found.first = found.first.min(at);
        found.last = found.last.max(at);
        found.has.insert(head.channel);
    }

    fn close_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.keep(run);
        }
    }

    fn keep(&mut self, found: Found) {
        if found.first <= found.last {
            self.found.push(found);
        }
    }

    fn told(self, blob: &dyn Blob, at: u64, finished: bool) -> Scanned {
        let name = blob.name();
        let mut warnings = Vec::new();
        if !finished {
            let rest = blob.size().saturating_sub(at);
            warnings.push(format!(
                "{name} was cut: it is read to its last whole chunk, and {rest} bytes behind that are not"
            ));
        }
        for (at, why) in self.damaged.iter().take(WARNINGS_MAX) {
            warnings.push(format!("{name}: the chunk at byte {at} is damaged and left out: {why}"));
        }
        if let Some(more) = self.damaged.len().checked_sub(WARNINGS_MAX).filter(|more| *more > 0) {
            warnings.push(format!("{name}: {more} further chunks are damaged and left out"));
        }
        Scanned { declared: self.declared, found: self.found, finished, warnings }
    }
}

fn empty(shape: Shape, range: std::ops::Range<u64>) -> Found {
    Found { shape, range, first: u64::MAX, last: 0, has: BTreeSet::new() }
}

/// A part of the file that was read.
struct Window {
    blob: Arc<dyn Blob>,
    from: u64,
    bytes: Bytes,
}

impl Window {
    /// `length` bytes at `at`, fewer where the file ends.
    async fn read(&mut self, at: u64, length: u64) -> Result<Bytes, ArchiveError> {
        let end = at.saturating_add(length).min(self.blob.size());
        let held = self.from + u64::try_from(self.bytes.len()).unwrap_or_default();
        if at < self.from || end > held {
            self.bytes = self.blob.read(at..end.max(at.saturating_add(WINDOW))).await?;
            self.from = at;
        }
        let place = |at: u64| usize::try_from(at - self.from).unwrap_or(usize::MAX);
        let (from, to) = (place(at), place(end.max(at)).min(self.bytes.len()));
        Ok(if from < to { self.bytes.slice(from..to) } else { Bytes::new() })
    }
}
