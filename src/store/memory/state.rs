//! The embedded store's data, without locks or clock: every change takes `now` as an argument.
//!
//! A frame is an [`Entry`] in its bucket; when it expires, is evicted or deleted its bytes go, and the
//! entry stays until the whole bucket is empty and past, so that positions in arrival order keep
//! meaning.
//! One ordered set over all cameras says who is next to expire, another one who of the held.

mod held;
mod marks;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;

use self::held::Held;
use crate::model::arrival::Arrival;
use crate::model::bucket::{Bucket, FoundRecord, IndexRecord, Life};
use crate::model::frame::Dimensions;
use crate::model::key::{FrameKey, StreamId, Suffix};
use crate::model::name::{Prefix, Tenant};
use crate::model::time::{TimeRange, Ttl, UnixNanos};
use crate::store::{CameraSeen, FamilySeen, Place, Put, PutFrame, StoreError, StoreInfo};

/// Entry, place in the expiry set, and their share of map nodes.
pub(super) const OVERHEAD_BYTES: u64 = 160;

/// One frame in its bucket.
#[derive(Debug)]
pub(super) struct Entry {
    at: UnixNanos,
    suffix: Suffix,
    ask: bool,
    pub(super) expires_at: UnixNanos,
    /// `None` once expired, evicted or deleted.
    pub(super) bytes: Option<Bytes>,
    deleted: bool,
}

impl Entry {
    pub(super) fn size(&self) -> u32 {
        let len = self.bytes.as_ref().map_or(0, Bytes::len);
        u32::try_from(len).unwrap_or(u32::MAX)
    }

    fn record(&self) -> IndexRecord {
        let size = self.bytes.is_some().then(|| self.size());
        IndexRecord { at: self.at, suffix: self.suffix, ask: self.ask, size }
    }

    fn order(&self) -> (UnixNanos, Suffix) {
        (self.at, self.suffix)
    }
}

/// Entries in order of arrival.
#[derive(Debug, Default)]
struct Entries {
    all: Vec<Entry>,
    live: usize,
    /// Whether one arrived behind a later one.
    mixed: bool,
}

impl Entries {
    fn push(&mut self, entry: Entry) {
        self.mixed |= self.all.last().is_some_and(|last| last.order() > entry.order());
        self.all.push(entry);
        self.live += 1;
    }

    /// Where the live entry of a key stands. Arrival is nearly always in time order, so a binary
    /// search does; a late frame, or a key that was written again after its end, breaks the order
    /// and costs a walk of the bucket.
    fn live_position(&self, order: (UnixNanos, Suffix)) -> Option<usize> {
        let is_it = |entry: &Entry| entry.order() == order && entry.bytes.is_some();
        match self.all.binary_search_by(|entry| entry.order().cmp(&order)) {
            Ok(position) if is_it(&self.all[position]) => Some(position),
            Err(_) if !self.mixed => None,
            _ => self.all.iter().position(is_it),
        }
    }
}

/// What is kept of one camera.
#[derive(Debug)]
pub(super) struct Camera {
    id: StreamId,
    buckets: BTreeMap<Bucket, Entries>,
    lives: BTreeSet<Life>,
    pub(super) newest: UnixNanos,
    pub(super) dimensions: Vec<(UnixNanos, Dimensions)>,
    marks: BTreeMap<Bucket, u32>,
    /// Late frames in order of arrival, each with its bucket.
    arrivals: Vec<(Arrival, Bucket)>,
}

type Due = (UnixNanos, usize, Bucket, UnixNanos, Suffix);

/// All frames, and who expires next.
#[derive(Debug)]
pub(super) struct State {
    cameras: Vec<Camera>,
    by_id: HashMap<StreamId, usize>,
    due: BTreeSet<Due>,
    held: Held,
    bytes: u64,
    max_bytes: u64,
    evicted: u64,
    expired: u64,
}

