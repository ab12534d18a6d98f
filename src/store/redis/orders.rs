//! What the entries of the control streams mean: entries in, orders out, nothing sent.
//!
//! The meaning of `d` and `paused` is redis-record's: the newest `d` names the one recording that is
//! wanted, so another name also stops the one before. The time of a start is the entry's own.

use std::fmt;
use std::str::FromStr;

use redis::Value as Reply;
use serde_json::{Value, json};

use crate::control::{Orders, parse};
use crate::model::time::UnixNanos;

/// The id of an entry: unix milliseconds and a number within them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    ms: u64,
    seq: u64,
}

impl EntryId {
    /// The id before: reading behind it begins with this one.
    fn before(self) -> Self {
        match (self.ms, self.seq) {
            (0, 0) => self,
            (ms, 0) => Self { ms: ms - 1, seq: u64::MAX },
            (ms, seq) => Self { ms, seq: seq - 1 },
        }
    }

    /// As RFC 3339.
    fn time(self) -> String {
        let nanos = self.ms.checked_mul(1_000_000).and_then(UnixNanos::new);
        nanos.unwrap_or(UnixNanos::MAX).to_rfc3339()
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for EntryId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ms, seq) = text.split_once('-').ok_or(())?;
        Ok(Self { ms: ms.parse().map_err(|_| ())?, seq: seq.parse().map_err(|_| ())? })
    }
}

/// Which stream an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Name,
    Pause,
}

/// An entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) id: EntryId,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    fn field(&self, name: &str) -> Option<&[u8]> {
        let found = self.fields.iter().find(|(field, _)| field == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.field(name)?).ok()
    }
}

/// The entries of a reply to XREVRANGE, or of one stream of XREAD; what is no entry is passed over.
pub(super) fn entries(reply: Reply, place: Place) -> Vec<Entry> {
    let entry = |reply: Reply| {
        let Reply::Array(parts) = reply else { return None };
        let [Reply::BulkString(id), Reply::Array(flat)] = <[Reply; 2]>::try_from(parts).ok()?
        else {
            return None;
        };
        let bytes = |reply: &Reply| match reply {
            Reply::BulkString(bytes) => Some(bytes.clone()),
            _ => None,
        };
        let pair = |pair: &[Reply]| Some((bytes(&pair[0])?, bytes(&pair[1])?));
        let fields: Option<Vec<_>> = flat.chunks_exact(2).map(pair).collect();
        let id = std::str::from_utf8(&id).ok()?.parse().ok()?;
        Some(Entry { place, id, fields: fields? })
    };
    match reply {
        Reply::Array(listed) => listed.into_iter().filter_map(entry).collect(),
        _ => Vec::new(),
    }
}

/// What was read so far, and which recording that made the wanted one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) name: EntryId,
    pub(super) pause: EntryId,
    current: Option<String>,
}

