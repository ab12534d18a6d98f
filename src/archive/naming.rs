//! Which key a frame of a recording gets in a store: recorded, renamed, shifted in time. Pure.
//!
//! Frames of our files keep their keys but for what is renamed. Those of other programs have none: their
//! camera is the channel's name with `-` for what a name may not hold, their number counts the frames of
//! one nanosecond. Names are settled for a whole recording before its first frame, so that two channels
//! which would become one camera are refused instead of mixed.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use super::ArchiveError;
use super::read::Entry;
use crate::model::frame::{Frame, StoredFrame};
use crate::model::key::{FrameKey, Seq, StreamId, Suffix};
use crate::model::name::{CameraId, Prefix, Tenant};
use crate::model::time::UnixNanos;

/// The most characters of a camera's name.
const NAME_MAX: usize = 64;

/// `A=B`: the camera or channel `A` becomes the camera `B`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// A camera, `tenant/prefix/camera`, or a channel as recorded, with or without its first `/`.
    pub from: String,
    /// What it becomes.
    pub to: CameraId,
}

impl FromStr for Rename {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((from, to)) = text.rsplit_once('=').filter(|(from, _)| !from.is_empty()) else {
            return Err(format!("{text:?} should read OLD=NEW, as in /cam/front=front"));
        };
        let to = CameraId::new(to).map_err(|error| error.to_string())?;
        Ok(Self { from: from.to_owned(), to })
    }
}

/// How far times are moved, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shift(i64);

impl Shift {
    /// Not at all.
    pub const NONE: Self = Self(0);

    /// So that `from` becomes `to`.
    #[must_use]
    pub fn between(from: UnixNanos, to: UnixNanos) -> Self {
        let signed = |at: UnixNanos| i64::try_from(at.get()).unwrap_or(i64::MAX);
        Self(signed(to).saturating_sub(signed(from)))
    }

    /// The moved instant, stopping at the ends of time.
    #[must_use]
    pub fn of(self, at: UnixNanos) -> UnixNanos {
        let moved = at.get().saturating_add_signed(self.0).min(UnixNanos::MAX.get());
        UnixNanos::new(moved).unwrap_or(UnixNanos::MAX)
    }
}

/// Rules that give frames their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Whose frames of other programs become, and their prefix.
    pub family: (Tenant, Prefix),
    /// Whose all frames become; else as recorded.
    pub tenant: Option<Tenant>,
    /// The prefix of all; else as recorded.
    pub prefix: Option<Prefix>,
    /// Cameras with other names.
    pub cameras: Vec<Rename>,
    /// How far times are moved.
    pub shift: Shift,
}

impl Naming {
    /// As recorded; frames of other programs become those of `tenant` and `prefix`.
    #[must_use]
    pub fn recorded(tenant: Tenant, prefix: Prefix) -> Self {
        let (cameras, shift) = (Vec::new(), Shift::NONE);
        Self { family: (tenant, prefix), tenant: None, prefix: None, cameras, shift }
    }

    /// Settles the camera of each channel of a recording.
    ///
    /// # Errors
    /// [`ArchiveError::Naming`]: two channels would become one camera, a rename is of no channel, or
    /// a channel's name holds nothing that a camera's may.
    pub fn settle(&self, channels: &[(Arc<str>, Option<StreamId>)]) -> Result<Names, ArchiveError> {
        let mut names = Names { cameras: HashMap::new(), shift: self.shift };
        let mut taken: HashMap<StreamId, &str> = HashMap::new();
        let mut unused: Vec<&str> = self.cameras.iter().map(|one| one.from.as_str()).collect();
        for (topic, recorded) in channels {
            let stream = self.stream(topic, recorded.as_ref(), &mut unused)?;
            let known = names.cameras.get(&(Arc::clone(topic), recorded.clone()));
            if known.is_none()
                && let Some(other) = taken.insert(stream.clone(), topic)
            {
                return Err(ArchiveError::Naming(format!(
                    "{other} and {topic} would both become the camera {stream}: \
                     give one of them another name, {topic}=NEW"
                )));
            }
            names.cameras.insert((Arc::clone(topic), recorded.clone()), stream);
        }
        let Some(unused) = unused.first() else { return Ok(names) };
        let known: Vec<&str> = channels.iter().map(|(topic, _)| &**topic).take(20).collect();
        Err(ArchiveError::Naming(format!(
            "no camera {unused:?} is in the recording, which has {}",
            known.join(", ")
        )))
    }

