//! Notes of late frames in the order of their arrival: when one came, and its index record.
//!
//! A frame that comes late lies in the bucket of its capture, among frames that came long before it, so
//! nobody who looks for news by time would find it. A note says when it came: big-endian unix nanos
//! of the store's clock (8), then the record (16). Notes lie one after the other in a string that
//! covers a span of arrival, as wide as the buckets of the frame's life, and go with its frames.

use super::bucket::{IndexRecord, RECORD_BYTES};
use super::time::UnixNanos;

/// Bytes of one encoded note.
pub const ARRIVAL_BYTES: usize = 8 + RECORD_BYTES;

/// That a late frame came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When it came, by the store's clock as its writer knew it.
    pub at: UnixNanos,
    /// The record that stands in the frame's bucket.
    pub record: IndexRecord,
}

impl Arrival {
    /// The 24 bytes of this note.
    #[must_use]
    pub fn encode(self) -> [u8; ARRIVAL_BYTES] {
        let mut out = [0; ARRIVAL_BYTES];
        out[..8].copy_from_slice(&self.at.get().to_be_bytes());
        out[8..].copy_from_slice(&self.record.encode());
        out
    }

    /// Reads 24 bytes back; `None` for what no writer leaves.
    #[must_use]
    pub fn decode(bytes: &[u8; ARRIVAL_BYTES]) -> Option<Self> {
        let (at, record) = bytes.split_first_chunk::<8>()?;
        let at = UnixNanos::new(u64::from_be_bytes(*at))?;
        Some(Self { at, record: IndexRecord::decode(record.try_into().ok()?)? })
    }
}

/// Every note of a string that is understood, in order of arrival; the others are left out.
pub fn decode_arrivals(bytes: &[u8]) -> impl Iterator<Item = Arrival> {
    bytes.as_chunks::<ARRIVAL_BYTES>().0.iter().filter_map(Arrival::decode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::{Seq, Suffix};

    fn note() -> Arrival {
        let record = IndexRecord {
            at: UnixNanos::new(1_731_024_000_123_456_789).unwrap(),
            suffix: Suffix::Live(Seq::new(7).unwrap()),
            ask: true,
            size: Some(50_000),
        };
        Arrival { at: UnixNanos::new(1_731_027_600_000_000_000).unwrap(), record }
    }

    #[test]
    fn a_note_is_its_instant_and_its_record() {
        let bytes = note().encode();
        let expected = "1805d86e4a65a000\
                        1805d5282108cd15\
                        00000007 04 00c350";
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""));
        assert_eq!(Arrival::decode(&bytes), Some(note()));
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        let mut bytes = note().encode().to_vec();
        bytes.extend([0xff; ARRIVAL_BYTES]);
        bytes.extend(note().encode());
        bytes.extend(b"cut");
        assert_eq!(decode_arrivals(&bytes).collect::<Vec<_>>(), [note(), note()]);
        assert_eq!(decode_arrivals(b"").count(), 0);
    }
}
