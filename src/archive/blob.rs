//! Bytes that can be read from anywhere in them: a file here, an object elsewhere.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::ArchiveError;

/// A recording's bytes. Cheap to share; reads do not disturb each other.
#[async_trait]
pub trait Blob: Send + Sync + std::fmt::Debug {
    /// What it is called, for messages: a path or a URL without secrets.
    fn name(&self) -> &str;

    /// How many bytes it had when it was opened.
    fn size(&self) -> u64;

    /// The bytes of a range, fewer where the blob ends before. Blocks no worker thread.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    async fn read(&self, range: Range<u64>) -> Result<Bytes, ArchiveError>;
}

/// A file of this machine.
#[derive(Debug)]
pub struct FileBlob {
    name: String,
    size: u64,
    file: Arc<File>,
}

impl FileBlob {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]: missing, not allowed, a folder.
    pub async fn open(path: &Path) -> Result<Self, ArchiveError> {
        let name = path.display().to_string();
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let file = File::open(&path)?;
            let meta = file.metadata()?;
            if meta.is_dir() {
                return Err(std::io::ErrorKind::IsADirectory.into());
            }
            Ok((file, meta.len()))
        });
        let failed = |source| ArchiveError::Io { what: format!("cannot open {name}"), source };
        let (file, size) = opened.await.map_err(std::io::Error::other).flatten().map_err(failed)?;
        Ok(Self { name, size, file: Arc::new(file) })
    }
}

#[async_trait]
impl Blob for FileBlob {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, ArchiveError> {
        let (file, range) =
            (Arc::clone(&self.file), range.start.min(self.size)..range.end.min(self.size));
        let reading = tokio::task::spawn_blocking(move || {
            let length =
                usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
            let mut bytes = vec![0; length];
            let mut done = 0;
            while done < length {
                let at = range.start + u64::try_from(done).unwrap_or(u64::MAX);
                match file.read_at(&mut bytes[done..], at)? {
                    0 => break,
                    read => done += read,
                }
            }
            bytes.truncate(done);
            Ok(Bytes::from(bytes))
        });
        let what = || format!("cannot read {}", self.name);
        let read = reading.await.map_err(std::io::Error::other).flatten();
        read.map_err(|source| ArchiveError::Io { what: what(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_range_is_read_and_cut_where_the_file_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mcap");
        std::fs::write(&path, b"0123456789").unwrap();
        let blob = FileBlob::open(&path).await.unwrap();
        assert_eq!(blob.size(), 10);
        assert_eq!(blob.read(2..5).await.unwrap(), "234");
        assert_eq!(blob.read(8..20).await.unwrap(), "89");
        assert_eq!(blob.read(30..40).await.unwrap(), "");
        let missing = FileBlob::open(&folder.path().join("no")).await.unwrap_err().to_string();
        assert!(
            missing.starts_with("cannot open /") && missing.contains("No such file"),
            "{missing}"
        );
        assert!(FileBlob::open(folder.path()).await.is_err());
    }
}
