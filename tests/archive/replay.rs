//! Replays: when which frame is handed on, under which key, and what orders do; by simulated clocks for
//! hours and by the real binary for the whole way.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use framecache::archive::format::{About, Ending, SnapshotWriter};
use framecache::archive::read::Recording;
use framecache::archive::replay::{
    Control, Fate, Manner, Player, Progress, ReplayState, Sink, SinkError, Times, Told,
};
use framecache::archive::{FileBlob, Naming, Rename};
use framecache::clock::SettableClock;
use framecache::model::frame::{Frame, StoredFrame};
use framecache::model::key::FrameKey;
use framecache::model::name::{Prefix, Tenant};
use framecache::model::time::{TimeRange, Ttl, UnixNanos};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::binary::{Place, Up};

const SEC: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
/// 2024-11-08T00:00:00Z.
const START: u64 = 1_731_024_000_000_000_000;
/// 2027-01-15T08:00:00Z, when things are played.
const PLAYED: u64 = 1_800_000_000_000_000_000;

fn at(nanos: u64) -> UnixNanos {
    UnixNanos::new(nanos).unwrap()
}

/// A frame of `t/p/camera` so long after the start of the recording.
fn frame(camera: &str, after: Duration, seq: u32) -> StoredFrame {
    let key: FrameKey = format!("t:p:{camera}:{}:{seq:05}", at(START).plus(after)).parse().unwrap();
    let ttl = Ttl::from_secs(300).ok();
    let expires_at = ttl.map(|ttl| key.at().plus(ttl.as_duration()));
    let bytes = Bytes::from(format!("frame {seq} of {camera}"));
    StoredFrame { frame: Frame { key, bytes }, ttl, expires_at }
}

fn written(frames: &[StoredFrame]) -> Vec<u8> {
    let captured_at = at(START).plus(SEC * 90_000);
    let about = About { window: TimeRange::ALL, captured_at, facts: [].into() };
    let mut writer = SnapshotWriter::begin(&about).unwrap();
    frames.iter().for_each(|frame| writer.add(frame, captured_at).unwrap());
    writer.finish(&Ending::default()).unwrap();
    writer.written().to_vec()
}

async fn recording(frames: &[StoredFrame]) -> (TempDir, Recording) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("night.mcap");
    fs::write(&path, written(frames)).unwrap();
    let blob = Arc::new(FileBlob::open(&path).await.unwrap());
    (folder, Recording::open(blob).await.unwrap())
}

fn naming() -> Naming {
    Naming::recorded(Tenant::new("t").unwrap(), Prefix::new("p").unwrap())
}

/// Keeps what it is given, and when.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<(Instant, StoredFrame)>>);

#[async_trait]
impl Sink for Kept {
    async fn store(&self, frames: Vec<StoredFrame>) -> Result<Vec<Fate>, SinkError> {
        let fates = frames.iter().map(|_| Fate::Stored).collect();
        let now = Instant::now();
        self.0.lock().unwrap().extend(frames.into_iter().map(|frame| (now, frame)));
        Ok(fates)
    }
}

