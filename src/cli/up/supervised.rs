//! What `up` tells the supervisor that started it, by systemd's notification protocol.
//!
//! READY once it serves, WATCHDOG at half the interval that the unit asks for, STOPPING before the
//! drain. Without NOTIFY_SOCKET in the environment nothing is sent. A watchdog message is sent only
//! while the runtime still turns tasks over, so a process that hangs is started anew.

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

/// Says that the service is up.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// Says that the service drains and ends.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Says again and again that the process lives, until `stop`; returns at once where nobody asked.
pub(super) async fn watchdog(stop: CancellationToken) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = tokio::time::interval(interval / 2);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => tell(NotifyState::Watchdog),
        }
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!("the supervisor was not told: {error}");
    }
}
