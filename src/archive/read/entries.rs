//! Frames out of messages: a key and the picture behind it are one entry of our files.
//!
//! A picture whose key is missing, because another tool took the key channel out, gets its key from the
//! channel's metadata and the message's time and number. Bytes that are not those of the key's checksum
//! are an error, and so is a key that is not its channel's.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::merge::Merge;
use super::piece::Spot;
use super::{Entry, Recording, Select};
use crate::archive::ArchiveError;
use crate::archive::format::{Channel, Codec, Payload, Sidecar};
use crate::model::key::{FrameKey, Seq, StreamId, Suffix};
use crate::model::time::{Ttl, UnixNanos};

pub(super) fn stream(
    recording: &Recording,
    select: &Select,
) -> BoxStream<'static, Result<Entry, ArchiveError>> {
    let merge = Merge::new(recording, select);
    let pairing = Pairing::new(Arc::clone(&recording.channels));
    stream::unfold(Some((merge, pairing)), |state| async {
        let (mut merge, mut pairing) = state?;
        loop {
            let found = match merge.next().await? {
                Ok((spot, bytes)) => pairing.take(&spot, bytes),
                Err(error) => Err(error),
            };
            match found {
                Ok(None) => {}
                Ok(Some(entry)) => return Some((Ok(entry), Some((merge, pairing)))),
                Err(error @ ArchiveError::Format(_)) => {
                    return Some((Err(error), Some((merge, pairing))));
                }
                Err(error) => return Some((Err(error), None)),
            }
        }
    })
    .boxed()
}

/// Puts keys and pictures together, message by message, in the order of their times.
#[derive(Debug)]
struct Pairing {
    channels: Arc<[Channel]>,
    /// The last key of each camera, until its picture comes.
    keys: HashMap<StreamId, (u64, u32, Sidecar)>,
    /// The last time of each channel, and how many entries had it.
    same: HashMap<u32, (u64, u32)>,
}

impl Pairing {
    fn new(channels: Arc<[Channel]>) -> Self {
        Self { channels, keys: HashMap::new(), same: HashMap::new() }
    }

    fn take(&mut self, spot: &Spot, body: Bytes) -> Result<Option<Entry>, ArchiveError> {
        let channels = Arc::clone(&self.channels);
        let channel = &channels[usize::try_from(spot.channel).unwrap_or(usize::MAX)];
        let wrong = |why: &str| {
            ArchiveError::Format(format!("channel {}, time {}: {why}", channel.topic, spot.at))
        };
        if let (Codec::Key, Some(stream)) = (channel.codec, &channel.stream) {
            let key: Sidecar =
                serde_json::from_slice(&body).map_err(|error| wrong(&error.to_string()))?;
            self.keys.insert(stream.clone(), (spot.at, spot.sequence, key));
            return Ok(None);
        }
        let at = UnixNanos::new(spot.at).ok_or_else(|| wrong("it is after the year 2262"))?;
        let payload =
            Payload::read(channel.codec, body).map_err(|error| wrong(&error.to_string()))?;
        let mut entry = Entry {
            channel: Arc::clone(&channel.topic),
            key: None,
            at,
            order: spot.sequence,
            bytes: payload.bytes,
            ttl: None,
            expires_at: None,
            recorded_at: None,
            fields: payload.fields,
        };
        match &channel.stream {
            Some(stream) if channel.codec == Codec::Image => {
                self.describe(stream, spot, &mut entry).map_err(|why| wrong(&why))?;
            }
            _ => entry.order = self.count(spot),
        }
        Ok(Some(entry))
    }

    /// Adds what the key message before the picture says.
    fn describe(
        &mut self,
        stream: &StreamId,
        spot: &Spot,
        entry: &mut Entry,
    ) -> Result<(), String> {
        let known = self.keys.remove(stream);
        let known = known.filter(|(at, seq, _)| (*at, *seq) == (spot.at, spot.sequence));
        let Some((_, _, told)) = known else {
            let suffix = match spot.sequence {
                0 => Suffix::None,
                number => Seq::new(number).map_or(Suffix::Uuid(number), Suffix::Live),
            };
            let key = FrameKey::new(stream.clone(), entry.at, suffix);
            entry.key = Some(key.map_err(|error| error.to_string())?);
            return Ok(());
        };
        if told.key.stream() != stream || told.key.at() != entry.at {
            return Err(format!("the key {} does not belong here", told.key));
        }
        if u64::from(told.size) != u64::try_from(entry.bytes.len()).unwrap_or(u64::MAX)
            || told.crc32 != crc32fast::hash(&entry.bytes)
        {
            return Err(format!("the frame {} has other bytes than were recorded", told.key));
        }
        let instant = |millis: u64| millis.checked_mul(1_000_000).and_then(UnixNanos::new);
        entry.ttl = told.ttl_ms.and_then(|millis| Ttl::from_secs(millis.div_ceil(1000)).ok());
        entry.expires_at = told.expire_at_ms.and_then(instant);
        entry.recorded_at = instant(told.recorded_at_ms);
        entry.key = Some(told.key);
        Ok(())
    }

    fn count(&mut self, spot: &Spot) -> u32 {
        let same = self.same.entry(spot.channel).or_insert((spot.at, 0));
        if same.0 != spot.at {
            *same = (spot.at, 0);
        }
        let order = same.1;
        same.1 = order.saturating_add(1);
        order
    }
}