/// A replay that runs.
struct Playing {
    kept: Arc<Kept>,
    began: Instant,
    orders: mpsc::Sender<Told>,
    stop: CancellationToken,
    progress: Arc<Mutex<Progress>>,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl Playing {
    async fn start(frames: &[StoredFrame], manner: Manner) -> Self {
        Self::start_named(frames, manner, naming()).await
    }

    async fn start_named(frames: &[StoredFrame], manner: Manner, naming: Naming) -> Self {
        let (folder, recording) = recording(frames).await;
        let clock = Arc::new(SettableClock::at(at(PLAYED)));
        let player = Player::new(recording, manner, &naming, clock).unwrap();
        let (kept, stop) = (Arc::new(Kept::default()), CancellationToken::new());
        let (orders, waiting) = mpsc::channel(4);
        let (progress, began) = (player.progress(), Instant::now());
        let task = tokio::spawn(player.play(kept.clone(), waiting, stop.clone()));
        Self { kept, began, orders, stop, progress, task, _folder: folder }
    }

    async fn tell(&self, control: Control) {
        let (told, followed) = Told::new(control);
        self.orders.send(told).await.unwrap();
        followed.await.unwrap();
    }

    fn progress(&self) -> Progress {
        self.progress.lock().unwrap().clone()
    }

    /// When frames came, in milliseconds since the start, and their numbers.
    fn came(&self) -> Vec<(u128, u32)> {
        let kept = self.kept.0.lock().unwrap();
        let when = |came: Instant| (came - self.began).as_millis();
        kept.iter().map(|(came, one)| (when(*came), one.frame.key.suffix().number())).collect()
    }

    fn keys(&self) -> Vec<String> {
        let kept = self.kept.0.lock().unwrap();
        kept.iter().map(|(_, one)| one.frame.key.to_string()).collect()
    }

    async fn ended(self) -> Self {
        tokio::time::timeout(SEC * 100_000, async {
            while !self.task.is_finished() {
                tokio::time::sleep(MS * 50).await;
            }
        })
        .await
        .unwrap();
        self
    }
}

fn manner(speed: &str) -> Manner {
    Manner { speed: speed.parse().unwrap(), ..Manner::default() }
}

#[tokio::test(start_paused = true)]
async fn an_hour_is_played_in_an_hour_and_no_frame_drifts() {
    let frames: Vec<StoredFrame> =
        (0..36_000).map(|n| frame("cam", MS * 100 * n, n % 99_999 + 1)).collect();
    let playing = Playing::start(&frames, Manner::default()).await.ended().await;
    let came = playing.came();
    assert_eq!(came.len(), frames.len());
    for (n, (millis, number)) in (0..).zip(&came) {
        assert_eq!(*number, n % 99_999 + 1);
        let due = u128::from(n) * 100;
        assert!(
            (due..=due + 2).contains(millis),
            "frame {n} was due at {due} and came at {millis}"
        );
    }
    let progress = playing.progress();
    assert_eq!((progress.state, progress.frames, progress.late), (ReplayState::Ended, 36_000, 0));
}

#[tokio::test(start_paused = true)]
async fn shifted_frames_bear_the_time_at_which_they_were_due() {
    let frames = [frame("a", Duration::ZERO, 1), frame("b", MS * 700, 2), frame("a", MS * 1500, 3)];
    let played = Playing::start(&frames, manner("0.5")).await.ended().await;
    let keys: Vec<String> = [("a", 0, 1), ("b", 1400, 2), ("a", 3000, 3)]
        .map(|(camera, ms, seq)| format!("t:p:{camera}:{}:{seq:05}", at(PLAYED).plus(MS * ms)))
        .to_vec();
    assert_eq!(played.keys(), keys);
    let kept = played.kept.0.lock().unwrap();
    assert!(
        kept.iter().all(|(_, one)| one.ttl == Ttl::from_secs(300).ok() && one.expires_at.is_none())
    );
}

#[tokio::test(start_paused = true)]
async fn original_times_and_other_names_are_kept_as_asked() {
    let frames = [frame("a", Duration::ZERO, 1), frame("b", SEC, 2)];
    let naming = Naming {
        prefix: Prefix::new("again").ok(),
        cameras: vec!["a=front".parse::<Rename>().unwrap()],
        ..naming()
    };
    let ttl = Ttl::from_secs(7).ok();
    let asked = Manner { times: Times::Original, ttl, ..manner("max") };
    let played = Playing::start_named(&frames, asked, naming).await.ended().await;
    let first = format!("t:again:front:{START}:00001");
    let second = format!("t:again:b:{}:00002", at(START).plus(SEC));
    assert_eq!(played.keys(), [first, second]);
    assert!(played.kept.0.lock().unwrap().iter().all(|(_, one)| one.ttl == ttl));
    assert!(played.came().iter().all(|(millis, _)| *millis < 100));
}

#[tokio::test(start_paused = true)]
async fn a_part_and_some_cameras_are_played() {
    let frames: Vec<StoredFrame> = (0..20)
        .map(|n| frame(["gate.1", "gate.2", "yard"][n as usize % 3], MS * 100 * n, n + 1))
        .collect();
    let window = TimeRange::new(at(START).plus(MS * 500), at(START).plus(MS * 1200)).unwrap();
    let asked = Manner { window, cameras: vec!["gate.*".to_owned()], ..manner("10") };
    let played = Playing::start(&frames, asked).await.ended().await;
    let numbers: Vec<u32> = played.came().iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, [7, 8, 10, 11]);
}

