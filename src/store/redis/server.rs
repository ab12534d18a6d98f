//! What the server says of itself: its clock, its eviction policy, its age, and its statistics.
//!
//! Each new connection is greeted, in one round trip: the format must be ours, a cluster is refused, and the clock is
//! measured against our monotonic one, so that a step of this machine's clock changes nothing. The
//! greeting is repeated each minute. INFO may be forbidden to the user: then nothing is known of
//! policy and age, and they are taken for harmless.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value, cmd, pipe};

use super::connect::{Link, Role, Shared};
use super::{error, keys};
use crate::model::time::{NANOS_PER_SEC, UnixNanos};
use crate::store::{StoreError, StoreInfo};

/// How long a greeting holds.
pub(super) const FRESH: Duration = Duration::from_secs(60);

/// What the last greeting told; shared by all roles.
#[derive(Debug, Default)]
pub(super) struct Server(Mutex<Option<Known>>);

/// What is known of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    clock: (Instant, UnixNanos),
    /// `maxmemory-policy`; `None` when the server does not tell.
    policy: Option<String>,
    /// When the server started, by its own clock; `None` when it does not tell.
    started: Option<UnixNanos>,
}

impl Known {
    /// The server's time now, by the offset measured last.
    pub(super) fn now(&self) -> UnixNanos {
        let (measured, time) = self.clock;
        time.plus(measured.elapsed())
    }

    /// Whether the server may have evicted index buckets while their frames live.
    pub(super) fn may_lose_buckets(&self) -> bool {
        self.policy
            .as_deref()
            .is_some_and(|policy| !matches!(policy, "volatile-ttl" | "noeviction"))
    }

    /// When the server started, at most a second late; `None` when it does not tell.
    pub(super) fn started(&self) -> Option<UnixNanos> {
        self.started
    }
}

impl Server {
    /// What the last greeting told. A [`Link`] proves that there was one.
    pub(super) fn known(&self, _proof: &Link<'_>) -> Known {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.expect("a link should exist only after a greeting")
    }

    fn learn(&self, known: Known) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }
}

/// Checks format and mode of a new connection, and measures the clock.
pub(super) async fn greet(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    role: Role,
) -> Result<(), StoreError> {
    let explain = |error: RedisError| error::explain(&error, &shared.address);
    let mut ask = pipe();
    ask.ignore_errors().cmd("INFO").arg("server").cmd("INFO").arg("memory").cmd("TIME");
    ask.cmd("GET").arg(keys::FORMAT);
    let asked = Instant::now();
    let (server, memory, time, format): Answers =
        ask.query_async(connection).await.map_err(explain)?;
    let midway = asked + asked.elapsed() / 2;
    let server = parse_info(&server.unwrap_or_default());
    if server.get("redis_mode").is_some_and(|mode| mode == "cluster") {
        return Err(error::cluster(&shared.address));
    }
    let time = time_of(time.map_err(explain)?);
    let mut format = format.map_err(explain)?;
    if format.is_none() && role == Role::Write {
        let mut set = cmd("SET");
        set.arg(keys::FORMAT).arg(keys::FORMAT_VERSION).arg("NX").arg("GET");
        format = set.query_async(connection).await.map_err(explain)?;
    }
    if let Some(found) = format.filter(|found| found != keys::FORMAT_VERSION) {
        return Err(other_format(&found, &shared.address));
    }
    if role == Role::Write {
        try_transaction(connection).await.map_err(explain)?;
    }
    let uptime = server.get("uptime_in_seconds").and_then(|text| text.parse().ok());
    shared.server.learn(Known {
        clock: (midway, time),
        policy: parse_info(&memory.unwrap_or_default()).remove("maxmemory_policy"),
        started: uptime.map(|secs| time.minus(Duration::from_secs(secs))),
    });
    Ok(())
}

/// Whether this user may use transactions. Where MULTI is refused, what was to be one transaction would
/// be carried out command by command, and the client loses count of the replies.
async fn try_transaction(connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let mut empty = pipe();
    empty.ignore_errors().cmd("MULTI").cmd("EXEC");
    let replies: Vec<Result<Value, RedisError>> = empty.query_async(connection).await?;
    replies.into_iter().try_for_each(|reply| reply.map(|_| ()))
}

type Answer<T> = Result<T, RedisError>;
type Answers = (Answer<String>, Answer<String>, Answer<(u64, u64)>, Answer<Option<String>>);

fn other_format(found: &str, address: &str) -> StoreError {
    let found: String = found.chars().take(20).collect();
    StoreError::Format(format!(
        "the index in Redis at {address} is of format {found:?}, this program knows {:?}: use the \
         program that wrote it, or another database",
        keys::FORMAT_VERSION
    ))
}

