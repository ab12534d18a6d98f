//! How many connections there may be, in all and of one address.
//!
//! A connection over a bound is told to come again and closed at once: what waited in a queue would
//! hold a socket as well, and the one who fills the places is often the one who never leaves.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;

use crate::web::access::network;

/// The places for connections.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    most: usize,
    most_of_one: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// A connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    address: IpAddr,
    taken: Arc<Mutex<Taken>>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// There are too many in all.
    All,
    /// There are too many of this address.
    OfOne,
}

impl Limits {
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, taken: Arc::default() }
    }

    /// A place for a connection from this address.
    pub(super) fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let address = network(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return Err(Full::All);
        }
        if taken.of.get(&address).is_some_and(|of_one| *of_one >= self.most_of_one) {
            return Err(Full::OfOne);
        }
        taken.all += 1;
        *taken.of.entry(address).or_default() += 1;
        Ok(Place { address, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(of_one) = taken.of.get_mut(&self.address) {
            *of_one = of_one.saturating_sub(1);
            if *of_one == 0 {
                taken.of.remove(&self.address);
            }
        }
    }
}

/// Says why the connection is not served, without waiting for the client to listen.
pub(super) fn refuse(stream: &TcpStream, why: Full, by_tls: bool) {
    let detail = match why {
        Full::All => "the server has as many connections as [http] max_connections allows",
        Full::OfOne => {
            "this address has as many connections as [http] max_connections_per_client allows"
        }
    };
    tracing::debug!("a connection is refused: {detail}");
    if by_tls {
        return;
    }
    let body = serde_json::json!({
        "type": "urn:framecache:error:unavailable",
        "title": "Come again",
        "status": 503,
        "detail": detail,
    });
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         retry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // A client that cannot take it now only sees the connection close.
    let _ = stream.try_write(answer.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_for_each_address_and_come_back() {
        let limits = Limits::new(3, 2);
        let [a, b]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let (first, second) = (limits.take(a).unwrap(), limits.take(a).unwrap());
        assert_eq!(limits.take(a).err(), Some(Full::OfOne));
        let third = limits.take(b).unwrap();
        assert_eq!(limits.take(b).err(), Some(Full::All));
        drop(first);
        let again = limits.take(a).unwrap();
        drop((second, third, again));
        assert!(limits.taken.lock().unwrap().of.is_empty());
        assert_eq!(limits.taken.lock().unwrap().all, 0);
    }
}
