//! The options of our own URLs, `dir:PATH?fps=5&loop=true`: taken by name, each once, none unknown.
//!
//! A mistyped option that did nothing would be found only by watching the camera; so what no source
//! took is an error. URLs of cameras (`http://cam/?x=1`) are the camera's own and never come here.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use url::Url;

/// The highest rate in frames per second that a URL may ask for.
const FPS_MAX: f64 = 1000.0;

/// The lowest.
const FPS_MIN: f64 = 0.001;

/// The options that are not yet taken.
#[derive(Debug)]
pub(crate) struct Options {
    scheme: String,
    left: BTreeMap<String, String>,
    known: Vec<&'static str>,
}

impl Options {
    /// The query of `url`; of an option written twice the last counts.
    pub(crate) fn of(url: &Url) -> Self {
        let left = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
        Self { scheme: url.scheme().to_owned(), left: left.collect(), known: Vec::new() }
    }

    /// `true`, `1`, `yes` or nothing after the name; `false`, `0`, `no`; absent is `default`.
    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> Result<bool> {
        match self.take(name).as_deref() {
            None => Ok(default),
            Some("" | "true" | "1" | "yes") => Ok(true),
            Some("false" | "0" | "no") => Ok(false),
            Some(given) => Err(refused(name, given, "write true or false")),
        }
    }

    /// The time between two frames from a rate in frames per second; absent is `default` per second.
    pub(crate) fn period(&mut self, name: &'static str, default: f64) -> Result<Duration> {
        let given = self.take(name).unwrap_or_else(|| default.to_string());
        let fits = |fps: &f64| (FPS_MIN..=FPS_MAX).contains(fps);
        let fps = given.parse().ok().filter(fits);
        fps.map(|fps: f64| Duration::from_secs_f64(fps.recip()))
            .ok_or_else(|| refused(name, &given, "write frames per second from 0.001 to 1000"))
    }

    /// Refuses what nobody took.
    pub(crate) fn end(self) -> Result<()> {
        let Some(name) = self.left.into_keys().next() else { return Ok(()) };
        let known =
            if self.known.is_empty() { "none".to_owned() } else { self.known.join(" and ") };
        bail!("{}: has no option {name:?}: it has {known}", self.scheme)
    }

    fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.left.remove(name)
    }
}

fn refused(name: &str, given: &str, allowed: &str) -> anyhow::Error {
    let given: String = given.chars().take(100).collect();
    anyhow!("the option {name}={given} does not fit: {allowed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<(Duration, bool)> {
        let mut options = Options::of(&Url::parse(url).unwrap());
        let read = (options.period("fps", 10.0)?, options.flag("loop", false)?);
        options.end().map(|()| read)
    }

    #[test]
    fn options_are_read_by_name_and_have_defaults() {
        let ms = Duration::from_millis;
        for (url, expected) in [
            ("dir:x", (ms(100), false)),
            ("dir:x?fps=4&loop=true", (ms(250), true)),
            ("dir:x?loop", (ms(100), true)),
            ("dir:x?loop=no&fps=0.5", (ms(2000), false)),
        ] {
            assert_eq!(read(url).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_in_one_sentence() {
        for (url, said) in [
            ("dir:x?fps=0", "the option fps=0 does not fit: write frames per second from 0.001"),
            ("dir:x?fps=NaN", "the option fps=NaN does not fit"),
            ("dir:x?loop=maybe", "the option loop=maybe does not fit: write true or false"),
            ("dir:x?fsp=1", "dir: has no option \"fsp\": it has fps and loop"),
        ] {
            let error = read(url).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
