//! How far a recording is, judged by its bytes as they pass: what a client knows of one that is sent.
//!
//! It looks at the heads of records and passes over what they hold. Each chunk is followed by the index of
//! its messages, which says how many there are; the last metadata record says what is inside. Nothing
//! but small records is kept.

use std::collections::BTreeMap;

use mcap::records::op;

use super::record::{Head, Kind, RECORD_HEAD, Told, told};
use super::{MAGIC, RESULT_RECORD};
use crate::archive::ArchiveError;

/// The longest record that is kept to be read.
const KEPT_MAX: u64 = 1 << 20;

/// Bytes of an entry in the index of a chunk's messages: time and place.
const INDEX_ENTRY: u64 = 16;

/// Counts what passes.
#[derive(Debug)]
pub struct Meter {
    bytes: u64,
    messages: u64,
    result: Option<BTreeMap<String, String>>,
    /// Bytes to be passed over before `head` goes on.
    skip: u64,
    /// What is kept: the magic, the head of a record, or a head and its body.
    kept: Vec<u8>,
    /// How long `kept` is to become.
    wanted: usize,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Magic,
    Head,
    Body(Kind),
    /// Behind the footer's head.
    End,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            bytes: 0,
            messages: 0,
            result: None,
            skip: 0,
            kept: Vec::new(),
            wanted: MAGIC.len(),
            place: Place::Magic,
        }
    }
}

impl Meter {
    /// Looks at the next bytes, cut anywhere.
    ///
    /// # Errors
    /// [`ArchiveError::Format`]: they are no MCAP file.
    pub fn pass(&mut self, mut bytes: &[u8]) -> Result<(), ArchiveError> {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        while !bytes.is_empty() {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            self.skip -= u64::try_from(passed).unwrap_or(0);
            let more = (self.wanted - self.kept.len()).min(bytes.len() - passed);
            self.kept.extend_from_slice(&bytes[passed..passed + more]);
            bytes = &bytes[passed + more..];
            if self.skip == 0 && self.kept.len() == self.wanted && self.place != Place::End {
                let kept = std::mem::take(&mut self.kept);
                self.read(&kept)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, kept: &[u8]) -> Result<(), ArchiveError> {
        match self.place {
            Place::Magic if kept != MAGIC => {
                return Err(ArchiveError::Format("this is no MCAP file".to_owned()));
            }
            Place::Head => return self.head(kept),
            Place::Body(kind) => {
                if let Told::Metadata(name, facts) = told(kind, kept)?
                    && name.starts_with(RESULT_RECORD)
                {
                    self.result = Some(facts);
                }
            }
            Place::Magic | Place::End => {}
        }
        (self.place, self.wanted) = (Place::Head, RECORD_HEAD);
        Ok(())
    }

    fn head(&mut self, head: &[u8]) -> Result<(), ArchiveError> {
        let cut = || ArchiveError::Format("a record has no head".to_owned());
        let Head { kind, length } = Head::read(head).ok_or_else(cut)?;
        if head[0] == op::MESSAGE_INDEX {
            self.messages += length.saturating_sub(6) / INDEX_ENTRY;
        }
        match kind {
            Kind::Metadata if length <= KEPT_MAX => {
                self.place = Place::Body(kind);
                self.wanted = usize::try_from(length).map_err(|_| cut())?;
            }
            Kind::Footer => {
                self.place = Place::End;
                self.wanted = 0;
                self.skip = length.saturating_add(u64::try_from(MAGIC.len()).unwrap_or(0));
            }
            _ => {
                self.skip = length;
                self.wanted = RECORD_HEAD;
            }
        }
        Ok(())
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Frames whose chunks have passed: each has a key and a picture.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.messages / 2
    }

    /// What the last metadata record says, once the whole file has passed; `None` before, and for a file
    /// that was cut.
    #[must_use]
    pub fn result(&self) -> Option<&BTreeMap<String, String>> {
        let ended = self.place == Place::End && self.skip == 0;
        self.result.as_ref().filter(|facts| ended && facts.get("complete").is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{About, Ending, SnapshotWriter};
    use super::*;
    use crate::model::frame::{Frame, StoredFrame};
    use crate::model::time::{TimeRange, UnixNanos};

    fn file(frames: u64) -> Vec<u8> {
        let now = UnixNanos::new(1_731_024_000_000_000_000).unwrap();
        let about = About { window: TimeRange::ALL, captured_at: now, facts: BTreeMap::new() };
        let mut writer = SnapshotWriter::begin(&about).unwrap();
        for n in 0..frames {
            let key = format!("t:p:cam{}:{}:00001", n % 3, now.get() + n).parse().unwrap();
            let frame = Frame { key, bytes: vec![7; 300_000].into() };
            writer.add(&StoredFrame { frame, ttl: None, expires_at: None }, now).unwrap();
        }
        writer.finish(&Ending { lost: 3, facts: BTreeMap::new() }).unwrap();
        writer.written().to_vec()
    }

    #[test]
    fn frames_are_counted_however_the_bytes_are_cut_and_only_a_whole_file_has_a_result() {
        let file = file(10);
        for piece in [1, 7, 4096, file.len()] {
            let mut meter = Meter::default();
            for bytes in file.chunks(piece) {
                assert_eq!(meter.result(), None);
                meter.pass(bytes).unwrap();
            }
            assert_eq!((meter.frames(), meter.bytes()), (10, file.len() as u64));
            let result = meter.result().unwrap();
            assert_eq!((result["frames"].as_str(), result["lost"].as_str()), ("10", "3"));
        }
        let mut meter = Meter::default();
        meter.pass(&file[..file.len() - 1]).unwrap();
        assert_eq!((meter.frames(), meter.result()), (10, None));
    }

    #[test]
    fn frames_count_as_their_chunks_pass() {
        let file = file(10);
        let mut meter = Meter::default();
        meter.pass(&file[..file.len() / 2]).unwrap();
        assert!((3..=5).contains(&meter.frames()), "{}", meter.frames());
    }

    #[test]
    fn what_is_no_mcap_is_told() {
        assert!(Meter::default().pass(b"{\"error\": 1}").is_err());
    }
}
