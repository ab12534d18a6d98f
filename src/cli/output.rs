//! Pictures as files: named by camera and time, complete or not there at all.
//!
//! A file is written beside its place and renamed, so a full disk, a signal or a second reader never
//! shows half a picture; what was complete before stays.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use tempfile::NamedTempFile;

use super::exit::Usage;
use crate::model::frame::Frame;
use crate::model::key::{FrameKey, Suffix};
use crate::model::name::CameraId;

/// `cam1_2024-11-08T00:00:00.123456789Z.jpg`: the frame's own time, not that of the download.
pub(super) fn file_name(key: &FrameKey) -> String {
    format!("{}_{}.jpg", key.stream().camera, key.at().to_rfc3339())
}

/// Writes a picture; an existing file is replaced in one step.
///
/// # Errors
/// What the system says, with the path.
pub(super) async fn write_file(path: &Path, bytes: Bytes) -> anyhow::Result<()> {
    let owned = path.to_owned();
    let written = tokio::task::spawn_blocking(move || write_blocking(&owned, &bytes)).await;
    written
        .context("the writing of a file was interrupted")?
        .with_context(|| format!("cannot write {}", path.display()))
}

fn write_blocking(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.exists() && !path.is_file() {
        // a device or a pipe, e.g. /dev/null: there is nothing to replace
        return std::fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".framecache-").permissions(permissions());
    let folder = folder.unwrap_or(Path::new("."));
    folder.metadata()?;
    // errors of a temporary file name it, and the user never heard of it
    let nameless = |error: std::io::Error| std::io::Error::from(error.kind());
    let mut file: NamedTempFile = builder.tempfile_in(folder).map_err(nameless)?;
    file.as_file_mut().write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// As for any new file, less what the umask takes.
pub(super) fn permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(0o666)
}

/// A folder that frames are saved into.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The frame of each camera that was named last: those of one nanosecond come one by one.
    last: HashMap<CameraId, FrameKey>,
}

impl Folder {
    /// The folder at `path`, made if it is not there.
    ///
    /// # Errors
    /// `path` is something else, or cannot be made.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if path.exists() && !path.is_dir() {
            let said = format!("{} is no folder: give one for the frames", path.display());
            return Err(Usage(said).into());
        }
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self { path: path.to_owned(), last: HashMap::new() })
    }

    /// The path for a frame. Frames of one camera and nanosecond get their sequence number too.
    pub(super) fn path_of(&mut self, key: &FrameKey) -> PathBuf {
        let name = file_name(key);
        let before = self.last.insert(key.stream().camera.clone(), key.clone());
        if before.is_none_or(|before| before == *key || before.at() != key.at()) {
            return self.path.join(name);
        }
        let suffix = match key.suffix() {
            Suffix::Live(seq) => seq.to_string(),
            Suffix::None => "none".to_owned(),
            Suffix::Uuid(bits) => format!("{bits:08x}"),
        };
        self.path.join(name.replace(".jpg", &format!("_{suffix}.jpg")))
    }

    /// Saves a frame; answers where.
    ///
    /// # Errors
    /// As [`write_file`].
    pub(super) async fn save(&mut self, frame: &Frame) -> anyhow::Result<PathBuf> {
        let path = self.path_of(&frame.key);
        write_file(&path, frame.bytes.clone()).await?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> FrameKey {
        text.parse().unwrap()
    }

    #[test]
    fn frames_of_one_nanosecond_get_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(folder.path()).unwrap();
        let mut name = |text: &str| {
            let path = folder.path_of(&key(text));
            path.file_name().unwrap().to_string_lossy().into_owned()
        };
        let at = "a:frames:cam1:1731024000123456789";
        assert_eq!(name(&format!("{at}:00001")), "cam1_2024-11-08T00:00:00.123456789Z.jpg");
        assert_eq!(name(&format!("{at}:00002")), "cam1_2024-11-08T00:00:00.123456789Z_00002.jpg");
        assert_eq!(name(at), "cam1_2024-11-08T00:00:00.123456789Z_none.jpg");
    }

    #[test]
    fn what_is_kept_of_names_does_not_grow_and_a_repeat_has_its_own() {
        let at = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(at.path()).unwrap();
        for nanos in 1_731_024_000_123_456_789_u64..1_731_024_000_123_457_789 {
            let key = key(&format!("a:frames:cam1:{nanos}:00001"));
            let paths = [folder.path_of(&key), folder.path_of(&key)];
            assert_eq!(paths, [(); 2].map(|()| at.path().join(file_name(&key))));
        }
        assert_eq!(folder.last.len(), 1);
    }

    #[tokio::test]
    async fn a_file_is_replaced_in_one_step_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        for bytes in [&b"first"[..], b"second"] {
            write_file(&path, Bytes::from_static(bytes)).await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = folder.path().join("none/a.jpg");
        let error = write_file(&missing, Bytes::new()).await.unwrap_err();
        let said =
            format!("cannot write {}: No such file or directory (os error 2)", missing.display());
        assert_eq!(crate::cli::exit::sentence(&error), said);
    }

    #[test]
    fn a_file_is_no_folder() {
        let file = NamedTempFile::new().unwrap();
        let error = Folder::open(file.path()).unwrap_err();
        assert!(error.to_string().ends_with("is no folder: give one for the frames"), "{error}");
    }
}