impl State {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            cameras: Vec::new(),
            by_id: HashMap::new(),
            due: BTreeSet::new(),
            held: Held::default(),
            bytes: 0,
            max_bytes,
            evicted: 0,
            expired: 0,
        }
    }

    /// Lets go of every frame whose lifetime has ended.
    pub(super) fn sweep(&mut self, now: UnixNanos) {
        while let Some(due) = self.next_due().filter(|due| due.0 <= now) {
            self.drop_frame(due);
            self.expired += 1;
        }
    }

    pub(super) fn put(&mut self, frame: &PutFrame, now: UnixNanos) -> Result<Put, StoreError> {
        let key = &frame.key;
        if let Some((bucket, position, entry)) = self.locate(key) {
            let place = Place { bucket, end: count(position + 1) };
            let equal = entry.bytes.as_ref() == Some(&frame.bytes);
            return Ok(if equal { Put::Stored { place, again: true } } else { Put::Taken });
        }
        self.make_room(frame)?;
        let index = self.camera_index(key.stream());
        let bucket = Life::of(frame.ttl).bucket(key.at());
        let expiry = frame.expiry(now);
        let (expires_at, ask) = (expiry.end(now), expiry.is_asked());
        let camera = &mut self.cameras[index];
        camera.open(bucket, now);
        camera.newest = camera.newest.max(key.at());
        if let Some(dimensions) = frame.new_dimensions {
            let known = &mut camera.dimensions;
            let place = known.partition_point(|(from, _)| *from <= key.at());
            known.insert(place, (key.at(), dimensions));
        }
        let entries = camera.buckets.entry(bucket).or_default();
        let bytes = Some(frame.bytes.clone());
        let (at, suffix) = (key.at(), key.suffix());
        let entry = Entry { at, suffix, ask, expires_at, bytes, deleted: false };
        if ask {
            camera.arrivals.push((Arrival { at: now, record: entry.record() }, bucket));
        }
        entries.push(entry);
        let end = count(entries.all.len());
        self.bytes += cost(frame.bytes.len());
        self.due.insert((expires_at, index, bucket, at, suffix));
        Ok(Put::Stored { place: Place { bucket, end }, again: false })
    }

    /// Evicts, earliest expiry first and held frames last, until the frame fits.
    fn make_room(&mut self, frame: &PutFrame) -> Result<(), StoreError> {
        let needed = cost(frame.bytes.len());
        if needed > self.max_bytes {
            return Err(StoreError::Refused(format!(
                "a frame of {} bytes does not fit into [embedded] max_bytes = {}",
                frame.bytes.len(),
                self.max_bytes
            )));
        }
        while self.bytes + needed > self.max_bytes {
            let Some(first) = self.first_to_evict() else { break };
            self.drop_frame(first);
            self.evicted += 1;
        }
        Ok(())
    }

    fn drop_frame(&mut self, due: Due) {
        self.due.remove(&due);
        self.held.forget(&due);
        let (_, index, bucket, at, suffix) = due;
        let Some(entries) = self.cameras[index].buckets.get_mut(&bucket) else { return };
        let Some(position) = entries.live_position((at, suffix)) else { return };
        let entry = &mut entries.all[position];
        let freed = entry.bytes.take().map_or(0, |bytes| cost(bytes.len()));
        self.bytes = self.bytes.saturating_sub(freed);
        entries.live -= 1;
    }

    /// Deletes a frame; its bytes, `None` where none lives.
    pub(super) fn delete(&mut self, key: &FrameKey) -> Option<u32> {
        let (bucket, position, entry) = self.locate(key)?;
        let (size, expires_at) = (entry.size(), entry.expires_at);
        let index = *self.by_id.get(key.stream())?;
        self.drop_frame((expires_at, index, bucket, key.at(), key.suffix()));
        self.cameras[index].buckets.get_mut(&bucket)?.all[position].deleted = true;
        Some(size)
    }

    fn locate(&self, key: &FrameKey) -> Option<(Bucket, usize, &Entry)> {
        let camera = self.camera(key.stream())?;
        let order = (key.at(), key.suffix());
        camera.lives.iter().find_map(|life| {
            let bucket = life.bucket(key.at());
            let entries = camera.buckets.get(&bucket)?;
            let position = entries.live_position(order)?;
            Some((bucket, position, &entries.all[position]))
        })
    }

    pub(super) fn find(&self, key: &FrameKey) -> Option<&Entry> {
        self.locate(key).map(|(_, _, entry)| entry)
    }

    /// The records of live frames in the window, and how many entries were dead.
    pub(super) fn records(&self, stream: &StreamId, window: TimeRange) -> (Vec<FoundRecord>, u64) {
        let mut found = Vec::new();
        let mut dead = 0;
        let Some(camera) = self.camera(stream) else { return (found, dead) };
        for life in &camera.lives {
            let first = life.bucket(window.from());
            let last = life.bucket(window.to());
            for entry in camera.buckets.range(first..=last).flat_map(|(_, entries)| &entries.all) {
                if !window.contains(entry.at) {
                    continue;
                }
                if entry.bytes.is_some() {
                    found.push(FoundRecord { record: entry.record(), ttl: life.ttl });
                } else if !entry.deleted {
                    dead += 1;
                }
            }
        }
        (found, dead)
    }

    /// Late frames by when they came; they may be gone.
    pub(super) fn arrived(&self, stream: &StreamId, window: TimeRange) -> Vec<FoundRecord> {
        let Some(camera) = self.camera(stream) else { return Vec::new() };
        let found = |(note, bucket): &(Arrival, Bucket)| FoundRecord {
            record: note.record,
            ttl: bucket.life.ttl,
        };
        let came = camera.arrivals.iter().filter(|(note, _)| window.contains(note.at));
        came.map(found).collect()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = FrameKey> {
        self.cameras.iter().flat_map(|camera| {
            let entries = camera.buckets.values().flat_map(|entries| &entries.all);
            entries
                .filter(|entry| entry.bytes.is_some())
                .filter_map(|entry| entry.record().key(&camera.id).ok())
        })
    }

    pub(super) fn families(&self) -> Vec<FamilySeen> {
        let mut newest: BTreeMap<(Tenant, Prefix), UnixNanos> = BTreeMap::new();
        for camera in &self.cameras {
            let family = (camera.id.tenant.clone(), camera.id.prefix.clone());
            let seen = newest.entry(family).or_insert(camera.newest);
            *seen = (*seen).max(camera.newest);
        }
        newest
            .into_iter()
            .map(|((tenant, prefix), newest)| FamilySeen { tenant, prefix, newest })
            .collect()
    }

    pub(super) fn cameras(&self, tenant: &Tenant, prefix: &Prefix) -> Vec<CameraSeen> {
        let mut seen: Vec<CameraSeen> = self
            .cameras
            .iter()
            .filter(|camera| camera.id.tenant == *tenant && camera.id.prefix == *prefix)
            .map(|camera| CameraSeen { camera: camera.id.camera.clone(), newest: camera.newest })
            .collect();
        seen.sort_by(|a, b| a.camera.cmp(&b.camera));
        seen
    }

    pub(super) fn camera(&self, stream: &StreamId) -> Option<&Camera> {
        self.by_id.get(stream).map(|index| &self.cameras[*index])
    }

    fn camera_index(&mut self, stream: &StreamId) -> usize {
        if let Some(index) = self.by_id.get(stream) {
            return *index;
        }
        self.cameras.push(Camera::new(stream.clone()));
        self.by_id.insert(stream.clone(), self.cameras.len() - 1);
        self.cameras.len() - 1
    }

    pub(super) fn info(&self) -> StoreInfo {
        StoreInfo {
            backend: "embedded".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            used_bytes: self.bytes,
            max_bytes: Some(self.max_bytes),
            keys: u64::try_from(self.due.len() + self.held.len()).unwrap_or(u64::MAX),
            evicted: self.evicted,
            expired: self.expired,
            facts: self.held.facts(),
        }
    }
}

