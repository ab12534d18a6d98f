//! How often a client may come: a rate with a burst, for each token or address.
//!
//! The table is bounded: clients that were quiet are forgotten, and when still too many addresses
//! remain, further ones share one place. IPv6 clients are told apart by their /64, because one
//! client owns a whole one. The loopback is not limited: there sits the operator, or a proxy.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// The most clients that are told apart.
const CLIENTS_MAX: usize = 20_000;

/// After so many requests the table is looked through.
const LOOK_EVERY: u32 = 1024;

/// From one wrong token of an address to the next, beyond the burst.
const WRONG_EVERY: Duration = Duration::from_secs(6);

/// Wrong tokens that an address may send at once.
const WRONG_BURST: u32 = 10;

/// Whom a rate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// The holders of a token.
    Token(usize),
    /// An address without one.
    Address(IpAddr),
    /// All addresses for which there was no place.
    Others,
}

impl Client {
    /// The client at an address; none where it is not limited.
    pub(super) fn of_address(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        (!address.is_loopback()).then(|| Self::Address(network(address)))
    }
}

/// The address, or of an IPv6 address its /64.
pub(in crate::web) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 64)))
        }
    }
}

/// A rate for each client.
#[derive(Debug)]
pub(super) struct Limiter {
    clients: DefaultKeyedRateLimiter<Client>,
    clock: DefaultClock,
    taken: AtomicU32,
    is_full: AtomicBool,
}

impl Limiter {
    /// So many a second, `burst` at once.
    pub(super) fn new(per_second: f64, burst: usize) -> Self {
        let period = Duration::from_secs_f64(1.0 / per_second.max(0.001));
        Self::every(period, u32::try_from(burst).unwrap_or(u32::MAX))
    }

    /// The limit of wrong tokens.
    pub(super) fn wrong_tokens() -> Self {
        Self::every(WRONG_EVERY, WRONG_BURST)
    }

    fn every(period: Duration, burst: u32) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period.max(Duration::from_nanos(1)));
        let quota = quota.unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
        Self {
            clients: RateLimiter::dashmap(quota),
            clock: DefaultClock::default(),
            taken: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
        }
    }

    /// Counts one more; or says how long the client should wait before it comes again.
    pub(super) fn take(&self, client: Client) -> Result<(), Duration> {
        self.forget_the_quiet();
        let lost = matches!(client, Client::Address(_)) && self.is_full.load(Ordering::Relaxed);
        let client = if lost { Client::Others } else { client };
        self.clients.check_key(&client).map_err(|over| over.wait_time_from(self.clock.now()))
    }

    fn forget_the_quiet(&self) {
        if !self.taken.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            return;
        }
        if self.clients.len() > CLIENTS_MAX / 2 {
            self.clients.retain_recent();
            self.clients.shrink_to_fit();
        }
        let is_full = self.clients.len() + LOOK_EVERY as usize > CLIENTS_MAX;
        self.is_full.store(is_full, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn v4(number: u32) -> Client {
        Client::Address(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn each_client_has_its_own_burst_and_is_told_how_long_to_wait() {
        let limiter = Limiter::new(0.01, 2);
        assert_eq!((limiter.take(v4(1)), limiter.take(v4(1))), (Ok(()), Ok(())));
        let wait = limiter.take(v4(1)).unwrap_err();
        assert!(wait > Duration::from_secs(90) && wait <= Duration::from_secs(100), "{wait:?}");
        assert_eq!(limiter.take(v4(2)), Ok(()));
        assert_eq!(limiter.take(Client::Token(1)), Ok(()));
    }

    #[test]
    fn the_table_stays_bounded_under_a_flood_of_addresses() {
        let limiter = Limiter::new(0.01, 1);
        let admitted = (0..60_000).filter(|number| limiter.take(v4(*number)).is_ok()).count();
        assert!(limiter.clients.len() <= CLIENTS_MAX + 1, "{}", limiter.clients.len());
        assert!(admitted <= CLIENTS_MAX + 1, "{admitted}");
        assert_eq!(limiter.take(Client::Token(1)), Ok(()));
    }

    #[test]
    fn addresses_are_told_apart_by_network_and_the_loopback_is_free() {
        let of = |text: &str| Client::of_address(text.parse().unwrap());
        assert_eq!((of("127.0.0.1"), of("::1"), of("::ffff:127.0.0.1")), (None, None, None));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
