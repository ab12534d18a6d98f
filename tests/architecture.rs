//! The folder tree is the architecture: imports go down only, third-party types stay in their one
//! room, files keep their size and say what they are. Breaking a rule fails here with the line.

#![allow(clippy::unwrap_used, reason = "a test may end where its files are missing")]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by floor; a room may import from lower floors and from itself.
const FLOORS: [&[&str]; 10] = [
    &["model"],
    &["backoff", "clock", "config", "control", "metrics", "tls"],
    &["store", "bus"],
    &["ingest", "query"],
    &["collect", "watch", "stats", "archive", "hold", "backup"],
    &["fleet"],
    &["service"],
    &["app", "testing"],
    &["web"],
    &["cli", "main", "lib"],
];

/// A crate and the only places that may name it.
const SOLE_PLACES: [(&str, &[&str]); 9] = [
    ("redis::", &["store/redis"]),
    ("lapin::", &["bus/amqp"]),
    ("retina::", &["collect/source"]),
    ("axum::", &["web"]),
    ("clap::", &["cli"]),
    ("prometheus_client::", &["metrics"]),
    ("procfs::", &["metrics"]),
    ("mcap::", &["archive/format"]),
    ("object_store::", &["archive/storage"]),
];

const FILE_MAX_LINES: usize = 400;

struct Source {
    /// Below `src/`, with slashes.
    name: String,
    text: String,
}

impl Source {
    fn room(&self) -> &str {
        let first = self.name.split('/').next().unwrap_or_default();
        first.trim_end_matches(".rs")
    }

    fn is_test(&self) -> bool {
        self.name.ends_with("tests.rs")
    }

    /// Code lines with their numbers: no comments, nothing behind the file's `#[cfg(test)]`.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = self.text.split("#[cfg(test)]").next().unwrap_or_default();
        code.lines().enumerate().filter_map(|(number, line)| {
            let line = line.trim();
            (!line.starts_with("//")).then_some((number + 1, line))
        })
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let sources: Vec<Source> = found
        .iter()
        .map(|path| Source {
            name: path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"),
            text: fs::read_to_string(path).unwrap(),
        })
        .collect();
    assert!(sources.len() > 20, "the sources should be found");
    sources
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The rooms that a line of code names: `crate::room`, also inside `crate::{room::x, other::y}`.
fn rooms_named(line: &str) -> Vec<&str> {
    let word =
        |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    line.match_indices("crate::")
        .map(|(at, found)| &line[at + found.len()..])
        .map(|rest| &rest[..word(rest)])
        .filter(|room| !room.is_empty())
        .collect()
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn imports_go_down_only() {
    let mut broken = Vec::new();
    for source in sources() {
        let room = source.room().to_owned();
        let Some(own) = floor(&room) else {
            broken.push(format!("src/{}: the room {room} stands on no floor", source.name));
            continue;
        };
        for (number, line) in source.code() {
            if line.contains("crate::{") {
                broken.push(format!("src/{}:{number}: name one room a line", source.name));
            }
            for named in rooms_named(line).into_iter().filter(|named| *named != room) {
                if floor(named).is_some_and(|below| below >= own) {
                    broken.push(format!("src/{}:{number}: {room} imports {named}", source.name));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn third_party_types_stay_in_their_one_room() {
    let mut broken = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            for (named, places) in SOLE_PLACES {
                let outside = !places.iter().any(|place| source.name.starts_with(place));
                let spelled = line.match_indices(named).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
                });
                if outside && spelled {
                    broken.push(format!("src/{}:{number}: names {named}", source.name));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn the_model_knows_no_runtime_socket_file_or_clock() {
    let forbidden = ["tokio", "std::net", "std::fs", "std::env", "now()", "SystemTime", "Instant"];
    let mut broken = Vec::new();
    for source in sources().into_iter().filter(|source| source.room() == "model") {
        for (number, line) in source.code() {
            for word in forbidden.iter().filter(|word| line.contains(**word)) {
                broken.push(format!("src/{}:{number}: {word}", source.name));
            }
        }
    }
    report(&broken);
}

#[test]
fn use_cases_never_import_each_other_nor_name_a_backend() {
    let use_cases = FLOORS[4];
    let backends = ["store::redis", "store::memory", "bus::amqp", "bus::memory"];
    let mut broken = Vec::new();
    for source in sources().into_iter().filter(|source| use_cases.contains(&source.room())) {
        for (number, line) in source.code() {
            for backend in backends.iter().filter(|backend| line.contains(**backend)) {
                broken.push(format!("src/{}:{number}: names {backend}", source.name));
            }
        }
    }
    report(&broken);
}

#[test]
fn only_print_prints() {
    let mut broken = Vec::new();
    for source in sources().into_iter().filter(|source| source.name != "cli/print.rs") {
        for (number, line) in source.code() {
            let prints = ["println!", "print!", "stdout()", "stderr()"];
            if prints.iter().any(|one| line.contains(one)) && !line.contains("is_terminal") {
                broken.push(format!("src/{}:{number}: {line}", source.name));
            }
        }
    }
    report(&broken);
}

#[test]
fn files_say_what_they_are_and_keep_their_size() {
    let mut broken = Vec::new();
    for source in sources() {
        let header = source.text.lines().take_while(|line| line.starts_with("//!")).count();
        if header == 0 || (!source.is_test() && header > 20) {
            broken.push(format!("src/{}: {header} lines of //! header", source.name));
        }
        let lines = source.text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
        if !source.is_test() && lines > FILE_MAX_LINES {
            broken.push(format!("src/{}: {lines} lines, move a part of it", source.name));
        }
    }
    report(&broken);
}
