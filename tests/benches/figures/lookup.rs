//! The keys of a window and the newest frame, at growing keyspaces, against a walk of the keyspace,
//! a bare PING and a bare GET by the same client.

use std::sync::Arc;

use bytes::Bytes;
use framecache::model::frame::Frame;
use framecache::model::key::FrameKey;
use framecache::model::time::{TimeRange, UnixNanos};
use framecache::query::{Query, RangeAnswer, RangeRequest, Via};
use framecache::store::FrameStore;
use framecache::store::redis::RedisStore;
use redis::aio::MultiplexedConnection;

use crate::options::Scale;
use crate::population::{LiveCamera, Others};
use crate::rig;
use crate::rounds::{Better, Quartiles, Round, Row, Side, in_turn};
use crate::support::redis::RedisServer;

/// Calls by index beside one scan.
const CALLS_BESIDE_SCAN: usize = 20;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    rig::on_one_thread(measure(scale))
}

async fn measure(scale: &Scale) -> Vec<Row> {
    let server = RedisServer::start();
    let camera = LiveCamera::start(&server);
    let mut others = Others::new(&server);
    others.fill(scale.keyspaces[0]).await;
    let (window, expected) = camera.first(scale.window_secs).await;
    let store = rig::open(&server, "bench-lookup");
    let client = rig::bare_client(&server).await;
    let lookup = Lookup { store, client, camera, window, expected };
    let (mut scans, mut pings, mut gets) = (Vec::new(), Vec::new(), Vec::new());
    for keys in scale.keyspaces {
        others.fill(*keys).await;
        let keyspace = format!("among 10^{}", keys.ilog10());
        let (mut scan, mut ping, mut get) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..scale.rounds {
            scan.push(lookup.against_scan(round).await);
            ping.push(lookup.against_ping(scale.calls).await);
            get.push(lookup.against_get(scale.calls).await);
        }
        let what = format!("keys of a {} s window, {keyspace}", scale.window_secs);
        scans.push(row(what.clone(), "the same by SCAN", scan));
        pings.push(row(what, "one PING", ping));
        gets.push(row(format!("latest frame, 50 kB, {keyspace}"), "one GET of its key", get));
    }
    scans.into_iter().chain(pings).chain(gets).collect()
}

fn row(what: String, baseline: &str, rounds: Vec<Round>) -> Row {
    Row { what, baseline: baseline.to_owned(), unit: "us", better: Better::Less, rounds }
}

/// A populated server and what is right.
struct Lookup {
    store: Arc<RedisStore>,
    client: MultiplexedConnection,
    camera: LiveCamera,
    window: TimeRange,
    expected: Vec<FrameKey>,
}

impl Lookup {
    /// A query without the memory of earlier scans.
    fn query(&self) -> Query {
        Query::new(Arc::clone(&self.store) as Arc<dyn FrameStore>, rig::clock())
    }

    async fn list(&self, query: &Query, via: Via) -> RangeAnswer {
        let mut request = RangeRequest::new(vec![self.camera.stream.clone()], self.window);
        request.how = via.into();
        query.range(request).await.unwrap()
    }

    fn check_list(&self, answer: &RangeAnswer, via: Via) {
        assert_eq!(answer.scanned, via == Via::Scan);
        assert!(answer.frames.iter().map(|one| &one.key).eq(&self.expected));
    }

    /// Some calls by index beside one walk of the keyspace.
    async fn against_scan(&self, round: usize) -> Round {
        let query = self.query();
        let mut walk = Side {
            call: async || self.list(&query, Via::Scan).await,
            check: |answer: RangeAnswer| self.check_list(&answer, Via::Scan),
        };
        let mut look = Side {
            call: async || self.list(&query, Via::Index).await,
            check: |answer: RangeAnswer| self.check_list(&answer, Via::Index),
        };
        let before = if round.is_multiple_of(2) { Some(walk.once().await) } else { None };
        let mut calls = Vec::new();
        for _ in 0..CALLS_BESIDE_SCAN {
            calls.push(look.once().await);
        }
        let baseline = match before {
            Some(micros) => micros,
            None => walk.once().await,
        };
        Round { ours: Quartiles::of(calls.into_iter()).median, baseline }
    }

    async fn against_ping(&self, calls: usize) -> Round {
        let (query, mut client) = (self.query(), self.client.clone());
        let ours = Side {
            call: async || self.list(&query, Via::Index).await,
            check: |answer: RangeAnswer| self.check_list(&answer, Via::Index),
        };
        let ping = Side {
            call: async || redis::cmd("PING").query_async(&mut client).await.unwrap(),
            check: |pong: String| assert_eq!(pong, "PONG"),
        };
        in_turn(calls, ours, ping).await
    }

    async fn against_get(&self, calls: usize) -> Round {
        let (query, mut client) = (self.query(), self.client.clone());
        let known = query.latest_frame(&self.camera.stream, Via::Index).await.unwrap().unwrap();
        let name = known.key.to_string();
        let ours = Side {
            call: async || {
                let newest = self.camera.newest();
                let found = query.latest_frame(&self.camera.stream, Via::Index).await.unwrap();
                (newest, found.unwrap())
            },
            check: |(newest, found): (UnixNanos, Frame)| {
                assert!(found.key.at() >= newest && found.bytes == self.camera.picture);
            },
        };
        let get = Side {
            call: async || redis::cmd("GET").arg(&name).query_async(&mut client).await.unwrap(),
            check: |bytes: Bytes| assert_eq!(bytes, self.camera.picture),
        };
        in_turn(calls, ours, get).await
    }
}
