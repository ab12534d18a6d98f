//! The families of the process as a whole: store, bus and lookups.

use std::fmt;

use super::ProcessRow;
use crate::metrics::Page;
use crate::query::{Kind, QueryCounts, Via};
use crate::store::StoreInfo;

/// What only a Redis server tells: the name of its fact, the family, and whether it only grows.
const FACTS: [(&str, &str, &str, bool); 5] = [
    (
        "keyspace_hits",
        "framecache_redis_keyspace_hits",
        "Lookups of keys that found one, by every client.",
        true,
    ),
    (
        "keyspace_misses",
        "framecache_redis_keyspace_misses",
        "Lookups of keys that found none, by every client.",
        true,
    ),
    (
        "total_commands_processed",
        "framecache_redis_commands",
        "Commands processed, of every client.",
        true,
    ),
    ("connected_clients", "framecache_redis_clients", "Clients connected to Redis.", false),
    (
        "instantaneous_ops_per_sec",
        "framecache_redis_commands_per_second",
        "Commands a second, as Redis measures them.",
        false,
    ),
];

pub(super) fn write(row: &ProcessRow, page: &mut Page<'_>) -> fmt::Result {
    let version = [(vec![("version", env!("CARGO_PKG_VERSION"))], 1.0)];
    page.gauges("framecache_build_info", "Always 1, with the version.", "", version)?;
    let flag = |on: bool| if on { 1.0 } else { 0.0 };
    let help = "Whether frames can be stored and announced.";
    page.gauge("framecache_ready", help, "", flag(row.ready))?;
    let help = "Whether the clock stepped back behind the newest keys.";
    page.gauge("framecache_clock_back", help, "", flag(row.clock_back))?;
    let help = "Whether the store answered within a second.";
    page.gauge("framecache_store_up", help, "", flag(row.store.is_some()))?;
    let help = "Connections to the store that were opened again.";
    page.counter("framecache_store_reconnects", help, "", row.store_reconnects as f64)?;
    if let Some(info) = &row.store {
        store(info, page)?;
    }
    let help = "Whether messages can be published.";
    page.gauge("framecache_bus_up", help, "", flag(row.bus_up))?;
    let help = "Connections for publishing that were opened again.";
    page.counter("framecache_bus_reconnects", help, "", row.bus_reconnects as f64)?;
    let help = "For how long frames should have left the store, two lifetimes after they came.";
    page.gauge("framecache_expiry_overdue", help, "seconds", row.overdue.as_secs_f64())?;
    let help = "Frames without an end among the few hundred keys looked at last.";
    page.gauge("framecache_endless_frames", help, "", row.endless.without_expiry as f64)?;
    recordings(row.recordings, page)?;
    lookups(row.query.counts(), page)
}

fn recordings(
    (running, [frames, bytes, lost, failed]): (usize, [u64; 4]),
    page: &mut Page<'_>,
) -> fmt::Result {
    let help = "Recordings that run.";
    page.gauge("framecache_recordings_running", help, "", running as f64)?;
    let help = "Frames written into recordings.";
    page.counter("framecache_recorded_frames", help, "", frames as f64)?;
    let help = "Their payload.";
    page.counter("framecache_recorded", help, "bytes", bytes as f64)?;
    let help = "Frames that expired before they could be recorded.";
    page.counter("framecache_recording_frames_lost", help, "", lost as f64)?;
    let help = "Recordings that ended because the disk failed.";
    page.counter("framecache_recordings_failed", help, "", failed as f64)
}

fn store(info: &StoreInfo, page: &mut Page<'_>) -> fmt::Result {
    let help = "Memory in use by the store as a whole.";
    page.gauge("framecache_store_used", help, "bytes", info.used_bytes as f64)?;
    let max = info.max_bytes.map(|max| (Vec::new(), max as f64));
    let help = "Limit of the store's memory; left out when it has none.";
    page.gauges("framecache_store_max", help, "bytes", max)?;
    let help = "Keys in the store, or frames when it is embedded.";
    page.gauge("framecache_store_keys", help, "", info.keys as f64)?;
    let help = "Keys or frames that left at the end of their lifetime.";
    page.counter("framecache_store_expired", help, "", info.expired as f64)?;
    let help = "Keys or frames that left before it, for want of memory.";
    page.counter("framecache_store_evicted", help, "", info.evicted as f64)?;
    for (fact, name, help, grows) in FACTS {
        let Some(value) = info.fact(fact).and_then(|text| text.parse().ok()) else { continue };
        match grows {
            true => page.counter(name, help, "", value)?,
            false => page.gauge(name, help, "", value)?,
        }
    }
    Ok(())
}

fn lookups(counts: &QueryCounts, page: &mut Page<'_>) -> fmt::Result {
    let begun = Kind::ALL.into_iter().flat_map(|kind| {
        Via::ALL.into_iter().map(move |via| {
            let labels = vec![("kind", kind.label()), ("via", via.label())];
            (labels, counts.lookups(kind, via) as f64)
        })
    });
    page.counters("framecache_lookups", "Lookups begun, by kind and way.", "", begun)?;
    let missed = Kind::ALL
        .into_iter()
        .map(|kind| (vec![("kind", kind.label())], counts.misses(kind) as f64));
    page.counters("framecache_lookups_missed", "Lookups that found nothing.", "", missed)?;
    let help = "Index records met whose frames were gone.";
    page.counter("framecache_dead_records", help, "", counts.dead() as f64)?;
    page.counter("framecache_scans", "Walks of the whole keyspace.", "", counts.scans() as f64)?;
    let help = "Scans that were answered from the one before.";
    page.counter("framecache_scans_reused", help, "", counts.scans_reused() as f64)
}