/// The reply of TIME: seconds and microseconds.
pub(super) fn time_of((secs, micros): (u64, u64)) -> UnixNanos {
    let nanos = secs.saturating_mul(NANOS_PER_SEC).saturating_add(micros.saturating_mul(1000));
    UnixNanos::new(nanos).unwrap_or(UnixNanos::MAX)
}

fn parse_info(text: &str) -> HashMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Facts of INFO that are passed on by their own names.
const FACTS: [&str; 21] = [
    "redis_mode",
    "role",
    "run_id",
    "uptime_in_seconds",
    "maxmemory_policy",
    "mem_fragmentation_ratio",
    "connected_clients",
    "blocked_clients",
    "instantaneous_ops_per_sec",
    "total_commands_processed",
    "keyspace_hits",
    "keyspace_misses",
    "rejected_connections",
    "total_error_replies",
    "rdb_changes_since_last_save",
    "rdb_last_bgsave_status",
    "rdb_last_save_time",
    "aof_enabled",
    "aof_last_write_status",
    "loading",
    "connected_slaves",
];

/// Asks for everything that statistics and `check` show.
pub(super) async fn info(link: &mut Link<'_>, db: i64) -> Result<StoreInfo, StoreError> {
    let mut ask = pipe();
    ask.ignore_errors().cmd("INFO").cmd("DBSIZE").cmd("SLOWLOG").arg("LEN");
    for setting in ["requirepass", "save", "slowlog-log-slower-than"] {
        ask.cmd("CONFIG").arg("GET").arg(setting);
    }
    let answers: Vec<Result<Value, RedisError>> = link.pipe(&ask).await?;
    let mut answers = answers.into_iter();
    let mut text = |fallback: &str| match answers.next() {
        Some(Ok(value)) => as_text(value),
        _ => fallback.to_owned(),
    };
    let told = parse_info(&text(""));
    let dbsize = text("");
    let slowlog = text("unknown");
    let secret = text("unknown");
    let mut facts: Vec<(String, String)> = FACTS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), told.get(*name)?.clone())))
        .collect();
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    add("slowlog_len", slowlog);
    add("requirepass", password_fact(&secret).to_owned());
    add("save", text("unknown"));
    add("slowlog_log_slower_than", text("unknown"));
    add("info", if told.is_empty() { "denied" } else { "allowed" }.to_owned());
    if let Some(spread) = told.get(&format!("db{db}")) {
        facts.extend(keyspace(spread));
    }
    let number = |name: &str| told.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(StoreInfo {
        backend: "redis".to_owned(),
        version: told.get("redis_version").cloned().unwrap_or_default(),
        used_bytes: number("used_memory"),
        max_bytes: Some(number("maxmemory")).filter(|limit| *limit > 0),
        keys: dbsize.parse().unwrap_or(0),
        evicted: number("evicted_keys"),
        expired: number("expired_keys"),
        facts,
    })
}

/// `keys=1,expires=1,avg_ttl=0` as `db_keys`, `db_expires`, `db_avg_ttl`.
fn keyspace(text: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (format!("db_{name}"), value.to_owned()))
}

/// Whether a password is set; never the password.
fn password_fact(answer: &str) -> &str {
    match answer {
        "unknown" => "unknown",
        "" => "unset",
        _ => "set",
    }
}

/// The reply as text; of CONFIG GET's name and value, the value.
fn as_text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::Int(number) => number.to_string(),
        Value::Array(mut items) => items.pop().map_or_else(|| "unknown".to_owned(), as_text),
        Value::SimpleString(text) => text,
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(policy: Option<&str>) -> Known {
        Known {
            clock: (Instant::now(), UnixNanos::MIN),
            policy: policy.map(str::to_owned),
            started: None,
        }
    }

    #[test]
    fn only_two_policies_keep_index_and_frames_together() {
        for (policy, expected) in [
            (Some("volatile-ttl"), false),
            (Some("noeviction"), false),
            (None, false),
            (Some("allkeys-lru"), true),
            (Some("volatile-lru"), true),
            (Some("volatile-random"), true),
        ] {
            assert_eq!(known(policy).may_lose_buckets(), expected, "{policy:?}");
        }
    }

    #[test]
    fn info_and_time_are_read() {
        let info = parse_info("# Memory\r\nused_memory:12\r\nmaxmemory_policy:noeviction\r\n\r\n");
        assert_eq!(info.get("used_memory").map(String::as_str), Some("12"));
        assert_eq!(info.len(), 2);
        assert_eq!(time_of((1_731_024_000, 123_456)).get(), 1_731_024_000_123_456_000);
    }

    #[test]
    fn a_password_becomes_the_fact_that_there_is_one() {
        assert_eq!(["hunter2", "", "unknown"].map(password_fact), ["set", "unset", "unknown"]);
    }
}
