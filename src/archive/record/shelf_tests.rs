//! What is sent to a bucket while it is replaced or deleted here.

use async_trait::async_trait;

use super::*;

/// A folder in place of a bucket, and what happens here while a file is on its way there.
#[derive(Debug)]
struct Meanwhile {
    bucket: Folder,
    happens: fn(&Path) -> io::Result<()>,
    /// The file that it happens to.
    path: PathBuf,
}

#[async_trait]
impl Storage for Meanwhile {
    fn place(&self) -> &str {
        self.bucket.place()
    }

    async fn list(&self) -> Result<Vec<Stored>, ArchiveError> {
        self.bucket.list().await
    }

    async fn open(&self, file: &RecordingFile) -> Result<Arc<dyn Blob>, ArchiveError> {
        self.bucket.open(file).await
    }

    async fn publish(&self, local: &Path, file: &RecordingFile) -> Result<(), ArchiveError> {
        self.bucket.publish(local, file).await?;
        (self.happens)(&self.path).map_err(|source| failed("cannot change", &self.path, source))
    }

    async fn delete(&self, file: &RecordingFile) -> Result<bool, ArchiveError> {
        self.bucket.delete(file).await
    }
}

/// Sends `first` as `night.mcap`; what waits then, and what is in the bucket.
async fn sent(
    happens: fn(&Path) -> io::Result<()>,
    running: &[RecordingName],
) -> (Vec<String>, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OUTGOING).join("night.mcap");
    let bucket = Folder::new(&folder.path().join("bucket"));
    let storage = Meanwhile { bucket, happens, path: path.clone() };
    let shelf = Shelf::new(Arc::new(storage), folder.path(), true);
    let file: RecordingFile = "night.mcap".parse().unwrap();
    let local = folder.path().join("night.mcap.part");
    fs::write(&local, "first").unwrap();
    shelf.take(&local, &file).await.unwrap();
    shelf.send(running).await.unwrap();
    let waiting = shelf.waiting().await.unwrap();
    let read = |path: &Path| fs::read_to_string(path).ok();
    let waiting = waiting.into_iter().filter_map(|_| read(&path)).collect();
    (waiting, read(&folder.path().join("bucket/night.mcap")))
}

#[tokio::test]
async fn what_was_sent_is_in_the_bucket_and_no_longer_here() {
    assert_eq!(sent(|_| Ok(()), &[]).await, (vec![], Some("first".to_owned())));
}

#[tokio::test]
async fn a_file_that_was_replaced_while_it_was_sent_stays_to_be_sent() {
    let replace = |path: &Path| {
        let new = path.with_extension("new");
        fs::write(&new, "second")?;
        fs::rename(new, path)
    };
    let left = sent(replace, &[]).await;
    assert_eq!(left, (vec!["second".to_owned()], Some("first".to_owned())));
}

#[tokio::test]
async fn a_file_that_was_deleted_while_it_was_sent_is_gone_from_the_bucket_too() {
    let delete = |path: &Path| fs::remove_file(path);
    assert_eq!(sent(delete, &[]).await, (vec![], None));
}

#[tokio::test]
async fn files_of_a_recording_that_runs_wait() {
    let running = ["night".parse().unwrap()];
    assert_eq!(sent(|_| Ok(()), &running).await, (vec!["first".to_owned()], None));
}
