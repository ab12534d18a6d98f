//! SIGHUP: a running `up` or `collect` reads its configuration again.
//!
//! Cameras and `target_fps` are followed at once. What is wrong changes nothing and is said in one
//! sentence; keys that need a restart are named, each time, until they get one.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::sentence;
use super::session::Session;
use crate::app::{Engine, FleetChanges};
use crate::config::Loaded;
use crate::model::name::CameraId;

/// Hears of hangups from its making on, so that none ends the process.
#[derive(Debug)]
pub(super) struct Reloads(Signal);

impl Reloads {
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The system gives no handler for signals.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Follows every hangup; `started` is what the process was started with. Never ends by itself.
    pub(super) async fn follow(mut self, session: &Session, engine: &Engine, started: &Loaded) {
        while self.0.recv().await.is_some() {
            match reread(session, engine, started).await {
                Ok(changes) => tracing::info!("configuration read again: {}", said(&changes)),
                Err(error) => {
                    tracing::error!("the configuration stays as it is: {}", sentence(&error));
                }
            }
        }
        std::future::pending::<()>().await;
    }
}

async fn reread(
    session: &Session,
    engine: &Engine,
    started: &Loaded,
) -> anyhow::Result<FleetChanges> {
    let loaded = session.read_config()?;
    let changes = engine.reread(loaded.config.clone()).await?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let others = started.changed_for_good(&loaded);
    if !others.is_empty() {
        tracing::warn!("a restart is needed to bring into force: {}", others.join(", "));
    }
    Ok(changes)
}

fn said(changes: &FleetChanges) -> String {
    let FleetChanges { added, changed, removed } = changes;
    let parts: Vec<String> = [("added", added), ("changed", changed), ("removed", removed)]
        .into_iter()
        .filter(|(_, cameras)| !cameras.is_empty())
        .map(|(verb, cameras)| format!("{verb} {}", list(cameras)))
        .collect();
    if parts.is_empty() { "no camera changed".to_owned() } else { parts.join("; ") }
}

/// At most eight names.
fn list(cameras: &[CameraId]) -> String {
    let names: Vec<&str> = cameras.iter().take(8).map(CameraId::as_str).collect();
    let more = if cameras.len() > 8 { ", ..." } else { "" };
    let cameras = match cameras.len() {
        1 => "1 camera".to_owned(),
        count => format!("{count} cameras"),
    };
    format!("{cameras} ({}{more})", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_one_sentence() {
        let ids = |count: usize| -> Vec<CameraId> {
            (1..=count).map(|n| CameraId::new(&format!("cam{n}")).unwrap()).collect()
        };
        let changes = FleetChanges { added: ids(1), changed: Vec::new(), removed: ids(9) };
        assert_eq!(
            said(&changes),
            "added 1 camera (cam1); removed 9 cameras (cam1, cam2, cam3, cam4, cam5, cam6, cam7, cam8, ...)"
        );
        assert_eq!(said(&FleetChanges::default()), "no camera changed");
    }
}
