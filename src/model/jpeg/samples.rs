//! Pictures for tests: made by a real encoder, then bent by hand.

use jpeg_encoder::{ColorType, Encoder};

/// Pixels that compress badly, so that the entropy-coded data is full of `FF 00`.
fn noise(width: u16, height: u16, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..usize::from(width) * usize::from(height) * 3).map(|_| next()).collect()
}

/// What a test may ask of a picture besides its size.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    /// Several scans.
    pub(crate) progressive: bool,
    /// Restart markers.
    pub(crate) restarts: bool,
    /// An EXIF segment that holds a whole small JPEG.
    pub(crate) thumbnail: bool,
}

/// A real JPEG; `seed` decides its pixels.
pub(crate) fn styled(width: u16, height: u16, seed: u64, style: Style) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 90);
    encoder.set_progressive(style.progressive);
    if style.restarts {
        encoder.set_restart_interval(1);
    }
    if style.thumbnail {
        let mut exif = b"Exif\0\0MM\0*".to_vec();
        exif.extend_from_slice(&styled(16, 8, seed, Style::default()));
        exif.extend_from_slice(b"end of exif");
        encoder.add_app_segment(1, exif).unwrap();
    }
    let pixels = noise(width, height, seed);
    encoder.encode(&pixels, width, height, ColorType::Rgb).unwrap();
    out
}

/// A plain baseline JPEG.
pub(crate) fn picture(width: u16, height: u16, seed: u64) -> Vec<u8> {
    styled(width, height, seed, Style::default())
}

/// Every style once.
pub(crate) fn every_style() -> Vec<Vec<u8>> {
    let styles = (0..8).map(|bits| Style {
        progressive: bits & 1 != 0,
        restarts: bits & 2 != 0,
        thumbnail: bits & 4 != 0,
    });
    styles.map(|style| styled(40, 24, 7, style)).collect()
}

/// `jpeg` with `inserted` put in at `at`.
pub(crate) fn with_bytes(jpeg: &[u8], at: usize, inserted: &[u8]) -> Vec<u8> {
    [&jpeg[..at], inserted, &jpeg[at..]].concat()
}

/// Where the marker `code` starts for the first time.
pub(crate) fn marker(jpeg: &[u8], code: u8) -> usize {
    let found = jpeg.windows(2).position(|two| two == [0xFF, code]);
    found.unwrap()
}

/// Where the header of the last scan starts.
pub(crate) fn last_scan(jpeg: &[u8]) -> usize {
    let found = jpeg.windows(2).rposition(|two| two == [0xFF, 0xDA]);
    found.unwrap()
}
