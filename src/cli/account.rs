//! The last line of a collector: what became of every frame.
//!
//! `captured = stored + dropped + pending`; after an orderly stop nothing is pending.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::metrics::Counts;

/// The account as one JSON object.
#[derive(Debug, Serialize)]
pub(super) struct AccountLine {
    event: &'static str,
    captured: u64,
    stored: u64,
    stored_bytes: u64,
    dropped: Map<String, Value>,
    pending: u64,
    rejected: u64,
    announced: u64,
    unroutable: u64,
    announcements_expired: u64,
    from_outbox: u64,
}

impl AccountLine {
    /// The line of these counts.
    pub(super) fn of(counts: &Counts) -> Self {
        let drops =
            counts.drops().map(|(reason, count)| (reason.as_str().to_owned(), count.into()));
        Self {
            event: "stopped",
            captured: counts.captured,
            stored: counts.stored,
            stored_bytes: counts.stored_bytes,
            dropped: drops.collect(),
            pending: counts.pending(),
            rejected: counts.rejected,
            announced: counts.announced,
            unroutable: counts.unroutable,
            announcements_expired: counts.announcements_expired,
            from_outbox: counts.from_outbox,
        }
    }
}

/// The account as one sentence.
pub(super) fn sentence(counts: &Counts) -> String {
    let mut said = format!(
        "stopped: captured {} = stored {} + dropped {}{} + pending {}; announced {}",
        counts.captured,
        counts.stored,
        counts.dropped_total(),
        reasons(counts),
        counts.pending(),
        counts.announced
    );
    for (count, what) in [
        (counts.unroutable, "without a listener"),
        (counts.from_outbox, "read from the outbox"),
        (counts.announcements_expired, "announcements expired"),
        (counts.rejected, "pushes rejected"),
    ] {
        if count > 0 {
            said.push_str(&format!(", {count} {what}"));
        }
    }
    said
}

/// ` (fps_limit 3, queue_full 1)`, nothing when nothing was dropped.
fn reasons(counts: &Counts) -> String {
    let listed: Vec<String> =
        counts.drops().map(|(reason, count)| format!("{} {count}", reason.as_str())).collect();
    if listed.is_empty() { String::new() } else { format!(" ({})", listed.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::DropReason;

    fn counts() -> Counts {
        let mut dropped = [0; DropReason::ALL.len()];
        dropped[0] = 3;
        dropped[7] = 1;
        let counts = Counts { captured: 10, stored: 6, dropped, ..Counts::default() };
        Counts { announced: 5, announcements_expired: 1, stored_bytes: 600, ..counts }
    }

    #[test]
    fn the_last_line_accounts_for_every_frame() {
        assert_eq!(
            sentence(&counts()),
            "stopped: captured 10 = stored 6 + dropped 4 (fps_limit 3, shutdown 1) + pending 0; \
             announced 5, 1 announcements expired"
        );
        assert_eq!(
            sentence(&Counts::default()),
            "stopped: captured 0 = stored 0 + dropped 0 + pending 0; announced 0"
        );
    }

    #[test]
    fn the_same_account_as_json() {
        let line = serde_json::to_value(AccountLine::of(&counts())).unwrap();
        assert_eq!(
            line,
            serde_json::json!({
                "event": "stopped", "captured": 10, "stored": 6, "stored_bytes": 600,
                "dropped": {"fps_limit": 3, "shutdown": 1}, "pending": 0, "rejected": 0,
                "announced": 5, "unroutable": 0, "announcements_expired": 1, "from_outbox": 0,
            })
        );
    }
}
