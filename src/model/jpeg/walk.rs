//! The one reader of JPEG markers: a walk over a picture that may still be arriving.
//!
//! It is fed the same bytes from the picture's start again and again, each time with more at the
//! end, and goes on where it stopped: linear time however the bytes are cut. It owns no bytes.

use memchr::memchr;

use crate::model::frame::Dimensions;

/// Start of image.
pub(super) const SOI: [u8; 2] = [0xFF, 0xD8];

/// Marker codes, the byte after `FF`: ITU-T T.81, table B.1.
pub(super) mod code {
    pub(crate) const STUFFED: u8 = 0x00;
    pub(crate) const TEM: u8 = 0x01;
    pub(crate) const LAST_RESERVED: u8 = 0xBF;
    pub(crate) const SOF0: u8 = 0xC0;
    pub(crate) const DHT: u8 = 0xC4;
    pub(crate) const JPG: u8 = 0xC8;
    pub(crate) const DAC: u8 = 0xCC;
    pub(crate) const SOF15: u8 = 0xCF;
    pub(crate) const RST0: u8 = 0xD0;
    pub(crate) const RST7: u8 = 0xD7;
    pub(crate) const SOI: u8 = 0xD8;
    pub(crate) const EOI: u8 = 0xD9;
    pub(crate) const SOS: u8 = 0xDA;
    pub(crate) const APP0: u8 = 0xE0;
    pub(crate) const APP15: u8 = 0xEF;
    pub(crate) const COM: u8 = 0xFE;
    pub(crate) const FILL: u8 = 0xFF;
}

/// A scan header is at most this long: 4 components of 2 bytes and 6 more.
const SCAN_HEADER_MAX: usize = 14;

/// How far a walk came. Offsets count from the picture's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walked {
    /// To the last byte that is there.
    More,
    /// To the end marker; the offset is that of the byte after it.
    End(usize),
    /// To the start marker of another picture, at this offset.
    Cut(usize),
    /// To something that is no marker segment, at this offset.
    Malformed(usize),
}

#[derive(Debug, Clone, Copy)]
enum Expect {
    Marker,
    Entropy,
}

/// A walk over one picture. After anything but [`Walked::More`] it is over.
#[derive(Debug, Clone)]
pub(crate) struct JpegWalk {
    at: usize,
    expect: Expect,
    segment: usize,
    segment_code: u8,
    size: Option<Dimensions>,
    scans: bool,
}

impl JpegWalk {
    /// A walk over a picture whose first two bytes are known to be `FF D8`.
    pub(crate) fn new() -> Self {
        Self {
            at: SOI.len(),
            expect: Expect::Marker,
            segment: SOI.len(),
            segment_code: code::SOI,
            size: None,
            scans: false,
        }
    }

    /// Walks on. `picture` is everything from the picture's start (less what [`Self::forget`] took).
    pub(crate) fn advance(&mut self, picture: &[u8]) -> Walked {
        loop {
            let stopped = match self.expect {
                Expect::Marker => self.marker(picture),
                Expect::Entropy => self.entropy(picture),
            };
            if let Some(walked) = stopped {
                return walked;
            }
        }
    }

    /// Width and height, both above 0, once a frame header and a scan header went by.
    pub(crate) fn picture(&self) -> Option<Dimensions> {
        let there = |size: &Dimensions| self.scans && size.width > 0 && size.height > 0;
        self.size.filter(there)
    }

    /// Up to here nothing is in doubt. Behind it lies at most one segment, whose length is not yet
    /// confirmed by a marker after it: in a cut picture that length may reach into the next one.
    pub(crate) fn sure(&self) -> usize {
        match self.expect {
            Expect::Marker => self.segment,
            Expect::Entropy => self.at,
        }
    }

    /// Where the segment in doubt should end, if it is one that may hold a thumbnail (`APPn`).
    pub(crate) fn thumbnail_end(&self) -> Option<usize> {
        let app = (code::APP0..=code::APP15).contains(&self.segment_code);
        app.then_some(self.at)
    }

    /// The caller dropped the first `bytes` bytes, at most [`Self::sure`]; offsets count from there.
    pub(crate) fn forget(&mut self, bytes: usize) {
        self.at -= bytes;
        self.segment = self.segment.saturating_sub(bytes);
    }

    fn marker(&mut self, picture: &[u8]) -> Option<Walked> {
        match *picture.get(self.at..).unwrap_or_default() {
            [] | [code::FILL] => Some(Walked::More),
            [code::FILL, code, ref rest @ ..] => self.coded(code, rest),
            _ => Some(Walked::Malformed(self.at)),
        }
    }

    fn coded(&mut self, code: u8, rest: &[u8]) -> Option<Walked> {
        let at = self.at;
        match code {
            code::SOI => return Some(Walked::Cut(at)),
            code::EOI => return Some(Walked::End(at + 2)),
            code::TEM | code::FILL => {}
            code::STUFFED..=code::LAST_RESERVED | code::RST0..=code::RST7 => {
                return Some(Walked::Malformed(at));
            }
            _ => {}
        }
        (self.segment, self.segment_code) = (at, code);
        match code {
            code::FILL => self.at += 1,
            code::TEM => self.at += 2,
            _ => return self.segment(code, rest),
        }
        None
    }

    /// A segment with a length, which counts itself but not the marker; `rest` starts with it.
    fn segment(&mut self, code: u8, rest: &[u8]) -> Option<Walked> {
        let &[high, low, ref body @ ..] = rest else {
            return Some(Walked::More);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let read = match code {
            _ if length < 2 => Err(Walked::Malformed(self.at)),
            code::DHT | code::JPG | code::DAC => Ok(()),
            code::SOF0..=code::SOF15 => self.frame_header(length, body),
            code::SOS => self.scan_header(length, body),
            _ => Ok(()),
        };
        if read.is_ok() {
            self.at += 2 + length;
        }
        read.err()
    }

    fn frame_header(&mut self, length: usize, body: &[u8]) -> Result<(), Walked> {
        if length < 8 || self.size.is_some() {
            return Err(Walked::Malformed(self.at));
        }
        let &[_precision, h1, h0, w1, w0, ..] = body else {
            return Err(Walked::More);
        };
        self.size = Some(Dimensions {
            width: u16::from_be_bytes([w1, w0]),
            height: u16::from_be_bytes([h1, h0]),
        });
        Ok(())
    }

    /// The header is read whole: a jump over it into the entropy-coded data of the next picture
    /// would not be noticed.
    fn scan_header(&mut self, length: usize, body: &[u8]) -> Result<(), Walked> {
        if length > SCAN_HEADER_MAX || self.size.is_none() {
            return Err(Walked::Malformed(self.at));
        }
        let header = body.get(..length - 2).ok_or(Walked::More)?;
        if let Some(cut) = header.windows(SOI.len()).position(|two| two == SOI) {
            return Err(Walked::Cut(self.at + 4 + cut));
        }
        self.scans = true;
        self.expect = Expect::Entropy;
        Ok(())
    }

    fn entropy(&mut self, picture: &[u8]) -> Option<Walked> {
        let data = picture.get(self.at..).unwrap_or_default();
        let Some(skip) = memchr(code::FILL, data) else {
            self.at += data.len();
            return Some(Walked::More);
        };
        self.at += skip;
        match data.get(skip + 1) {
            None => return Some(Walked::More),
            Some(&(code::STUFFED | code::RST0..=code::RST7)) => self.at += 2,
            Some(&code::FILL) => self.at += 1,
            Some(_) => {
                self.segment = self.at;
                self.expect = Expect::Marker;
            }
        }
        None
    }
}
