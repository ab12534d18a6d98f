//! 16 live viewers of a camera with 30 frames a second: processor time and memory of the program with
//! them and without, and how many of the pictures each sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use memchr::memmem;

use crate::options::Scale;
use crate::rounds::{Better, Round, Row};

use super::latest::client;
use super::process::Up;

const VIEWERS: usize = 16;
const CAMERA_FPS: f64 = 30.0;

/// What stands once at the head of every picture of the stream.
const PART: &[u8] = b"X-Frame-Key";

/// What was seen of the program while it ran for a while.
struct Seen {
    /// Milliseconds of processor time in each second.
    cpu: f64,
    /// Resident megabytes at the end.
    memory: f64,
    /// Pictures a second that one viewer got, on average.
    fps: f64,
}

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    let up = Up::start(
        "[redis]\nttl_seconds = 10\n[[cameras]]\nid = \"cam1\"\n\
         url = \"synthetic:?size=1280x720&fps=30\"\n",
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // until a lifetime has passed, memory grows by the frames themselves
    std::thread::sleep(Duration::from_secs(12));
    let seconds = if scale.rounds > 5 { 5 } else { 2 };
    let rounds: Vec<(Seen, Seen)> = (0..scale.rounds.min(7))
        .map(|_| {
            let alone = runtime.block_on(watch(&up, 0, seconds));
            (runtime.block_on(watch(&up, VIEWERS, seconds)), alone)
        })
        .collect();
    assert!(rounds.iter().all(|(with, _)| with.fps > 0.0), "every viewer should see pictures");
    let row = |what: &str, baseline: &str, unit, figure: fn(&Seen) -> f64| Row {
        what: what.to_owned(),
        baseline: baseline.to_owned(),
        unit,
        better: Better::Less,
        rounds: rounds
            .iter()
            .map(|(with, alone)| Round { ours: figure(with), baseline: figure(alone) })
            .collect(),
    };
    let fps = rounds.iter().map(|(with, _)| Round { ours: with.fps, baseline: CAMERA_FPS });
    vec![
        row("processor time with 16 live viewers", "without viewers", "ms/s", |seen| seen.cpu),
        row("memory with 16 live viewers", "without viewers", "MB", |seen| seen.memory),
        Row {
            what: "pictures that each of 16 viewers sees".to_owned(),
            baseline: "pictures of the camera".to_owned(),
            unit: "frames/s",
            better: Better::More,
            rounds: fps.collect(),
        },
    ]
}

/// Lets so many viewers look for so many seconds, after a second in which they connect.
async fn watch(up: &Up, viewers: usize, seconds: u64) -> Seen {
    let pictures = Arc::new(AtomicU64::new(0));
    let url = format!("http://{}/api/v1/cameras/cam1/stream.mjpeg", up.address);
    let mut looking = tokio::task::JoinSet::new();
    for _ in 0..viewers {
        looking.spawn(view(url.clone(), Arc::clone(&pictures)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (cpu, seen) = (up.cpu_seconds(), pictures.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let cpu = up.cpu_seconds() - cpu;
    let seen = pictures.load(Ordering::Relaxed) - seen;
    let memory = up.memory("VmRSS") / 1e6;
    looking.shutdown().await;
    let span = f64::from(u32::try_from(seconds).unwrap());
    let each = f64::from(u32::try_from(seen).unwrap())
        / span
        / f64::from(u32::try_from(viewers.max(1)).unwrap());
    Seen { cpu: cpu * 1000.0 / span, memory, fps: each }
}

/// One viewer, for ever: counts the pictures that begin.
async fn view(url: String, pictures: Arc<AtomicU64>) {
    let answer = client().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut chunks = answer.bytes_stream();
    let mut rest = Vec::new();
    while let Some(Ok(chunk)) = chunks.next().await {
        rest.extend_from_slice(&chunk);
        let begun = memmem::find_iter(&rest, PART).count();
        pictures.fetch_add(u64::try_from(begun).unwrap(), Ordering::Relaxed);
        // keeps what may be the start of the word, and never a whole one
        let kept = rest.len().min(PART.len() - 1);
        rest.drain(..rest.len() - kept);
    }
}
