//! A disk that is full, and a quota.

use std::os::unix::fs::PermissionsExt as _;

use framecache::archive::record::{MaybeNamed, Order, Phase, Why};
use framecache::model::time::TimeRange;

use super::*;

/// Bytes of the small disk.
const DISK: u64 = 2 << 20;

/// A small disk of its own, mounted in memory; unmounted on drop.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let at = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK}"), "none"])
            .arg(at.path())
            .status()
            .unwrap();
        assert!(mounted.success(), "this test mounts a disk in memory and needs to be root for it");
        Self(at)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_recording_while_frames_are_still_taken() {
    let disk = SmallDisk::mount();
    let rig = Rig::start_at(disk.0.path(), "");
    let ballast = rig.path("ballast");
    std::fs::write(&ballast, vec![0; 1400 << 10]).unwrap();
    rig.begin(start("r")).await;
    let mut number = 0;
    let failed = loop {
        for _ in 0..5 {
            rig.push("cam1", None, noise(8 << 10, number)).await;
            number += 1;
        }
        let status = rig.status("r").await;
        if status.state == Phase::Failed {
            break status;
        }
        assert!(number < 2000, "{status:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(failed.reason, Some(Why::Failed));
    let said = failed.detail.unwrap();
    assert!(
        said.contains("No space left on device") && said.contains("recordings recover"),
        "{said}"
    );
    let kept = rig.push("cam1", None, picture(1)).await;
    assert!(rig.service.get(&kept).await.unwrap().is_some(), "frames are taken all the same");
    let (cut, _) = read(&rig.path("r.mcap.part")).await;
    assert!(!cut.is_empty());

    std::fs::remove_file(&ballast).unwrap();
    // room for a copy of what was written, and for what came meanwhile
    rig.order(Order::Recover(MaybeNamed { name: "r".parse().ok() })).await.unwrap();
    let ended = rig.until("r", |status| status.state != Phase::Stopping).await;
    assert_eq!((ended.state, ended.reason), (Phase::Finished, Some(Why::Recovered)), "{ended:?}");
    let recorded = rig.recorded(&ended).await;
    assert!(cut.keys().all(|key| recorded.contains_key(key)));
    let window = TimeRange::new(ended.from.unwrap(), ended.to.unwrap()).unwrap();
    assert_eq!(recorded, rig.stored(&["cam1"], window).await);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_refuses_the_start() {
    let rig = Rig::start("");
    std::fs::write(rig.path("file"), "").unwrap();
    let inner = Rig::start_at(&rig.path("file"), "");
    let error = inner.service.record(&Order::Start(start("x"))).await.unwrap_err().to_string();
    assert!(error.starts_with("recordings: cannot ") && error.contains("file"), "{error}");
    let mode = std::fs::metadata(rig.path("file")).unwrap().permissions().mode();
    assert!(mode & 0o400 != 0);
}

#[tokio::test]
async fn the_oldest_files_go_when_recordings_are_over_the_quota() {
    let rig = Rig::start_with("max_bytes = '200KiB'");
    let now = framecache::clock::Clock::now(&framecache::clock::SystemClock);
    for number in 0..60_u64 {
        let at = now.minus(Duration::from_secs(62 - number));
        rig.push("cam1", Some(at), noise(8 << 10, number)).await;
    }
    let (from, segment) = (Some("-65s".to_owned()), Some("10s".parse().unwrap()));
    rig.begin(Start { from, segment, ..start("q") }).await;
    let held = |status: &Status| status.frames == Some(60) && status.bytes <= 200 << 10;
    let running = rig.until("q", held).await;
    assert_eq!(running.state, Phase::Recording);
    let status = rig.stop_recording("q").await;
    let recorded: Vec<String> = rig.recorded(&status).await.into_keys().collect();
    let window = TimeRange::new(status.from.unwrap(), status.to.unwrap()).unwrap();
    let all: Vec<String> = rig.stored(&["cam1"], window).await.into_keys().collect();
    assert!(!recorded.is_empty() && recorded.len() < all.len());
    assert_eq!(recorded, all[all.len() - recorded.len()..], "the newest stay");
}

/// A JPEG that cannot be made smaller.
fn noise(bytes: usize, seed: u64) -> Bytes {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let comment = (0..bytes.min(65_000)).map(|_| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()[0]
    });
    let plain = jpeg(8, 8);
    let length = u16::try_from(bytes.min(65_000) + 2).unwrap();
    let mut out = plain[..2].to_vec();
    out.extend([0xFF, 0xFE]);
    out.extend(length.to_be_bytes());
    out.extend(comment);
    out.extend(&plain[2..]);
    Bytes::from(out)
}
