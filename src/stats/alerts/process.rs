//! Alerts about the process, its store and its bus.

use super::{
    Alert, CONNECTIONS, LOOKUPS_MIN, MEMORY_CRITICAL, MEMORY_WARNING, MISSES, ProcessFigures,
    Severity, WAITING, percent,
};

/// Everything that is wrong beside the cameras.
pub(super) fn alerts(figures: &ProcessFigures) -> Vec<Alert> {
    let ProcessFigures { store_trouble, bus_trouble, clock_trouble, .. } = figures;
    let troubles = [
        trouble("store_away", Severity::Critical, store_trouble.as_deref(), |why| {
            format!(
                "frames cannot be stored ({why}): they wait in their queues and the oldest are \
                 dropped when these are full; bring the store back, nothing else is to be done"
            )
        }),
        trouble("bus_away", Severity::Critical, bus_trouble.as_deref(), |why| {
            format!(
                "frames are stored but not announced ({why}): bring the broker back; what was \
                 stored meanwhile is announced then, as far as it still lives"
            )
        }),
        trouble("clock_back", Severity::Warning, clock_trouble.as_deref(), |why| {
            format!("{why}; check the time service (NTP) of this machine")
        }),
    ];
    let measured = [
        memory(figures),
        misses(figures),
        connections(figures),
        expiry(figures),
        endless(figures),
        waiting(figures),
    ];
    troubles.into_iter().chain(measured).flatten().collect()
}

fn trouble(
    name: &'static str,
    severity: Severity,
    why: Option<&str>,
    sentence: impl FnOnce(&str) -> String,
) -> Option<Alert> {
    Some(Alert { name, severity, value: 1.0, threshold: 0.0, sentence: sentence(why?) })
}

fn memory(figures: &ProcessFigures) -> Option<Alert> {
    let (used, max) = figures.memory.filter(|(_, max)| *max > 0)?;
    let share = used as f64 / max as f64;
    let (severity, threshold) = match share {
        share if share > MEMORY_CRITICAL => (Severity::Critical, MEMORY_CRITICAL),
        share if share > MEMORY_WARNING => (Severity::Warning, MEMORY_WARNING),
        _ => return None,
    };
    let limit = if figures.embedded { "embedded.max_bytes" } else { "maxmemory of Redis" };
    let sentence = format!(
        "the store uses {} of its memory, and when it is full frames go before their time: raise \
         {limit}, shorten ttl_seconds or lower fps",
        percent(share)
    );
    Some(Alert { name: "memory", severity, value: share, threshold, sentence })
}

fn misses(figures: &ProcessFigures) -> Option<Alert> {
    let lookups = figures.lookups?;
    let all = lookups.hits + lookups.misses;
    let share = lookups.misses as f64 / all.max(1) as f64;
    (all >= LOOKUPS_MIN && share > MISSES).then(|| Alert {
        name: "misses",
        severity: Severity::Warning,
        value: share,
        threshold: MISSES,
        sentence: format!(
            "{} of {all} lookups in the last minute found nothing: frames are asked for after \
             they are gone, so lengthen ttl_seconds or make the readers ask sooner",
            percent(share)
        ),
    })
}

fn connections(figures: &ProcessFigures) -> Option<Alert> {
    let connections = figures.connections.filter(|now| *now > CONNECTIONS)?;
    Some(Alert {
        name: "connections",
        severity: Severity::Warning,
        value: connections as f64,
        threshold: CONNECTIONS as f64,
        sentence: format!(
            "{connections} clients are connected to Redis: make the consumers share connections \
             (a pool), or spread the cameras over more servers"
        ),
    })
}

fn expiry(figures: &ProcessFigures) -> Option<Alert> {
    let overdue = figures.overdue?;
    Some(Alert {
        name: "expiry",
        severity: Severity::Warning,
        value: overdue.as_secs_f64(),
        threshold: 0.0,
        sentence: format!(
            "frames are stored but none has expired for over two lifetimes ({} s late): check \
             that nobody removes lifetimes (PERSIST) and that the server expires keys (a replica \
             does not)",
            overdue.as_secs()
        ),
    })
}

fn endless(figures: &ProcessFigures) -> Option<Alert> {
    let found = figures.endless;
    (found.without_expiry > 0).then(|| Alert {
        name: "frames_without_end",
        severity: Severity::Warning,
        value: found.without_expiry as f64,
        threshold: 0.0,
        sentence: format!(
            "{} of {} frames looked at never expire and will fill Redis: make the program that \
             writes them set a lifetime (SET .. EX)",
            found.without_expiry, found.looked_at
        ),
    })
}

fn waiting(figures: &ProcessFigures) -> Option<Alert> {
    let ProcessFigures { waiting, waiting_for, .. } = figures;
    (*waiting > 0 && *waiting_for > WAITING).then(|| Alert {
        name: "announcements_waiting",
        severity: Severity::Warning,
        value: waiting_for.as_secs_f64(),
        threshold: WAITING.as_secs_f64(),
        sentence: format!(
            "{waiting} frames are stored and not announced, the oldest for {} s: look at the \
             health of the broker, and at its memory and disk alarms",
            waiting_for.as_secs()
        ),
    })
}
