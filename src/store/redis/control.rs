//! Orders by Redis streams, as redis-record takes them, answered in another stream.
//!
//! `XADD XRECORD:NAME * d gate` starts, `d ""` stops, and `XADD XRECORD:PAUSE * d 1` pauses; the id of an
//! entry is its time, so a back-dated one starts in the past. An entry with the field `order` holds any
//! order as JSON. Each entry is answered by one in the stream of answers, which also holds how far this
//! process has come: so an order is carried out once, across restarts, and what came meanwhile is carried
//! out later. Who listens for the first time takes the state that the newest `d` tells, and no history.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use redis::{Value as Reply, cmd, pipe};
use serde_json::Value;
use tracing::{info, warn};

use super::connect::{Lane, Role, Shared};
use super::options::{Endpoint, RedisOptions};
use super::orders::{Entry, Place, Said, entries, orders};
use crate::backoff::Backoff;
use crate::control::{ControlLine, Orders};
use crate::store::{CollectorId, StoreError};

/// Entries that are read at a time.
const SLICE: usize = 16;

/// How far back own answers and states are looked for.
const LOOK_BACK: usize = 100;

/// About how many answers are kept.
const ANSWERS_KEPT: usize = 1000;

/// Longest wait of one read; messages that come meanwhile end it.
const BLOCK: Duration = Duration::from_secs(5);

/// What the streams are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlStreams {
    /// Which recording is wanted.
    pub name: String,
    /// Whether it is paused.
    pub pause: String,
    /// What was answered.
    pub answers: String,
}

/// Two streams of orders and one of answers.
#[derive(Debug)]
pub struct RedisControl {
    lane: Lane,
    streams: ControlStreams,
    by: CollectorId,
    place: String,
    block: Duration,
    said: Option<Said>,
    waiting: VecDeque<Entry>,
    asked: Option<Entry>,
    backoff: Backoff,
    told: Option<String>,
}

impl RedisControl {
    /// Names the streams; connects when the first message is waited for.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the address or the login cannot be meant.
    pub fn open(options: &RedisOptions, streams: ControlStreams) -> Result<Self, StoreError> {
        let endpoint = Endpoint::of(options)?;
        let place =
            format!("streams {} and {} at {}", streams.name, streams.pause, endpoint.address);
        let shared = Shared::new(endpoint, options.connect_timeout, options.response_timeout)?;
        Ok(Self {
            lane: Lane::new(&shared, Role::Read),
            streams,
            by: options.collector.clone(),
            place,
            block: BLOCK.min(options.response_timeout / 2).max(Duration::from_millis(1)),
            said: None,
            waiting: VecDeque::new(),
            asked: None,
            backoff: Backoff::new(Duration::from_millis(100), BLOCK),
            told: None,
        })
    }

    /// Reads on, waiting at most [`BLOCK`]; the first time finds out where.
    async fn read(&mut self) -> Result<(), StoreError> {
        let said = match &self.said {
            Some(said) => said.clone(),
            None => {
                let said = self.resume().await?;
                info!(place = self.place, "listen for orders");
                self.said.insert(said).clone()
            }
        };
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(SLICE).arg("BLOCK").arg(self.block.as_millis().to_string());
        read.arg("STREAMS").arg(&self.streams.name).arg(&self.streams.pause);
        read.arg(said.name.to_string()).arg(said.pause.to_string());
        let reply: Reply = self.lane.link().await?.run(&read).await?;
        self.waiting.extend(self.found(reply));
        Ok(())
    }

    /// The entries of a reply to XREAD, in the order of their ids.
    fn found(&self, reply: Reply) -> Vec<Entry> {
        let Reply::Array(streams) = reply else { return Vec::new() };
        let mut found = Vec::new();
        for stream in streams {
            let Reply::Array(mut pair) = stream else { continue };
            let (Some(listed), Some(Reply::BulkString(name))) = (pair.pop(), pair.pop()) else {
                continue;
            };
            let pauses = name == self.streams.pause.as_bytes();
            found.extend(entries(listed, if pauses { Place::Pause } else { Place::Name }));
        }
        found.sort_by_key(|entry| (entry.id, entry.place));
        found
    }

    /// Where an earlier run of this process stopped, or how things stand for one that never ran.
    async fn resume(&mut self) -> Result<Said, StoreError> {
        let mut ask = pipe();
        for stream in [&self.streams.answers, &self.streams.name, &self.streams.pause] {
            ask.cmd("XREVRANGE").arg(stream).arg("+").arg("-").arg("COUNT").arg(LOOK_BACK);
        }
        let (answers, names, pauses): (Reply, Reply, Reply) =
            self.lane.link().await?.pipe(&ask).await?;
        let own = self.by.as_str();
        let answered = entries(answers, Place::Name);
        if let Some(said) = answered.iter().find_map(|entry| Said::of_answer(entry, own)) {
            return Ok(said);
        }
        let said = Said::at_first(&entries(names, Place::Name), &entries(pauses, Place::Pause));
        self.write(&said, "[]").await?;
        Ok(said)
    }

    async fn write(&self, said: &Said, answers: &str) -> Result<(), StoreError> {
        let mut add = cmd("XADD");
        add.arg(&self.streams.answers).arg("MAXLEN").arg("~").arg(ANSWERS_KEPT).arg("*");
        add.arg("by").arg(self.by.as_str());
        if let Some(asked) = &self.asked {
            add.arg("to").arg(asked.id.to_string());
        }
        for (field, value) in said.fields() {
            add.arg(field).arg(value);
        }
        add.arg("answers").arg(answers);
        self.lane.link().await?.run::<String>(&add).await.map(|_| ())
    }
}

#[async_trait]
impl ControlLine for RedisControl {
    fn place(&self) -> &str {
        &self.place
    }

    async fn next(&mut self) -> Orders {
        loop {
            if let (Some(entry), Some(said)) = (self.waiting.pop_front(), &mut self.said) {
                let found = orders(&entry, said);
                self.asked = Some(entry);
                return found;
            }
            match self.read().await {
                Ok(()) => {
                    self.told = None;
                    self.backoff.reset();
                }
                Err(reason) => {
                    let reason = reason.to_string();
                    if self.told.as_ref() != Some(&reason) {
                        warn!(place = self.place, %reason, "cannot listen for orders; trying again");
                        self.told = Some(reason);
                    }
                    tokio::time::sleep(self.backoff.next_wait()).await;
                }
            }
        }
    }

    async fn answer(&mut self, answers: &[Value]) {
        let Some(said) = self.said.clone() else { return };
        let answers = Value::from(answers.to_vec()).to_string();
        if let Err(reason) = self.write(&said, &answers).await {
            warn!(place = self.place, %reason, "an order was carried out and its answer is lost");
        }
        self.asked = None;
    }
}
