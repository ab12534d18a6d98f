//! What recordings cost: exporting a window against reading and copying its bytes and against
//! redis-record, memory while that happens, one frame out of a file of gigabytes, and
//! how a replay keeps its pace.
//!
//! The export is the program, run as a user runs it, so its start is in every figure. redis-record (in the
//! venv of the tests) drains streams with the same pictures; its start is not counted.

mod export;
mod look;
mod pace;
mod peer;

use crate::options::Scale;
use crate::rounds::Row;

pub(crate) fn rows(scale: &Scale) -> Vec<Row> {
    let mut rows = export::rows(scale);
    rows.extend(look::rows(scale));
    rows.extend(pace::rows(scale));
    rows
}
