//! Recordings in a folder and in a bucket of a real S3 server: whole or not there, whoever is killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use framecache::archive::format::{About, Ending, SnapshotWriter};
use framecache::archive::read::{Recording, Select};
use framecache::archive::storage::{Folder, ObjectStorage, Storage};
use framecache::config::{BucketConfig, Secret};
use framecache::model::frame::{Frame, StoredFrame};
use framecache::model::recording::RecordingFile;
use framecache::model::time::{TimeRange, UnixNanos};
use futures_util::TryStreamExt as _;

use crate::support::digest::sha256;
use crate::support::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};

/// More than two parts of an upload, and no multiple of one.
const LARGE: usize = 20 * 1024 * 1024 + 7;

fn file(name: &str) -> RecordingFile {
    name.parse().unwrap()
}

/// Bytes in which no two parts are alike.
fn bytes(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

fn bucket(server: &S3Server, secret: &str) -> BucketConfig {
    BucketConfig {
        bucket: BUCKET.to_owned(),
        prefix: "site-7/recordings".to_owned(),
        endpoint: Some(server.endpoint()),
        region: None,
        keys: Some((ACCESS_KEY.to_owned(), Secret::new(secret.to_owned()))),
        allow_http: true,
    }
}

fn open_bucket(server: &S3Server) -> Arc<dyn Storage> {
    framecache::tls::install_provider();
    Arc::new(ObjectStorage::new(&bucket(server, SECRET_KEY)).unwrap())
}

async fn listed(storage: &dyn Storage) -> Vec<(String, u64)> {
    let files = storage.list().await.unwrap();
    files.iter().map(|stored| (stored.file.to_string(), stored.bytes)).collect()
}

/// What every storage must do, with recordings of one part, of many, of segments and of nothing.
async fn keeps_its_contract(storage: &dyn Storage, outside: &Path) {
    assert_eq!(listed(storage).await, []);
    let cases = [
        ("night.mcap", bytes(LARGE)),
        ("gate/2026-11-21T16-10-00Z.mcap", bytes(70_000)),
        ("gate/2026-11-21T16-00-00Z.mcap", bytes(5)),
        ("empty.mcap", Vec::new()),
    ];
    for (name, content) in &cases {
        let local = outside.join("local.part");
        fs::write(&local, content).unwrap();
        storage.publish(&local, &file(name)).await.unwrap();
        assert!(!local.exists(), "{name}: a published file has moved");
        let blob = storage.open(&file(name)).await.unwrap();
        assert_eq!(blob.size(), content.len() as u64);
        assert_eq!(sha256(&blob.read(0..u64::MAX).await.unwrap()), sha256(content), "{name}");
    }
    let size = |at: usize| cases[at].1.len() as u64;
    let expected = [(3, size(3)), (2, size(2)), (1, size(1)), (0, size(0))];
    let expected: Vec<_> =
        expected.iter().map(|(at, size)| (cases[*at].0.to_owned(), *size)).collect();
    assert_eq!(listed(storage).await, expected);

    let blob = storage.open(&file("night.mcap")).await.unwrap();
    let night = &cases[0].1;
    let (from, to) = (8 * 1024 * 1024 - 3, 8 * 1024 * 1024 + 3);
    assert_eq!(blob.read(from as u64..to as u64).await.unwrap(), night[from..to]);
    let end = night.len() as u64;
    assert_eq!(blob.read(end - 2..end + 9).await.unwrap(), night[night.len() - 2..]);
    assert_eq!(blob.read(end..end + 1).await.unwrap(), "");

    let local = outside.join("again.part");
    fs::write(&local, b"anew").unwrap();
    storage.publish(&local, &file("night.mcap")).await.unwrap();
    let anew = storage.open(&file("night.mcap")).await.unwrap();
    assert_eq!(anew.read(0..100).await.unwrap(), "anew");

    for (name, _) in &cases {
        assert!(storage.delete(&file(name)).await.unwrap(), "{name} was there");
        assert!(!storage.delete(&file(name)).await.unwrap(), "{name} is gone");
    }
    assert_eq!(listed(storage).await, []);
    let missing = storage.open(&file("night.mcap")).await.unwrap_err();
    assert!(
        matches!(&missing, framecache::archive::ArchiveError::Io { source, .. }
        if source.kind() == std::io::ErrorKind::NotFound),
        "{missing}"
    );
    let no_file = storage.publish(&outside.join("no.part"), &file("x.mcap")).await.unwrap_err();
    assert!(no_file.to_string().contains("No such file"), "{no_file}");
}

#[tokio::test]
async fn a_folder_keeps_the_contract_of_storages() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = inside.path().join("made/when/needed");
    keeps_its_contract(&Folder::new(&root), outside.path()).await;
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0, "no folder of segments stays");
}