    /// The camera of one channel.
    pub(super) fn settle_one(
        &self,
        channel: &(Arc<str>, Option<StreamId>),
    ) -> Result<StreamId, ArchiveError> {
        self.stream(&channel.0, channel.1.as_ref(), &mut Vec::new())
    }

    fn stream(
        &self,
        topic: &str,
        recorded: Option<&StreamId>,
        unused: &mut Vec<&str>,
    ) -> Result<StreamId, ArchiveError> {
        let named = |rename: &&Rename| {
            let from = rename.from.as_str();
            let camera = recorded
                .is_some_and(|stream| stream.camera.as_str() == from || stream.to_string() == from);
            camera || topic == from || topic.strip_prefix('/') == Some(from)
        };
        let renamed = self.cameras.iter().find(named);
        if let Some(renamed) = renamed {
            unused.retain(|from| *from != renamed.from);
        }
        let camera = match (renamed, recorded) {
            (Some(renamed), _) => renamed.to.clone(),
            (None, Some(stream)) => stream.camera.clone(),
            (None, None) => camera_of(topic)?,
        };
        let (tenant, prefix) = match recorded {
            Some(stream) => (&stream.tenant, &stream.prefix),
            None => (&self.family.0, &self.family.1),
        };
        Ok(StreamId {
            tenant: self.tenant.as_ref().unwrap_or(tenant).clone(),
            prefix: self.prefix.as_ref().unwrap_or(prefix).clone(),
            camera,
        })
    }
}

/// `/cam/front image` becomes `cam-front-image`.
fn camera_of(topic: &str) -> Result<CameraId, ArchiveError> {
    let fits = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = topic.chars().map(fits).collect();
    let name = name.trim_start_matches(['.', '-']).trim_end_matches('-');
    CameraId::new(&name[..name.len().min(NAME_MAX)]).map_err(|_| {
        let why = format!("the channel {topic:?} gives no camera a name: give it one, {topic}=NEW");
        ArchiveError::Naming(why)
    })
}

/// The cameras that the channels of one recording become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    cameras: HashMap<(Arc<str>, Option<StreamId>), StreamId>,
    shift: Shift,
}

impl Names {
    /// Every camera that the recording's frames become.
    pub fn streams(&self) -> impl Iterator<Item = &StreamId> {
        self.cameras.values()
    }

    /// The key that an entry gets.
    ///
    /// # Errors
    /// [`ArchiveError::Naming`]: its channel was not settled, its time is before September 2001, or it is
    /// one of more than 99,999 in one nanosecond.
    pub fn key(&self, entry: &Entry) -> Result<FrameKey, ArchiveError> {
        let recorded = entry.key.as_ref().map(|key| key.stream().clone());
        let refused = |why: String| {
            ArchiveError::Naming(format!("{}, time {}: {why}", entry.channel, entry.at))
        };
        let stream = self.cameras.get(&(Arc::clone(&entry.channel), recorded));
        let stream = stream.ok_or_else(|| refused("its channel has no camera".to_owned()))?;
        let suffix = match &entry.key {
            Some(key) => key.suffix(),
            None => Seq::new(entry.order.saturating_add(1))
                .map(Suffix::Live)
                .ok_or_else(|| refused("too many frames have this time".to_owned()))?,
        };
        FrameKey::new(stream.clone(), self.shift.of(entry.at), suffix)
            .map_err(|error| refused(error.to_string()))
    }

    /// The entry as what can be stored, its life moved as its time is.
    ///
    /// # Errors
    /// As [`Names::key`].
    pub fn frame(&self, entry: Entry) -> Result<StoredFrame, ArchiveError> {
        let key = self.key(&entry)?;
        let expires_at = entry.expires_at.map(|at| self.shift.of(at));
        Ok(StoredFrame { frame: Frame { key, bytes: entry.bytes }, ttl: entry.ttl, expires_at })
    }
}

#[cfg(test)]
#[path = "naming_tests.rs"]
mod tests;