impl Camera {
    /// The longest life among the frames that it has.
    pub(super) fn longest_life(&self) -> Option<Ttl> {
        self.lives.iter().map(|life| life.ttl).max()
    }

    fn new(id: StreamId) -> Self {
        Self {
            id,
            buckets: BTreeMap::new(),
            lives: BTreeSet::new(),
            newest: UnixNanos::MIN,
            dimensions: Vec::new(),
            marks: BTreeMap::new(),
            arrivals: Vec::new(),
        }
    }

    /// Opens the bucket unless it is open; forgets buckets whose frames are all gone, and
    /// dimensions that no frame can have any more.
    fn open(&mut self, bucket: Bucket, now: UnixNanos) {
        if self.buckets.contains_key(&bucket) {
            return;
        }
        let past = |bucket: &Bucket| bucket.window().is_none_or(|window| window.to() <= now);
        self.buckets.retain(|bucket, entries| entries.live > 0 || !past(bucket));
        let buckets = &self.buckets;
        self.lives.retain(|life| buckets.keys().any(|bucket| bucket.life == *life));
        self.marks.retain(|bucket, _| buckets.contains_key(bucket));
        self.arrivals.retain(|(note, bucket)| {
            note.at.plus(bucket.life.ttl.as_duration()) > now && buckets.contains_key(bucket)
        });
        let starts = buckets.keys().chain([&bucket]).filter_map(|bucket| bucket.window());
        if let Some(oldest) = starts.map(TimeRange::from).min() {
            let told = self.dimensions.partition_point(|(from, _)| *from <= oldest);
            self.dimensions.drain(..told.saturating_sub(1));
        }
        self.lives.insert(bucket.life);
        self.marks.entry(bucket).or_insert(0);
    }
}

fn cost(payload: usize) -> u64 {
    u64::try_from(payload).unwrap_or(u64::MAX).saturating_add(OVERHEAD_BYTES)
}

fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}
