//! Where pushed frames come from, one at a time: files, the files of folders, a stream on stdin.

use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, Stdin};

use crate::cli::exit::Usage;
use crate::clock::{Clock as _, SystemClock};
use crate::model::jpeg::{Fragment, FragmentReason, JpegSplitter};

/// Bytes that are read from stdin at once.
const CHUNK: usize = 256 * 1024;

/// A frame, or why there is none, and what to call it in messages.
#[derive(Debug)]
pub(super) struct Named {
    /// A path, or `stdin frame 3`.
    pub(super) name: String,
    /// Its bytes, or one sentence.
    pub(super) found: Result<Bytes, String>,
}

/// All that a command line names, in its order.
#[derive(Debug)]
pub(super) struct PushSource {
    files: VecDeque<Input>,
    /// Files at the start, when stdin is none of the inputs.
    known: Option<u64>,
    max_frame_bytes: usize,
    skipped: u64,
}

#[derive(Debug)]
enum Input {
    File(PathBuf),
    Stdin(Box<Stream>),
}

/// Whether stdin is a person.
pub(super) fn stdin_is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

impl PushSource {
    /// Looks up files and folders; reads none of them yet.
    ///
    /// # Errors
    /// A path that is not there, a folder without JPEG files, stdin named twice.
    pub(super) fn open(inputs: &[String], max_frame_bytes: usize) -> anyhow::Result<Self> {
        if inputs.iter().filter(|input| *input == "-").count() > 1 {
            return Err(Usage("- stands for stdin and can be read only once".to_owned()).into());
        }
        let mut files = VecDeque::new();
        for input in inputs {
            if input == "-" {
                files.push_back(Input::Stdin(Box::new(Stream::new(max_frame_bytes))));
                continue;
            }
            let path = Path::new(input);
            if path.is_dir() {
                files.extend(jpegs_in(path)?.into_iter().map(Input::File));
            } else {
                std::fs::metadata(path).with_context(|| format!("cannot read {input}"))?;
                files.push_back(Input::File(path.to_owned()));
            }
        }
        let countable = !inputs.iter().any(|input| input == "-");
        let known = countable.then_some(u64::try_from(files.len()).unwrap_or(u64::MAX));
        Ok(Self { files, known, max_frame_bytes, skipped: 0 })
    }

    /// How many frames there are, where that is known beforehand.
    pub(super) fn known(&self) -> Option<u64> {
        self.known
    }

    /// Bytes on stdin that belonged to no frame.
    pub(super) fn skipped_bytes(&self) -> u64 {
        self.skipped
    }

    /// The next frame; `None` at the end. Waits for stdin.
    pub(super) async fn next(&mut self) -> Option<Named> {
        loop {
            match self.files.front_mut()? {
                Input::File(path) => {
                    let path = std::mem::take(path);
                    self.files.pop_front();
                    return Some(read_file(&path, self.max_frame_bytes).await);
                }
                Input::Stdin(stream) => {
                    if let Some(named) = stream.next().await {
                        return Some(named);
                    }
                    self.skipped += stream.splitter.skipped_bytes();
                    self.files.pop_front();
                }
            }
        }
    }
}

async fn read_file(path: &Path, max: usize) -> Named {
    let name = path.display().to_string();
    let size = tokio::fs::metadata(path).await.map(|about| about.len()).unwrap_or(0);
    if size > u64::try_from(max).unwrap_or(u64::MAX) {
        let found = Err(format!("it has {size} bytes, more than the {max} of max_frame_bytes"));
        return Named { name, found };
    }
    let found = tokio::fs::read(path).await.map(Bytes::from);
    Named { name, found: found.map_err(|error| format!("cannot read it: {error}")) }
}

