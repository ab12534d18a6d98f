//! Requests by route and status, and how long their answers took to begin.
//!
//! Routes are patterns such as `/api/v1/cameras/{camera}/latest`. One is told apart once a request of
//! it has succeeded, and at most [`ROUTES_MAX`] are; all else counts as `other`. So no client can make
//! series by asking for paths that do not exist.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// The most routes that are told apart.
pub const ROUTES_MAX: usize = 64;

/// The route of what is served nowhere, and of those over the limit.
pub const OTHER: &str = "other";

/// Upper bounds in seconds.
const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

type Route = [(&'static str, String); 1];
type Outcome = [(&'static str, String); 2];
type Durations = Family<Route, Histogram, fn() -> Histogram>;

/// Counts of requests; clones share them.
#[derive(Clone)]
pub struct HttpCounts {
    routes: Arc<Mutex<BTreeSet<String>>>,
    requests: Family<Outcome, Counter>,
    durations: Durations,
}

impl Default for HttpCounts {
    fn default() -> Self {
        let durations = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> _);
        Self { routes: Arc::default(), requests: Family::default(), durations }
    }
}

impl fmt::Debug for HttpCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCounts").finish_non_exhaustive()
    }
}

impl HttpCounts {
    /// A request of this route was answered with `status`, its head after so long.
    pub fn answered(&self, route: &str, status: u16, took: Duration) {
        let route = if self.is_known(route, status) { route } else { OTHER }.to_owned();
        let outcome = [("route", route.clone()), ("status", status.to_string())];
        self.requests.get_or_create(&outcome).inc();
        self.durations.get_or_create(&[("route", route)]).observe(took.as_secs_f64());
    }

    fn is_known(&self, route: &str, status: u16) -> bool {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = status < 400 && routes.len() < ROUTES_MAX;
        routes.contains(route) || (learned && routes.insert(route.to_owned()))
    }

    /// Both families, to be encoded.
    pub(super) fn families(&self) -> (&Family<Outcome, Counter>, &Durations) {
        (&self.requests, &self.durations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_told_apart_once_it_has_succeeded_and_only_so_many_are() {
        let counts = HttpCounts::default();
        let known = |route: &str, status| counts.is_known(route, status);
        assert!(!known("/secret", 404) && !known("/secret", 401));
        assert!(known("/status", 200) && known("/status", 503));
        for n in 1..ROUTES_MAX {
            assert!(known(&format!("/{n}"), 200));
        }
        assert!(!known("/one-more", 200) && known("/status", 404));
        counts.answered("/one-more", 200, Duration::ZERO);
        let other = [("route", OTHER.to_owned()), ("status", "200".to_owned())];
        assert_eq!(counts.requests.get_or_create(&other).get(), 1);
    }
}
