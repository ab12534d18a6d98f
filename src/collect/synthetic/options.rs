//! The options of a `synthetic:` URL, and the sentences for those that do not fit.
//!
//! They are read once, when the configuration is; a camera that exists has options that fit.
//! An unknown option is an error: a mistyped one would silently give another picture.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use url::form_urlencoded;

use crate::model::frame::Dimensions;

const SIDE: RangeInclusive<u16> = 16..=8192;
const FPS: RangeInclusive<f64> = 0.01..=1000.0;
const QUALITY: RangeInclusive<u8> = 1..=100;
/// The upper end is the largest frame that is stored by default.
const BYTES: RangeInclusive<usize> = 1..=(16 << 20) - 2;
const NAMES: [&str; 5] = ["size", "fps", "quality", "render", "bytes"];

/// When the pictures are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Render {
    /// Once, at the start.
    Loop,
    /// Each for itself, with its time in it.
    Live,
}

/// What a `synthetic:` URL asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SyntheticOptions {
    /// Pixels, each side 16..=8192.
    pub size: Dimensions,
    /// Frames per second, 0.01..=1000.
    pub fps: f64,
    /// JPEG quality, 1..=100.
    pub quality: u8,
    /// Drawn once or for each frame.
    pub render: Render,
    /// Smaller frames are filled up to exactly so many bytes; larger ones stay as they are.
    pub bytes: Option<usize>,
}

impl Default for SyntheticOptions {
    fn default() -> Self {
        Self {
            size: Dimensions { width: 640, height: 360 },
            fps: 5.0,
            quality: 75,
            render: Render::Loop,
            bytes: None,
        }
    }
}

impl SyntheticOptions {
    /// The options in `url`, as in `synthetic:?size=1280x720&fps=15&quality=80&render=live&bytes=50000`.
    ///
    /// # Errors
    /// One sentence that names the option and what fits.
    pub fn from_url(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("synthetic:");
        let rest = rest.with_context(|| format!("{url:?} does not start with \"synthetic:\""))?;
        let rest = rest.trim_start_matches('/');
        let query = rest.strip_prefix('?').unwrap_or(rest);
        ensure!(
            query.len() == rest.len().saturating_sub(1) || rest.is_empty(),
            "{url:?} does not fit: options follow a question mark, as in synthetic:?fps=15"
        );
        let mut options = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            options.set(&name, &value)?;
        }
        Ok(options)
    }

    /// From one frame to the next.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.fps)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "size" => self.size = size(value)?,
            "fps" => self.fps = number(name, value, &FPS)?,
            "quality" => self.quality = number(name, value, &QUALITY)?,
            "bytes" => self.bytes = Some(number(name, value, &BYTES)?),
            "render" => {
                self.render = match value {
                    "loop" => Render::Loop,
                    "live" => Render::Live,
                    _ => bail!("render={value:?} does not fit: it is loop or live"),
                }
            }
            _ => bail!(unknown(name)),
        }
        Ok(())
    }
}

fn number<T>(name: &str, value: &str, fits: &RangeInclusive<T>) -> Result<T>
where
    T: FromStr + PartialOrd + Display,
{
    let read = value.parse().ok().filter(|read| fits.contains(read));
    read.with_context(|| {
        let (least, most) = (fits.start(), fits.end());
        format!("{name}={value:?} does not fit: it is a number from {least} to {most}")
    })
}

fn size(value: &str) -> Result<Dimensions> {
    let sides = value.split_once('x');
    let sides = sides.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let fits = |(width, height): &(u16, u16)| SIDE.contains(width) && SIDE.contains(height);
    let (width, height) = sides.filter(fits).with_context(|| {
        let (least, most) = (SIDE.start(), SIDE.end());
        format!("size={value:?} does not fit: it is WIDTHxHEIGHT, {least} to {most} each, as in 1280x720")
    })?;
    Ok(Dimensions { width, height })
}

fn unknown(name: &str) -> String {
    let nearest = NAMES.into_iter().find(|known| strsim::damerau_levenshtein(known, name) <= 2);
    let meant = nearest.map_or(String::new(), |known| format!(" (did you mean {known:?}?)"));
    format!("a synthetic camera has no option {name:?}{meant}: it has {}", NAMES.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_missing_ones_have_defaults() {
        let default = SyntheticOptions::default();
        let full = SyntheticOptions {
            size: Dimensions { width: 1280, height: 720 },
            fps: 12.5,
            quality: 80,
            render: Render::Live,
            bytes: Some(50_000),
        };
        let query = "size=1280x720&fps=12.5&quality=80&render=live&bytes=50000";
        for (url, expected) in [
            ("synthetic:".to_owned(), default),
            ("synthetic:?".to_owned(), default),
            ("synthetic://".to_owned(), default),
            (format!("synthetic:?{query}"), full),
            (format!("synthetic://?{query}"), full),
            ("synthetic:?fps=30".to_owned(), SyntheticOptions { fps: 30.0, ..default }),
        ] {
            assert_eq!(SyntheticOptions::from_url(&url).unwrap(), expected, "{url}");
        }
        assert_eq!(full.interval(), Duration::from_millis(80));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_does() {
        let size = "it is WIDTHxHEIGHT, 16 to 8192 each, as in 1280x720";
        let fps = "it is a number from 0.01 to 1000";
        for (query, sentence) in [
            ("size=12", format!("size=\"12\" does not fit: {size}")),
            ("size=15x720", format!("size=\"15x720\" does not fit: {size}")),
            ("size=99999x720", format!("size=\"99999x720\" does not fit: {size}")),
            ("fps=0", format!("fps=\"0\" does not fit: {fps}")),
            ("fps=NaN", format!("fps=\"NaN\" does not fit: {fps}")),
            ("fps=", format!("fps=\"\" does not fit: {fps}")),
            ("quality=101", "quality=\"101\" does not fit: it is a number from 1 to 100".into()),
            ("bytes=-1", "bytes=\"-1\" does not fit: it is a number from 1 to 16777214".into()),
            ("render=now", "render=\"now\" does not fit: it is loop or live".into()),
            (
                "sise=1x1",
                "a synthetic camera has no option \"sise\" (did you mean \"size\"?): \
                 it has size, fps, quality, render, bytes"
                    .into(),
            ),
        ] {
            let refused = SyntheticOptions::from_url(&format!("synthetic:?{query}"));
            assert_eq!(format!("{:#}", refused.unwrap_err()), sentence);
        }
        for url in ["rtsp://camera", "synthetic:fps=15", "synthetic:cam1"] {
            assert!(SyntheticOptions::from_url(url).is_err(), "{url}");
        }
    }
}
