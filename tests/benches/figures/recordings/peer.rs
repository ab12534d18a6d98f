//! redis-record 0.0.6, recording streams that are already there.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::rig::{self, FRAME_BYTES};
use crate::support::process::Guarded;
use crate::support::python;
use crate::support::redis::RedisServer;

/// How long it may take to start, and to be done.
const LIMIT: Duration = Duration::from_secs(120);

/// Megabytes a second from when its file appears until all entries are in it. Its chunks are compressed,
/// which takes back what base64 added: the file is as long as the pictures.
pub(crate) fn record(entries: &usize, folder: &Path) -> f64 {
    let server = RedisServer::start();
    rig::on_one_thread(fill(&server, *entries));
    let folder = tempfile::tempdir_in(folder).unwrap();
    let mut command = Guarded::command(&python::interpreter(), "run tests/run");
    command
        .args(["-m", "redis_record.record", "--recording_type", "mcap", "--out_dir"])
        .arg(folder.path())
        .args(["--port", &server.port().to_string()]);
    let recorder = Guarded::spawn(command, &folder.path().join("out"));
    let file = folder.path().join("bench.mcap");
    let until = Instant::now() + LIMIT;
    let wait = |enough: u64| {
        while std::fs::metadata(&file).map_or(0, |found| found.len()) < enough {
            assert!(Instant::now() < until, "redis-record should have been done by now");
            std::thread::sleep(Duration::from_millis(1));
        }
        Instant::now()
    };
    let bytes = (entries * FRAME_BYTES) as u64;
    let began = wait(1);
    // The last chunk, a megabyte of base64, is written when it is closed.
    let took = wait(bytes - 1_500_000) - began;
    drop(recorder);
    bytes as f64 / 1e6 / took.as_secs_f64()
}

/// Pictures in four streams, and the word that starts the recording before all of them.
async fn fill(server: &RedisServer, entries: usize) {
    let mut client = rig::bare_client(server).await;
    let mut random = fastrand::Rng::with_seed(7);
    for number in 0..entries {
        // Each its own, as compression would find one picture again.
        let picture: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(FRAME_BYTES).collect();
        let mut add = redis::cmd("XADD");
        add.arg(format!("cam{}", number % 4)).arg(format!("{}-0", 1_731_024_000_000 + number));
        let _: String = add.arg("d").arg(picture).query_async(&mut client).await.unwrap();
    }
    let mut start = redis::cmd("XADD");
    start.arg("XRECORD:NAME").arg("1-0").arg("d").arg("bench");
    let _: String = start.query_async(&mut client).await.unwrap();
}
