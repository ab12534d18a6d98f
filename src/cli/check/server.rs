//! What a Redis server's own facts mean for frames.

use std::time::Duration;

use super::finding::Finding;
use crate::cli::times::{shown_bytes, shown_span};
use crate::store::StoreInfo;

/// A round trip above this delays every frame.
const SLOW: Duration = Duration::from_millis(10);

/// An offset above this makes frames expire by their own time at the wrong moment.
const OFFSET_MAX: Duration = Duration::from_secs(2);

/// Entries of the slow log above which it is worth a look.
const SLOW_LOG_MAX: u64 = 10;

/// Everything that INFO and CONFIG tell, judged.
pub(super) fn judge(info: &StoreInfo) -> Vec<Finding> {
    let fact = |name: &str| {
        info.facts
            .iter()
            .find(|(one, _)| one == name)
            .map_or("unknown", |(_, value)| value.as_str())
    };
    vec![
        version(&info.version),
        password(fact("requirepass")),
        policy(fact("maxmemory_policy"), info.max_bytes),
        persistence(fact("aof_enabled"), fact("save"), fact("rdb_last_bgsave_status")),
        slow_log(fact("slowlog_len")),
        evicted(info.evicted),
    ]
}

fn version(version: &str) -> Finding {
    let major = version.split('.').next().and_then(|text| text.parse::<u32>().ok());
    match major {
        Some(major) if major < 7 => Finding::fail(
            "redis version",
            format!("Redis {version} is too old: install Redis 7 or later"),
        ),
        Some(_) => Finding::ok("redis version", format!("Redis {version}")),
        None => Finding::warn(
            "redis version",
            "the server does not tell its version: allow this user the command INFO",
        ),
    }
}

fn password(state: &str) -> Finding {
    match state {
        "set" => Finding::ok("redis password", "a password is required"),
        "unset" => Finding::warn(
            "redis password",
            "anybody who reaches the port may read and delete frames: set requirepass, and redis.password here",
        ),
        _ => Finding::ok("redis password", "the server does not tell (CONFIG is forbidden)"),
    }
}

fn policy(policy: &str, max_bytes: Option<u64>) -> Finding {
    match (policy, max_bytes) {
        ("volatile-ttl", Some(limit)) => Finding::ok(
            "redis memory",
            format!("at {} the frames that expire first go first", shown_bytes(limit)),
        ),
        ("noeviction", Some(limit)) => Finding::warn(
            "redis memory",
            format!(
                "at {} new frames are refused: maxmemory-policy volatile-ttl lets the oldest go instead",
                shown_bytes(limit)
            ),
        ),
        ("volatile-ttl" | "noeviction", None) => Finding::warn(
            "redis memory",
            "maxmemory is not set, so frames can take all memory of the machine: set it",
        ),
        ("unknown", _) => Finding::warn(
            "redis memory",
            "the server does not tell its maxmemory-policy: it should be volatile-ttl",
        ),
        (other, _) => Finding::warn(
            "redis memory",
            format!(
                "maxmemory-policy {other} may evict the index before its frames, which then have to be scanned for: set volatile-ttl"
            ),
        ),
    }
}

fn persistence(aof: &str, save: &str, last_save: &str) -> Finding {
    if last_save == "err" {
        return Finding::fail(
            "redis disk",
            "the last snapshot failed, and Redis may refuse writes: look at its log and its disk, or set stop-writes-on-bgsave-error no",
        );
    }
    match (aof, save) {
        ("1", _) => Finding::warn(
            "redis disk",
            "appendonly writes every frame to disk: turn it off unless frames must outlive a crash",
        ),
        ("0", "") => {
            Finding::ok("redis disk", "nothing is kept on disk: frames end with the server")
        }
        ("0", save) if save != "unknown" => {
            Finding::ok("redis disk", format!("snapshots by \"save {save}\""))
        }
        _ => Finding::ok("redis disk", "the server does not tell what it keeps on disk"),
    }
}

