//! Orders to a replay while it runs, and how whoever gave one learns that it was followed.

use tokio::sync::oneshot;

use super::Speed;
use crate::model::time::UnixNanos;

/// What a replay is told while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Stand still.
    Pause,
    /// Go on.
    Resume,
    /// Go on there; an instant outside of what is played is its nearest end.
    Seek(UnixNanos),
    /// Go on so fast.
    Speed(Speed),
}

/// An order on its way to a replay.
#[derive(Debug)]
pub struct Told {
    pub(super) control: Control,
    pub(super) followed: oneshot::Sender<()>,
}

impl Told {
    /// An order, and what tells when it was followed.
    #[must_use]
    pub fn new(control: Control) -> (Self, oneshot::Receiver<()>) {
        let (followed, done) = oneshot::channel();
        (Self { control, followed }, done)
    }
}