impl Said {
    /// The fields of an answer that [`Said::of_answer`] reads back.
    pub(super) fn fields(&self) -> [(&'static str, String); 3] {
        let current = self.current.clone().unwrap_or_default();
        [
            ("name_id", self.name.to_string()),
            ("pause_id", self.pause.to_string()),
            ("current", current),
        ]
    }

    /// What an answer of this process tells.
    pub(super) fn of_answer(answer: &Entry, by: &str) -> Option<Self> {
        if answer.text("by") != Some(by) {
            return None;
        }
        let current = answer.text("current").filter(|name| !name.is_empty());
        Some(Self {
            name: answer.text("name_id")?.parse().ok()?,
            pause: answer.text("pause_id")?.parse().ok()?,
            current: current.map(str::to_owned),
        })
    }

    /// How things stand for one who never listened, from both streams, newest first: reading on finds
    /// the newest `d` where that asks for something, and else what comes from now on.
    pub(super) fn at_first(names: &[Entry], pauses: &[Entry]) -> Self {
        let newest = |entries: &[Entry]| entries.first().map(|entry| entry.id).unwrap_or_default();
        let wanted = |entries: &[Entry], nothing: &[u8]| {
            let told = entries.iter().find(|entry| entry.field("d").is_some())?;
            (told.field("d") != Some(nothing)).then(|| told.id.before())
        };
        let name = wanted(names, b"");
        let pause = name.and_then(|_| wanted(pauses, b"0"));
        Self {
            name: name.unwrap_or_else(|| newest(names)),
            pause: pause.unwrap_or_else(|| newest(pauses)),
            current: None,
        }
    }
}

/// The orders in an entry; `said` is moved on behind it.
pub(super) fn orders(entry: &Entry, said: &mut Said) -> Orders {
    match entry.place {
        Place::Name => {
            said.name = entry.id;
            match (entry.field("order"), entry.field("d")) {
                (Some(order), _) => by_order(order, entry.id, said),
                (None, Some(_)) => by_name(entry, said),
                (None, None) => {
                    Err("the entry has neither the field d nor the field order".to_owned())
                }
            }
        }
        Place::Pause => {
            said.pause = entry.id;
            by_pause(entry.text("d"), said)
        }
    }
}

/// Any order as JSON; a start without a time gets the entry's.
fn by_order(order: &[u8], id: EntryId, said: &mut Said) -> Orders {
    let mut order = parse(order)?;
    let name = order.get("name").and_then(Value::as_str).map(str::to_owned);
    match order.get("command").and_then(Value::as_str) {
        Some("start") => {
            if order.get("from").is_none_or(Value::is_null) {
                order["from"] = id.time().into();
            }
            said.current = name;
        }
        Some("stop") if said.current == name => said.current = None,
        _ => {}
    }
    Ok(vec![order])
}

/// redis-record's way: the name that is wanted, or none.
fn by_name(entry: &Entry, said: &mut Said) -> Orders {
    let name = entry.text("d").ok_or("the field d is no text")?;
    let wanted = (!name.is_empty()).then(|| name.to_owned());
    let mut orders = Vec::new();
    if said.current != wanted {
        orders.extend(said.current.take().map(|name| json!({"command": "stop", "name": name})));
    }
    if let Some(name) = &wanted {
        orders.push(json!({"command": "start", "name": name, "from": entry.id.time()}));
        if entry.text("paused") == Some("1") {
            orders.push(json!({"command": "pause", "name": name}));
        }
    }
    said.current = wanted;
    Ok(orders)
}

fn by_pause(told: Option<&str>, said: &Said) -> Orders {
    let command = match told {
        Some("1") => "pause",
        Some("0") => "resume",
        _ => return Err("the field d must be 1 to pause or 0 to resume".to_owned()),
    };
    let current = said.current.as_ref().ok_or("no recording was started by these streams")?;
    Ok(vec![json!({"command": command, "name": current})])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(place: Place, ms: u64, fields: &[(&str, &str)]) -> Entry {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let fields = fields.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
        Entry { place, id: EntryId { ms, seq: 0 }, fields }
    }

    fn name(ms: u64, fields: &[(&str, &str)]) -> Entry {
        entry(Place::Name, ms, fields)
    }

    const TIME: &str = "2026-11-20T10:00:00.000000000Z";
    const MS: u64 = 1_795_168_800_000;

    #[test]
    fn names_and_pauses_mean_what_they_mean_to_redis_record() {
        let start = |name: &str| json!({"command": "start", "name": name, "from": TIME});
        let with = |command: &str, name: &str| json!({"command": command, "name": name});
        let mut said = Said::default();
        for (entry, expected) in [
            (name(MS, &[("d", "")]), Ok(vec![])),
            (
                entry(Place::Pause, MS, &[("d", "1")]),
                Err("no recording was started by these streams"),
            ),
            (name(MS, &[("d", "a")]), Ok(vec![start("a")])),
            (name(MS, &[("d", "a")]), Ok(vec![start("a")])),
            (entry(Place::Pause, MS, &[("d", "1")]), Ok(vec![with("pause", "a")])),
            (entry(Place::Pause, MS, &[("d", "0")]), Ok(vec![with("resume", "a")])),
            (
                entry(Place::Pause, MS, &[("d", "x")]),
                Err("the field d must be 1 to pause or 0 to resume"),
            ),
            (
                name(MS, &[("d", "b"), ("paused", "1")]),
                Ok(vec![with("stop", "a"), start("b"), with("pause", "b")]),
            ),
            (name(MS, &[("d", "")]), Ok(vec![with("stop", "b")])),
            (name(MS, &[("x", "")]), Err("the entry has neither the field d nor the field order")),
            (name(MS, &[("order", r#"{"command":"start","name":"c"}"#)]), Ok(vec![start("c")])),
            (
                name(MS, &[("order", r#"{"command":"start","name":"c","from":"-5s"}"#)]),
                Ok(vec![json!({"command": "start", "name": "c", "from": "-5s"})]),
            ),
            (entry(Place::Pause, MS, &[("d", "1")]), Ok(vec![with("pause", "c")])),
            (name(MS, &[("order", r#"{"command":"list"}"#)]), Ok(vec![json!({"command": "list"})])),
        ] {
            assert_eq!(orders(&entry, &mut said), expected.map_err(str::to_owned), "{entry:?}");
        }
        let id = EntryId { ms: MS, seq: 0 };
        assert_eq!(said, Said { name: id, pause: id, current: Some("c".to_owned()) });
    }

    #[test]
    fn who_listens_first_takes_the_state_and_not_the_history() {
        let pause = |ms, d| entry(Place::Pause, ms, &[("d", d)]);
        let id = |ms| EntryId { ms, seq: 0 };
        for (names, pauses, read_behind) in [
            (vec![], vec![], (id(0), id(0))),
            (vec![name(9, &[("d", "a")]), name(5, &[("d", "")])], vec![], (id(9).before(), id(0))),
            (
                vec![name(9, &[("d", "")]), name(5, &[("d", "a")])],
                vec![pause(7, "1")],
                (id(9), id(7)),
            ),
            (
                vec![name(9, &[("order", "{}")]), name(5, &[("d", "a")])],
                vec![pause(7, "1"), pause(6, "0")],
                (id(5).before(), id(7).before()),
            ),
            (vec![name(5, &[("d", "a")])], vec![pause(7, "0")], (id(5).before(), id(7))),
        ] {
            let said = Said::at_first(&names, &pauses);
            assert_eq!((said.name, said.pause), read_behind, "{names:?} {pauses:?}");
        }
        assert_eq!(id(5).before().to_string(), format!("4-{}", u64::MAX));
    }

    #[test]
    fn how_far_it_came_is_read_back_from_its_own_answers() {
        let said = Said {
            name: EntryId { ms: 7, seq: 2 },
            pause: EntryId { ms: 8, seq: 0 },
            current: Some("night".to_owned()),
        };
        let fields = said.fields();
        let mut written: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        written.push(("by", "host-7"));
        let answer = name(9, &written);
        assert_eq!(Said::of_answer(&answer, "host-7"), Some(said));
        assert_eq!(Said::of_answer(&answer, "host-8"), None);
    }
}
