//! Memory while a range of gigabytes streams out of Redis as a zip, against its own size.

use std::sync::Arc;
use std::time::Duration;

use framecache::clock::{Clock, SystemClock};
use framecache::store::{FrameStore, PutFrame};
use futures_util::StreamExt as _;

use crate::options::Scale;
use crate::rig::{self, BATCH, FRAME_BYTES};
use crate::rounds::{Better, Round, Row};
use crate::support::redis::RedisServer;

use super::latest::client;
use super::process::Up;

/// Frames of 50 kB: 2 GB of them.
const FRAMES: usize = 40_000;

/// One frame in so many for the smoke run.
const QUICK: usize = 20;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    let server = RedisServer::start();
    let frames = if scale.rounds > 5 { FRAMES } else { FRAMES / QUICK };
    rig::on_one_thread(fill(&server, frames));
    let up = Up::start(&format!(
        "tenant = \"bench\"\n[redis]\nenabled = true\nurl = \"{}\"\nttl_seconds = 3600\n",
        server.url()
    ));
    let rounds = (0..3).map(|_| rig::on_one_thread(stream(&up, frames))).collect();
    vec![Row {
        what: format!("memory that grows while {} GB stream", gigabytes(frames)),
        baseline: "the range itself".to_owned(),
        unit: "MB",
        better: Better::Less,
        rounds,
    }]
}

fn gigabytes(frames: usize) -> f64 {
    f64::from(u32::try_from(frames * FRAME_BYTES / 1_000_000).unwrap()) / 1000.0
}

/// Frames of the last minutes, 15 a second.
async fn fill(server: &RedisServer, frames: usize) {
    let store: Arc<_> = rig::open(server, "bench-range");
    let (picture, stream) = (rig::picture(FRAME_BYTES), rig::stream("cam1"));
    let now = SystemClock.now();
    let keys: Vec<_> = (1..=frames)
        .map(|back| Duration::from_nanos(u64::try_from(back).unwrap() * 1_000_000_000 / 15))
        .map(|back| rig::key(&stream, now.minus(back)))
        .collect();
    for keys in keys.chunks(BATCH) {
        let frame = |key: &framecache::model::key::FrameKey| PutFrame {
            key: key.clone(),
            bytes: picture.clone(),
            ttl: rig::ttl(3600),
            expires_at: None,
            new_dimensions: None,
        };
        let batch: Vec<PutFrame> = keys.iter().map(frame).collect();
        let store: &dyn FrameStore = store.as_ref();
        rig::put(store, &batch).await;
    }
}

/// Reads the whole range and answers by how much the program grew at most.
async fn stream(up: &Up, frames: usize) -> Round {
    let url = format!("http://{}/api/v1/frames.zip?camera=cam1&from=-2h&limit=all", up.address);
    up.forget_peak();
    let before = up.memory("VmRSS");
    let answer = client().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let (mut chunks, mut read) = (answer.bytes_stream(), 0);
    while let Some(chunk) = chunks.next().await {
        read += chunk.expect("the stream should come to its end").len();
    }
    assert!(read > frames * FRAME_BYTES, "{read} bytes came");
    let bytes = f64::from(u32::try_from(read / 1_000_000).unwrap());
    Round { ours: (up.memory("VmHWM") - before).max(0.1e6) / 1e6, baseline: bytes }
}
