//! The messages of all pieces in the order of their times.
//!
//! Pieces are opened when their first time is due; their messages wait in a heap. From the second one on
//! the next is read meanwhile, so that a look at one instant reads no more than it needs. Of what was opened only
//! [`HELD_MAX`] bytes are kept: where more pieces overlap, as files with a chunk per topic do, a message is
//! read again alone, or with its piece where that is compressed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::poll;

use super::piece::{Opened, Piece, Spot, cut};
use super::{Recording, Select};
use crate::archive::ArchiveError;
use crate::archive::format::Channel;

/// Bytes of opened pieces that are kept; one piece may be larger.
const HELD_MAX: usize = 64 << 20;

/// A piece that is being read.
type Opening = BoxFuture<'static, Result<Opened, ArchiveError>>;

/// A piece that was opened and is not yet read to its end.
#[derive(Debug)]
struct Held {
    /// Given up where too much is held.
    bytes: Option<Bytes>,
    plain_at: Option<u64>,
    left: usize,
}

/// Gives out messages by time.
pub(super) struct Merge {
    channels: Arc<[Channel]>,
    wanted: Vec<bool>,
    window: (u64, u64),
    /// By their first times.
    pieces: Vec<Arc<Piece>>,
    next: usize,
    heap: BinaryHeap<Reverse<Spot>>,
    held: HashMap<u32, Held>,
    /// Pieces whose bytes are kept, the oldest first, and perhaps some that are done with.
    kept: VecDeque<u32>,
    kept_bytes: usize,
    /// The place of the next piece, and the reading of it.
    ahead: Option<(usize, Opening)>,
}

impl Merge {
    /// Messages of a recording that may be frames or keys.
    pub(super) fn new(recording: &Recording, select: &Select) -> Self {
        let channels = Arc::clone(&recording.channels);
        let wanted = select.wanted(&channels);
        let window = (select.window.from().get(), select.window.to().get());
        let any = |piece: &Arc<Piece>| {
            let mut has = piece.has.iter().filter_map(|id| piece.places.get(id));
            let is_wanted = |place: &u32| wanted[usize::try_from(*place).unwrap_or(usize::MAX)];
            piece.has.is_empty() || has.any(is_wanted)
        };
        let pieces = recording.pieces.iter();
        let in_window = pieces.filter(|piece| piece.last >= window.0 && piece.first < window.1);
        let pieces: Vec<Arc<Piece>> =
            in_window.filter(|piece| any(piece)).map(Arc::clone).collect();
        let (heap, held) = (BinaryHeap::new(), HashMap::new());
        let (kept, kept_bytes) = (VecDeque::new(), 0);
        Self {
            channels,
            wanted,
            window,
            pieces,
            next: 0,
            heap,
            held,
            kept,
            kept_bytes,
            ahead: None,
        }
    }

    /// The next message and its bytes; `None` at the end.
    ///
    /// # Errors
    /// [`ArchiveError`]: a piece is damaged or cannot be read; the next call goes on behind it.
    pub(super) async fn next(&mut self) -> Option<Result<(Spot, Bytes), ArchiveError>> {
        loop {
            let due = self.pieces.get(self.next).is_some_and(|piece| {
                self.heap.peek().is_none_or(|Reverse(spot)| piece.first <= spot.at)
            });
            if !due {
                break;
            }
            if let Err(error) = self.open_next().await {
                return Some(Err(error));
            }
        }
        let Reverse(spot) = self.heap.pop()?;
        Some(self.read(&spot).await.map(|bytes| (spot, bytes)))
    }

    async fn open_next(&mut self) -> Result<(), ArchiveError> {
        let (place, number) = (self.next, u32::try_from(self.next).unwrap_or(u32::MAX));
        self.next += 1;
        let opening = self.ahead.take().filter(|(ahead, _)| *ahead == place);
        let opening = opening.map_or_else(|| self.opening(place), |(_, opening)| Some(opening));
        let Some(mut opening) = opening else { return Ok(()) };
        let opened = (&mut opening).await;
        if place > 0
            && let Some(mut next) = self.opening(place + 1)
        {
            // Looked at once, the reading begins.
            if let Poll::Ready(early) = poll!(&mut next) {
                next = Box::pin(std::future::ready(early));
            }
            self.ahead = Some((place + 1, next));
        }
        let Opened { bytes, spots, plain_at } = opened?;
        let (from, to) = self.window;
        let mut left = 0;
        for spot in spots {
            let wanted = self.wanted[usize::try_from(spot.channel).unwrap_or(usize::MAX)];
            if wanted && (from..to).contains(&spot.at) {
                self.heap.push(Reverse(Spot { piece: number, ..spot }));
                left += 1;
            }
        }
        if left > 0 {
            self.held.insert(number, Held { bytes: None, plain_at, left });
            self.keep(number, bytes);
        }
        Ok(())
    }

    fn opening(&self, place: usize) -> Option<Opening> {
        let (piece, channels) = (Arc::clone(self.pieces.get(place)?), Arc::clone(&self.channels));
        Some(Box::pin(async move { piece.open(&channels).await }))
    }

    /// Keeps the bytes of a piece, and gives those of the oldest up until what is kept fits.
    fn keep(&mut self, number: u32, bytes: Bytes) {
        let Some(held) = self.held.get_mut(&number) else { return };
        self.kept_bytes += bytes.len();
        held.bytes = Some(bytes);
        while self.kept_bytes > HELD_MAX
            && let Some(oldest) = self.kept.pop_front()
        {
            let given_up = self.held.get_mut(&oldest).and_then(|held| held.bytes.take());
            self.kept_bytes -= given_up.map_or(0, |bytes| bytes.len());
        }
        self.kept.push_back(number);
    }

    async fn read(&mut self, spot: &Spot) -> Result<Bytes, ArchiveError> {
        let piece = Arc::clone(&self.pieces[usize::try_from(spot.piece).unwrap_or(usize::MAX)]);
        let short = || ArchiveError::Format(format!("{}: a message is cut", piece.blob.name()));
        let Some(held) = self.held.get_mut(&spot.piece) else { return Err(short()) };
        held.left -= 1;
        let (last, plain_at) = (held.left == 0, held.plain_at);
        let bytes = match (&held.bytes, plain_at) {
            (Some(bytes), _) => cut(bytes, spot),
            (None, Some(plain_at)) => Some(piece.one(plain_at, spot).await?),
            (None, None) => {
                let opened = piece.open(&self.channels).await?;
                let found = cut(&opened.bytes, spot);
                self.keep(spot.piece, opened.bytes);
                found
            }
        };
        if last && let Some(done) = self.held.remove(&spot.piece) {
            self.kept_bytes -= done.bytes.map_or(0, |bytes| bytes.len());
        }
        bytes.ok_or_else(short)
    }
}
