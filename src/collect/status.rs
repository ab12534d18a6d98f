//! Tells the bus which cameras deliver, once a change.
//!
//! Messages follow the state, not the events: what is published is the difference between how the
//! cameras stand and what was last confirmed. So a camera that flickers within a moment says
//! nothing, a broker that was away is told the outcome and not the history, and nothing queues.
//! Cameras that others push have no state of their own and are not counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::health::{CameraHealth, HealthBoard, SourceState};
use crate::bus::{Bus, BusError, Message, Topic};
use crate::clock::Clock;
use crate::model::event::{CameraState, CameraStatus, SystemStatus};
use crate::model::name::CameraId;

/// Changes are gathered for so long before they are told.
const SETTLE: Duration = Duration::from_millis(200);

/// The wait after the broker refused a message.
const RETRY: Duration = Duration::from_secs(5);

/// What the bus was told last.
#[derive(Debug, Default)]
struct Told {
    cameras: HashMap<CameraId, CameraState>,
    active: Option<usize>,
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
                warn!("camera status not published yet: {error}");
                if matches!(error, BusError::Refused(_)) {
                    tokio::time::sleep(RETRY).await;
                }
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
    let (total, active) = count(&health);
    if told.active != Some(active) && !told.cameras.is_empty() {
        let body = Bytes::from(SystemStatus { at: clock.now(), total, active }.to_json());
        bus.publish(Message { topic: Topic::SystemStatus, body }).await?;
        told.active = Some(active);
    }
    Ok(())
}

/// The message that a camera's state asks for, if it was not told yet.
fn news(told: &Told, camera: &CameraHealth) -> Option<CameraStatus> {
    let state = match camera.state {
        SourceState::Active => CameraState::Active,
        SourceState::Inactive | SourceState::Finished => CameraState::Inactive,
        SourceState::Starting | SourceState::Push => return None,
    };
    if told.cameras.get(&camera.camera) == Some(&state) {
        return None;
    }
    Some(CameraStatus {
        camera: camera.camera.clone(),
        at: camera.since?,
        state,
        consecutive_failures: camera.consecutive_failures,
        last_error: camera.last_error.clone(),
    })
}

/// Cameras that are collected, and those that deliver.
fn count(health: &[CameraHealth]) -> (usize, usize) {
    let collected = || health.iter().filter(|camera| camera.state != SourceState::Push);
    let active = collected().filter(|camera| camera.state == SourceState::Active).count();
    (collected().count(), active)
}