#[tokio::test(start_paused = true)]
async fn orders_pause_resume_seek_and_change_the_speed() {
    let frames: Vec<StoredFrame> = (0..600).map(|n| frame("cam", MS * 100 * n, n + 1)).collect();
    let playing = Playing::start(&frames, Manner::default()).await;
    tokio::time::sleep(MS * 1050).await;
    playing.tell(Control::Pause).await;
    let paused = playing.progress();
    assert_eq!((paused.state, playing.came().len()), (ReplayState::Paused, 11));
    tokio::time::sleep(SEC * 30).await;
    assert_eq!(playing.came().len(), 11);
    assert_eq!(playing.progress().position, paused.position);

    playing.tell(Control::Seek(at(START).plus(SEC * 20))).await;
    playing.tell(Control::Speed("2".parse().unwrap())).await;
    assert_eq!(playing.progress().position, at(START).plus(SEC * 20));
    let resumed = playing.came().len();
    playing.tell(Control::Resume).await;
    tokio::time::sleep(SEC).await;
    let came: Vec<u32> = playing.came()[resumed..].iter().map(|(_, number)| *number).collect();
    assert!((20..=21).contains(&came.len()), "{came:?}");
    assert_eq!(came[..3], [201, 202, 203]);
    playing.tell(Control::Seek(at(START))).await;
    tokio::time::sleep(MS * 120).await;
    assert!(playing.came()[resumed + came.len()..].iter().any(|(_, number)| *number == 1));

    playing.stop.cancel();
    let played = playing.ended().await;
    assert_eq!(played.progress().state, ReplayState::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_loop_goes_on_with_new_keys_at_the_same_pace() {
    let frames = [frame("cam", Duration::ZERO, 1), frame("cam", SEC, 2), frame("cam", SEC * 2, 3)];
    let playing = Playing::start(&frames, Manner { looped: true, ..Manner::default() }).await;
    tokio::time::sleep(MS * 8500).await;
    playing.stop.cancel();
    let played = playing.ended().await;
    let expected: Vec<u32> = [1, 2, 3].repeat(3);
    assert_eq!(played.came().iter().map(|(_, number)| *number).collect::<Vec<_>>(), expected);
    for (n, (millis, _)) in (0..).zip(played.came()) {
        assert!((n * 1000..n * 1000 + 20).contains(&millis), "{:?}", played.came());
    }
    let mut keys = played.keys();
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), played.progress().rounds), (9, 3));
}

/// Takes a while for each batch, or refuses.
#[derive(Debug)]
struct Slow(Duration, Option<SinkError>, Mutex<usize>);

#[async_trait]
impl Sink for Slow {
    async fn store(&self, frames: Vec<StoredFrame>) -> Result<Vec<Fate>, SinkError> {
        tokio::time::sleep(self.0).await;
        *self.2.lock().unwrap() += frames.len();
        match &self.1 {
            Some(error) => Err(error.clone()),
            None => Ok(frames.iter().map(|_| Fate::Stored).collect()),
        }
    }
}