fn slow_log(length: &str) -> Finding {
    match length.parse::<u64>() {
        Ok(length) if length > SLOW_LOG_MAX => Finding::warn(
            "redis slow log",
            format!(
                "{length} slow commands: look at them with redis-cli SLOWLOG GET 10 (KEYS and wide SCANs hold up every frame)"
            ),
        ),
        Ok(length) => Finding::ok("redis slow log", format!("{length} slow commands")),
        Err(_) => Finding::ok("redis slow log", "the server does not tell"),
    }
}

fn evicted(count: u64) -> Finding {
    if count == 0 {
        return Finding::ok("redis evictions", "none since the server started");
    }
    Finding::warn(
        "redis evictions",
        format!("{count} keys went before their time: raise maxmemory, or shorten ttl_seconds"),
    )
}

/// The time of a round trip.
pub(super) fn latency(fastest: Duration, slowest: Duration) -> Finding {
    let said = format!("a round trip takes {} to {}", shown_span(fastest), shown_span(slowest));
    if fastest > SLOW {
        return Finding::warn("redis latency", format!("{said}: move Redis nearer to the cameras"));
    }
    Finding::ok("redis latency", said)
}

/// How far this machine's clock is from the server's; `round_trip` bounds what can be known.
pub(super) fn clock(offset: Duration, round_trip: Duration) -> Finding {
    if offset > OFFSET_MAX + round_trip {
        return Finding::warn(
            "redis clock",
            format!(
                "the clocks of this machine and of Redis are {} apart: run NTP on both",
                shown_span(offset)
            ),
        );
    }
    Finding::ok("redis clock", format!("{} from this machine's", shown_span(offset)))
}

/// Keys of other programs that never expire; `sampled` frame keys were looked at.
pub(super) fn without_expiry(sampled: u64, without: u64) -> Finding {
    if without == 0 {
        return Finding::ok("frames without end", format!("none among {sampled} frames looked at"));
    }
    Finding::warn(
        "frames without end",
        format!(
            "{without} of {sampled} frames looked at never expire and will fill Redis: write them \
             with EX, and give these an end with EXPIRE"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn each_fact_is_judged_with_what_to_do() {
        for (finding, level, said) in [
            (version("6.2.1"), Level::Fail, "install Redis 7"),
            (version("7.0.15"), Level::Ok, "Redis 7.0.15"),
            (version(""), Level::Warn, "allow this user the command INFO"),
            (password("unset"), Level::Warn, "set requirepass"),
            (password("set"), Level::Ok, "required"),
            (policy("volatile-ttl", Some(1_000_000)), Level::Ok, "at 1.0 MB"),
            (policy("noeviction", Some(1_000_000)), Level::Warn, "new frames are refused"),
            (policy("noeviction", None), Level::Warn, "maxmemory is not set"),
            (policy("allkeys-lru", Some(1)), Level::Warn, "set volatile-ttl"),
            (persistence("1", "", "ok"), Level::Warn, "appendonly"),
            (persistence("0", "", "ok"), Level::Ok, "end with the server"),
            (persistence("0", "60 1", "ok"), Level::Ok, "save 60 1"),
            (persistence("0", "60 1", "err"), Level::Fail, "stop-writes-on-bgsave-error"),
            (slow_log("11"), Level::Warn, "SLOWLOG GET"),
            (slow_log("0"), Level::Ok, "0 slow"),
            (evicted(5), Level::Warn, "raise maxmemory"),
            (latency(Duration::from_millis(20), Duration::from_millis(30)), Level::Warn, "nearer"),
            (clock(Duration::from_secs(5), Duration::ZERO), Level::Warn, "run NTP"),
            (clock(Duration::from_millis(5), Duration::ZERO), Level::Ok, "5ms"),
            (without_expiry(100, 3), Level::Warn, "3 of 100"),
            (without_expiry(100, 0), Level::Ok, "none among 100"),
        ] {
            let text = finding.to_string();
            assert_eq!(finding.level, level, "{text}");
            assert!(text.contains(said), "{text}");
        }
    }
}
