//! `dir:PATH?fps=10&loop=false`: the JPEGs of a folder, in the order of their names.
//!
//! A frame's time is when it is handed over, not what a file says. With `loop` the folder is listed
//! anew each round, so pictures may come and go; without, the source ends after the last.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use tokio::time::Instant;

use super::{End, Source};
use crate::collect::options::Options;
use crate::collect::pace::Pacer;
use crate::collect::sink::Sink;
use crate::collect::spec::CameraSpec;
use crate::ingest::DropReason;

const FPS: f64 = 10.0;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct DirSource {
    folder: PathBuf,
    period: Duration,
    repeat: bool,
    max_frame_bytes: u64,
}

impl DirSource {
    pub(super) fn new(spec: &CameraSpec) -> Result<Self> {
        let mut options = Options::of(spec.url.reveal());
        let (period, repeat) = (options.period("fps", FPS)?, options.flag("loop", false)?);
        options.end()?;
        let folder = spec.url.path().to_owned();
        Ok(Self { folder, period, repeat, max_frame_bytes: spec.max_frame_bytes as u64 })
    }

    async fn hand_over(&self, file: &Path, sink: &Sink) -> Result<()> {
        let read = async {
            let length = tokio::fs::metadata(file).await?.len();
            let fits = length <= self.max_frame_bytes;
            if fits { tokio::fs::read(file).await.map(Some) } else { Ok(None) }
        };
        match read.await {
            Ok(Some(bytes)) => sink.frame(sink.now(), bytes.into()),
            Ok(None) => sink.lost(DropReason::TooLarge),
            // Taken away since the folder was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", file.display()));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Source for DirSource {
    async fn run(&mut self, sink: &Sink) -> Result<End> {
        let mut pacer = Pacer::new(Instant::now(), self.period);
        loop {
            for file in list(&self.folder).await? {
                if !sink.sleep_until(pacer.next_due(Instant::now())).await {
                    return Ok(End::Stopped);
                }
                self.hand_over(&file, sink).await?;
            }
            if !self.repeat {
                return Ok(End::Finished);
            }
        }
    }
}

/// The `.jpg` and `.jpeg` files of a folder by name, at least one.
async fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let what = || format!("the folder {} cannot be read", folder.display());
    let mut entries = tokio::fs::read_dir(folder).await.with_context(what)?;
    let mut files = Vec::new();
    while let Some(entry) = entries.next_entry().await.with_context(what)? {
        let path = entry.path();
        let jpeg = path.extension().is_some_and(|extension| {
            extension.eq_ignore_ascii_case("jpg") || extension.eq_ignore_ascii_case("jpeg")
        });
        if jpeg {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "the folder {} holds no .jpg or .jpeg files", folder.display());
    files.sort();
    Ok(files)
}