async fn into(sink: Slow, frames: &[StoredFrame]) -> Progress {
    let (_folder, recording) = recording(frames).await;
    let clock = Arc::new(SettableClock::at(at(PLAYED)));
    let player = Player::new(recording, Manner::default(), &naming(), clock).unwrap();
    let progress = player.progress();
    let (_orders, waiting) = mpsc::channel(1);
    player.play(Arc::new(sink), waiting, CancellationToken::new()).await;
    progress.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_makes_frames_late_and_loses_none() {
    let frames: Vec<StoredFrame> = (0..300).map(|n| frame("cam", MS * 10 * n, n + 1)).collect();
    let progress = into(Slow(SEC, None, Mutex::default()), &frames).await;
    assert_eq!((progress.state, progress.frames, progress.refused), (ReplayState::Ended, 300, 0));
    assert!(progress.late > 100, "{progress:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_costs_frames_and_one_that_denies_ends_it() {
    let frames: Vec<StoredFrame> = (0..50).map(|n| frame("cam", MS * 10 * n, n + 1)).collect();
    let error = |fatal| Some(SinkError { message: "no".to_owned(), fatal });
    let away = into(Slow(MS, error(false), Mutex::default()), &frames).await;
    assert_eq!((away.state, away.refused, &*away.error), (ReplayState::Ended, 50, "no"));
    let denied = into(Slow(MS, error(true), Mutex::default()), &frames).await;
    assert_eq!((denied.state, &*denied.error), (ReplayState::Failed, "no"));
    assert!(denied.refused < 50, "{denied:?}");
}

#[tokio::test]
async fn what_cannot_be_played_is_refused_with_what_would_be_right() {
    let frames = [frame("cam", Duration::ZERO, 1), frame("cam", SEC, 2)];
    let far = TimeRange::new(at(PLAYED), at(PLAYED + 1)).unwrap();
    for (asked, said) in [
        (
            Manner { looped: true, times: Times::Original, ..Manner::default() },
            "a loop needs shifted times",
        ),
        (Manner { window: far, ..Manner::default() }, "has frames from 2024-11-08T00:00:00"),
        (Manner { cameras: vec!["yard".to_owned()], ..Manner::default() }, "no camera of"),
    ] {
        let (_folder, recording) = recording(&frames).await;
        let clock = Arc::new(SettableClock::at(at(PLAYED)));
        let refused = Player::new(recording, asked, &naming(), clock).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
}

const CONFIG: &str = "tenant = \"t\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redis]\nprefix = \"p\"\n\
                      [recordings]\nfolder = \"recordings\"\n";

fn running(frames: &[StoredFrame]) -> (Place, Up) {
    let place = Place::new();
    fs::create_dir(place.path("recordings")).unwrap();
    fs::write(place.path("recordings/night.mcap"), written(frames)).unwrap();
    let up = Up::start(&place, CONFIG);
    (place, up)
}

#[test]
fn a_running_up_plays_a_recording_by_its_name() {
    let frames: Vec<StoredFrame> = (0..20).map(|n| frame("cam", MS * 20 * n, n + 1)).collect();
    let (place, up) = running(&frames);
    let run = |arguments: &[&str]| {
        place.run(&[arguments, &["--config", "up.toml", "--url", up.url()]].concat())
    };
    let over = run(&["replay", "night", "--speed", "10", "--wait", "--json"]).ended(0).json();
    assert_eq!((&over[0]["state"], &over[0]["frames"]), (&"ended".into(), &20.into()));
    let told = run(&["range", "cam", "--json"]).ended(0).json();
    assert_eq!(told.len(), 20);
    let times: Vec<u64> =
        told.iter().map(|one| one["timestamp_nano"].as_str().unwrap().parse().unwrap()).collect();
    let distances: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(distances, vec![2_000_000; 19], "ten times as fast, and exactly so");

    let id =
        run(&["replay", "night", "--speed", "0.1", "--loop", "--json"]).ended(0).json()[0]["id"]
            .clone();
    let id = id.as_str().unwrap();
    let state = |ran: crate::support::binary::Ran| {
        ran.ended(0).json()[0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(run(&["replays", "pause", id, "--json"])), "paused");
    assert_eq!(state(run(&["replays", "speed", id, "max", "--json"])), "paused");
    assert_eq!(state(run(&["replays", "seek", id, "1731024000", "--json"])), "paused");
    assert_eq!(state(run(&["replays", "resume", id, "--json"])), "playing");
    let listed = run(&["replays"]).ended(0).text();
    assert!(
        listed.contains(id) && listed.contains("night") && listed.contains("ended"),
        "{listed}"
    );
    assert_eq!(state(run(&["replays", "stop", id, "--json"])), "stopped");
    let gone = run(&["replays", "show", id]).ended(3).stderr;
    assert_eq!(gone, format!("error: there is no replay {id}: `framecache replays` lists them\n"));
    let unknown = run(&["replay", "day"]).ended(2).stderr;
    assert_eq!(unknown, "error: there is no recording day here\n");
}

#[test]
fn a_file_is_played_into_a_running_up_under_other_names() {
    let frames: Vec<StoredFrame> = (0..5).map(|n| frame("cam", MS * 10 * n, n + 1)).collect();
    let (place, up) = running(&[]);
    fs::write(place.path("old.mcap"), written(&frames)).unwrap();
    let run = |arguments: &[&str]| {
        place.run(&[arguments, &["--config", "up.toml", "--url", up.url()]].concat())
    };
    let said = run(&["replay", "old.mcap", "--camera", "cam=front", "--original"]).ended(0).text();
    assert_eq!(said, "5 frames played (70 B)\n");
    let told = run(&["range", "front", "--json"]).ended(0).json();
    let times: Vec<&str> = told.iter().map(|one| one["timestamp_nano"].as_str().unwrap()).collect();
    let expected: Vec<String> = frames.iter().map(|one| one.frame.key.at().to_string()).collect();
    assert_eq!(times, expected);
    let again = run(&["replay", "old.mcap", "--camera", "cam=front", "--original"]).ended(0).text();
    assert_eq!(again, "0 frames played (0 B), 5 lay there already\n");
    let other = run(&["replay", "old.mcap", "--tenant", "bank"]).ended(1).text();
    assert!(other.contains("this process writes tenant t only, not bank"), "{other}");
    let none = run(&["replay", "no/such.mcap"]).ended(1).stderr;
    assert!(none.contains("no/such.mcap"), "{none}");
}
