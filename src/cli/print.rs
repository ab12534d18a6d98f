//! The only file that prints: tables, JSON lines, pictures, notes, errors and progress bars.
//!
//! Answers go to stdout and stay pipeable; everything said about them goes to stderr. Stdout is
//! buffered and flushed where a reader waits for the line; a reader that went away ends the verb
//! quietly (an `io::Error` of kind `BrokenPipe`, judged in `exit`). Progress bars appear only when
//! stderr is a terminal.

#![allow(clippy::print_stderr, reason = "this is the one file that prints")]

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use comfy_table::{CellAlignment, Table};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Bytes of output that are held back at most.
const BUFFER_BYTES: usize = 64 * 1024;

/// Steps of long work, shown on stderr.
pub(super) type Progress = ProgressBar;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    /// Texts.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
}

/// Where a verb says what it found.
#[derive(Debug)]
pub(super) struct Printer {
    json: bool,
    quiet: bool,
    out: Mutex<BufWriter<Stdout>>,
}

impl Printer {
    /// A printer of tables, or of JSON lines; `quiet` leaves notes out.
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        let out = BufWriter::with_capacity(BUFFER_BYTES, io::stdout());
        Self { json, quiet, out: Mutex::new(out) }
    }

    /// Whether answers are JSON.
    pub(super) fn json(&self) -> bool {
        self.json
    }

    /// Whether a person reads stdout.
    pub(super) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    fn lock(&self) -> MutexGuard<'_, BufWriter<Stdout>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a person can be asked something: at stdin and stderr.
    pub(super) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks on stderr; only a line that starts with `y` is a yes. Blocks until it is answered.
    pub(super) fn ask(&self, question: impl Display) -> io::Result<bool> {
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} [y/N] ")?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(answer.trim_start().starts_with(['y', 'Y']))
    }

    /// A line of text.
    pub(super) fn line(&self, text: impl Display) -> io::Result<()> {
        writeln!(self.lock(), "{text}")
    }

    /// One JSON object on a line.
    pub(super) fn object(&self, value: &impl Serialize) -> io::Result<()> {
        let mut out = self.lock();
        serde_json::to_writer(&mut *out, value)?;
        out.write_all(b"\n")
    }

    /// The object with `--json`, the text without; the reader has it when this returns.
    pub(super) fn either(&self, value: &impl Serialize, text: impl Display) -> io::Result<()> {
        if self.json {
            self.object(value)?;
        } else {
            self.line(text)?;
        }
        self.flush()
    }

    /// Columns without frames, so that `awk` and `sort` work on them.
    pub(super) fn table(&self, columns: &[Column], rows: Vec<Vec<String>>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(columns.iter().map(|column| match column {
            Column::Left(name) | Column::Right(name) => *name,
        }));
        table.add_rows(rows);
        for (column, made) in columns.iter().zip(table.column_iter_mut()) {
            made.set_padding((0, 2));
            if matches!(column, Column::Right(_)) {
                made.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut out = self.lock();
        table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
    }

    /// The bytes of a picture.
    pub(super) fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_all(bytes)
    }

    /// Hands what is held back to the reader.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.lock().flush()
    }

    /// Something about the answer, for people: stderr, not with `-q`.
    pub(super) fn note(&self, text: impl Display) {
        if !self.quiet {
            stderr_line(text);
        }
    }

    /// A failure that does not end the verb.
    pub(super) fn error(&self, text: impl Display) {
        stderr_line(format_args!("error: {text}"));
    }

    /// A bar on stderr for `total` steps of long work, or their count where the total is not known;
    /// hidden where nobody looks.
    pub(super) fn progress(&self, total: impl Into<Option<u64>>, what: &'static str) -> Progress {
        let hidden = self.quiet || !io::stderr().is_terminal();
        let target =
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let total = total.into();
        let style = ProgressStyle::with_template(match total {
            Some(_) => "{msg} {wide_bar} {human_pos}/{human_len}  {per_sec}  {eta} left",
            None => "{msg} {spinner} {human_pos}  {per_sec}",
        });
        let bar = ProgressBar::with_draw_target(total, target);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.with_message(what)
    }
}

impl Printer {
    /// A line on stderr that tells how something without an end does; hidden where nobody looks.
    pub(super) fn watching(&self) -> Progress {
        let line = self.progress(0, "");
        let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
        line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        line
    }
}

/// The last word of a failed verb.
pub(super) fn failure(text: &str) {
    stderr_line(format_args!("error: {text}"));
}

/// A line on stderr; that nobody can read it is no reason to fail.
fn stderr_line(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// What clap has to say: help and versions on stdout, refusals on stderr.
pub(super) fn clap_says(error: &clap::Error) {
    let _ = error.print();
}