/// The JPEG files of a folder, by name.
fn jpegs_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder);
    let entries =
        entries.with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let is_jpeg = |path: &PathBuf| {
        let extension = path.extension().map(|e| e.to_ascii_lowercase());
        extension.is_some_and(|e| e == "jpg" || e == "jpeg") && path.is_file()
    };
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(is_jpeg).collect();
    files.sort();
    if files.is_empty() {
        let said = format!("the folder {} holds no .jpg or .jpeg files", folder.display());
        return Err(Usage(said).into());
    }
    Ok(files)
}

/// Stdin, cut into frames.
#[derive(Debug)]
struct Stream {
    stdin: Stdin,
    splitter: JpegSplitter,
    buf: BytesMut,
    frames: u64,
    ended: bool,
}

impl Stream {
    fn new(max_frame_bytes: usize) -> Self {
        Self {
            stdin: tokio::io::stdin(),
            splitter: JpegSplitter::new(max_frame_bytes),
            buf: BytesMut::with_capacity(CHUNK),
            frames: 0,
            ended: false,
        }
    }

    async fn next(&mut self) -> Option<Named> {
        loop {
            if let Some(found) = self.splitter.next_frame() {
                self.frames += 1;
                let name = format!("stdin frame {}", self.frames);
                let found = found.map(|frame| frame.bytes);
                return Some(Named { name, found: found.map_err(|fragment| lost(&fragment)) });
            }
            if self.ended {
                return None;
            }
            self.buf.clear();
            match self.stdin.read_buf(&mut self.buf).await {
                Ok(0) => {
                    self.ended = true;
                    self.splitter.finish();
                }
                Ok(_) => self.splitter.push(&self.buf, SystemClock.now()),
                Err(error) => {
                    self.ended = true;
                    let found = Err(format!("cannot read on: {error}"));
                    return Some(Named { name: "stdin".to_owned(), found });
                }
            }
        }
    }
}

fn lost(fragment: &Fragment) -> String {
    let bytes = fragment.length;
    match fragment.reason {
        FragmentReason::Truncated => format!("truncated JPEG: it ends after {bytes} bytes"),
        FragmentReason::NotJpeg => format!("damaged JPEG: {bytes} bytes are lost"),
        FragmentReason::TooLarge => {
            format!("it has {bytes} bytes, more than max_frame_bytes allows")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &PushSource) -> Vec<String> {
        let name = |input: &Input| match input {
            Input::File(path) => {
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            Input::Stdin(_) => "-".to_owned(),
        };
        source.files.iter().map(name).collect()
    }

    #[test]
    fn a_folder_gives_its_jpegs_by_name_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.jpg", "a.JPEG", "notes.txt", "c.jpg"] {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        let given = folder.path().to_string_lossy().into_owned();
        let source = PushSource::open(&[given.clone(), "-".to_owned()], 100).unwrap();
        assert_eq!(names(&source), ["a.JPEG", "b.jpg", "c.jpg", "-"]);
        assert_eq!(source.known(), None);
        assert_eq!(PushSource::open(&[given], 100).unwrap().known(), Some(3));
    }

    #[test]
    fn inputs_that_cannot_be_meant_are_refused() {
        let empty = tempfile::tempdir().unwrap();
        let folder = empty.path().to_string_lossy().into_owned();
        for (inputs, said) in [
            (vec!["-".to_owned(), "-".to_owned()], "can be read only once"),
            (vec![folder], "holds no .jpg or .jpeg files"),
            (vec!["no/such.jpg".to_owned()], "cannot read no/such.jpg"),
        ] {
            let error = PushSource::open(&inputs, 100).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_over_the_limit_is_named_and_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![0; 101]).unwrap();
        let name = file.path().to_string_lossy().into_owned();
        let mut source = PushSource::open(std::slice::from_ref(&name), 100).unwrap();
        let Named { name: named, found } = source.next().await.unwrap();
        assert_eq!(named, name);
        assert_eq!(found, Err("it has 101 bytes, more than the 100 of max_frame_bytes".to_owned()));
        assert!(source.next().await.is_none());
    }
}
