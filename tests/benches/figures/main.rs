//! The figures of `docs/performance.md`, each as a ratio measured in one run, on private servers.
//!
//! `cargo bench --bench figures` prints all of them; `-- --quick` is a smoke run of a minute, `--
//! --json` prints one JSON object a line, `-- ingest lookup memory embedded http recordings` picks sections. What is
//! compared runs interleaved on the same server, because a shared machine drifts by more than most
//! differences; so only the ratios of a run mean something. Every section checks that what it timed
//! was right, and ends the run when it was not. It compares nothing with earlier runs.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a bench prints, and ends where what it measures is wrong"
)]

mod embedded;
mod http;
mod ingest;
mod lookup;
mod machine;
mod memory;
mod options;
mod population;
mod recordings;
mod rig;
mod rounds;
mod table;

#[path = "../../support/mod.rs"]
mod support;

use std::process::ExitCode;

use self::machine::Machine;
use self::options::{Options, Scale};
use self::rounds::Row;

/// As in the program itself: replies of megabytes make the system's allocator the bottleneck.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Section = fn(&Scale) -> Vec<Row>;

const SECTIONS: [(&str, Section); 6] = [
    ("ingest", ingest::rows),
    ("lookup", lookup::rows),
    ("memory", memory::rows),
    ("embedded", embedded::rows),
    ("http", http::rows),
    ("recordings", recordings::rows),
];

fn main() -> ExitCode {
    let names = SECTIONS.map(|(name, _)| name);
    let options = match Options::parse(std::env::args().skip(1), &names) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("figures: {reason}");
            return ExitCode::from(2);
        }
    };
    let scale = options.scale();
    let load_before = machine::load();
    let mut rows = Vec::new();
    for (name, measure) in SECTIONS {
        if options.selects(name) {
            eprintln!("measuring {name} ...");
            rows.extend(measure(&scale));
        }
    }
    let machine = Machine::look(load_before);
    if options.json {
        table::print_json(&rows, &machine);
    } else {
        table::print(&rows, &machine, &scale);
    }
    ExitCode::SUCCESS
}
