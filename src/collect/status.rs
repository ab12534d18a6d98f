//! Tells the bus which cameras deliver, once a change.
//!
//! Messages follow the state, not the events: what is published is the difference between how the
//! cameras stand and what was last confirmed. So a camera that flickers within a moment says
//! nothing, a broker that was away is told the outcome and not the history, and nothing queues.
//! Cameras that others push have no state of their own and are not counted. One that is paused or
//! removed while it delivered is told to be inactive, and why; a paused one still counts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::health::{CameraHealth, HealthBoard, SourceState};
use crate::bus::{Bus, BusError, Message, Topic};
use crate::clock::Clock;
use crate::model::event::{CameraState, CameraStatus, SystemStatus};
use crate::model::name::CameraId;
use crate::model::time::UnixNanos;

/// Changes are gathered for so long before they are told.
const SETTLE: Duration = Duration::from_millis(200);

/// The wait after a message was not confirmed; then also for the bus to be ready.
const RETRY: Duration = Duration::from_secs(1);

/// What the bus was told last.
#[derive(Debug, Default)]
struct Told {
    cameras: HashMap<CameraId, CameraState>,
    /// Cameras that are collected, and those that deliver.
    system: Option<(usize, usize)>,
}

/// Publishes the changes on `board` until `stop`.
pub(crate) async fn publish(
    board: HealthBoard,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut told = Told::default();
    let telling = async {
        loop {
            board.changed().await;
            tokio::time::sleep(SETTLE).await;
            while let Err(error) = tell(&mut told, &board, bus.as_ref(), clock.as_ref()).await {
                debug!("camera status not published yet: {error}");
                tokio::time::sleep(RETRY).await;
                bus.ready().await;
            }
        }
    };
    tokio::select! {
        () = telling => {}
        () = stop.cancelled() => {}
    }
}

/// Publishes what is new, message by message, and notes each that was confirmed.
async fn tell(
    told: &mut Told,
    board: &HealthBoard,
    bus: &dyn Bus,
    clock: &dyn Clock,
) -> Result<(), BusError> {
    let health = board.snapshot();
    for camera in &health {
        let Some(status) = news(told, camera) else { continue };
        let body = Bytes::from(status.to_json());
        bus.publish(Message { topic: Topic::CameraStatus, body }).await?;
        told.cameras.insert(status.camera, status.state);
    }
    for status in farewells(told, &health, clock.now()) {
        if told.cameras.get(&status.camera) == Some(&CameraState::Active) {
            let body = Bytes::from(status.to_json());
            bus.publish(Message { topic: Topic::CameraStatus, body }).await?;
        }
        told.cameras.remove(&status.camera);
    }
    let (total, active) = count(&health);
    let nothing_yet = told.system.is_none() && told.cameras.is_empty();
    if told.system != Some((total, active)) && !nothing_yet {
        let body = Bytes::from(SystemStatus { at: clock.now(), total, active }.to_json());
        bus.publish(Message { topic: Topic::SystemStatus, body }).await?;
        told.system = Some((total, active));
    }
    Ok(())
}

/// What to say of the cameras that were told of and are no longer there, or are pushed by now.
fn farewells(told: &Told, health: &[CameraHealth], now: UnixNanos) -> Vec<CameraStatus> {
    let stays = |camera: &CameraId| {
        health.iter().any(|one| one.camera == *camera && one.state != SourceState::Push)
    };
    let gone = told.cameras.keys().filter(|camera| !stays(camera));
    let mut gone: Vec<CameraStatus> = gone
        .map(|camera| CameraStatus {
            camera: camera.clone(),
            at: now,
            state: CameraState::Inactive,
            consecutive_failures: 0,
            last_error: "removed".to_owned(),
        })
        .collect();
    gone.sort_by(|one, other| one.camera.cmp(&other.camera));
    gone
}

/// The message that a camera's state asks for, if it was not told yet.
fn news(told: &Told, camera: &CameraHealth) -> Option<CameraStatus> {
    let state = match camera.state {
        SourceState::Active => CameraState::Active,
        SourceState::Inactive | SourceState::Finished => CameraState::Inactive,
        SourceState::Paused => CameraState::Inactive,
        SourceState::Starting | SourceState::Push => return None,
    };
    let before = told.cameras.get(&camera.camera);
    let paused = camera.state == SourceState::Paused;
    if before == Some(&state) || paused && before.is_none() {
        return None;
    }
    Some(CameraStatus {
        camera: camera.camera.clone(),
        at: camera.since?,
        state,
        consecutive_failures: camera.consecutive_failures,
        last_error: if paused { "paused".to_owned() } else { camera.last_error.clone() },
    })
}

