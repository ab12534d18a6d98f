//! What an error of the client or of the server means for a caller, in one sentence.
//!
//! The question is always whether the same call can succeed later by itself: then it is
//! `Unavailable`, else `Refused` with what a human should do. Codes follow the error prefixes of
//! Redis (`-OOM`, `-READONLY`, ...). No error text here holds a password: Redis never repeats one.

use redis::{ErrorKind, RedisError};

use crate::store::StoreError;

/// Puts an error of the client at `address` into the words of the store.
pub(super) fn explain(error: &RedisError, address: &str) -> StoreError {
    let text = error.to_string();
    if let Some(said) = code(error).and_then(|code| by_code(&code, &text, address)) {
        return said;
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed => by_auth(&text, address),
        ErrorKind::InvalidClientConfig => {
            StoreError::Refused(format!("the connection to {address} is not possible: {text}"))
        }
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            StoreError::Format(format!("Redis at {address} answered something unexpected: {text}"))
        }
        ErrorKind::Server(_) | ErrorKind::Extension => {
            StoreError::Refused(format!("Redis at {address}: {text}"))
        }
        ErrorKind::Client | ErrorKind::Io if text.contains("certificate") => StoreError::Refused(
            format!("the certificate of Redis at {address} is not accepted: {text}"),
        ),
        _ => StoreError::Unavailable(format!("Redis at {address}: {text}")),
    }
}

/// The first code of the server's answer; transactions and pipelines carry theirs inside.
fn code(error: &RedisError) -> Option<String> {
    let inner = error.clone().into_server_errors()?;
    inner.first().map(|(_, server)| server.code().to_owned())
}

fn by_code(code: &str, text: &str, address: &str) -> Option<StoreError> {
    // An EXEC that is refused itself names the reason's code in its text.
    let reason = text.split_once("because of: ").and_then(|(_, rest)| rest.split(' ').next());
    let code = reason.filter(|_| code == "EXECABORT").unwrap_or(code);
    let said = match code {
        "OOM" => StoreError::Refused(format!(
            "Redis at {address} has reached maxmemory and may evict nothing: raise maxmemory, or set \
             maxmemory-policy to volatile-ttl"
        )),
        "MISCONF" => StoreError::Refused(format!(
            "Redis at {address} cannot save to its disk and therefore takes no writes: mend the disk, \
             or set stop-writes-on-bgsave-error to no"
        )),
        "NOPERM" if text.contains("'scan'") => StoreError::Refused(format!(
            "scans are off: the user may not list keys (SCAN) on Redis at {address}, because that would \
             show it other tenants' too; frames in the index are found with --via index"
        )),
        "NOPERM" => StoreError::Refused(format!(
            "the user may not do this on Redis at {address}: {text}; grant it ~* and +@all, or at least \
             the keys @framecache/* and <tenant>:* with +@read +@write +@connection +info +time +scan"
        )),
        "NOAUTH" | "WRONGPASS" => by_auth(text, address),
        "READONLY" | "LOADING" | "MASTERDOWN" | "TRYAGAIN" | "NOREPLICAS" | "CLUSTERDOWN"
        | "BUSY" => StoreError::Unavailable(format!("Redis at {address}: {text}")),
        "MOVED" | "ASK" | "CROSSSLOT" => cluster(address),
        "WRONGTYPE" => StoreError::Format(format!(
            "a key of the index in Redis at {address} is of another type: another program wrote under \
             @framecache/"
        )),
        _ => return None,
    };
    Some(said)
}

fn by_auth(text: &str, address: &str) -> StoreError {
    let what = if text.contains("NOAUTH") || text.contains("required") {
        "wants a password"
    } else {
        "does not accept the username or password"
    };
    StoreError::Refused(format!(
        "Redis at {address} {what}: set username and password under [redis], or REDIS_PASSWORD"
    ))
}

/// The one sentence about clusters.
pub(super) fn cluster(address: &str) -> StoreError {
    StoreError::Format(format!(
        "Redis at {address} is a cluster, which is not supported yet: give a single server"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(reply: &str) -> StoreError {
        let value = redis::parse_redis_value(format!("-{reply}\r\n").as_bytes()).unwrap();
        explain(&value.extract_error().unwrap_err(), "127.0.0.1:6379")
    }

    #[test]
    fn what_may_pass_by_itself_is_unavailable_and_the_rest_is_refused() {
        for reply in [
            "READONLY You can't write against a read only replica.",
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "NOREPLICAS Not enough good replicas to write.",
        ] {
            assert!(matches!(said(reply), StoreError::Unavailable(_)), "{reply}");
        }
        for (reply, part) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", "raise maxmemory"),
            ("EXECABORT Transaction discarded because of: OOM command", "raise maxmemory"),
            ("EXECABORT Transaction discarded because of: NOPERM this user", "grant it"),
            ("NOPERM this user has no permissions to run the 'scan' command", "scans are off"),
            ("MISCONF Redis is configured to save RDB snapshots", "mend the disk"),
            ("NOPERM this user has no permissions to run the 'set' command", "grant it"),
            ("NOAUTH Authentication required.", "wants a password"),
            ("WRONGPASS invalid username-password pair", "does not accept"),
            ("ERR unknown command", "unknown command"),
        ] {
            let error = said(reply);
            assert!(
                matches!(&error, StoreError::Refused(text) if text.contains(part)),
                "{reply}: {error}"
            );
        }
        for reply in ["MOVED 3999 127.0.0.1:6381", "CROSSSLOT Keys", "WRONGTYPE Operation"] {
            assert!(matches!(said(reply), StoreError::Format(_)), "{reply}");
        }
    }
}
