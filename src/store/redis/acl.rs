//! What a Redis user of one tenant needs, and nothing more.
//!
//! The rules stand beside the code that sends the commands, and a test runs the whole program as such
//! a user. What counts or lists every tenant's keys is left out (SCAN, KEYS, DBSIZE, RANDOMKEY, INFO,
//! PSUBSCRIBE, MONITOR, FLUSHALL, CONFIG): the program works without and says what it then cannot
//! tell. The list of families is shared by all tenants, so it may be written and not be read.

use super::keys;
use crate::model::name::Tenant;

/// What a user of a tenant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantRole {
    /// Writes frames and reads them: `up`, `collect`, `push`.
    Collector,
    /// Only reads them.
    Reader,
}

/// Commands of every connection and of every reader.
const READS: &str = "auth get getrange hello hget hgetall hscan lrange mget \
    pexpiretime ping pttl select strlen time ttl type zrange zrangebyscore zscore";

/// Commands of a writer besides.
const WRITES: &str = "append del discard eval exec hdel hset hsetnx ltrim multi pexpire pexpireat \
    rpush set setrange unwatch watch zadd zrandmember zrem exists";

/// Commands of who takes orders from streams.
const ORDERS: &str = "xadd xread xrevrange";

/// The rules of `ACL SETUSER` behind the user's name and password, in the order in which they must be
/// given. They hold no character that redis-cli or an ACL file would need quoted, braces excepted.
/// `orders` are the streams by which a collector is ordered to record, none where it is not.
#[must_use]
pub fn tenant_rules(tenant: &Tenant, role: TenantRole, orders: &[&str]) -> Vec<String> {
    let frames = format!("{tenant}:*");
    let index = format!("@framecache/{{{tenant}/*");
    let (mut keys, mut commands) = match role {
        TenantRole::Collector => (
            vec![
                format!("~{frames}"),
                format!("~{index}"),
                format!("~{}", keys::FORMAT),
                format!("%W~{}", keys::STREAMS),
            ],
            vec![READS, WRITES],
        ),
        TenantRole::Reader => (
            vec![format!("%R~{frames}"), format!("%R~{index}"), format!("%R~{}", keys::FORMAT)],
            vec![READS],
        ),
    };
    if role == TenantRole::Collector && !orders.is_empty() {
        keys.extend(orders.iter().map(|stream| format!("~{stream}")));
        commands.push(ORDERS);
    }
    let begin = ["resetkeys", "resetchannels", "-@all"].map(str::to_owned);
    let commands = commands.into_iter().flat_map(str::split_whitespace);
    begin.into_iter().chain(keys).chain(commands.map(|name| format!("+{name}"))).collect()
}