/// Cameras that are collected, and those that deliver.
fn count(health: &[CameraHealth]) -> (usize, usize) {
    let collected = || health.iter().filter(|camera| camera.state != SourceState::Push);
    let active = collected().filter(|camera| camera.state == SourceState::Active).count();
    (collected().count(), active)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;
    use crate::bus::Event;
    use crate::bus::memory::MemoryBus;
    use crate::clock::SettableClock;
    use crate::collect::health::Reporter;
    use crate::model::event::RoutingKeys;

    fn at(millis: u64) -> UnixNanos {
        UnixNanos::new(millis * 1_000_000).unwrap()
    }

    fn cameras(board: &HealthBoard, count: usize) -> Vec<Reporter> {
        let add = |n| {
            let camera = CameraId::new(&format!("cam{n}")).unwrap();
            board.add(camera, String::new(), String::new())
        };
        (1..=count).map(add).collect()
    }

    /// What is published when the state is told now: "camera state" or "active/total".
    async fn told_now(told: &mut Told, board: &HealthBoard, bus: &MemoryBus) -> Vec<String> {
        let mut events = bus.subscribe().await.unwrap();
        tell(told, board, bus, &SettableClock::at(at(9))).await.unwrap();
        let mut said = Vec::new();
        while let Some(Some(Event::Message { body, .. })) = events.next().now_or_never() {
            let message: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let [camera, state, active, total] =
                ["camera_id", "state", "active_cameras", "total_cameras"]
                    .map(|name| &message[name]);
            said.push(match camera.as_str() {
                Some(camera) => format!("{camera} {}", state.as_str().unwrap()),
                None => format!("{active}/{total}"),
            });
        }
        said
    }

    #[tokio::test]
    async fn each_change_is_told_once_and_failures_in_a_row_are_not() {
        let (mut told, board) = (Told::default(), HealthBoard::default());
        let bus = MemoryBus::new(RoutingKeys::default());
        let cameras = cameras(&board, 3);
        assert_eq!(told_now(&mut told, &board, &bus).await, Vec::<String>::new());
        cameras[0].frame(at(1));
        cameras[1].failed(at(1), "away".to_owned());
        cameras[2].pushed_by_others(at(1));
        let said = told_now(&mut told, &board, &bus).await;
        assert_eq!(said, ["cam1 active", "cam2 inactive", "1/2"]);
        cameras[1].failed(at(2), "away".to_owned());
        assert_eq!(told_now(&mut told, &board, &bus).await, Vec::<String>::new());
        cameras[1].frame(at(3));
        assert_eq!(told_now(&mut told, &board, &bus).await, ["cam2 active", "2/2"]);
        cameras[0].failed(at(4), "away".to_owned());
        cameras[0].frame(at(5));
        assert_eq!(told_now(&mut told, &board, &bus).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_bus_that_was_away_is_told_how_things_stand() {
        let (mut told, board) = (Told::default(), HealthBoard::default());
        let cameras = cameras(&board, 1);
        cameras[0].frame(at(1));
        let away = MemoryBus::new(RoutingKeys::default());
        away.close().await;
        assert!(tell(&mut told, &board, &away, &SettableClock::at(at(2))).await.is_err());
        cameras[0].failed(at(3), "away".to_owned());
        let back = MemoryBus::new(RoutingKeys::default());
        assert_eq!(told_now(&mut told, &board, &back).await, ["cam1 inactive", "0/1"]);
    }

    #[tokio::test]
    async fn cameras_that_are_paused_added_and_removed_are_told_and_counted() {
        let (mut told, board) = (Told::default(), HealthBoard::default());
        let bus = MemoryBus::new(RoutingKeys::default());
        let cameras = cameras(&board, 2);
        assert!(cameras.iter().all(|camera| camera.frame(at(1))));
        let said = told_now(&mut told, &board, &bus).await;
        assert_eq!(said, ["cam1 active", "cam2 active", "2/2"]);
        cameras[0].paused(at(2));
        let said = told_now(&mut told, &board, &bus).await;
        assert_eq!(said, ["cam1 inactive", "1/2"]);
        let third = CameraId::new("cam3").unwrap();
        board.add(third.clone(), String::new(), String::new()).paused(at(3));
        assert_eq!(told_now(&mut told, &board, &bus).await, ["1/3"]);
        for camera in &cameras {
            board.remove(&board.snapshot()[0].camera.clone());
            camera.frame(at(4));
        }
        assert_eq!(told_now(&mut told, &board, &bus).await, ["cam2 inactive", "0/1"]);
        board.remove(&third);
        assert_eq!(told_now(&mut told, &board, &bus).await, ["0/0"]);
    }
}