#[tokio::test]
async fn a_bucket_keeps_the_contract_of_storages() {
    let (server, outside) = (S3Server::start(), tempfile::tempdir().unwrap());
    let storage = open_bucket(&server);
    keeps_its_contract(storage.as_ref(), outside.path()).await;
    assert_eq!(storage.place(), "s3://frames-bucket/site-7/recordings");
    assert_eq!(server.parts(), 0, "no part of a finished upload stays");
}

#[tokio::test]
async fn a_folder_on_another_file_system_gets_whole_copies_only() {
    let (inside, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
    let storage = Folder::new(inside.path());
    let (local, content) = (other.path().join("x.part"), bytes(300_000));
    fs::write(&local, &content).unwrap();
    // what a kill in the middle of such a copy leaves
    fs::write(inside.path().join(".x.mcap.copy"), b"half").unwrap();
    assert_eq!(listed(&storage).await, []);
    storage.publish(&local, &file("x.mcap")).await.unwrap();
    assert_eq!(listed(&storage).await, [("x.mcap".to_owned(), 300_000)]);
    assert_eq!(fs::read(inside.path().join("x.mcap")).unwrap(), content);
    assert!(!local.exists() && !inside.path().join(".x.mcap.copy").exists());
}

#[tokio::test]
async fn what_is_no_recording_is_passed_over() {
    let inside = tempfile::tempdir().unwrap();
    let root = inside.path();
    fs::create_dir_all(root.join("a/deeper")).unwrap();
    for other in [
        "night.mcap.part",
        "notes.txt",
        ".hidden.mcap",
        "a b.mcap",
        "a/x.mcap.part",
        "a/deeper/x.mcap",
    ] {
        fs::write(root.join(other), b"x").unwrap();
    }
    fs::write(root.join("a/x.mcap"), b"xyz").unwrap();
    std::os::unix::fs::symlink("/nowhere", root.join("link.mcap")).unwrap();
    assert_eq!(listed(&Folder::new(root)).await, [("a/x.mcap".to_owned(), 3)]);

    let server = S3Server::start();
    for other in ["site-7/recordings/notes.txt", "site-7/recordingsX/x.mcap", "y.mcap"] {
        fs::create_dir_all(server.object(other).parent().unwrap()).unwrap();
        fs::write(server.object(other), b"x").unwrap();
    }
    fs::create_dir_all(server.object("site-7/recordings/a")).unwrap();
    fs::write(server.object("site-7/recordings/a/x.mcap"), b"xyz").unwrap();
    assert_eq!(listed(open_bucket(&server).as_ref()).await, [("a/x.mcap".to_owned(), 3)]);
}

#[tokio::test]
async fn wrong_keys_and_missing_buckets_are_told_and_change_nothing() {
    let (server, outside) = (S3Server::start(), tempfile::tempdir().unwrap());
    framecache::tls::install_provider();
    let local = outside.path().join("x.part");
    fs::write(&local, b"x").unwrap();
    let wrong = ObjectStorage::new(&bucket(&server, "wrong-secret")).unwrap();
    let refused = wrong.publish(&local, &file("x.mcap")).await.unwrap_err().to_string();
    assert!(
        refused.contains("s3://frames-bucket/site-7/recordings/x.mcap: the store refuses")
            && refused.contains("[recordings] access_key and secret_key")
            && refused.contains("SignatureDoesNotMatch")
            && !refused.contains("wrong-secret"),
        "{refused}"
    );
    let unlisted = wrong.list().await.unwrap_err().to_string();
    assert!(unlisted.contains(": the store refuses (SignatureDoesNotMatch): see"), "{unlisted}");
    let no_bucket = BucketConfig { bucket: "other".to_owned(), ..bucket(&server, SECRET_KEY) };
    let no_bucket = ObjectStorage::new(&no_bucket).unwrap();
    let missing = no_bucket.list().await.unwrap_err().to_string();
    assert_eq!(
        missing,
        "cannot list s3://other/site-7/recordings: there is no such object or bucket"
    );
    assert!(local.exists());
    assert_eq!(listed(open_bucket(&server).as_ref()).await, []);
}

#[tokio::test]
async fn a_server_that_stumbles_is_asked_again() {
    let (server, outside) = (S3Server::start(), tempfile::tempdir().unwrap());
    let storage = open_bucket(&server);
    let (local, content) = (outside.path().join("x.part"), bytes(LARGE));
    fs::write(&local, &content).unwrap();
    server.fail_next(3);
    storage.publish(&local, &file("x.mcap")).await.unwrap();
    server.fail_next(1);
    let blob = storage.open(&file("x.mcap")).await.unwrap();
    server.fail_next(1);
    assert_eq!(sha256(&blob.read(0..u64::MAX).await.unwrap()), sha256(&content));
}

#[tokio::test]
async fn one_frame_of_a_recording_in_a_bucket_needs_its_index_and_one_chunk() {
    const START: u64 = 1_731_024_000_000_000_000;
    let at = |nanos| UnixNanos::new(nanos).unwrap();
    let (server, outside) = (S3Server::start(), tempfile::tempdir().unwrap());
    let storage = open_bucket(&server);
    let window = TimeRange::new(at(START), at(START + 1_000)).unwrap();
    let about = About { window, captured_at: window.to(), facts: [].into() };
    let mut writer = SnapshotWriter::begin(&about).unwrap();
    let mut file = Vec::new();
    for number in 0..100 {
        let key = format!("t:frames:cam1:{}:00001", START + number).parse().unwrap();
        let frame = Frame { key, bytes: bytes(200_000 + number as usize).into() };
        writer.add(&StoredFrame { frame, ttl: None, expires_at: None }, window.to()).unwrap();
        file.extend(writer.written());
    }
    writer.finish(&Ending::default()).unwrap();
    file.extend(writer.written());
    let local = outside.path().join("x.part");
    fs::write(&local, &file).unwrap();
    storage.publish(&local, &"x.mcap".parse().unwrap()).await.unwrap();

    let blob = storage.open(&"x.mcap".parse().unwrap()).await.unwrap();
    let recording = Recording::open(blob).await.unwrap();
    let one = TimeRange::new(at(START + 57), at(START + 58)).unwrap();
    let found: Vec<_> = recording.entries(&Select::window(one)).try_collect().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(sha256(&found[0].bytes), sha256(&bytes(200_057)));
    let (sent, all) = (server.sent(), file.len() as u64);
    assert!(sent > 200_000 && sent < all / 4, "{sent} of {all} bytes were read");
}

#[tokio::test]
async fn an_upload_that_is_killed_leaves_no_visible_object() {
    let (server, outside) = (S3Server::start(), tempfile::tempdir().unwrap());
    let storage = open_bucket(&server);
    let local = outside.path().join("x.part");
    // 4 GiB with no block on disk: far from done when the first parts have arrived
    fs::File::create(&local).unwrap().set_len(4 << 30).unwrap();
    let mut child = uploading(&local, &server).spawn().unwrap();
    let start = Instant::now();
    while server.parts() < 2 {
        assert!(start.elapsed() < Duration::from_secs(60), "no part has arrived");
        assert_eq!(child.try_wait().unwrap(), None, "the child should still upload");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    let ended = child.wait().unwrap();
    assert!(!ended.success(), "it was killed, not done");
    assert_eq!(listed(storage.as_ref()).await, []);
    assert!(storage.open(&file("x.mcap")).await.is_err());
    assert!(!server.object("site-7/recordings/x.mcap").exists());
    assert!(local.exists(), "what was not published stays");

    // and the next attempt is not disturbed by what the killed one left
    fs::write(&local, bytes(LARGE)).unwrap();
    storage.publish(&local, &file("x.mcap")).await.unwrap();
    assert_eq!(listed(storage.as_ref()).await, [("x.mcap".to_owned(), LARGE as u64)]);
}

#[tokio::test]
async fn without_keys_the_login_is_found_as_the_tools_of_aws_find_it() {
    let (server, outside) = (S3Server::start(), tempfile::tempdir().unwrap());
    let local = outside.path().join("x.part");
    fs::write(&local, b"x").unwrap();
    let upload = |secret: &str| {
        let mut child = uploading(&local, &server);
        child.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", secret);
        child.status().unwrap().success()
    };
    assert!(!upload("wrong-secret"));
    assert_eq!(listed(open_bucket(&server).as_ref()).await, []);
    assert!(upload(SECRET_KEY));
    assert_eq!(listed(open_bucket(&server).as_ref()).await, [("x.mcap".to_owned(), 1)]);
}

/// A process of its own that uploads a file as `x.mcap`: by the keys of the test, or by those that its
/// environment names.
fn uploading(local: &Path, server: &S3Server) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "storage::uploads_a_file", "--ignored", "--nocapture"])
        .env("UPLOAD_FILE", local)
        .env("UPLOAD_ENDPOINT", server.endpoint())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The child of the tests above; with nothing to upload it does nothing.
#[tokio::test]
#[ignore = "is started by other tests as a process of its own"]
async fn uploads_a_file() {
    let (Ok(local), Ok(endpoint)) =
        (std::env::var("UPLOAD_FILE"), std::env::var("UPLOAD_ENDPOINT"))
    else {
        return;
    };
    framecache::tls::install_provider();
    let by_environment = std::env::var_os("AWS_ACCESS_KEY_ID").is_some();
    let keys = (ACCESS_KEY.to_owned(), Secret::new(SECRET_KEY.to_owned()));
    let config = BucketConfig {
        bucket: BUCKET.to_owned(),
        prefix: "site-7/recordings".to_owned(),
        endpoint: Some(endpoint),
        region: None,
        keys: (!by_environment).then_some(keys),
        allow_http: true,
    };
    let storage = ObjectStorage::new(&config).unwrap();
    storage.publish(Path::new(&local), &file("x.mcap")).await.unwrap();
}
