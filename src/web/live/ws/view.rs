//! The cameras that one socket shows, and which picture is next.
//!
//! Of each camera at most one picture is on its way: only when it has been handed out is the camera
//! looked at again, and then at its newest frame. So nothing queues, however slow the socket. Smaller
//! pictures are made meanwhile, several at once.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::request::Wish;
use crate::model::frame::Frame;
use crate::model::key::Suffix;
use crate::watch::{Pace, Shown, Viewer, Watch};
use crate::web::thumbnail::Thumbnails;

/// Bytes before the JPEG.
const HEAD_BYTES: usize = 20;

/// The cameras of a socket.
pub(super) struct Wall {
    watch: Watch,
    thumbnails: Thumbnails,
    tiles: HashMap<u16, Tile>,
    /// What each camera waits for; of earlier sets as well, until it comes.
    coming: FuturesUnordered<BoxFuture<'static, Coming>>,
    /// Tells the cameras of this set from those of earlier ones.
    set: u64,
}

/// A camera that is shown.
struct Tile {
    wish: Wish,
    pace: Pace,
    /// Since which set it is shown.
    set: u64,
    gone: CancellationToken,
    _gone_with_it: DropGuard,
}

impl Tile {
    fn new(wish: Wish, set: u64) -> Self {
        let gone = CancellationToken::new();
        let guard = gone.clone().drop_guard();
        Self { pace: Pace::new(wish.limit()), wish, set, gone, _gone_with_it: guard }
    }
}

/// Something that a tile waited for.
struct Coming {
    id: u16,
    set: u64,
    viewer: Viewer,
    what: What,
}

enum What {
    /// There is another frame.
    Changed,
    /// A smaller picture is made; `None` when it cannot be.
    Made(Shown, u32, Option<Bytes>),
    /// There will be no further frame.
    Ended,
}

impl Wall {
    pub(super) fn new(watch: Watch, thumbnails: Thumbnails) -> Self {
        let (tiles, coming) = (HashMap::new(), FuturesUnordered::new());
        Self { watch, thumbnails, tiles, coming, set: 0 }
    }

    /// Shows these cameras and no others; one that is shown alike already goes on.
    pub(super) fn show(&mut self, wishes: Vec<Wish>) {
        self.set += 1;
        let mut before = std::mem::take(&mut self.tiles);
        for wish in wishes {
            let id = wish.id;
            let tile = match before.remove(&id).filter(|tile| tile.wish == wish) {
                Some(tile) => tile,
                None => {
                    let tile = Tile::new(wish, self.set);
                    self.look(id, &tile, self.watch.newest(&tile.wish.stream));
                    tile
                }
            };
            self.tiles.insert(id, tile);
        }
    }

    /// Waits for the camera's next frame, unless its tile goes first.
    fn look(&self, id: u16, tile: &Tile, mut viewer: Viewer) {
        let (set, gone) = (tile.set, tile.gone.clone());
        let coming = async move {
            let changed = tokio::select! {
                () = gone.cancelled() => false,
                changed = viewer.changed() => changed,
            };
            let what = if changed { What::Changed } else { What::Ended };
            Coming { id, set, viewer, what }
        };
        self.coming.push(coming.boxed());
    }

    /// The next picture, as a message; waits for ever when no camera is shown. May be dropped and
    /// called again: nothing is lost.
    pub(super) async fn next(&mut self) -> Bytes {
        loop {
            let Some(coming) = self.coming.next().await else {
                return std::future::pending().await;
            };
            if let Some(message) = self.take(coming) {
                return message;
            }
        }
    }

    /// What is sent of what came, after which its camera is looked at again.
    fn take(&mut self, Coming { id, set, mut viewer, what }: Coming) -> Option<Bytes> {
        let tile = self.tiles.get_mut(&id).filter(|tile| tile.set == set)?;
        let message = match what {
            What::Ended => return None,
            What::Made(shown, skipped, picture) => {
                picture.map(|picture| message(id, &shown.frame, skipped, &picture))
            }
            What::Changed => {
                let shown = viewer.newest();
                let admitted = shown.and_then(|shown| Some((tile.pace.admit(&shown)?, shown)));
                match (admitted, tile.wish.height) {
                    (None, _) => None,
                    (Some((skipped, shown)), None) => {
                        Some(message(id, &shown.frame, skipped, &shown.frame.bytes))
                    }
                    (Some((skipped, shown)), Some(height)) => {
                        let thumbnails = self.thumbnails.clone();
                        let made = async move {
                            let picture = thumbnails.of(&shown.frame, height).await;
                            let what = What::Made(shown, skipped, picture.ok());
                            Coming { id, set, viewer, what }
                        };
                        self.coming.push(made.boxed());
                        return None;
                    }
                }
            }
        };
        if let Some(tile) = self.tiles.get(&id) {
            self.look(id, tile, viewer);
        }
        message
    }
}

/// A picture with its head, as it is sent.
fn message(id: u16, frame: &Frame, skipped: u32, picture: &Bytes) -> Bytes {
    let seq = match frame.key.suffix() {
        Suffix::Live(seq) => seq.get(),
        Suffix::None | Suffix::Uuid(_) => 0,
    };
    let mut message = BytesMut::with_capacity(HEAD_BYTES + picture.len());
    message.put_u16(id);
    message.put_u16(0);
    message.put_u64(frame.key.at().get());
    message.put_u32(seq);
    message.put_u32(skipped);
    message.extend_from_slice(picture);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_follows_its_head_of_twenty_bytes() {
        let head = |key: &str| {
            let frame = Frame { key: key.parse().unwrap(), bytes: Bytes::new() };
            let message = message(258, &frame, 3, &Bytes::from_static(b"jpeg"));
            assert_eq!(&message[HEAD_BYTES..], b"jpeg");
            message[..HEAD_BYTES].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let at = format!("{:016x}", 1_731_024_000_123_456_789_u64);
        let live = head("t:f:c:1731024000123456789:00007");
        assert_eq!(live, format!("01020000{at}0000000700000003"));
        let old = head("t:f:c:1731024000123456789:0a1b2c3d");
        assert_eq!(old, format!("01020000{at}0000000000000003"));
    }
}
