//! Ctrl-C and SIGTERM: the first asks a verb to finish, the second ends the process at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell sees of a program that a second Ctrl-C ended: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// A token that is cancelled at the first Ctrl-C or SIGTERM.
///
/// # Errors
/// The system gives no handler for signals.
pub(super) fn stop_token() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut interrupts, mut terminations) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let asked = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
            }
            if asked.is_cancelled() {
                std::process::exit(INTERRUPTED);
            }
            asked.cancel();
        }
    });
    Ok(stop)
}
