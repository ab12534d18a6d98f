//! Where a file that a verb makes goes: a path, complete or not there at all, or stdout.
//!
//! A file is written beside its place, brought to the disk and renamed; whoever is stopped or fails
//! leaves what was there before. A device or a pipe that has a path is written to as it is.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::exit::Usage;
use super::output::permissions;
use super::print::Printer;

/// A file in the making.
#[derive(Debug)]
pub(super) enum Sink<'a> {
    /// Whoever reads stdout.
    Stdout(&'a Printer),
    /// A file or device.
    Path {
        /// What it will be called.
        path: PathBuf,
        /// Where its bytes go.
        file: File,
        /// What it is called until then; `None` for what cannot be replaced.
        beside: Option<TempPath>,
    },
}

impl<'a> Sink<'a> {
    /// The file at `path`; `-` is stdout.
    ///
    /// # Errors
    /// A folder that is not there or must not be written to; a terminal as stdout.
    pub(super) fn open(path: &Path, print: &'a Printer) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            if print.is_terminal() {
                let said = "a terminal shows no recording: name a file with -o FILE, or pipe it";
                return Err(Usage(said.to_owned()).into());
            }
            return Ok(Self::Stdout(print));
        }
        let (file, beside) =
            open_file(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self::Path { path: path.to_owned(), file: File::from_std(file), beside })
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Stdout(print) => Ok(tokio::task::block_in_place(|| print.bytes(bytes))?),
            Self::Path { path, file, .. } => {
                let written = file.write_all(bytes).await;
                written.with_context(|| format!("cannot write {}", path.display()))
            }
        }
    }

    /// Makes the file appear under its name, with all of its bytes on disk.
    ///
    /// # Errors
    /// As [`Sink::write`]; the file is then not there.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        let (path, file, beside) = match self {
            Self::Stdout(print) => return Ok(tokio::task::block_in_place(|| print.flush())?),
            Self::Path { path, file, beside } => (path, file, beside),
        };
        published(&path, file, beside)
            .await
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn open_file(path: &Path) -> io::Result<(std::fs::File, Option<TempPath>)> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if path.exists() && !path.is_file() {
        return Ok((std::fs::OpenOptions::new().write(true).open(path)?, None));
    }
    let folder = folder_of(path);
    folder.metadata()?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".framecache-").permissions(permissions());
    // errors of a temporary file name it, and the user never heard of it
    let nameless = |error: io::Error| io::Error::from(error.kind());
    let file: NamedTempFile = builder.tempfile_in(folder).map_err(nameless)?;
    let (file, beside) = file.into_parts();
    Ok((file, Some(beside)))
}

async fn published(path: &Path, mut file: File, beside: Option<TempPath>) -> io::Result<()> {
    file.flush().await?;
    let Some(beside) = beside else { return Ok(()) };
    file.sync_all().await?;
    let (path, folder) = (path.to_owned(), folder_of(path).to_owned());
    let renaming = tokio::task::spawn_blocking(move || {
        beside.persist(&path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    });
    renaming.await.map_err(io::Error::other)?
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_appears_when_it_is_whole_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let (print, path) = (Printer::new(false, true), folder.path().join("a.mcap"));
        std::fs::write(&path, b"before").unwrap();
        let mut sink = Sink::open(&path, &print).unwrap();
        sink.write(b"one ").await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        sink.write(b"two").await.unwrap();
        sink.finish().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one two");
        let mut dropped = Sink::open(&path, &print).unwrap();
        dropped.write(b"half").await.unwrap();
        drop(dropped);
        assert_eq!(std::fs::read(&path).unwrap(), b"one two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_named_and_a_device_is_written_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let print = Printer::new(false, true);
        for (path, why) in [
            (folder.path().join("none/a.mcap"), "No such file or directory"),
            (folder.path().to_owned(), "is a directory"),
        ] {
            let said = crate::cli::exit::sentence(&Sink::open(&path, &print).unwrap_err());
            assert!(said.starts_with(&format!("cannot write {}: ", path.display())), "{said}");
            assert!(said.contains(why), "{said}");
        }
        let mut sink = Sink::open(Path::new("/dev/null"), &print).unwrap();
        sink.write(b"gone").await.unwrap();
        sink.finish().await.unwrap();
        assert!(!Path::new("/dev/null").is_file());
    }
}
